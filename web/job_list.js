// The list of jobs: what is being sent, then all jobs, newest first.

import { ApiError, connection, json, reason } from "./api.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { clock, moment, number, span, spoken, t } from "./i18n.js";
import { cancelOrRemove, isOver } from "./job_actions.js";
import { uploads } from "./uploads.js";
import { WindowedList } from "./windowed.js";

/** @typedef {import("./types.d.ts").Job} Job */
/** @typedef {import("./types.d.ts").Upload} Upload */

const PAGE = 50;
const BUSY_PAUSE_MS = 1500;
const CALM_PAUSE_MS = 8000;
/** Lists have no places in the queue: those of the first ones are asked for one by one. */
const PLACES = 6;
/** The longest search that the service takes. */
const LONGEST_SEARCH = 200;
const STATES = ["queued", "running", "completed", "failed", "cancelled"];

export class JobList {
  /** @type {Job[]} */
  jobs = [];
  /** @type {string | null} */
  cursor = null;
  selected = "";
  filter = { q: "", status: "" };
  /** @type {Map<string, Job["queue"]>} */
  places = new Map();
  #timer = 0;
  #generation = 0;
  #loading = false;

  /** @param {AbortSignal} closed */
  constructor(closed) {
    this.closed = closed;
    this.search = h("input", { type: "search", id: "search", maxlength: LONGEST_SEARCH, placeholder: t("list.search"), "aria-label": t("list.search"), oninput: () => this.#filtered(250) });
    this.status = h(
      "select",
      { id: "status", "aria-label": t("list.status"), onchange: () => this.#filtered(0) },
      h("option", { value: "" }, t("list.all")),
      ...STATES.map((state) => h("option", { value: state }, t(`status.${state}`))),
    );
    this.sending = h("ul", { class: "jobs sending", "aria-label": t("list.sending") });
    this.rows = new WindowedList(
      { class: "jobs windowed", id: "jobs", "aria-label": t("list.title") },
      (/** @type {Job} */ job) => job.id,
      (job) => JSON.stringify([job.status, job.progress, this.#place(job), job.error?.code, job.audio.duration_secs, job.id === this.selected]),
      (job, row) => this.#fillRow(job, row),
      closed,
    );
    this.more = h("button", { type: "button", class: "quiet more", hidden: true, onclick: () => this.#loadMore() }, t("list.more"));
    this.note = h("p", { class: "note" });
    this.scroller = h("div", { class: "scroller" }, this.sending, this.rows.view, this.note, this.more);
    this.view = h("div", { class: "list" }, h("div", { class: "search" }, icon("search"), this.search, this.status), this.scroller);
    const margins = { rootMargin: "400px", scrollMargin: "400px" };
    this.observer = new IntersectionObserver((seen) => seen.at(-1)?.isIntersecting && this.#loadMore(), margins);
    this.observer.observe(this.more);
    const until = { signal: closed };
    uploads.addEventListener("change", () => this.#showUploads(), until);
    uploads.addEventListener("accepted", () => this.refresh(), until);
    document.addEventListener("visibilitychange", () => this.refresh(), until);
    connection.addEventListener("change", () => connection.reachable && this.refresh(), until);
    connection.addEventListener("key", () => this.#filtered(0), until);
    this.#showUploads();
  }

  /** Asks for the first page again and keeps the further ones. @returns {Promise<void>} */
  async refresh() {
    clearTimeout(this.#timer);
    if (document.hidden || this.closed.aborted) return;
    const generation = (this.#generation += 1);
    try {
      const page = await json(`jobs?${this.#query()}`);
      if (generation !== this.#generation) return;
      this.#merge(page);
      this.#show();
      this.#askPlaces(generation);
    } catch (error) {
      if (generation !== this.#generation) return;
      if (!(error instanceof ApiError && error.status === 0)) fill(this.note, reason(error));
    }
    if (generation !== this.#generation) return;
    const isBusy = this.jobs.some((job) => !isOver(job));
    this.#timer = setTimeout(() => this.refresh(), isBusy || !connection.reachable ? BUSY_PAUSE_MS : CALM_PAUSE_MS);
  }

  /** Marks the job that is shown. @param {string} id */
  select(id) {
    this.selected = id;
    this.rows.draw();
  }

  /** @param {string} [cursor] */
  #query(cursor) {
    const { q, status } = this.filter;
    const parts = { limit: String(PAGE), ...(status && { status }), ...(q && { q }), ...(cursor && { cursor }) };
    return new URLSearchParams(parts);
  }

  /** @param {{ jobs: Job[], next_cursor: string | null }} page the first one */
  #merge({ jobs, next_cursor }) {
    const oldest = jobs.at(-1)?.id ?? "";
    // Ids grow with time: what is older than this page stays as it is.
    const older = next_cursor ? this.jobs.filter((job) => job.id < oldest) : [];
    if (!older.length) this.cursor = next_cursor;
    this.jobs = [...jobs, ...older];
  }

  async #loadMore() {
    if (!this.cursor || this.#loading) return;
    this.#loading = true;
    const filter = { ...this.filter };
    try {
      const page = await json(`jobs?${this.#query(this.cursor)}`);
      if (filter.q !== this.filter.q || filter.status !== this.filter.status) return;
      const known = new Set(this.jobs.map((job) => job.id));
      this.jobs = [...this.jobs, ...page.jobs.filter((/** @type {Job} */ job) => !known.has(job.id))];
      this.cursor = page.next_cursor;
      this.#show();
    } catch (error) {
      fill(this.note, reason(error));
    } finally {
      this.#loading = false;
      // The observer reports changes only: the end of the list may still be in sight.
      this.observer.unobserve(this.more);
      this.observer.observe(this.more);
    }
  }

  #filterTimer = 0;

  /** @param {number} after */
  #filtered(after) {
    clearTimeout(this.#filterTimer);
    this.#filterTimer = setTimeout(() => {
      this.filter = { q: this.search.value.trim(), status: this.status.value };
      this.jobs = [];
      this.cursor = null;
      this.refresh();
    }, after);
  }

  /** @param {number} generation */
  async #askPlaces(generation) {
    const queued = this.jobs.filter((job) => job.status === "queued").slice(-PLACES);
    for (const { id } of queued) {
      const job = await json(`jobs/${id}`).catch(() => null);
      if (generation !== this.#generation) return;
      this.places.set(id, job?.queue ?? null);
    }
    if (queued.length) this.#show();
  }

  #show() {
    this.rows.show(this.jobs);
    this.more.hidden = !this.cursor;
    const isFiltered = this.filter.q || this.filter.status;
    fill(this.note, this.jobs.length ? "" : t(isFiltered ? "list.none" : "list.empty"));
  }

  /** @param {Job} job */
  #place(job) {
    return job.status === "queued" ? (this.places.get(job.id) ?? null) : null;
  }

  /** @param {Job} job @param {HTMLElement} row */
  #fillRow(job, row) {
    const over = isOver(job);
    const name = job.audio.filename ?? t("job.unnamed");
    const act = t(over ? "job.delete" : "job.cancel");
    fill(
      row,
      h(
        "a",
        { href: `#/jobs/${job.id}`, "aria-current": job.id === this.selected && "page" },
        h("span", { class: "name" }, name),
        h("span", { class: "about" }, h("span", { class: `state ${job.status}` }, describe(job, this.#place(job))), over ? about(job) : null),
        job.status === "running" && job.progress ? h("progress", { max: 100, value: job.progress.percent, "aria-label": t("job.progress") }) : null,
      ),
      iconButton(over ? "trash" : "close", `${act}: ${name}`, { onclick: () => cancelOrRemove(job).then(() => this.refresh()) }),
    );
  }

  #showUploads() {
    place(this.sending, uploads.all.map((upload) => this.#uploadRow(upload)));
    this.sending.hidden = uploads.all.length === 0;
  }

  /** @type {WeakMap<Upload, HTMLElement>} */
  #uploadRows = new WeakMap();

  /** @param {Upload} upload */
  #uploadRow(upload) {
    const row = this.#uploadRows.get(upload) ?? h("li", {});
    this.#uploadRows.set(upload, row);
    const percent = upload.total ? Math.floor((100 * upload.loaded) / upload.total) : 0;
    const key = `${upload.state} ${percent} ${upload.error}`;
    if (row.dataset.key === key) return row;
    row.dataset.key = key;
    const hadFocus = row.contains(document.activeElement);
    const failed = upload.state === "failed";
    fill(
      row,
      h(
        "div",
        { class: "row" },
        h("span", { class: "name" }, upload.name),
        failed
          ? h("span", { class: "about error", role: "alert" }, upload.error)
          : h("span", { class: "about" }, t(`upload.${upload.state}`, { percent })),
        failed ? null : h("progress", upload.state === "sending" ? { max: 100, value: percent, "aria-label": t("upload.progress") } : { "aria-label": t("upload.progress") }),
      ),
      failed ? iconButton("retry", `${t("job.retry")}: ${upload.name}`, { onclick: () => uploads.retry(upload) }) : null,
      iconButton("close", `${t("job.cancel")}: ${upload.name}`, { onclick: () => uploads.cancel(upload) }),
    );
    if (hadFocus) row.querySelector("button")?.focus();
    return row;
  }
}

/** Brings rows into this order and moves no others. @param {HTMLElement} list @param {HTMLElement[]} rows */
function place(list, rows) {
  const kept = new Set(rows);
  for (const old of [...list.children]) if (!kept.has(/** @type {HTMLElement} */ (old))) old.remove();
  rows.forEach((row, at) => {
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
  });
}

/** The state in a few words. @param {Job} job @param {Job["queue"]} place */
export function describe(job, place) {
  if (job.status === "queued" && place) {
    const eta = place.eta_secs === null ? "" : ` · ${t("job.starts", { span: span(place.eta_secs) })}`;
    return t("job.position", { n: place.position }) + eta;
  }
  const { progress } = job;
  if (job.status === "running" && progress) {
    const eta = progress.eta_secs === null ? "" : ` · ${t("job.left", { span: span(progress.eta_secs) })}`;
    const chunk = t("job.chunk", { chunk: progress.chunk, total: progress.chunks_total, percent: number(progress.percent) });
    return chunk + eta;
  }
  return t(`status.${job.status}`);
}

/** @param {Job} job */
function about(job) {
  const { duration_secs } = job.audio;
  const language = job.result?.language ?? job.options.language;
  return [duration_secs && clock(duration_secs), language && spoken(language), moment(job.created_at)]
    .filter(Boolean)
    .map((text) => h("span", {}, text));
}
