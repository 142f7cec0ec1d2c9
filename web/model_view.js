// The model: its state and memory, what to do with it, and which others there are.

import { json, reason } from "./api.js";
import { fill, h } from "./dom.js";
import { moment, size, span, t, timeOfDay } from "./i18n.js";
import { MemoryGraph } from "./memory_graph.js";
import { eventLog } from "./model_events.js";
import { modelStatus } from "./model_status.js";
import { pullPanel } from "./pulls.js";

/** @typedef {import("./types.d.ts").ModelStatus} ModelStatus */

const CLOSE_MS = 2000;

/** @param {AbortSignal} closed @returns {HTMLElement} */
export function modelView(closed) {
  const state = h("p", { class: "big-state" });
  const why = h("p", { class: "notice", hidden: true, role: "status" });
  const facts = h("dl", { class: "facts-list" });
  const known = h("ul", { class: "models" });
  const note = h("p", { class: "note error", role: "alert" });
  const load = h("button", { type: "button", class: "primary", id: "load", onclick: () => steer("load") }, t("model.load"));
  const unload = h("button", { type: "button", class: "tool", id: "unload", onclick: () => steer("unload") }, t("model.unload"));
  const graph = new MemoryGraph(closed);

  /** @param {"load" | "unload"} what @param {string} [model] */
  async function steer(what, model) {
    fill(note);
    try {
      await json(`model/${what}${model ? `?model=${encodeURIComponent(model)}` : ""}`, { method: "POST" });
      await modelStatus.refresh();
    } catch (error) {
      fill(note, reason(error));
    }
  }

  function show() {
    const status = modelStatus.latest;
    if (!status) return;
    state.className = `big-state ${status.state}`;
    fill(state, h("span", { class: "dot" }), t(`model.state.${status.state}`), h("span", { class: "note" }, t("model.since", { at: moment(status.since) })));
    const text = whyNot(status);
    why.hidden = !text;
    why.textContent = text;
    const busy = status.state === "ready" || status.state === "loading" || status.state === "waiting_for_gpu";
    const hadFocus = [load, unload].includes(document.activeElement);
    load.hidden = busy;
    unload.hidden = !busy;
    if (hadFocus) (busy ? unload : load).focus();
    fill(facts, ...factsOf(status).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    fill(known, ...(status.models.length > 1 ? status.models.map((model) => row(model, steer)) : []));
    graph.show();
  }

  modelStatus.addEventListener("change", show, { signal: closed });
  modelStatus.every(CLOSE_MS);
  closed.addEventListener("abort", () => modelStatus.every(), { once: true });
  show();
  return h(
    "div",
    { class: "model-view" },
    h("h1", { tabindex: -1 }, t("model.title")),
    h("section", { class: "card", "aria-label": t("model.now") }, state, why, h("div", { class: "buttons" }, load, unload), note, facts, known),
    h("section", { class: "card", "aria-labelledby": "memory-title" }, h("h2", { id: "memory-title" }, t("model.memory")), graph.view),
    pullPanel(closed),
    eventLog(closed),
  );
}

/** @param {import("./types.d.ts").KnownModel} model @param {(what: "load" | "unload", model: string) => void} steer */
function row(model, steer) {
  return h(
    "li",
    {},
    h("span", { class: "name" }, model.id),
    h("span", { class: "about" }, t(`model.state.${model.state}`), model.bytes ? ` · ${size(model.bytes)}` : "", model.error ? ` · ${model.error.message}` : ""),
    h("button", { type: "button", class: "tool", disabled: model.state === "ready" || model.state === "loading", "aria-label": `${t("model.load")}: ${model.id}`, onclick: () => steer("load", model.id) }, t("model.load")),
  );
}

/** Why there is no model, if there is a reason. @param {ModelStatus} status */
function whyNot(status) {
  if (status.error) return status.error.message;
  if (status.waiting) {
    const { needed_bytes, free_bytes, next_retry_at, attempts } = status.waiting;
    return `${t("model.short", { needed: size(needed_bytes), free: size(free_bytes), at: timeOfDay(next_retry_at) })} ${t("model.attempts", { n: attempts })}`;
  }
  if (status.held_until && Date.parse(status.held_until) > Date.now()) return t("model.held", { at: timeOfDay(status.held_until) });
  return "";
}

/** @param {ModelStatus} status @returns {[string, string][]} */
function factsOf({ model, device, memory, idle, waiting }) {
  const { timeout_secs, unloads_at } = idle;
  return [
    [t("model.name"), model ? `${model.id}${model.bytes ? ` · ${size(model.bytes)}` : ""}` : "–"],
    [t("model.languages"), model?.multilingual === false ? t("model.english") : t("model.many")],
    [t("model.device"), device ? `${device.name} (${device.backend})` : "–"],
    [t("model.used"), size(memory.used_by_model_bytes)],
    [t("model.free"), `${size(memory.free_bytes)} / ${size(memory.total_bytes)}`],
    ...(waiting ? [/** @type {[string, string]} */ ([t("model.needed"), size(waiting.needed_bytes)])] : []),
    [t("model.idle"), unloads_at ? t("model.unloadsAt", { at: timeOfDay(unloads_at) }) : timeout_secs < 0 ? t("model.stays") : t("model.after", { span: span(timeout_secs) })],
  ];
}

/** For the page's head: what the model does, in short. @param {ModelStatus} status */
export function inShort({ model, state, memory }) {
  const used = memory.used_by_model_bytes > 0 ? ` · ${size(memory.used_by_model_bytes)}` : "";
  return { name: model?.id ?? t("model.title"), state: `${t(`model.state.${state}`)}${used}` };
}
