// How the house stands: queue, budget, workers. Counted every few seconds, so asked for as often.

import { Refused, ask, byId, duration, element, locked, now, set } from "/static/page.js";

const EVERY_MS = 5000;
const GROUPS = { heavy: "Calls and cancels", light: "Status reads", medium: "Call log and presence", auth: "Log-ins" };
const SLOW_S = 10;

function figures(rows) {
  const list = element("dl", "figures");
  for (const [name, value, isBad] of rows) list.append(element("dt", "", name), element("dd", isBad ? "bad" : "", value));
  return list;
}

function late(seconds) {
  return seconds > 0 ? duration(seconds * 1000) : "none";
}

function bucketName({ credential, group }) {
  const name = GROUPS[group] || group;
  return credential === "default" ? name : `${credential}: ${name}`;
}

function isKnown(budget) {
  return budget.closedSeconds > 0 || (budget.left !== null && budget.limit !== null);
}

function budgets(all) {
  const rest = all.filter((budget) => !isKnown(budget)).map((budget) => bucketName(budget).toLowerCase());
  const shown = all.filter(isKnown).map(gauge);
  return rest.length ? [...shown, element("p", "hint", `Not used lately: ${rest.join(", ")}.`)] : shown;
}

function gauge(budget) {
  const isClosed = budget.closedSeconds > 0;
  const figure = isClosed ? `closed for ${Math.ceil(budget.closedSeconds)} s` : `${budget.left} of ${budget.limit} left`;
  const made = element("div", isClosed ? "gauge closed" : "gauge");
  const head = element("p");
  head.append(element("span", "", bucketName(budget)), element("span", "figure", figure));
  const bar = element("div", "bar");
  bar.setAttribute("role", "meter");
  bar.setAttribute("aria-label", bucketName(budget));
  bar.setAttribute("aria-valuetext", figure);
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", String(budget.limit || 1));
  bar.setAttribute("aria-valuenow", String(isClosed ? 0 : budget.left));
  const fill = element("i");
  fill.style.width = isClosed ? "100%" : `${(100 * budget.left) / Math.max(1, budget.limit)}%`;
  bar.append(fill);
  made.append(head, bar);
  return made;
}

function queue(stats) {
  return figures([
    ["Jobs ready", String(stats.queue.ready)],
    ["Jobs deferred", String(stats.queue.deferred)],
    ["Oldest ready job", late(stats.queue.oldestSeconds), stats.queue.oldestSeconds > SLOW_S],
    ["Looks overdue", String(stats.looks.overdue), stats.looks.oldestSeconds > SLOW_S],
  ]);
}

function worker(one) {
  const item = element("li");
  const heard = Math.round((now() - Date.parse(one.beatAt)) / 1000);
  const state = one.draining ? "draining" : heard > 15 ? `not heard of for ${heard} s` : "at work";
  const head = element("p", "name", `${one.host} `);
  const about = `${state} \u00b7 ${one.jobs} jobs, ${one.looks} looks \u00b7 up ${duration(now() - Date.parse(one.startedAt))} \u00b7 ${one.version}`;
  item.append(head, element("p", heard > 15 ? "about bad" : "about", about));
  return item;
}

function pausedWords(stats) {
  if (stats && stats.paused) return `Paused${stats.pausedReason ? `: ${stats.pausedReason}` : ""}`;
  const keys = stats ? stats.pausedKeys : 0;
  return keys ? `${keys} paused ${keys === 1 ? "key" : "keys"}` : "";
}

function nothing(text) {
  return element("p", "plain", text);
}

export class House {
  /** `onStats` is called with each answer. */
  constructor(onStats) {
    this.onStats = onStats;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => this.start());
  }

  start() {
    clearTimeout(this.timer);
    if (!document.hidden && !locked()) this.look();
  }

  async look() {
    try {
      this.show(await ask("GET", "/v1/stats"));
    } catch (error) {
      this.away(error instanceof Refused ? error.message : "The service does not answer.");
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), EVERY_MS);
  }

  show(answer) {
    const { stats, workers } = answer;
    const house = stats ? [queue(stats), ...budgets(stats.budgets)] : [nothing("No data: no worker counts.")];
    byId("house").replaceChildren(...house);
    const list = element("ul", "items");
    list.append(...workers.map(worker));
    byId("workers").replaceChildren(workers.length ? list : nothing("None is at work: calls stay queued."));
    set(byId("paused"), pausedWords(stats));
    this.onStats(stats);
  }

  away(why) {
    for (const id of ["house", "workers"]) {
      const known = byId(id).querySelector(".plain");
      if (known && byId(id).children.length === 1) set(known, why);
      else byId(id).replaceChildren(nothing(why));
    }
  }
}
