#!/usr/bin/env python3
"""Word error rates of Verbatim and of whisper-cli, same model, greedy, on the same recordings, as a table.

    scripts/wer.py --whisper-cli PATH [--hours 2] [RECORDING...]

PATH is whisper.cpp's own program, of the version that the engine has (1.8.3). Recordings are those of
tests/fixtures/audio unless some are named; beside each one lies a .json with its true text, or a truth.json has it.
--hours makes two more, as `make fidelity` does. Needs ffmpeg, and for --hours espeak-ng. What it ends with: 1 where
Verbatim makes more errors than whisper-cli.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures"


def words(text):
    return re.findall(r"\w+", text.lower())


def errors(said, heard, slack=600):
    """The fewest words to change, leave out and put in, near the diagonal."""
    slack += abs(len(said) - len(heard))
    far = len(said) + len(heard)
    low, row = 0, list(range(min(len(heard), slack) + 1))
    for i, word in enumerate(said, 1):
        middle = i * len(heard) // len(said)
        first, last = max(0, middle - slack), min(len(heard), middle + slack)
        fresh = []
        for j in range(first, last + 1):
            above = row[j - low] if low <= j < low + len(row) else far
            corner = row[j - 1 - low] if low <= j - 1 < low + len(row) else far
            best = above + 1
            if j > 0:
                best = min(best, corner + (word != heard[j - 1]))
            if fresh:
                best = min(best, fresh[-1] + 1)
            fresh.append(best)
        low, row = first, fresh
    return row[len(heard) - low]


def truth_of(recording):
    beside = recording.with_suffix(".json")
    if beside.exists():
        return json.loads(beside.read_text("utf-8"))
    return json.loads((recording.parent / "truth.json").read_text("utf-8"))[recording.name]


def by_verbatim(args, recording, _):
    settings = {"VERBATIM__MODEL__PATH": str(args.model), "VERBATIM__ENGINE__THREADS": str(args.threads)}
    command = [args.verbatim, "transcribe", recording, "--format", "text", "--progress", "none"]
    return run(command, {**os.environ, **settings})


def by_whisper_cli(args, recording, folder):
    # It knows no Opus, and takes other rates for itself.
    wave, out = folder / "recording.wav", folder / "heard"
    run(["ffmpeg", "-v", "error", "-y", "-i", recording, "-ac", "1", "-ar", "16000", wave], os.environ)
    # Greedy, without the text of earlier windows, which this small model is led astray by.
    options = ["-l", "auto", "-bs", "1", "-bo", "1", "-mc", "0", "-t", str(args.threads)]
    run([args.whisper_cli, "-m", args.model, *options, "-otxt", "-of", out, "-f", wave], os.environ)
    return out.with_suffix(".txt").read_text("utf-8", errors="replace")


def run(command, env):
    done = subprocess.run(list(map(str, command)), env=env, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return done.stdout.decode("utf-8", errors="replace")


def generated(hours, folder):
    for style, seed in [("mixed", 21), ("pressed", 22)]:
        recording = folder / f"{style}, {hours:g} h.wav"
        speech = [sys.executable, ROOT / "tests/clients/speech.py", recording]
        run([*speech, "--secs", hours * 3600, "--seed", seed, "--style", style], os.environ)
        yield recording


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=pathlib.Path, metavar="RECORDING")
    parser.add_argument("--whisper-cli", required=True, metavar="PATH")
    parser.add_argument("--verbatim", default=ROOT / "target/release/verbatim", metavar="PATH")
    parser.add_argument("--model", default=FIXTURES / "ggml-words-q8_0.bin", metavar="FILE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hours", type=float, default=0)
    args = parser.parse_args()
    worse = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        recordings = args.recordings or sorted(
            FIXTURES / "audio" / name for name in json.loads((FIXTURES / "audio/truth.json").read_text("utf-8"))
        )
        recordings += generated(args.hours, folder) if args.hours else []
        print("| recording | words | Verbatim | whisper-cli |\n| --- | --- | --- | --- |")
        for recording in recordings:
            said = words(truth_of(recording)["text"])
            wrong = [
                errors(said, words(hear(args, recording, folder))) for hear in (by_verbatim, by_whisper_cli)
            ]
            # Where nothing is said every word is one too many.
            rates = [f"{count / len(said):.4f}" if said else f"{count} words" for count in wrong]
            print(f"| {recording.name} | {len(said)} | {rates[0]} | {rates[1]} |", flush=True)
            worse = worse or wrong[0] > wrong[1]
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
