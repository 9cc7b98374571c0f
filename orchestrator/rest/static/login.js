// Who uses the console: a key is shown once, and a cookie that no script can read stands for it.

import { Refused, ask, byId, tell } from "/static/page.js";

const SESSION = "/v1/session";

function reasonOf(error) {
  if (!(error instanceof Refused)) return `No answer: ${error.message}`;
  return error.status === 401 ? "This key is not valid." : error.message;
}

export class Login {
  constructor() {
    this.dialog = byId("login");
    this.form = byId("login-form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.enter();
    });
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    byId("logout").addEventListener("click", () => this.leave());
    document.addEventListener("unauthenticated", () => this.ask());
  }

  /** Whether the console may be used now; a form asks for a key where it may not. */
  async passes() {
    try {
      const session = await ask("GET", SESSION);
      byId("who").hidden = !session.required;
      byId("who-name").textContent = session.name || "";
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return false;
      tell(reasonOf(error), true);
      return true;
    }
  }

  ask() {
    if (!this.dialog.open) this.dialog.showModal();
  }

  async enter() {
    const hint = byId("key-error");
    hint.hidden = true;
    try {
      await ask("POST", SESSION, { key: this.form.elements.key.value.trim() });
      window.location.reload();
    } catch (error) {
      hint.textContent = reasonOf(error);
      hint.hidden = false;
      this.form.elements.key.select();
    }
  }

  async leave() {
    await ask("DELETE", SESSION).catch(() => null);
    window.location.reload();
  }
}
