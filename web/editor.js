// Editing: a segment's text and speaker become fields when they are chosen.

import { h } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./draft.js").Draft} Draft */
/** @typedef {import("./transcript.js").Transcript} Transcript */

/** So many characters are in a line, about. */
const LINE = 64;

export class Editor extends EventTarget {
  isOn = false;
  /** The segment whose fields are shown, and how to leave them. @type {{ at: number, close: (keep: boolean) => void } | null} */
  #open = null;

  /** @param {Transcript} transcript @param {Draft} draft @param {AbortSignal} closed */
  constructor(transcript, draft, closed) {
    super();
    this.transcript = transcript;
    this.draft = draft;
    transcript.view.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      const row = target.closest(".segment");
      if (this.isOn && row && !target.closest(".time, .fields-of-segment")) this.edit(Number(row.getAttribute("data-at")), target.closest(".speaker") !== null);
    });
    transcript.view.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      const row = target.closest(".segment");
      if (this.isOn && event.key === "Enter" && row && target.matches(".text")) {
        event.preventDefault();
        this.edit(Number(row.getAttribute("data-at")), false);
      }
    });
    draft.addEventListener("change", () => this.#arm(), { signal: closed });
  }

  toggle() {
    this.#open?.close(true);
    this.isOn = !this.isOn;
    this.transcript.view.classList.toggle("editing", this.isOn);
    this.#arm();
    this.dispatchEvent(new Event("toggle"));
  }

  /** In this mode Tab goes from text to text. */
  #arm() {
    for (const row of this.transcript.rows) {
      const text = row.querySelector(".text");
      if (this.isOn) text?.setAttribute("tabindex", "0");
      else text?.removeAttribute("tabindex");
    }
  }

  /** @param {number} at @param {boolean} speakerFirst */
  edit(at, speakerFirst) {
    if (this.#open?.at === at) return;
    this.#open?.close(true);
    const segment = this.draft.segments[at];
    const row = this.transcript.rows[at];
    if (!segment || !row) return;
    const text = h("textarea", { class: "edit-text", "aria-label": t("edit.text"), rows: Math.ceil(segment.text.length / LINE) });
    text.value = segment.text.trim();
    const speaker = h("input", { class: "edit-speaker", "aria-label": t("edit.speaker"), placeholder: t("edit.speaker"), list: "speakers", maxlength: 100, autocomplete: "off", value: segment.speaker ?? "" });
    const everywhere = h("input", { type: "checkbox", checked: true });
    const names = h("datalist", { id: "speakers" }, ...this.draft.speakers.map((name) => h("option", { value: name })));
    const all = segment.speaker ? h("label", { class: "check" }, everywhere, t("edit.everywhere", { name: segment.speaker })) : null;
    const fields = h("div", { class: "fields-of-segment" }, h("div", { class: "who" }, speaker, names, all), text, h("p", { class: "note" }, t("edit.keys")));
    row.classList.add("open");
    row.append(fields);

    const close = (/** @type {boolean} */ keep) => {
      if (this.#open?.at !== at) return;
      this.#open = null;
      fields.remove();
      row.classList.remove("open");
      if (!keep) return;
      this.draft.edit(at, text.value, speaker.value, everywhere.checked);
    };
    const leave = (/** @type {boolean} */ keep, /** @type {number} */ next) => {
      close(keep);
      if (next !== at && this.draft.segments[next]) this.edit(next, false);
      else /** @type {HTMLElement | null} */ (this.transcript.rows[at]?.querySelector(".text"))?.focus();
    };
    fields.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const keys = { Enter: () => leave(true, event.ctrlKey || event.metaKey ? at + 1 : at), Escape: () => leave(false, at) };
      const act = /** @type {Record<string, () => void>} */ (keys)[event.key];
      if (!act || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    fields.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
      if (!fields.contains(/** @type {Node | null} */ (event.relatedTarget)) && document.hasFocus()) close(true);
    });
    this.#open = { at, close };
    const first = speakerFirst ? speaker : text;
    first.focus();
    if (!speakerFirst) text.setSelectionRange(text.value.length, text.value.length);
  }
}
