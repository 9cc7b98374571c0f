// The calls that this page knows. Taking an event costs the same however many there are.

import { now } from "/static/page.js";

export const STATES = ["queued", "placing", "unconfirmed", "ringing", "connected", "ended"];
export const LIVE = STATES.slice(0, -1);
const MOST_ENDED = 2000;

export function endName(end) {
  if (end === null) return "own phone";
  return end.phoneNumber || `forwarding ${end.forwardingNumberId}`;
}

export function stateName(call) {
  return call.state === "ended" ? call.outcome.replace("_", " ") : call.state;
}

/** What is searched, by the beginnings of words; of a number, its last four digits. */
function words(call) {
  const reason = call.reason ? call.reason.code : "";
  const ends = [call.from, call.to].map((end) => endName(end).slice(-4)).join(" ");
  const parts = ["", call.clientReference, call.state, call.outcome, reason, ends];
  return parts.map((part) => part || "").join(" ").toLowerCase().replaceAll("_", " ");
}

export class Calls {
  constructor() {
    this.known = new Map();
    this.counts = Object.fromEntries(STATES.map((state) => [state, 0]));
    this.order = [];
    this.gone = 0;
    this.ended = [];
    this.turn = 0;
  }

  /** From now on, what is not told again is in doubt. */
  begin() {
    this.turn += 1;
  }

  /** The live calls that were not told since `begin`. */
  doubtful() {
    const entries = [...this.known.values()];
    return entries.filter(({ call, turn }) => call.state !== "ended" && turn !== this.turn).map(({ call }) => call.id);
  }

  /** Takes a call as it was told; false where a newer one is known. */
  take(call) {
    const entry = this.known.get(call.id);
    if (entry) entry.turn = this.turn;
    if (entry && entry.call.sequence >= call.sequence) return false;
    if (entry) this.counts[entry.call.state] -= 1;
    this.counts[call.state] += 1;
    if (call.state === "ended" && (!entry || entry.call.state !== "ended")) this.ended.push(call.id);
    if (entry) Object.assign(entry, { call, words: "" });
    else this.add({ call, words: "", turn: this.turn, at: Date.parse(call.acceptedAt || call.observedAt) || now() });
    if (this.ended.length > MOST_ENDED) this.forget(this.ended.shift());
    return true;
  }

  add(entry) {
    this.known.set(entry.call.id, entry);
    let place = this.order.length;
    const newest = this.order[place - 1];
    if (newest && newest.at > entry.at) place = this.placeOf(entry.at);
    if (place === this.order.length) this.order.push(entry);
    else this.order.splice(place, 0, entry);
  }

  placeOf(at) {
    let [low, high] = [0, this.order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.order[middle].at > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  forget(id) {
    const entry = this.known.get(id);
    this.known.delete(id);
    this.counts[entry.call.state] -= 1;
    entry.forgotten = true;
    this.gone += 1;
    if (this.gone > MOST_ENDED) {
      this.order = this.order.filter((one) => !one.forgotten);
      this.gone = 0;
    }
  }

  get(id) {
    const entry = this.known.get(id);
    return entry ? entry.call : null;
  }

  get live() {
    return LIVE.reduce((sum, state) => sum + this.counts[state], 0);
  }

  /** The newest calls that meet the filter, at most so many, and how many meet it in all. */
  newest(state, query, most) {
    const text = query.trim().toLowerCase();
    const asked = { text, words: text.replaceAll("_", " ").split(/\s+/).filter(Boolean) };
    const found = [];
    let total = 0;
    for (let place = this.order.length - 1; place >= 0; place -= 1) {
      const entry = this.order[place];
      if (entry.forgotten || !this.meets(entry, state, asked)) continue;
      total += 1;
      if (found.length < most) found.push(entry.call);
    }
    return { found, total };
  }

  meets(entry, state, asked) {
    if (state === "live" ? entry.call.state === "ended" : state && entry.call.state !== state) return false;
    if (!asked.text) return true;
    if (!entry.words) entry.words = words(entry.call);
    if (asked.words.every((word) => entry.words.includes(` ${word}`))) return true;
    return entry.call.id.includes(asked.text) || (entry.call.ringoutId || "").toLowerCase() === asked.text;
  }
}
