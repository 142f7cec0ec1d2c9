#!/usr/bin/env python3
"""The table of docs/DECODING.md: the bare engine at several entropy thresholds, on the bundled recordings.

    scripts/decoding_table.py path/to/whisper-cli [--best-of N] [--rounds N]

Wants ffmpeg, and the whisper-cli of whisper.cpp 1.8.3. Greedy, one thread, the language given, no text carried over.
Times are the processor's, the least of all rounds, as multiples of the first threshold's.
"""

import argparse
import json
import pathlib
import re
import resource
import subprocess
import tempfile

FIXTURES = pathlib.Path(__file__).parent.parent / "tests/fixtures"
RECORDINGS = ["en_dense.wav", "long.ogg", "en_phrases.wav", "de_phrases.wav", "es_phrases.wav", "fr_phrases.wav"]
THRESHOLDS = ["2.4", "2.8", "3.0", "3.5"]
# There are six temperatures, and the last one's text is never given up.
MOST_GIVEN_UP = 5


def words(text):
    return re.findall(r"\w+", text.lower())


def errors(said, heard):
    """The least number of words to change, put in or leave out."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def number(pattern, log):
    return int(re.search(pattern, log).group(1))


def run(args, wav, language, threshold):
    """What whisper-cli counted and wrote, and the processor's seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [args.whisper_cli, "-m", FIXTURES / "ggml-words-q8_0.bin", "-f", wav, "-l", language, "-ng", "-t", "1"]
    command += ["-bs", "1", "-bo", str(args.best_of), "-mc", "0", "-et", threshold, "-otxt", "-of", str(wav)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    windows = number(r"encode time =.*/ *(\d+) runs", done.stderr)
    passes = number(r"fallbacks = *(\d+) p", done.stderr)
    decoders = number(r"fallbacks =.*/ *(\d+) h", done.stderr)
    return windows, passes, decoders, pathlib.Path(f"{wav}.txt").read_text(), seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("whisper_cli")
    arguments.add_argument("--best-of", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=3)
    args = arguments.parse_args()
    truth = json.loads((FIXTURES / "audio/truth.json").read_text())
    print("| recording | threshold | windows | failed | decodes given up | failed by entropy | decodes a window | time | word errors |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in RECORDINGS:
            wav = pathlib.Path(folder) / f"{name}.wav"
            source = FIXTURES / "audio" / name
            subprocess.run(["ffmpeg", "-loglevel", "error", "-i", source, "-ar", "16000", "-ac", "1", wav], check=True)
            said, first = words(truth[name]["text"]), None
            for threshold in THRESHOLDS:
                rounds = [run(args, wav, truth[name]["language"], threshold) for _ in range(args.rounds)]
                windows, passes, decoders, text, _ = rounds[0]
                seconds = min(seconds for *_, seconds in rounds)
                first = first or seconds
                wrong = errors(said, words(text))
                print(
                    f"| {name} | {threshold} | {windows} | {-(-passes // MOST_GIVEN_UP)} | {passes} | {decoders} "
                    f"| {1 + passes / windows:.1f} "
                    f"| {seconds / first:.2f} | {wrong} of {len(said)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
