// The list of calls: a bounded number of rows, written to only where something differs.

import { endName, stateName } from "/static/calls.js";
import { button, duration, element, mark, now, set, timeOfDay } from "/static/page.js";

const TRYING = new Set(["inprogress", "ringing"]);
const ANSWERED = new Set(["success"]);

/** How a leg is, of RingCentral's word for it: none, trying, answered or over. */
export function legOf(word, isOver) {
  const known = (word || "").toLowerCase();
  if (!known || (isOver && TRYING.has(known))) return "none";
  if (ANSWERED.has(known)) return isOver ? "over" : "answered";
  if (known === "finished") return "over";
  return TRYING.has(known) ? "trying" : "failed";
}

/** How a call is to be coloured; its name says the same. */
export function toneOf(call) {
  if (call.state !== "ended") return call.state;
  if (call.outcome === "completed") return "completed";
  return ["cancelled", "expired"].includes(call.outcome) ? "withdrawn" : "failed";
}

export function leg(kind) {
  const made = element("span", `leg ${kind}`);
  made.append(element("i", "dot"), element("span", "number"), element("span", "word"));
  return made;
}

/** RingCentral's word for a leg, for a person: the callee's phone rings once the caller has answered. */
function legWord(how, word, waits) {
  if (how === "none") return "";
  if (how === "trying") return waits ? "waits" : "ringing";
  if (word === "Success") return "answered";
  if (word === "Finished") return "hung up";
  return word.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

export function showLegs(caller, callee, call) {
  const { callerStatus, calleeStatus } = call.status;
  const isAsked = call.placedAt !== null || call.state === "ringing";
  const waits = legOf(callerStatus, false) === "trying";
  for (const [node, end, word] of [[caller, call.from, callerStatus], [callee, call.to, calleeStatus]]) {
    const how = isAsked ? legOf(word, call.state === "ended") : "none";
    mark(node, "leg", node === callee && waits && how === "trying" ? "none" : how);
    set(node.children[1], endName(end));
    set(node.children[2], legWord(how, word, node === callee && waits));
  }
}

export function elapsed(call) {
  const start = Date.parse(call.acceptedAt || call.observedAt);
  const end = call.state === "ended" ? Date.parse(call.endedAt) : now();
  return Number.isFinite(start) && Number.isFinite(end) ? duration(end - start) : "";
}

export class Rows {
  constructor(list, { onOpen, onCancel }) {
    this.list = list;
    this.rows = new Map();
    this.current = "";
    list.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (!row) return;
      if (event.target.closest(".cancel")) onCancel(row.dataset.id);
      else onOpen(row.dataset.id);
    });
    list.addEventListener("keydown", (event) => this.move(event));
    list.addEventListener("focusin", (event) => this.arrive(event.target.closest("li")));
  }

  draw(calls) {
    const shown = new Set(calls.map((call) => call.id));
    for (const [id, row] of this.rows) {
      if (shown.has(id)) continue;
      this.rows.delete(id);
      if (row.item.contains(document.activeElement)) this.handOver(row.item);
      row.item.remove();
    }
    calls.forEach((call, place) => {
      const { item } = this.show(call);
      if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] || null);
    });
    if (!this.rows.has(this.current) && calls.length) this.choose(calls[0].id);
  }

  handOver(item) {
    const next = item.nextElementSibling || item.previousElementSibling;
    if (next) next.querySelector(".open").focus();
  }

  make(id) {
    const item = element("li", "call");
    item.dataset.id = id;
    const open = button("open", "");
    const state = element("span", "state");
    open.append(state);
    const row = {
      item, open, state, call: null,
      caller: leg("caller"), callee: leg("callee"),
      note: element("span", "note"), at: element("time", "at"), elapsed: element("span", "elapsed"),
      cancel: button("cancel quiet", "Cancel"),
    };
    open.tabIndex = row.cancel.tabIndex = -1;
    item.append(open, row.caller, row.callee, row.note, row.at, row.elapsed, row.cancel);
    this.rows.set(id, row);
    return row;
  }

  show(call) {
    const row = this.rows.get(call.id) || this.make(call.id);
    set(row.elapsed, elapsed(call));
    if (row.call === call) return row;
    row.call = call;
    const isOver = call.state === "ended";
    mark(row.item, "tone", toneOf(call));
    set(row.state, stateName(call));
    row.open.setAttribute("aria-label", `${stateName(call)}: ${endName(call.from)} to ${endName(call.to)}. Details`);
    showLegs(row.caller, row.callee, call);
    set(row.note, [call.clientReference, call.reason && call.reason.message].filter(Boolean).join(" \u00b7 "));
    row.note.title = row.note.textContent;
    set(row.at, timeOfDay(call.acceptedAt));
    if (call.acceptedAt) row.at.dateTime = call.acceptedAt;
    this.showCancel(row, call, isOver);
    return row;
  }

  showCancel({ cancel, open }, call, isOver) {
    if ((isOver || call.cancel) && document.activeElement === cancel) open.focus();
    cancel.hidden = isOver;
    cancel.disabled = call.cancel !== null;
    set(cancel, call.cancel === null ? "Cancel" : call.cancel.outcome === "too_late" ? "Too late" : "Cancelling");
    cancel.setAttribute("aria-label", `${cancel.textContent}: the call to ${endName(call.to)}`);
  }

  arrive(item) {
    if (item && item.dataset.id !== this.current) this.choose(item.dataset.id);
  }

  choose(id) {
    for (const [key, step] of [[this.current, -1], [id, 0]]) {
      const row = this.rows.get(key);
      if (row) row.open.tabIndex = row.cancel.tabIndex = step;
    }
    this.current = id;
  }

  move(event) {
    const items = this.list.children;
    const here = event.target.closest("li");
    const target = {
      ArrowDown: here && here.nextElementSibling,
      ArrowUp: here && here.previousElementSibling,
      Home: items[0],
      End: items[items.length - 1],
    }[event.key];
    if (!target) return;
    event.preventDefault();
    target.querySelector(".open").focus();
  }
}
