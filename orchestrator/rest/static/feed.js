// The service's events, as they happen.

import { locked } from "/static/page.js";

const KINDS = [
  "call.queued", "call.placing", "call.unconfirmed", "call.ringing", "call.connected", "call.ended",
  "call.cancel_requested",
];
const AGAIN_MS = 2000;

/**
 * Follows the stream while the page is seen: a browser has few connections to one server, and a
 * page in the background shall not hold one. `onStart` is called where what happened before must
 * be read anew, `onEvent` with each event, `onLink` with how the connection is.
 */
export class Feed {
  constructor({ onStart, onEvent, onLink }) {
    Object.assign(this, { onStart, onEvent, onLink });
    this.source = null;
    this.again = 0;
    this.wasRefused = false;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    if (!document.hidden) this.open();
  }

  open() {
    this.close();
    if (locked()) return;
    const source = new EventSource("/v1/events");
    let resumes = false;
    source.addEventListener("open", () => {
      this.wasRefused = false;
      this.onLink("live");
      if (!resumes) this.onStart();
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        resumes = resumes || event.lastEventId !== "";
        this.onEvent(kind, event.lastEventId, JSON.parse(event.data));
      });
    }
    source.addEventListener("gap", () => this.onStart());
    source.addEventListener("error", () => this.failed(source));
    this.source = source;
  }

  failed(source) {
    this.onLink("away");
    if (source.readyState !== EventSource.CLOSED) return;
    if (!this.wasRefused) this.onStart();
    this.wasRefused = true;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), AGAIN_MS * (1 + Math.random()));
  }

  close() {
    clearTimeout(this.again);
    if (this.source) this.source.close();
    this.source = null;
  }
}
