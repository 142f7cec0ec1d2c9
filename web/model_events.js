// What the model did last, live.

import { h } from "./dom.js";
import { has, number, size, t, timeOfDay } from "./i18n.js";
import { modelStatus } from "./model_status.js";
import { follow } from "./sse.js";

const SHOWN = 30;

/** @param {AbortSignal} closed */
export function eventLog(closed) {
  const list = h("ol", { class: "events", id: "events", tabindex: 0, "aria-labelledby": "events-title" });
  const empty = h("p", { class: "note" }, t("events.none"));
  // The first message has the newest event's number: those before it are asked for from there.
  const first = follow("model/events", {
    onEvent(name, _, id) {
      if (name !== "model_status") return;
      first.close();
      tail(Math.max(0, Number(id) - SHOWN), Number(id));
    },
  });
  closed.addEventListener("abort", () => first.close(), { once: true });

  /** @param {number} after @param {number} newest */
  function tail(after, newest) {
    if (closed.aborted) return;
    const stream = follow("model/events", {
      // 0 would be the beginning, which is what is meant.
      lastId: String(after),
      onEvent(name, data, id) {
        if (name === "model_status") return modelStatus.set(data);
        add(data, Number(id) > newest ? Date.now() : null);
        modelStatus.refresh().catch(() => {});
      },
    });
    closed.addEventListener("abort", stream.close, { once: true });
  }

  /** @param {any} event @param {number | null} at when it came, where it was seen to come */
  function add(event, at) {
    empty.hidden = true;
    list.prepend(h("li", {}, h("time", {}, at === null ? t("events.earlier") : timeOfDay(at)), h("span", {}, textOf(event))));
    for (const old of [...list.children].slice(SHOWN)) old.remove();
  }

  return h("section", { class: "card", "aria-labelledby": "events-title" }, h("h2", { id: "events-title" }, t("events.title")), empty, list);
}

/** @param {any} event */
function textOf(event) {
  const reason = event.reason ? (has(`reason.${event.reason}`) ? t(`reason.${event.reason}`) : event.reason) : "";
  /** @type {Record<string, () => string>} */
  const details = {
    model_ready: () => t("events.loadSecs", { secs: number(event.load_secs, 1) }),
    model_waiting_for_gpu: () => t("events.short", { needed: size(event.needed_bytes), free: size(event.free_bytes) }),
    model_failed: () => event.error?.message ?? "",
  };
  const detail = details[event.type]?.();
  return [t(`events.${event.type}`), event.model, detail ?? reason].filter(Boolean).join(" · ");
}
