// Webhooks that fail and deliveries that were given up, with a way to try again.

import { Refused, ask, attempt, byId, button, element, mark, timeOfDay } from "/static/page.js";

const MOST_DEAD = 20;
const STALE_MS = 30000;

function count(number, name) {
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}

function hostOf(webhook) {
  try {
    return new URL(webhook.url).host;
  } catch {
    return webhook.url;
  }
}

function isIll({ disabled, health }) {
  return Boolean(disabled) || health.failures > 0;
}

function acting(about, ...actions) {
  const item = element("li", "acting");
  item.append(about, ...actions);
  return item;
}

export class Webhooks {
  constructor() {
    this.seen = "";
    this.at = 0;
    this.isTrouble = false;
    this.hosts = new Map();
    this.created = new Map();
  }

  /** How the house stands: looked anew while something fails, where deliveries have moved, or after
   * a while. */
  noticed(stats) {
    const seen = stats ? `${stats.deliveries.pending} ${stats.deliveries.dead}` : "";
    if (seen === this.seen && !this.isTrouble && Date.now() - this.at < STALE_MS) return;
    this.seen = seen;
    this.look();
  }

  async look() {
    this.at = Date.now();
    try {
      const [{ webhooks }, { deliveries, next }] = await Promise.all([
        ask("GET", "/v1/webhooks"), ask("GET", `/v1/deliveries?state=dead&limit=${MOST_DEAD}`),
      ]);
      this.show(webhooks, deliveries, next !== null);
    } catch (error) {
      const why = error instanceof Refused && error.status === 404 ? "There are none here." : error.message;
      byId("webhooks").replaceChildren(element("p", "plain", why));
    }
  }

  show(webhooks, dead, hasMore) {
    this.hosts = new Map(webhooks.map((webhook) => [webhook.id, hostOf(webhook)]));
    const enabled = webhooks.filter((webhook) => webhook.enabled);
    this.created = new Map(enabled.map((webhook) => [webhook.id, webhook.createdAt]));
    const ill = webhooks.filter(isIll);
    const parts = [element("p", "plain", this.summary(webhooks, ill))];
    if (ill.length) parts.push(this.list(ill.map((webhook) => this.webhook(webhook))));
    if (dead.length) {
      parts.push(this.title(dead, hasMore));
      parts.push(this.list(dead.map((delivery) => this.delivery(delivery))));
    }
    this.keepFocus(() => byId("webhooks").replaceChildren(...parts));
    const badge = byId("dead-count");
    this.isTrouble = ill.length + dead.length > 0;
    badge.hidden = !this.isTrouble;
    badge.textContent = `(${ill.length + dead.length}${hasMore ? "+" : ""})`;
  }

  /** A button that is drawn anew keeps the focus that its forerunner had. */
  keepFocus(draw) {
    const had = document.activeElement && document.activeElement.dataset.key;
    draw();
    const same = had && byId("webhooks").querySelector(`[data-key="${CSS.escape(had)}"]`);
    if (same) same.focus();
  }

  summary(webhooks, ill) {
    if (!webhooks.length) return "None is registered.";
    if (!ill.length) return `${count(webhooks.length, "webhook")}, none failing.`;
    return `${count(webhooks.length, "webhook")}, ${ill.length} failing or disabled.`;
  }

  title(dead, hasMore) {
    const title = element("div", "titled");
    title.append(element("h3", "", `Given up: ${hasMore ? "the newest " : ""}${dead.length}`));
    const webhooks = new Set(dead.map((delivery) => delivery.webhook).filter((id) => this.created.has(id)));
    if (dead.length > 1 && webhooks.size) {
      title.append(this.action("all", "Redeliver all", "Redeliver all that were given up", () => this.redeliverAll(webhooks)));
    }
    return title;
  }

  list(items) {
    const list = element("ul", "items");
    list.append(...items);
    return list;
  }

  webhook(webhook) {
    const { disabled, health } = webhook;
    const item = element("div");
    item.append(element("p", "name", webhook.description || hostOf(webhook)));
    if (webhook.description) item.append(element("p", "about", hostOf(webhook)));
    const why = disabled ? `Disabled: ${disabled.message}` : `${count(health.failures, "failed attempt")} since ${timeOfDay(health.failingSince)}`;
    item.append(element("p", "about bad", why));
    if (health.lastFailure) item.append(element("p", "about", health.lastFailure));
    if (!disabled) return acting(item);
    return acting(item, this.action(webhook.id, "Enable", `Enable ${hostOf(webhook)}`, () => this.enable(webhook.id)));
  }

  delivery(delivery) {
    const item = element("div");
    const host = this.hosts.get(delivery.webhook) || "the call\u2019s callback";
    item.append(element("p", "name", `${delivery.type} \u2192 ${host}`));
    const failure = delivery.failure ? delivery.failure.message : "";
    const parts = [timeOfDay(delivery.createdAt), count(delivery.attempts, "attempt"), failure];
    item.append(element("p", "about", parts.filter(Boolean).join(" \u00b7 ")));
    return acting(item, this.action(delivery.id, "Redeliver", `Redeliver ${delivery.type} to ${host}`, () => this.redeliver(delivery.id)));
  }

  action(key, text, label, pressed) {
    const made = button("quiet", text, label, () => {
      made.disabled = true;
      pressed();
    });
    mark(made, "key", key);
    return made;
  }

  async redeliver(id) {
    await attempt(() => ask("POST", `/v1/deliveries/${id}/redeliver`), "It is delivered again.");
    this.look();
  }

  async redeliverAll(ids) {
    await attempt(async () => {
      for (const id of ids) await ask("POST", `/v1/webhooks/${id}/redeliver`, { since: this.created.get(id) });
    }, "They are delivered again.");
    this.look();
  }

  async enable(id) {
    await attempt(() => ask("PATCH", `/v1/webhooks/${id}`, { enabled: true }), "It is enabled.");
    this.look();
  }
}
