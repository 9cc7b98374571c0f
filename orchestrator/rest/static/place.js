// The box that places a call.

import { RING_OUTS, Refused, ask, byId, tell } from "/static/page.js";

const FIELDS = { from: "from", to: "to", clientReference: "reference" };

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function wishOf(form) {
  const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
  const wish = { to: { phoneNumber: given.to } };
  if (given.from) wish.from = { phoneNumber: given.from };
  if (given.reference) wish.clientReference = given.reference;
  return wish;
}

export class Place {
  /** `onPlaced` is called with the call that was accepted. */
  constructor(onPlaced) {
    this.form = byId("place");
    this.onPlaced = onPlaced;
    this.wish = "";
    this.key = "";
    this.busy = false;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.busy) this.submit();
    });
  }

  async submit() {
    const wish = wishOf(this.form);
    const text = JSON.stringify(wish);
    // The same wish after an answer that was lost is the same call: the key stays until it is accepted.
    if (text !== this.wish) [this.wish, this.key] = [text, newKey()];
    this.clear();
    this.hold(true);
    try {
      const call = await ask("POST", RING_OUTS, wish, { "Idempotency-Key": `"${this.key}"` });
      this.accepted(call);
    } catch (error) {
      this.refused(error);
    }
    this.hold(false);
  }

  hold(busy) {
    this.busy = busy;
    this.form.querySelector("button").setAttribute("aria-disabled", String(busy));
  }

  accepted(call) {
    this.wish = "";
    this.form.elements.to.value = this.form.elements.reference.value = "";
    this.form.elements.to.focus();
    tell("Accepted: it will be placed at once.");
    this.onPlaced(call);
  }

  refused(error) {
    const errors = error instanceof Refused ? error.errors : [];
    const unplaced = errors.filter(({ field, detail }) => !this.point(FIELDS[field.split(".")[0]], detail));
    const first = this.form.querySelector("[aria-invalid]");
    if (first) first.focus();
    if (errors.length && !unplaced.length) return;
    tell(error instanceof Refused ? error.message : `No answer: ${error.message}`, true);
  }

  point(name, detail) {
    const input = name && this.form.elements[name];
    if (!input) return false;
    const hint = byId(`${name}-error`);
    hint.textContent = detail;
    hint.hidden = false;
    input.setAttribute("aria-invalid", "true");
    return true;
  }

  clear() {
    tell("");
    for (const hint of this.form.querySelectorAll(".error")) hint.hidden = true;
    for (const input of this.form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  }
}
