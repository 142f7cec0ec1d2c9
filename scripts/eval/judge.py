#!/usr/bin/env python3
"""Judges Verbatim, and peers beside it, on recordings with known text.

    judge.py --bin target/release/verbatim --weights DIR --audio DIR [--audio DIR] [--peers fw,fwb,wcpp=PATH]

Each recording is transcribed by one engine after the other, so that times are ratios of one run. Models are
loaded before (whisper-cli loads its model in every call). Peers: fw is faster-whisper int8 with beam 1, fwb
its batched pipeline with 8 windows, wcpp whisper.cpp's whisper-cli, greedy. Without --bin the peers are
judged alone.

WER is the word error rate, texts normalized as Whisper's paper does. A phrase is three or more words in a row
that only one side has: lost where only the truth has them, invented where only the transcript does.

Needs ffprobe, and the packages of requirements.txt; --weights is the folder that weights.py fills.

Exit codes: 0 passed; 1 Verbatim lost or invented a phrase that no peer did (or more of them than the best
peer), wrote text in silence, a time is wrong or a request failed, and with --short also where the WER is too
high; 2 the evaluation did not run.
"""

import argparse
import pathlib
import sys
import time

import report
import scoring
from engines import EngineUnusable, FasterWhisper, Transcript, Verbatim, peer
from outcome import SUBJECT, RecordingUnusable, assess, failures, read_recordings

# The generated recordings of the short form, 55 s together.
SHORT = [
    "en_short.wav",
    "de_short.wav",
    "fr_short.wav",
    "es_short.wav",
    "en_pause.wav",
    "silence.wav",
    "white_noise.wav",
]
# faster-whisper 1.2.1, base int8, beam 1, on these recordings, by espeak-ng 1.51: the same in three runs.
SHORT_WER_MEASURED = 0.220
SHORT_WER_LIMIT = SHORT_WER_MEASURED + 0.05


def transcribe(engine, recording, repeat):
    """Returns the last transcript and the seconds of each repetition."""
    times = []
    for _ in range(repeat):
        start = time.monotonic()
        try:
            transcript = engine.transcribe(recording.path)
        except EngineUnusable:
            raise
        except Exception as error:  # whatever a peer raises is its result on this recording
            transcript = Transcript("", "", error=f"{type(error).__name__}: {error}")
        times.append(time.monotonic() - start)
    return transcript, times


def judge(recordings, engines, repeat, reference):
    """Yields a row for each recording. `reference` is a FasterWhisper for the starts of words, or None."""
    for recording in recordings:
        outcomes = {}
        for name, engine in engines.items():
            outcomes[name] = assess(recording, *transcribe(engine, recording, repeat))
        subject = outcomes.get(SUBJECT)
        if subject is not None and reference is not None and not recording.silent:
            words = reference.transcribe(recording.path, with_words=True).words
            subject.words_beside_fw = scoring.start_differences(
                subject.transcript.words, words, recording.language
            )
        reasons = [] if subject is None else failures(recording, outcomes)
        yield report.Row(recording, outcomes, reasons)


def setting(text):
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f'"{text}" is not a setting; use KEY=VALUE')
    return key, value


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is too small; use 1 or more")
    return value


def parse():
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    add = parser.add_argument
    add("--bin", type=pathlib.Path, help="the verbatim program")
    add("--weights", type=pathlib.Path, required=True, metavar="DIR", help="from weights.py")
    add("--model", type=pathlib.Path, metavar="FILE", help="model of Verbatim; default: DIR/ggml-base.bin")
    add("--audio", type=pathlib.Path, action="append", required=True, metavar="DIR", help="has a truth.json")
    add("--only", nargs="+", metavar="NAME", help="only these recordings")
    add("--short", action="store_true", help="a minute of the generated recordings, with a limit of the WER")
    add("--threads", type=count, default=2, help="threads of every engine; default: 2")
    add("--env", type=setting, action="append", default=[], metavar="KEY=VALUE", help="setting of Verbatim")
    add("--peers", default="", help="comma-separated: fw, fwb, wcpp=PATH")
    add("--repeat", type=count, default=1, metavar="N", help="times are the median of N")
    add("--words-beside-fw", action="store_true", help="compare starts of words with faster-whisper's")
    add("--json", type=pathlib.Path, metavar="FILE", help="store transcripts, scores and totals")
    add("--table", type=pathlib.Path, metavar="FILE", help="store a Markdown table")
    args = parser.parse_args()
    if args.bin is None and not args.peers:
        parser.error("nothing to judge; use --bin, --peers or both")
    if args.bin is not None and not args.bin.is_file():
        parser.error(f"{args.bin} does not exist; build it with cargo build --release")
    if args.short and args.only:
        parser.error("--short and --only exclude each other")
    return args


def evaluate(args, engines):
    """Judges all recordings, prints and stores the result, and returns the failures."""
    recordings = read_recordings(args.audio, SHORT if args.short else args.only)
    model = args.model or args.weights / "ggml-base.bin"
    if args.bin is not None:
        if not model.is_file():
            raise EngineUnusable(f"{model} does not exist; fetch it with weights.py or use --model")
        engines[SUBJECT] = Verbatim(args.bin, model, args.threads, dict(args.env))
    for name in filter(None, args.peers.split(",")):
        engines[name.partition("=")[0]] = peer(name, args.weights, args.threads)
    reference = FasterWhisper(args.weights, args.threads) if args.words_beside_fw and args.bin else None
    rows = []
    for row in judge(recordings, engines, args.repeat, reference):
        print(report.row_line(row), flush=True)
        rows.append(row)
    summary = report.summarize(rows)
    reasons = [f"{row.recording.name}: {reason}" for row in rows for reason in row.failures]
    if args.short and SUBJECT in engines:
        wer = summary["engines"][SUBJECT]["wer"]
        if wer > SHORT_WER_LIMIT:
            reasons.append(f"WER {wer:.3f} is above {SHORT_WER_LIMIT:.3f}")
    print("\n".join(["", *report.summary_lines(summary), *(f"FAIL {reason}" for reason in reasons)]))
    if args.json:
        options = {"model": model.name, "threads": args.threads, "repeat": args.repeat}
        options["settings"] = dict(args.env)
        report.save_json(args.json, rows, summary, options, reasons)
    if args.table:
        report.save_table(args.table, rows, summary, reasons)
    return reasons


def main():
    args = parse()
    engines = {}
    try:
        reasons = evaluate(args, engines)
    except (EngineUnusable, RecordingUnusable) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    finally:
        for engine in engines.values():
            engine.close()
    sys.exit(1 if reasons else 0)


if __name__ == "__main__":
    main()
