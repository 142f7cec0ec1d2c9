// Models that can be downloaded, where the service offers that.

import { json, reason } from "./api.js";
import { fill, h } from "./dom.js";
import { number, size, t } from "./i18n.js";
import { modelStatus } from "./model_status.js";
import { sleep } from "./sse.js";

/** @typedef {import("./types.d.ts").Pull} Pull */
/** @typedef {{ name: string, bytes: number | null, multilingual: boolean | null, installed: boolean }} Offer */

const PAUSE_MS = 1000;
const RUNNING = ["pulling", "verifying"];

/** @param {AbortSignal} closed */
export function pullPanel(closed) {
  const list = h("ul", { class: "models", id: "offers", tabindex: 0, "aria-labelledby": "offers-title" });
  const note = h("p", { class: "note error", role: "alert" });
  const panel = h("section", { class: "card", "aria-labelledby": "offers-title", hidden: true }, h("h2", { id: "offers-title" }, t("pull.title")), note, list);
  /** @type {Offer[]} */
  let offers = [];
  /** @type {Map<string, Pull>} */
  let pulls = new Map();

  async function ask() {
    offers = (await json("models", { signal: closed })).models;
    pulls = await pullsNow();
    panel.hidden = false;
    show();
    watch();
  }

  /** @returns {Promise<Map<string, Pull>>} */
  async function pullsNow() {
    const answer = await json("models/pulls", { signal: closed, headers: { accept: "application/json" } });
    return new Map(answer.pulls.map((/** @type {Pull} */ pull) => [pull.name, pull]));
  }

  let watching = false;
  async function watch() {
    if (watching) return;
    watching = true;
    const isRunning = () => [...pulls.values()].some(({ state }) => RUNNING.includes(state));
    while (isRunning() && !closed.aborted) {
      await sleep(PAUSE_MS, closed);
      try {
        pulls = await pullsNow();
        if (!isRunning()) offers = (await json("models", { signal: closed })).models;
        show();
      } catch {
        // Asked again.
      }
    }
    watching = false;
  }

  /** @param {string} method @param {string} path @param {any} [body] */
  async function act(method, path, body) {
    fill(note);
    try {
      await json(path, { method, json: body });
      pulls = await pullsNow();
    } catch (error) {
      fill(note, reason(error));
    }
    show();
    watch();
  }

  function show() {
    const focused = document.activeElement?.id;
    const rank = (/** @type {Offer} */ { name, installed }) => (name === missing() ? 0 : pulls.has(name) ? 1 : installed ? 2 : 3);
    fill(list, ...offers.toSorted((a, b) => rank(a) - rank(b)).map((offer) => row(offer, pulls.get(offer.name))));
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {Offer} offer @param {Pull | undefined} pull */
  function row(offer, pull) {
    const isRunning = pull && RUNNING.includes(pull.state);
    const about = [offer.bytes ? size(offer.bytes) : null, offer.multilingual === false ? t("model.english") : t("model.many")].filter(Boolean).join(" · ");
    const failure = pull?.state === "failed" ? pull.error?.message : null;
    const percent = pull?.total_bytes ? (100 * pull.bytes) / pull.total_bytes : 0;
    return h(
      "li",
      { "data-model": offer.name },
      h("span", { class: "name" }, offer.name),
      h("span", { class: "about" }, isRunning ? t(`pull.${pull.state}`, { percent: number(percent), bytes: size(pull.bytes) }) : (failure ?? about)),
      isRunning ? h("progress", { max: 100, value: percent, "aria-label": t("pull.progress", { name: offer.name }) }) : null,
      action(offer, Boolean(isRunning)),
    );
  }

  /** @param {Offer} offer @param {boolean} isRunning */
  function action({ name, installed }, isRunning) {
    const id = `pull-${name}`;
    if (isRunning) return h("button", { type: "button", class: "tool", id, "aria-label": `${t("job.cancel")}: ${name}`, onclick: () => act("DELETE", `models/pulls/${encodeURIComponent(name)}`) }, t("job.cancel"));
    if (installed) return h("span", { class: "badge" }, t("pull.installed"));
    return h("button", { type: "button", class: name === missing() ? "primary" : "tool", id, "aria-label": `${t("pull.start")}: ${name}`, onclick: () => act("POST", "models/pulls", { name }) }, t("pull.start"));
  }

  // A service without downloads shows nothing of them.
  ask().catch(() => {});
  return panel;
}

/** The model that jobs would run on and whose file is not there. */
function missing() {
  const status = modelStatus.latest;
  return status?.error?.code === "model_not_found" ? status.model?.id : undefined;
}
