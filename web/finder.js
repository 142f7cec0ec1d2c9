// Find in a transcript: marks all places and steps through them.

import { fill, h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./transcript.js").Transcript} Transcript */

/** Marks without changing the text, where the browser can. */
const registry = globalThis.CSS?.highlights;

export class Finder {
  /** @type {Range[]} */
  #found = [];
  #at = -1;

  /** @param {Transcript} transcript */
  constructor(transcript) {
    this.transcript = transcript;
    this.input = h("input", { type: "search", id: "find", placeholder: t("find.in"), "aria-label": t("find.in"), oninput: () => this.search(true) });
    this.input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.clear();
    });
    this.count = h("span", { class: "count", role: "status" });
    this.steps = h(
      "span",
      { class: "steps", hidden: true },
      iconButton("up", t("find.before"), { onclick: () => this.step(-1) }),
      iconButton("down", t("find.after"), { onclick: () => this.step(1) }),
    );
    this.view = h("div", { class: "find" }, icon("search"), this.input, this.count, this.steps);
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  clear() {
    this.input.value = "";
    this.search();
    this.input.blur();
  }

  /** @param {boolean} [jump] to the first place */
  search(jump = false) {
    const wanted = this.input.value.trim().toLowerCase();
    this.#found = wanted ? this.transcript.rows.flatMap((row) => rangesOf(row.querySelector(".text"), wanted)) : [];
    this.#at = -1;
    this.steps.hidden = this.#found.length < 2;
    if (registry && this.#found.length) registry.set("found", new Highlight(...this.#found));
    else registry?.delete("found");
    registry?.delete("found-here");
    fill(this.count, wanted ? t("find.count", { n: this.#found.length }) : "");
    if (jump && this.#found.length) this.step(1);
  }

  /** @param {1 | -1} by */
  step(by) {
    const total = this.#found.length;
    if (!total) return;
    this.#at = (this.#at + by + total) % total;
    const range = this.#found[this.#at];
    registry?.set("found-here", new Highlight(range));
    range.startContainer.parentElement?.scrollIntoView({ block: "center" });
    fill(this.count, t("find.at", { at: this.#at + 1, of: total }));
  }
}

/** Where a text is within an element, over the borders of its words. @param {Element | null} element @param {string} wanted @returns {Range[]} */
function rangesOf(element, wanted) {
  if (!element) return [];
  const text = element.textContent?.toLowerCase() ?? "";
  let at = text.indexOf(wanted);
  if (at < 0) return [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  /** @type {{ node: Text, start: number }[]} */
  const nodes = [];
  for (let node = walker.nextNode(), start = 0; node; node = walker.nextNode()) {
    nodes.push({ node: /** @type {Text} */ (node), start });
    start += /** @type {Text} */ (node).length;
  }
  const holder = (/** @type {number} */ place) => /** @type {{ node: Text, start: number }} */ (nodes.findLast(({ start }) => start <= place));
  const ranges = [];
  for (; at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    const range = new Range();
    const [from, to] = [holder(at), holder(at + wanted.length - 1)];
    range.setStart(from.node, at - from.start);
    range.setEnd(to.node, at + wanted.length - to.start);
    ranges.push(range);
  }
  return ranges;
}
