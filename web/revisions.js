// Versions of a transcript: saving one, and looking at those before it.

import { ApiError, json, reason } from "./api.js";
import { confirmDialog } from "./dialogs.js";
import { announce, fill, h } from "./dom.js";
import { moment, t } from "./i18n.js";

/** @typedef {import("./types.d.ts").Job} Job */
/** @typedef {import("./types.d.ts").Segment} Segment */
/** @typedef {import("./draft.js").Draft} Draft */
/** @typedef {{ revision: number, created_at: string }} Revision */

export class Revisions extends EventTarget {
  /** Whether the service keeps versions of this transcript. */
  canSave = false;
  /** The newest one; 0 is as it was transcribed. */
  latest = 0;

  /** @param {Job} job @param {Draft} draft @param {AbortSignal} closed */
  constructor(job, draft, closed) {
    super();
    this.job = job;
    this.draft = draft;
    this.saveButton = h("button", { type: "button", class: "primary", id: "save", disabled: true, onclick: () => this.save() }, t("edit.save"));
    this.select = h("select", { id: "version", "aria-label": t("version.title"), hidden: true, onchange: () => this.#open(this.select.value) });
    this.note = h("p", { class: "note", role: "status" });
    draft.addEventListener("change", () => (this.saveButton.disabled = !draft.isDirty), { signal: closed });
    this.saveButton.disabled = !draft.isDirty;
    this.#ask().catch(() => {});
  }

  async #ask() {
    const revisions = await this.#revisions();
    this.canSave = true;
    this.latest = revisions[0]?.revision ?? 0;
    this.#list(revisions);
    // What a job itself shows may be as it was transcribed.
    if (!this.draft.isDirty) await this.#show(this.latest);
    this.dispatchEvent(new Event("known"));
  }

  /** Those that are saved, newest first. @returns {Promise<Revision[]>} */
  async #revisions() {
    return (await json(`jobs/${this.job.id}/transcript/revisions`)).revisions;
  }

  /** @param {Revision[]} revisions */
  #list(revisions) {
    const options = revisions.map(({ revision, created_at }) => h("option", { value: revision }, t("version.of", { n: revision, at: moment(created_at) })));
    fill(this.select, ...options, h("option", { value: 0 }, t("version.original")));
    this.select.value = String(this.latest);
    this.select.hidden = this.latest === 0;
  }

  /** @param {number} revision */
  async #show(revision) {
    if (revision > 0) this.draft.reset(await this.#segments(revision));
    this.draft.base = revision;
  }

  /** @param {number} revision @returns {Promise<Segment[]>} */
  async #segments(revision) {
    return (await json(`jobs/${this.job.id}/transcript?format=json&partial=true&revision=${revision}`)).segments;
  }

  /** An older version takes the place of the text; saving makes it the newest one. @param {string} value */
  async #open(value) {
    try {
      const segments = await this.#segments(Number(value));
      if (Number(value) === this.latest && !this.draft.isDirty) return;
      this.draft.replace(segments);
      fill(this.note, t("version.opened"));
    } catch (error) {
      fill(this.note, reason(error));
    }
  }

  async save() {
    const { draft } = this;
    if (!draft.isDirty) return;
    this.saveButton.disabled = true;
    fill(this.note, t("edit.saving"));
    try {
      draft.saved(await this.#put());
      fill(this.note, t("edit.saved"));
      announce(t("edit.saved"));
      this.#list(await this.#revisions());
    } catch (error) {
      this.saveButton.disabled = false;
      if (error instanceof ApiError && error.code === "transcript_changed") return this.#changedElsewhere();
      fill(this.note, t("edit.unsaved", { reason: reason(error) }));
    }
  }

  /** Returns what it sent: the draft may be edited meanwhile. */
  async #put() {
    const sent = this.draft.segments;
    const segments = sent.map(({ start, end, text, speaker, words, flags, channel }) => ({ start, end, text, speaker: speaker ?? null, words: words ?? null, flags: flags ?? [], channel }));
    const saved = await json(`jobs/${this.job.id}/transcript`, { method: "PUT", json: { base_revision: this.draft.base, segments } });
    this.latest = this.draft.base = saved.revision;
    return sent;
  }

  async #changedElsewhere() {
    const revisions = await this.#revisions();
    fill(this.note, t("edit.changed"));
    if (!(await confirmDialog(t("edit.changed"), t("edit.overwrite")))) return;
    this.draft.base = revisions[0]?.revision ?? 0;
    await this.save();
  }
}
