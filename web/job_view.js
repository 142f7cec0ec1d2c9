// One job: how far it is, its text as it comes, and then its transcript.

import { ApiError, json, reason } from "./api.js";
import { announce, fill, h, icon } from "./dom.js";
import { clock, has, moment, span, size, spoken, t, timeOfDay } from "./i18n.js";
import { cancelOrRemove, isOver, retry } from "./job_actions.js";
import { describe } from "./job_list.js";
import { modelStatus } from "./model_status.js";
import { Player } from "./player.js";
import { Reader } from "./reader.js";
import { follow } from "./sse.js";
import { Transcript } from "./transcript.js";

/** @typedef {import("./types.d.ts").Job} Job */

const PLACE_PAUSE_MS = 3000;
const LAST_EVENTS = ["completed", "failed", "cancelled"];

/** @param {string} id @param {AbortSignal} closed @param {() => void} onChange the list has to be refreshed @returns {HTMLElement} */
export function jobView(id, closed, onChange) {
  const title = h("h1", { tabindex: -1 }, "…");
  const facts = h("p", { class: "facts" });
  const actions = h("div", { class: "actions" });
  const notices = h("div", { class: "notices" });
  const state = h("div", { class: "progress", role: "status", "aria-live": "off" });
  const body = h("div", { class: "body" });
  const back = h("a", { class: "back quiet", href: "#/", "aria-label": t("job.back"), title: t("job.back") }, icon("arrow"));
  const head = h("header", { class: "job-head" }, back, h("div", { class: "titles" }, title, facts), actions);
  const view = h("article", { class: "job" }, head, notices, state, body);
  const player = new Player(closed);
  const live = new Transcript((secs) => player.seek(secs));
  /** @type {Job} */
  let job;
  let generation = 0;

  async function load() {
    const mine = (generation += 1);
    const fresh = await json(`jobs/${id}`, { signal: closed });
    if (closed.aborted || mine !== generation) return;
    job = fresh;
    show();
  }

  function show() {
    const name = job.audio.filename ?? t("job.unnamed");
    document.title = `${name} · Verbatim`;
    title.textContent = name;
    fill(facts, factsOf(job));
    fill(actions, ...actionsOf());
    fill(notices, ...noticesOf(job));
    showState();
  }

  function showState() {
    if (!job || isOver(job)) return fill(state);
    const share = job.progress ? `${Math.floor(job.progress.percent)} % · ` : "";
    document.title = `${share}${title.textContent} · Verbatim`;
    const percent = job.status === "running" ? (job.progress?.percent ?? 0) : null;
    const why = job.status === "queued" ? reasonToWait(job) : "";
    fill(
      state,
      h("p", { class: "now" }, describe(job, job.queue)),
      h("progress", percent === null ? { "aria-label": t("job.progress") } : { max: 100, value: percent, "aria-label": t("job.progress") }),
      why ? h("p", { class: "note why" }, why) : null,
    );
  }

  function actionsOf() {
    const again = h("button", { type: "button", class: "tool", onclick: () => act(() => retry(job)) }, icon("retry"), h("span", {}, t("job.retry")));
    const end = h("button", { type: "button", class: "tool", id: "end", onclick: () => act(() => cancelOrRemove(job)) }, icon(isOver(job) ? "trash" : "close"), h("span", {}, t(isOver(job) ? "job.delete" : "job.cancel")));
    return [["failed", "cancelled"].includes(job.status) ? again : null, end];
  }

  /** @param {() => Promise<unknown>} action */
  async function act(action) {
    try {
      const done = await action();
      onChange();
      if (done === "cancelled") await load();
    } catch (error) {
      fill(notices, h("p", { class: "notice error", role: "alert" }, reason(error)));
    }
  }

  /** Of a job that is not over: its events, from the first. */
  function watch() {
    fill(body, live.view);
    const stream = follow(`jobs/${id}/events`, {
      isLast: (name) => LAST_EVENTS.includes(name),
      onEvent(name, data) {
        if (name === "segment") addLive(data.segment);
        if (name === "started") job = { ...job, status: "running", queue: null, progress: null };
        if (name === "requeued") job = { ...job, status: "queued" };
        if (name === "progress") job = { ...job, status: "running", progress: { ...data, processed_secs: 0 } };
        if (LAST_EVENTS.includes(name)) end(name);
        else if (name !== "segment") showState();
      },
      onState: (connected) => view.classList.toggle("stale", !connected),
      onRefused: complain,
    });
    closed.addEventListener("abort", stream.close, { once: true });
    askPlace();
  }

  let frame = 0;

  /** The end of the text stays in sight where it was. @param {import("./types.d.ts").Segment} segment */
  function addLive(segment) {
    const follows = !frame && live.rows.length > 0 && endIsInSight();
    live.add(segment);
    if (!follows) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      live.rows.at(-1)?.scrollIntoView({ block: "nearest" });
    });
  }

  /** Whether the last of the text that came is. */
  function endIsInSight() {
    return (live.rows.at(-1)?.getBoundingClientRect().bottom ?? 0) <= innerHeight + 1;
  }

  /** The queue moves without an event. */
  async function askPlace() {
    if (closed.aborted || isOver(job)) return;
    if (job.status === "queued" && !document.hidden) await load().catch(() => {});
    setTimeout(askPlace, PLACE_PAUSE_MS);
  }

  /** @param {string} name */
  async function end(name) {
    await settle(endIsInSight()).catch(complain);
    onChange();
    announce(t(`job.over.${name}`, { name: job.audio.filename ?? t("job.unnamed") }));
  }

  /** Of a job that is over: what there is of its transcript. */
  async function settle(fromTheBeginning = false) {
    await load();
    if (!isOver(job)) return;
    const result = job.result ?? (await json(`jobs/${id}/transcript?partial=true`, { signal: closed }).catch(() => null));
    if (closed.aborted) return;
    if (!result?.segments?.length) {
      fill(body, h("p", { class: "empty" }, t(job.status === "completed" ? "transcript.empty" : "transcript.none")), player.view);
    } else {
      const reader = new Reader(job, result, player, closed);
      fill(body, reader.view, player.view);
    }
    if (fromTheBeginning) view.scrollIntoView({ block: "start" });
    await player.load(job, closed);
  }

  /** @param {unknown} error */
  function complain(error) {
    if (closed.aborted) return;
    const isGone = error instanceof ApiError && error.status === 404;
    if (isGone) title.textContent = t("job.gone");
    fill(notices, h("p", { class: "notice error", role: "alert" }, isGone ? t("job.goneWhy") : reason(error)));
  }

  /** Until the service answers. */
  async function begin() {
    try {
      await load();
      if (isOver(job)) await settle();
      else watch();
    } catch (error) {
      complain(error);
      if (error instanceof ApiError && error.status === 0 && !closed.aborted) setTimeout(begin, PLACE_PAUSE_MS);
    }
  }

  modelStatus.addEventListener("change", showState, { signal: closed });
  begin();
  return view;
}

/** @param {Job} job */
function factsOf(job) {
  const { audio, options, result } = job;
  const language = result?.language ?? options.language;
  const took = job.finished_at && job.started_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : null;
  return [
    audio.duration_secs ? clock(audio.duration_secs) : null,
    size(audio.bytes),
    language && spoken(language),
    options.task === "translate" ? t("option.translate") : null,
    options.model,
    moment(job.created_at),
    job.status === "completed" && took ? t("job.took", { span: span(took) }) : null,
  ]
    .filter(Boolean)
    .map((text) => h("span", {}, text));
}

/** @param {Job} job */
function noticesOf(job) {
  const failed = job.status === "failed" && h("p", { class: "notice error", role: "alert" }, `${t("status.failed")}: ${job.error?.message ?? ""}`);
  const cancelled = job.status === "cancelled" && h("p", { class: "notice" }, t("status.cancelled"));
  return [failed, cancelled, ...(job.warnings ?? []).map((text) => h("p", { class: "notice" }, text))].filter(Boolean);
}

/** Why a job is still queued, where that is the model's doing. @param {Job} job */
function reasonToWait(job) {
  const status = modelStatus.latest;
  if (status?.waiting) {
    const { needed_bytes, free_bytes, next_retry_at } = status.waiting;
    return t("model.short", { needed: size(needed_bytes), free: size(free_bytes), at: timeOfDay(next_retry_at) });
  }
  if (job.waiting_for) return job.waiting_for.message;
  if (!status) return "";
  const own = status.models.find((model) => model.id === job.options.model);
  const failure = own?.error ?? status.error;
  if (failure) return failure.message;
  if (status.held_until && Date.parse(status.held_until) > Date.now()) return t("model.held", { at: timeOfDay(status.held_until) });
  const state = `model.why.${status.state}`;
  return has(state) ? t(state) : "";
}
