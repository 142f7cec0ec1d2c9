// A transcript as it is edited: every change can be undone, and words keep their times as far as they stay.

/** @typedef {import("./types.d.ts").Segment} Segment */
/** @typedef {import("./types.d.ts").Word} Word */

const MOST_UNDO = 500;

/** Those that are not saved yet, by their jobs: leaving a view loses none. @type {Map<string, Draft>} */
const unsaved = new Map();

/** The draft of a job: the one that was left unsaved, or a fresh one. @param {string} job @param {Segment[]} segments */
export function draftOf(job, segments) {
  const left = unsaved.get(job);
  if (left) return left;
  const draft = new Draft(segments);
  draft.addEventListener("change", () => {
    if (draft.isDirty) unsaved.set(job, draft);
    else unsaved.delete(job);
  });
  return draft;
}

/** Whether anything is unsaved. */
export function hasUnsaved() {
  return unsaved.size > 0;
}

export class Draft extends EventTarget {
  /** @type {Segment[]} */
  segments;
  /** The version of the service that it began from. */
  base = 0;
  /** @type {Segment[][]} */
  #undo = [];
  /** @type {Segment[][]} */
  #redo = [];
  /** What the service has. @type {Segment[]} */
  #saved;

  /** @param {Segment[]} segments are not changed: each change makes new ones */
  constructor(segments) {
    super();
    this.segments = this.#saved = segments;
  }

  get canUndo() {
    return this.#undo.length > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  get isDirty() {
    return this.segments !== this.#saved;
  }

  /** The service has these; what was edited since is not saved. @param {Segment[]} segments */
  saved(segments) {
    this.#saved = segments;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Gives a segment another text and speaker, in one step. A segment without text goes.
   * @param {number} at @param {string} text @param {string} speaker @param {boolean} everywhere whether all of the same speaker get it
   */
  edit(at, text, speaker, everywhere) {
    const old = this.segments[at];
    if (!old) return;
    const clean = text.replace(/\s+/g, " ").trim();
    const spoken = clean === old.text.trim() ? old : reworded(old, clean);
    const named = renamed(this.segments.with(at, spoken), at, speaker.trim() || null, everywhere);
    const segments = clean ? named : named.toSpliced(at, 1);
    if (segments.length !== this.segments.length || segments.some((segment, i) => segment !== this.segments[i])) this.#change(segments);
  }

  /** Puts another version in place, which can be undone as well. @param {Segment[]} segments */
  replace(segments) {
    this.#change(segments);
  }

  /** What the service has, before anything is changed. @param {Segment[]} segments */
  reset(segments) {
    this.segments = this.#saved = segments;
    this.#undo = this.#redo = [];
    this.dispatchEvent(new Event("change"));
  }

  undo() {
    this.#step(this.#undo, this.#redo);
  }

  redo() {
    this.#step(this.#redo, this.#undo);
  }

  /** The names that there are. */
  get speakers() {
    return [...new Set(this.segments.flatMap(({ speaker }) => (speaker ? [speaker] : [])))];
  }

  /** @param {Segment[]} segments */
  #change(segments) {
    this.#undo = [...this.#undo.slice(-MOST_UNDO), this.segments];
    this.#redo = [];
    this.segments = segments;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Segment[][]} from @param {Segment[][]} to */
  #step(from, to) {
    const segments = from.pop();
    if (!segments) return;
    to.push(this.segments);
    this.segments = segments;
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Segment} old @param {string} text @returns {Segment} */
function reworded(old, text) {
  const lead = /^\s/.test(old.text) ? " " : "";
  const words = old.words && realign(old.words, text, old.start, old.end);
  return { ...old, text: lead + text, words, flags: [] };
}

/** @param {Segment[]} segments @param {number} at @param {string | null} speaker @param {boolean} everywhere */
function renamed(segments, at, speaker, everywhere) {
  const old = segments[at].speaker ?? null;
  if (speaker === old) return segments;
  const isMeant = (/** @type {Segment} */ segment, /** @type {number} */ i) => i === at || (everywhere && old !== null && (segment.speaker ?? null) === old);
  return segments.map((segment, i) => (isMeant(segment, i) ? { ...segment, speaker } : segment));
}

/**
 * Times for an edited text. Words at its beginning and its end that were there before keep theirs; those between share the time
 * between, by their lengths.
 * @param {Word[]} old @param {string} text @param {number} start @param {number} end of the segment
 * @returns {Word[] | null} null where no text is left
 */
export function realign(old, text, start, end) {
  const spelled = text.split(" ").filter(Boolean);
  if (!spelled.length) return null;
  const same = (/** @type {number} */ a, /** @type {number} */ b) => old[a]?.word.trim() === spelled[b];
  let head = 0;
  while (head < Math.min(old.length, spelled.length) && same(head, head)) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, spelled.length) - head && same(old.length - 1 - tail, spelled.length - 1 - tail)) tail += 1;
  const middle = spelled.slice(head, spelled.length - tail);
  const replaced = old.slice(head, old.length - tail);
  const from = replaced[0]?.start ?? old[head - 1]?.end ?? start;
  const to = Math.max(from, replaced.at(-1)?.end ?? old[old.length - tail]?.start ?? end);
  const letters = middle.reduce((sum, word) => sum + word.length, 0);
  let done = 0;
  const timed = middle.map((word) => {
    const began = from + ((to - from) * done) / letters;
    done += word.length;
    return { word: ` ${word}`, start: round(began), end: round(from + ((to - from) * done) / letters), probability: 1 };
  });
  return [...old.slice(0, head), ...timed, ...old.slice(old.length - tail)];
}

/** To milliseconds, as the service has times. @param {number} secs */
function round(secs) {
  return Math.round(secs * 1000) / 1000;
}
