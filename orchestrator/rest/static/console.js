"use strict";

const calls = document.getElementById("calls");
const empty = document.getElementById("empty");
const notice = document.getElementById("notice");
const form = document.getElementById("place");
const base = "/v1/restapi/v1-0/account/~/extension/~/ring-out";
const rows = new Map();

function tell(text, bad = false) {
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
}

async function problemText(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail || `HTTP ${response.status}`;
}

function element(name, kind) {
  const made = document.createElement(name);
  made.className = kind;
  return made;
}

function newRow(id) {
  const row = {
    item: document.createElement("li"),
    who: element("span", "who"),
    state: element("span", "state"),
    what: element("span", "what"),
    cancel: element("button", "quiet"),
  };
  row.cancel.type = "button";
  row.cancel.textContent = "Cancel";
  row.cancel.addEventListener("click", () => cancel(id));
  row.item.append(row.who, row.state, row.what, row.cancel);
  rows.set(id, row);
  return row;
}

function endName(end) {
  if (end === null) return "default phone";
  return end.phoneNumber || `forwarding number ${end.forwardingNumberId}`;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function show(call) {
  const row = rows.get(call.id) || newRow(call.id);
  const isOver = call.state === "ended";
  const legs = `caller ${call.status.callerStatus}, callee ${call.status.calleeStatus}`;
  const details = [
    call.clientReference,
    call.acceptedAt && new Date(call.acceptedAt).toLocaleTimeString(),
    call.reason ? call.reason.message : legs,
  ];
  set(row.who, `${endName(call.from)} \u2192 ${endName(call.to)}`);
  set(row.state, isOver ? call.outcome : call.state);
  row.state.classList.toggle("ended", isOver);
  set(row.what, details.filter(Boolean).join(" \u00b7 "));
  row.cancel.hidden = isOver || call.cancel !== null;
  row.cancel.setAttribute("aria-label", `Cancel the call to ${endName(call.to)}`);
  return row.item;
}

function arrange(items) {
  items.forEach((item, place) => {
    if (calls.children[place] !== item) calls.insertBefore(item, calls.children[place] || null);
  });
  while (calls.children.length > items.length) calls.lastChild.remove();
}

async function refresh() {
  try {
    const response = await fetch("/v1/calls?limit=25");
    if (!response.ok) throw new Error(await problemText(response));
    const page = await response.json();
    arrange(page.calls.map(show));
    const shown = new Set(page.calls.map((call) => call.id));
    for (const id of rows.keys()) if (!shown.has(id)) rows.delete(id);
    empty.hidden = page.calls.length > 0;
    if (notice.dataset.away) tell("");
    delete notice.dataset.away;
  } catch (error) {
    notice.dataset.away = "yes";
    tell(`The list cannot be read: ${error.message}`, true);
  }
  setTimeout(refresh, 1000);
}

async function ask(method, path, headers = {}, body = undefined) {
  try {
    const response = await fetch(path, { method, headers, body });
    if (!response.ok) tell(await problemText(response), true);
    return response.ok;
  } catch (error) {
    tell(`Nothing was reached: ${error.message}`, true);
    return false;
  }
}

async function cancel(id) {
  if (await ask("DELETE", `${base}/${encodeURIComponent(id)}`)) tell("The cancel is written down.");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const wish = { to: { phoneNumber: given.get("to") } };
  if (given.get("from")) wish.from = { phoneNumber: given.get("from") };
  if (given.get("reference")) wish.clientReference = given.get("reference");
  const button = form.querySelector("button");
  button.disabled = true;
  const headers = { "Content-Type": "application/json" };
  if (await ask("POST", base, headers, JSON.stringify(wish))) tell("The call is accepted.");
  button.disabled = false;
});

refresh();
