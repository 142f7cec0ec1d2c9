// The draft of a transcript, without a browser: words keep their times as far as they stay, and every change can be undone.

import assert from "node:assert/strict";

import { Draft, realign } from "../../web/draft.js";

const word = (text, start, end) => ({ word: ` ${text}`, start, end, probability: 0.5 });
const words = [word("one", 1, 2), word("two", 2, 3), word("three.", 3, 4)];
const times = (text) => realign(words, text, 0.5, 4.5)?.map(({ word, start, end }) => [word.trim(), start, end]) ?? null;

for (const [text, expected] of [
  ["one two three.", [["one", 1, 2], ["two", 2, 3], ["three.", 3, 4]]],
  ["one too three.", [["one", 1, 2], ["too", 2, 3], ["three.", 3, 4]]],
  ["one twenty two three.", [["one", 1, 2], ["twenty", 2, 2], ["two", 2, 3], ["three.", 3, 4]]],
  ["one a bbb three.", [["one", 1, 2], ["a", 2, 2.25], ["bbb", 2.25, 3], ["three.", 3, 4]]],
  ["one three.", [["one", 1, 2], ["three.", 3, 4]]],
  ["so one two three.", [["so", 0.5, 1], ["one", 1, 2], ["two", 2, 3], ["three.", 3, 4]]],
  ["one two three. four", [["one", 1, 2], ["two", 2, 3], ["three.", 3, 4], ["four", 4, 4.5]]],
  ["nothing alike", [["nothing", 1, 2.75], ["alike", 2.75, 4]]],
  ["", null],
]) {
  assert.deepEqual(times(text), expected, text);
}
assert.equal(realign(words, "one too three.", 0, 5)[1].probability, 1, "a person is sure");

const segments = ["a", "b", "a", null].map((speaker, i) => ({ start: i, end: i + 1, text: ` part ${i}`, speaker, words: null, flags: ["repetition"] }));
const draft = new Draft(segments);
const speakers = () => draft.segments.map(({ speaker }) => speaker);
const texts = () => draft.segments.map(({ text }) => text);

draft.edit(1, "part 1", "b", true);
assert.deepEqual([draft.isDirty, draft.canUndo], [false, false], "the same is no change");
draft.edit(0, "part 0", "c", true);
assert.deepEqual(speakers(), ["c", "b", "c", null]);
draft.edit(0, "part 0", "d", false);
assert.deepEqual(speakers(), ["d", "b", "c", null]);
draft.edit(3, " other\n text ", "", true);
assert.deepEqual([draft.segments[3].text, draft.segments[3].flags, draft.segments[3].speaker], [" other text", [], null]);
draft.edit(1, "", "b", true);
assert.deepEqual(texts(), [" part 0", " part 2", " other text"]);
for (let i = 0; i < 4; i += 1) draft.undo();
assert.equal(draft.segments, segments);
assert.equal(draft.isDirty, false);
for (let i = 0; i < 4; i += 1) draft.redo();
assert.deepEqual(speakers(), ["d", "c", null]);
draft.undo();
draft.edit(0, "new", "d", false);
assert.equal(draft.canRedo, false);
const sent = draft.segments;
draft.edit(1, "while it is saved", "d", false);
draft.saved(sent);
assert.equal(draft.isDirty, true, "an edit during a save is not saved by it");
draft.saved(draft.segments);
assert.equal(draft.isDirty, false);
draft.undo();
assert.equal(draft.isDirty, true, "what is saved can be undone, and saved again");
