// A finished transcript beside its player: search, edit, versions, copy and download.

import { fill, h, icon, iconButton, takesKeys } from "./dom.js";
import { t } from "./i18n.js";
import { draftOf } from "./draft.js";
import { Editor } from "./editor.js";
import { exportButtons } from "./exports.js";
import { Finder } from "./finder.js";
import { Revisions } from "./revisions.js";
import { Transcript } from "./transcript.js";

/** @typedef {import("./types.d.ts").Job} Job */
/** @typedef {import("./types.d.ts").Result} Result */
/** @typedef {import("./player.js").Player} Player */

const QUIET_MS = 4000;

export class Reader {
  /** When the reader last scrolled: a playing recording does not scroll the text away. */
  #scrolled = 0;

  /** @param {Job} job @param {Result} result @param {Player} player @param {AbortSignal} closed */
  constructor(job, result, player, closed) {
    const transcript = new Transcript((secs) => player.seek(secs));
    const draft = draftOf(job.id, result.segments);
    const finder = new Finder(transcript);
    const editor = new Editor(transcript, draft, closed);
    const revisions = new Revisions(job, draft, closed);
    this.player = player;
    this.transcript = transcript;
    transcript.show(draft.segments);

    const edit = h("button", { type: "button", class: "tool", id: "edit", "aria-pressed": "false", hidden: true, onclick: () => editor.toggle() }, icon("edit"), h("span", {}, t("edit.start")));
    const undo = iconButton("undo", t("edit.undo"), { id: "undo", onclick: () => draft.undo() });
    const redo = iconButton("redo", t("edit.redo"), { id: "redo", onclick: () => draft.redo() });
    const tools = h("span", { class: "edit-tools", hidden: true }, undo, redo, revisions.saveButton);
    const doubt = h("p", { class: "note doubt" });
    this.view = h(
      "div",
      { class: "reader" },
      h("div", { class: "toolbar", role: "toolbar", "aria-label": t("reader.tools") }, finder.view, edit, tools, revisions.select, ...exportButtons(job, draft, revisions)),
      revisions.note,
      doubt,
      transcript.view,
    );

    const show = () => {
      undo.disabled = !draft.canUndo;
      redo.disabled = !draft.canRedo;
      const n = transcript.doubtful;
      fill(doubt, n ? t("transcript.doubtfulCount", { n }) : "");
    };
    draft.addEventListener("change", () => {
      tools.hidden = !editor.isOn && !draft.isDirty;
      transcript.show(draft.segments);
      finder.search();
      show();
      this.#follow();
    }, { signal: closed });
    editor.addEventListener("toggle", () => {
      edit.setAttribute("aria-pressed", String(editor.isOn));
      fill(/** @type {Element} */ (edit.lastElementChild), t(editor.isOn ? "edit.stop" : "edit.start"));
      tools.hidden = !editor.isOn && !draft.isDirty;
    });
    revisions.addEventListener("known", () => (edit.hidden = !revisions.canSave));
    player.addEventListener("time", () => this.#follow(), { signal: closed });
    for (const kind of ["wheel", "touchmove"]) transcript.view.addEventListener(kind, () => (this.#scrolled = Date.now()), { passive: true });
    document.addEventListener("keydown", (event) => this.#key(event, finder, editor, draft, revisions), { signal: closed });
    tools.hidden = !draft.isDirty;
    show();
  }

  /** Marks what is played, and brings it into sight. */
  #follow() {
    const moved = this.transcript.mark(this.player.at);
    if (!moved || this.player.audio.paused || Date.now() - this.#scrolled < QUIET_MS) return;
    const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    moved.scrollIntoView({ block: "center", behavior: smooth ? "smooth" : "instant" });
  }

  /** @param {KeyboardEvent} event @param {Finder} finder @param {Editor} editor @param {import("./draft.js").Draft} draft @param {Revisions} revisions */
  #key(event, finder, editor, draft, revisions) {
    const { key, target, shiftKey } = event;
    const command = event.ctrlKey || event.metaKey;
    const inText = takesKeys(target);
    const onButton = target instanceof Element && target.closest("button, a, summary, label") !== null;
    const act = () => {
      if (command && key === "s" && revisions.canSave) return () => revisions.save();
      if (command && key.toLowerCase() === "z" && !inText && editor.isOn) return () => (shiftKey ? draft.redo() : draft.undo());
      if (command && key === "y" && !inText && editor.isOn) return () => draft.redo();
      if (command || event.altKey || inText) return null;
      if (key === " " && !onButton) return () => this.player.toggle();
      if (key === "k") return () => this.player.toggle();
      if (key === "ArrowLeft") return () => this.player.seek(shiftKey ? this.transcript.neighbour(-1) : this.player.at - 5);
      if (key === "ArrowRight") return () => this.player.seek(shiftKey ? this.transcript.neighbour(1) : this.player.at + 5);
      if (key === "<" || key === "[") return () => this.player.faster(-1);
      if (key === ">" || key === "]") return () => this.player.faster(1);
      if (key === "/") return () => finder.focus();
      if (key === "e" && revisions.canSave) return () => editor.toggle();
      return null;
    };
    const chosen = act();
    if (!chosen) return;
    event.preventDefault();
    chosen();
  }
}
