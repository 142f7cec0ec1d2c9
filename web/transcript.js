// A transcript to read: segments with their times, words that can be played, and what is doubtful about them.

import { h } from "./dom.js";
import { clock, t } from "./i18n.js";

/** @typedef {import("./types.d.ts").Segment} Segment */
/** @typedef {import("./types.d.ts").Word} Word */

/** Words below this probability are marked. */
const DOUBTFUL = 0.5;

export class Transcript {
  /** @type {Segment[]} */
  segments = [];
  /** @type {HTMLElement[]} */
  rows = [];
  /** When each segment begins, to find the one that is played. @type {number[]} */
  #starts = [];
  #current = -1;
  /** @type {Element | null} */
  #word = null;

  /** @param {(secs: number) => void} onSeek */
  constructor(onSeek) {
    this.view = h("div", { class: "transcript", id: "transcript" });
    this.view.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      // A text that was selected, to copy it, is not played.
      if (!target.closest(".time") && getSelection()?.isCollapsed === false) return;
      const at = target.closest("[data-start]");
      if (at && !target.closest("textarea, input") && !this.view.classList.contains("editing")) onSeek(Number(at.getAttribute("data-start")));
      else if (target.closest(".time")) onSeek(Number(target.closest(".time")?.getAttribute("data-start")));
    });
    // Tab stops at one time; arrow keys go on from there.
    this.view.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const row = step && target.matches(".time") ? this.rows[Number(target.closest(".segment")?.getAttribute("data-at")) + step] : null;
      if (!row) return;
      event.preventDefault();
      this.#stopAt(row);
      /** @type {HTMLElement} */ (row.querySelector(".time")).focus();
    });
  }

  /** @type {Element | null} */
  #stop = null;

  /** @param {Element | undefined} row where Tab stops */
  #stopAt(row) {
    this.#stop?.setAttribute("tabindex", "-1");
    this.#stop = row?.querySelector(".time") ?? null;
    this.#stop?.setAttribute("tabindex", "0");
  }

  /** Shows these; rows of segments that did not change stay. @param {Segment[]} segments */
  show(segments) {
    const known = this.segments;
    const places = new Map(known.map((segment, i) => [segment, i]));
    const rows = segments.map((segment, i) => {
      const speaker = showsSpeaker(segments, i);
      const old = places.get(segment);
      return old !== undefined && showsSpeaker(known, old) === speaker ? this.rows[old] : this.#row(segment, speaker);
    });
    if (segments.length && rows.length === this.rows.length) rows.forEach((row, i) => row !== this.rows[i] && this.rows[i].replaceWith(row));
    else this.view.replaceChildren(...rows);
    rows.forEach((row, i) => row.setAttribute("data-at", String(i)));
    this.#take(segments, rows);
  }

  /** Adds one at the end, as segments arrive. @param {Segment} segment */
  add(segment) {
    const segments = [...this.segments, segment];
    const row = this.#row(segment, showsSpeaker(segments, segments.length - 1));
    row.setAttribute("data-at", String(this.rows.length));
    this.view.append(row);
    this.#take(segments, [...this.rows, row]);
  }

  /** @param {Segment[]} segments @param {HTMLElement[]} rows */
  #take(segments, rows) {
    this.segments = segments;
    this.rows = rows;
    this.#starts = segments.map(({ start }) => start);
    this.#current = -1;
    this.#word = null;
    if (!this.#stop?.isConnected) this.#stopAt(rows[0]);
  }

  /** @param {Segment} segment @param {string | null} speaker */
  #row(segment, speaker) {
    const flags = (segment.flags ?? []).map((flag) => h("span", { class: "flag", title: t(`flag.${flag}.why`) }, t(`flag.${flag}`)));
    return h(
      "div",
      { class: "segment" },
      speaker ? h("p", { class: "speaker" }, speaker) : null,
      h("button", { type: "button", class: "time", tabindex: -1, "data-start": segment.start, "aria-label": t("transcript.play", { at: clock(segment.start) }) }, clock(segment.start)),
      h("p", { class: "text", "data-start": segment.words ? null : segment.start }, ...spans(segment), ...flags),
    );
  }

  /** Marks what is said at a time, and gives the segment's row when it is another one than before. @param {number} secs */
  mark(secs) {
    const at = lastAtOrBefore(this.#starts, secs);
    const before = this.#current;
    if (at !== before) {
      this.rows[before]?.classList.remove("current");
      this.rows[at]?.classList.add("current");
      if (at >= 0 && !this.view.contains(document.activeElement)) this.#stopAt(this.rows[at]);
      this.#current = at;
    }
    const words = this.segments[at]?.words ?? [];
    const number = lastAtOrBefore(words.map(({ start }) => start), secs);
    const word = number < 0 ? null : (this.rows[at]?.querySelectorAll(".text > [data-start]")[number] ?? null);
    if (word !== this.#word) {
      this.#word?.classList.remove("said");
      word?.classList.add("said");
      this.#word = word;
    }
    return at !== before ? (this.rows[at] ?? null) : null;
  }

  /** When the segment before or after the present one begins. @param {1 | -1} step */
  neighbour(step) {
    const at = Math.min(Math.max(this.#current + step, 0), this.segments.length - 1);
    return this.segments[at]?.start ?? 0;
  }

  /** How many words are doubtful. */
  get doubtful() {
    return this.segments.reduce((sum, { words }) => sum + (words ?? []).filter(isDoubtful).length, 0);
  }
}

/** The name above a segment: where another one speaks than before. @param {Segment[]} segments @param {number} at */
function showsSpeaker(segments, at) {
  const name = nameOf(segments[at]);
  return name !== nameOf(segments[at - 1]) ? name : null;
}

/** @param {Segment | undefined} segment */
function nameOf(segment) {
  if (!segment) return null;
  return segment.speaker ?? (segment.channel === undefined ? null : t("transcript.channel", { n: segment.channel + 1 }));
}

/** @param {Word} word */
function isDoubtful({ probability }) {
  return probability < DOUBTFUL;
}

/** A segment's text, word by word where their times are known. @param {Segment} segment @returns {(Node | string)[]} */
function spans({ words, text }) {
  if (!words?.length) return [text.trim()];
  return words.flatMap((word, i) => {
    const lead = i > 0 && /^\s/.test(word.word) ? " " : "";
    const percent = Math.round(word.probability * 100);
    const doubt = isDoubtful(word) ? { class: "doubtful", title: t("transcript.doubtful", { percent }) } : {};
    return [lead, h("span", { "data-start": word.start, ...doubt }, word.word.trim())];
  });
}

/** @param {number[]} sorted @param {number} value @returns {number} -1 where all are greater */
function lastAtOrBefore(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value + 0.001) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
