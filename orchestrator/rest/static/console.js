// The console: joins what is told with what is shown.

import { Calls, LIVE, STATES } from "/static/calls.js";
import { Details } from "/static/details.js";
import { Feed } from "/static/feed.js";
import { House } from "/static/house.js";
import { Login } from "/static/login.js";
import { RING_OUTS, ask, attempt, byId, button, element, mark, set, tell } from "/static/page.js";
import { Place } from "/static/place.js";
import { Rows } from "/static/rows.js";
import { Webhooks } from "/static/webhooks.js";

const MOST_ROWS = 200;
const MOST_PAGES = 50;
const MOST_ASKED = 50;
const WORDS = { opening: "Connecting", live: "Live", away: "Reconnecting" };

const calls = new Calls();
const query = byId("query");
const chips = new Map();
let filter = "";
let isDrawn = true;
let isTroubled = false;

const one = (id) => `${RING_OUTS}/${encodeURIComponent(id)}`;
const rows = new Rows(byId("calls"), { onOpen: open, onCancel: cancel });
const details = new Details({ read: timeline, onCancel: cancel });
const webhooks = new Webhooks();
const house = new House((stats) => webhooks.noticed(stats));

function redraw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => {
    isDrawn = true;
    draw();
  });
}

function draw() {
  const { found, total } = calls.newest(filter, query.value, MOST_ROWS);
  rows.draw(found);
  details.tick();
  for (const [state, count] of chips) set(count, String(countOf(state)));
  byId("empty").hidden = total > 0;
  set(byId("empty"), emptiness());
  byId("more").hidden = total <= found.length;
  set(byId("more"), `The newest ${found.length} of ${total}. A search or a state shows the others.`);
}

function countOf(state) {
  if (state === "live") return calls.live;
  return state ? calls.counts[state] : calls.live + calls.counts.ended;
}

function emptiness() {
  if (query.value) return "Nothing here matches. Enter asks the service for this id or reference.";
  return filter ? "No calls in this state." : "No calls yet. The first one you place is shown here as it rings.";
}

function take(found) {
  for (const call of found) {
    if (calls.take(call)) details.renewed(call);
  }
  redraw();
}

async function page(parameters) {
  const answer = await ask("GET", `/v1/calls?${new URLSearchParams({ limit: "200", ...parameters })}`);
  take(answer.calls);
  return answer.next;
}

/** Every live call, whatever its age, and the newest of the others. */
async function start() {
  calls.begin();
  try {
    await page({});
    for (const state of LIVE) {
      let cursor = await page({ state });
      for (let turn = 1; cursor && turn < MOST_PAGES; turn += 1) cursor = await page({ state, cursor });
    }
    await recheck();
    if (isTroubled) tell("");
    isTroubled = false;
  } catch (error) {
    isTroubled = true;
    tell(`The calls cannot be read: ${error.message}`, true);
  }
}

/** What ended while nobody listened is in no list of live calls: it is asked for, or forgotten. */
async function recheck() {
  const ids = calls.doubtful();
  for (const id of ids.slice(MOST_ASKED)) calls.forget(id);
  for (const id of ids.slice(0, MOST_ASKED)) {
    const call = await ask("GET", one(id)).catch(() => null);
    if (call) take([call]);
    else calls.forget(id);
  }
  redraw();
}

function heard(type, id, call) {
  calls.take(call);
  details.heard(type, id, call);
  redraw();
}

function linked(state) {
  mark(byId("link"), "link", state);
  set(byId("link-word"), WORDS[state]);
}

async function timeline(id) {
  return ask("GET", `/v1/calls/${encodeURIComponent(id)}/timeline`).catch(() => null);
}

function open(id) {
  const call = calls.get(id);
  if (call) details.open(call);
}

async function cancel(id) {
  const call = await attempt(() => ask("DELETE", one(id)), "The cancel is written down.");
  if (call && call.id) heard("call.cancel_requested", `${Date.now()}-0`, call);
}

async function search() {
  const asked = query.value.trim();
  if (!asked || calls.newest("", asked, 1).total) return;
  const found = await attempt(() => page({ clientReference: asked }).then(() => ({})));
  if (!found || calls.newest("", asked, 1).total) return;
  const call = /\s/.test(asked) ? null : await ask("GET", one(asked)).catch(() => null);
  if (call) take([call]);
  else tell("No call has this id or reference.");
}

function choose(state) {
  filter = state;
  for (const chip of byId("states").children) chip.setAttribute("aria-pressed", String(chip.dataset.state === state));
  if (STATES.includes(state)) page({ state }).catch(() => null);
  redraw();
}

function makeChips() {
  for (const [state, name] of [["", "all"], ["live", "live"], ...STATES.map((state) => [state, state])]) {
    const chip = button("", "", "", () => choose(state));
    chip.dataset.state = state;
    if (STATES.includes(state)) chip.dataset.tone = state;
    const count = element("b", "", "0");
    if (chip.dataset.tone) chip.append(element("i"));
    chip.append(element("span", "", name), count);
    chips.set(state, count);
    byId("states").append(chip);
  }
  choose("");
}

makeChips();
query.addEventListener("input", redraw);
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "/" || details.id) return;
  event.preventDefault();
  query.focus();
});

const login = new Login();
if (await login.passes()) {
  new Place((call) => take([call]));
  new Feed({ onStart: start, onEvent: heard, onLink: linked });
  setInterval(redraw, 1000);
  house.start();
}
