// One call, whole: what is known of it, and its time line.

import { endName, stateName } from "/static/calls.js";
import { byId, duration, element, mark, set, timeOfDay } from "/static/page.js";
import { elapsed, leg, showLegs, toneOf } from "/static/rows.js";

const MOMENTS = [["acceptedAt", "accepted"], ["placedAt", "placed"], ["connectedAt", "connected"], ["endedAt", "ended"]];

const UNASKED = new Set(["queued", "placing", "unconfirmed"]);

/** What is known of a call's past where its events cannot be had. */
function fromMoments(call) {
  const rows = MOMENTS.filter(([name]) => call[name]).map(([name, what]) => ({ at: call[name], what }));
  if (call.cancel) rows.push({ at: call.cancel.requestedAt, what: "cancel requested" });
  return rows;
}

function legsOf({ status }) {
  return `caller ${status.callerStatus} \u00b7 callee ${status.calleeStatus}`;
}

function fromEvents(events) {
  return events.map((event) => ({
    at: event.at,
    what: event.type.replace("call.", "").replace("_", " "),
    legs: UNASKED.has(event.state) ? "" : legsOf(event),
    outcome: event.outcome ? event.outcome.replace("_", " ") : "",
    tone: event.state,
  }));
}

export class Details {
  constructor({ read, onCancel }) {
    this.dialog = byId("details");
    this.read = read;
    this.id = "";
    this.call = null;
    this.events = new Map();
    this.known = "";
    this.caller = leg("caller");
    this.callee = leg("callee");
    byId("details-legs").append(this.caller, this.callee);
    byId("details-close").addEventListener("click", () => this.dialog.close());
    byId("details-cancel").addEventListener("click", () => onCancel(this.id));
    this.dialog.addEventListener("close", () => (this.id = ""));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  open(call) {
    this.id = call.id;
    this.events.clear();
    this.known = "asked";
    this.show(call);
    if (!this.dialog.open) this.dialog.showModal();
    this.recall(call);
  }

  /** A call as it was read, and not told: of the one that is open, the events are read anew. */
  renewed(call) {
    if (call.id !== this.id || call.sequence <= this.call.sequence) return;
    this.show(call);
    this.recall(call);
  }

  async recall(call) {
    const line = await this.read(call.id);
    if (this.id !== call.id) return;
    this.known = line ? "told" : "unknown";
    for (const event of line ? line.events : []) this.events.set(event.sequence, event);
    this.showLine();
  }

  /** An event about any call; of the call that is open, it is shown. */
  heard(type, id, call) {
    if (call.id !== this.id) return;
    const at = new Date(Number(id.split("-")[0])).toISOString();
    const { sequence, state, outcome, status } = call;
    this.events.set(sequence, { type, at, sequence, state, outcome, status });
    if (call.sequence >= this.call.sequence) this.show(call);
  }

  show(call) {
    this.call = call;
    const isOver = call.state === "ended";
    const state = byId("details-state");
    mark(this.dialog, "tone", toneOf(call));
    set(state, stateName(call));
    set(byId("details-title"), `${endName(call.from)} \u2192 ${endName(call.to)}`);
    showLegs(this.caller, this.callee, call);
    const cancel = byId("details-cancel");
    cancel.hidden = isOver;
    cancel.disabled = call.cancel !== null;
    byId("details-json").href = call.uri;
    this.showFacts(call);
    this.showLine();
    this.tick();
  }

  tick() {
    if (this.id) set(byId("details-elapsed"), elapsed(this.call));
  }

  showFacts(call) {
    const talked = call.connectedAt && call.endedAt ? Date.parse(call.endedAt) - Date.parse(call.connectedAt) : null;
    const facts = [
      ["Id", call.id],
      ["Reference", call.clientReference],
      ["RingCentral id", call.ringoutId],
      ["RingCentral says", call.ringoutId && legsOf(call)],
      ["Talked", talked === null ? "" : duration(talked)],
      ["Reason", call.reason && `${call.reason.message} (${call.reason.code})`],
      ["Cancel", call.cancel && (call.cancel.outcome || "asked for").replace("_", " ")],
      ["Last heard of", timeOfDay(call.observedAt)],
    ];
    const nodes = facts.filter(([, value]) => value).flatMap(([name, value]) => [
      element("dt", "", name), element("dd", "", value),
    ]);
    byId("details-facts").replaceChildren(...nodes);
  }

  /** Says so where events of the call are missing: those before it was opened, or some in between. */
  showGap() {
    const last = Math.max(this.call.sequence, ...this.events.keys());
    const missing = last - this.events.size;
    const gap = byId("details-gap");
    gap.hidden = this.known === "asked" || missing <= 0;
    set(gap, this.known === "unknown"
      ? "Its events cannot be read now."
      : `Incomplete: ${missing} of its ${last} events ${missing === 1 ? "is" : "are"} no longer found.`);
  }

  showLine() {
    const events = [...this.events.values()].sort((one, other) => one.sequence - other.sequence);
    const rows = events.length ? fromEvents(events) : fromMoments(this.call);
    this.showGap();
    let before = null;
    const nodes = rows.map((row) => {
      const item = element("li", "moment");
      item.dataset.tone = row.tone || "";
      const at = Date.parse(row.at);
      const since = before === null ? "" : `+${((at - before) / 1000).toFixed(at - before < 10000 ? 2 : 1)} s`;
      before = at;
      item.append(
        element("span", "at", timeOfDay(row.at, true)),
        element("span", "what", [row.what, row.outcome].filter(Boolean).join(": ")),
        element("span", "since", since),
        element("span", "legs", row.legs),
      );
      return item;
    });
    byId("details-line").replaceChildren(...nodes);
  }
}
