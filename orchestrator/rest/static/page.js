// What all parts of the console share: nodes, requests, the clock, the notice.

export const RING_OUTS = "/v1/restapi/v1-0/account/~/extension/~/ring-out";

const notice = document.getElementById("notice");
let behind = 0;
let isLocked = false;

/** This service's time, by the dates of its answers; a browser's clock may be minutes off. */
export function now() {
  return Date.now() + behind;
}

export function byId(id) {
  return document.getElementById(id);
}

export function element(name, kind = "", text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}

export function button(kind, text, label, pressed) {
  const made = element("button", kind, text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  if (pressed) made.addEventListener("click", pressed);
  return made;
}

export function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

export function tell(text, bad = false) {
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
}

/** An answer that is not a success; `errors` names the fields that were not understood. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP status ${status}`);
    this.status = status;
    this.errors = problem.errors || [];
  }
}

/** Whether the service no longer knows who asks: nothing is asked before somebody has logged in. */
export function locked() {
  return isLocked;
}

function lock() {
  isLocked = true;
  document.dispatchEvent(new Event("unauthenticated"));
}

/** The decoded answer, null where it has no body. Raises Refused, or TypeError where nobody answers. */
export async function ask(method, path, body = undefined, headers = {}) {
  if (isLocked && path !== "/v1/session") throw new Refused(401, { detail: "Log in first." });
  const options = { method, headers: { ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const said = Date.parse(response.headers.get("Date"));
  const off = said - Date.now();
  if (Number.isFinite(said)) behind = Math.abs(off) > 2000 ? off : 0;
  const answer = await response.json().catch(() => null);
  if (response.status === 401 && (method !== "POST" || path !== "/v1/session")) lock();
  if (!response.ok) throw new Refused(response.status, answer || {});
  return answer;
}

/** Does what a person asked for; what went wrong is told and answered as null. */
export async function attempt(work, done = "") {
  try {
    const answer = await work();
    tell(done);
    return answer === null ? {} : answer;
  } catch (error) {
    tell(error instanceof Refused ? error.message : `No answer: ${error.message}`, true);
    return null;
  }
}

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function timeOfDay(moment, precise = false) {
  if (!moment) return "";
  const date = new Date(moment);
  const text = date.toLocaleTimeString([], { hour12: false });
  return precise ? `${text}.${String(date.getMilliseconds()).padStart(3, "0")}` : text;
}
