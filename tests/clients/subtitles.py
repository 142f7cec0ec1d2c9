"""Reads transcripts with the libraries that others read them with, and holds what they find to what was written:
subtitles.py FOLDER. `expected.json` has each segment's text, the line that is shown of it, and its times in milliseconds."""

import csv
import html
import json
import sys
from datetime import timedelta
from pathlib import Path

import pysubs2
import srt
import webvtt

folder = Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
shown = {name: [cue for cue in cues if cue["line"]] for name, cues in expected.items()}


def read(name):
    return (folder / name).read_bytes().decode("utf-8")


def same(reader, found, wanted):
    found, wanted = list(found), list(wanted)
    assert len(found) == len(wanted), (reader, len(found), len(wanted))
    for theirs, mine in zip(found, wanted):
        assert theirs == mine, f"{reader}: {theirs} where {mine} was written"


def lines(cues, written=str):
    return [(cue["start"], cue["end"], written(cue["line"])) for cue in cues]


def without_arrows(text):
    """SubRip has no escapes: an arrow loses a stroke."""
    while "-->" in text:
        text = text.replace("-->", "->")
    return text


def from_srt(text):
    """And what a reader takes for a tag begins with another sign."""
    return text.replace("‹", "<").replace("(\\", "{\\")


def millis(time):
    return time // timedelta(milliseconds=1)


def letters(text):
    return "".join(text.split())


def by_webvtt(name):
    for cue in webvtt.from_string(read(name)):
        text = html.unescape(cue.text)
        yield cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds(), text


def by_srt(name):
    for number, cue in enumerate(srt.parse(read(name), ignore_errors=False), 1):
        assert cue.index == number, cue
        yield millis(cue.start), millis(cue.end), from_srt(cue.content)


same("webvtt-py", by_webvtt("all.vtt"), lines(shown["all"]))
same("srt", by_srt("all.srt"), lines(shown["all"], without_arrows))
for name, written, meant in [("few.srt", without_arrows, from_srt), ("few.vtt", str, html.unescape)]:
    cues = pysubs2.SSAFile.from_string(read(name))
    same(f"pysubs2, {name}", [(cue.start, cue.end, meant(cue.text)) for cue in cues], lines(shown["few"], written))

for name, cues, written in [("shaped.vtt", by_webvtt, str), ("shaped.srt", by_srt, without_arrows)]:
    cues = list(cues(name))
    assert len(cues) > len(shown["all"]) and max(len(text.split("\n")) for *_, text in cues) == 2
    wanted = letters("".join(written(cue["line"]) for cue in shown["all"]))
    assert letters("".join(text for *_, text in cues)) == wanted, name
    assert all(start < end for start, end, _ in cues)
    assert all(before[1] <= after[0] for before, after in zip(cues, cues[1:]))

rows = list(csv.reader(read("all.tsv").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
assert rows[0] == ["start", "end", "text"]
found = [(int(start), int(end), text) for start, end, text in rows[1:]]
same("csv", found, lines(expected["all"]))

for name in ["all.json", "all.verbose_json"]:
    document = json.loads(read(name))
    found = [(round(s["start"] * 1000), round(s["end"] * 1000), s["text"]) for s in document["segments"]]
    same(name, found, [(cue["start"], cue["end"], cue["text"]) for cue in expected["all"]])
    assert document["text"] == "".join(cue["text"] for cue in expected["all"]).strip()

assert list(by_webvtt("empty.vtt")) == [] and list(by_srt("empty.srt")) == []
