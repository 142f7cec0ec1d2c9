"""Prints rows and totals of an evaluation, and stores them as JSON and as Markdown."""

import dataclasses
import json
import statistics

import numpy as np

from outcome import SUBJECT

# Upper limits of the length classes, in seconds.
CLASSES = {"<= 5 s": 5, "5-15 s": 15, "15-60 s": 60, "> 60 s": float("inf")}
# No recording that is longer than BOUND_MIN_SECS may take more than BOUND_FACTOR times the median time per
# second of audio of these recordings.
BOUND_MIN_SECS = 10
BOUND_FACTOR = 4
START_TITLES = {
    "words_beside_fw": "word starts beside faster-whisper",
    "sentence_starts": "word starts beside known starts of sentences",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One recording, its outcome by engine, and why the subject fails on it."""

    recording: object
    outcomes: dict
    failures: list


def row_line(row):
    recording = row.recording
    cells = [f"{name} {outcome_cell(name, outcome, row)}" for name, outcome in row.outcomes.items()]
    return f"{recording.name} ({recording.length:.1f} s, {recording.language}): " + " | ".join(cells)


def outcome_cell(name, outcome, row):
    parts = [f"{outcome.secs:.1f} s"]
    subject = row.outcomes.get(SUBJECT)
    if subject is not None and name != SUBJECT:
        parts.append(f"(x{subject.secs / outcome.secs:.2f})")
    if outcome.transcript.error is not None:
        return " ".join([*parts, outcome.transcript.error])
    if outcome.score is not None:
        parts.append(f"WER {outcome.score.wer:.3f}")
        for kind in ("lost", "invented"):
            found = [phrase.text for phrase in getattr(outcome.score, kind)]
            if found:
                parts.append(f"{kind} {found if name == SUBJECT else len(found)}")
    if outcome.covered is not None:
        parts.append(f"covered {outcome.covered:.2f}")
    if outcome.text_in_silence is not None:
        parts.append(f"text in silence {outcome.text_in_silence[:60]!r}")
    if outcome.captions:
        parts.append(f"captions {outcome.captions[:3]}")
    if outcome.time_faults:
        parts.append(f"time faults {len(outcome.time_faults)}")
    if outcome.language_is_right is False:
        parts.append(f"wrong language {outcome.transcript.language!r}")
    return " ".join(parts)


def summarize(rows):
    names = list(rows[0].outcomes)
    summary = {"engines": {name: totals(rows, name) for name in names}, "classes": {}}
    lower = 0.0
    for title, upper in CLASSES.items():
        members = [row for row in rows if lower < row.recording.length <= upper]
        lower = upper
        secs = {name: sum(row.outcomes[name].secs for row in members) for name in names}
        summary["classes"][title] = {"recordings": len(members), "secs": secs, "ratios": ratios(secs)}
    summary["ratios"] = ratios({name: total["secs"] for name, total in summary["engines"].items()})
    for kind in ("words_beside_fw", "sentence_starts"):
        found = [
            difference
            for row in rows
            if SUBJECT in row.outcomes
            for difference in getattr(row.outcomes[SUBJECT], kind)
        ]
        if found:
            summary[kind] = {
                "words": len(found),
                "median_secs": round(statistics.median(found), 3),
                "p90_secs": round(float(np.percentile(found, 90)), 3),
            }
    return summary


def totals(rows, name):
    pairs = [(row.recording, row.outcomes[name]) for row in rows]
    scores = [outcome.score for _, outcome in pairs if outcome.score is not None]
    errors, words = sum(score.errors for score in scores), sum(score.words for score in scores)
    turns = [(recording, outcome) for recording, outcome in pairs if outcome.covered is not None]
    speech = sum(recording.speech_secs for recording, _ in turns)
    covered = sum(recording.speech_secs * outcome.covered for recording, outcome in turns)
    return {
        "secs": sum(outcome.secs for _, outcome in pairs),
        "audio_secs": sum(recording.length for recording, _ in pairs),
        "errors": errors,
        "words": words,
        "wer": errors / words if words else None,
        "phrases_lost": sum(len(score.lost) for score in scores),
        "phrases_invented": sum(len(score.invented) for score in scores),
        "wrong_languages": sum(outcome.language_is_right is False for _, outcome in pairs),
        "texts_in_silence": sum(outcome.text_in_silence is not None for _, outcome in pairs),
        "captions": sum(len(outcome.captions) for _, outcome in pairs),
        "time_faults": sum(len(outcome.time_faults) for _, outcome in pairs),
        "failed": sum(outcome.transcript.error is not None for _, outcome in pairs),
        "speech_covered": covered / speech if speech else None,
        "over_bound": over_bound(pairs),
    }


def over_bound(pairs):
    """Recordings that take too long by BOUND_FACTOR: how many times the median each takes, by name."""
    rates = {
        recording.name: outcome.secs / recording.length
        for recording, outcome in pairs
        if recording.length > BOUND_MIN_SECS
    }
    if not rates:
        return {}
    median = statistics.median(rates.values())
    return {name: round(rate / median, 1) for name, rate in rates.items() if rate > BOUND_FACTOR * median}


def ratios(secs):
    """Time of the subject as a multiple of each peer's."""
    if SUBJECT not in secs:
        return {}
    return {name: secs[SUBJECT] / other for name, other in secs.items() if name != SUBJECT and other > 0}


def summary_lines(summary):
    lines = []
    for title, group in length_groups(summary).items():
        times = [f"{name} {time_text(group, name)}" for name in group["secs"]]
        lines.append(f"{title} ({group['recordings']} recordings): " + " | ".join(times))
    for name, total in summary["engines"].items():
        cells = [f"{title} {value}" for title, value in total_cells(total).items()]
        lines.append(f"{name}: " + ", ".join(cells))
    return lines + start_lines(summary)


def total_cells(total):
    """Totals as text by title: the same for the lines and for the table."""

    def number(value, form):
        return "-" if value is None else format(value, form)

    slow = [f"{name} x{factor}" for name, factor in total["over_bound"].items()]
    return {
        "WER": number(total["wer"], ".4f"),
        "words": total["words"],
        "phrases lost": total["phrases_lost"],
        "phrases invented": total["phrases_invented"],
        "wrong languages": total["wrong_languages"],
        "texts in silence": total["texts_in_silence"],
        "captions": total["captions"],
        "time faults": total["time_faults"],
        "failed": total["failed"],
        "speech covered": number(total["speech_covered"], ".3f"),
        f"over {BOUND_FACTOR}x the median time": " and ".join(slow) or "none",
    }


def save_json(path, rows, summary, options, failures):
    document = {
        "options": options,
        "summary": summary,
        "failures": failures,
        "recordings": {row.recording.name: row_json(row) for row in rows},
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def row_json(row):
    engines = {}
    for name, outcome in row.outcomes.items():
        engines[name] = {"secs": outcome.secs, **dataclasses.asdict(outcome)}
        if outcome.score is not None:
            engines[name]["score"]["wer"] = outcome.score.wer
    return {
        "length": row.recording.length,
        "language": row.recording.language,
        "failures": row.failures,
        "engines": engines,
    }


def save_table(path, rows, summary, failures):
    names = list(rows[0].outcomes)
    lines = table(
        ["recording", "length, s", "language"]
        + [title for name in names for title in (f"{name}, s", f"{name} WER")]
        + ["lost", "invented", "covered"],
        [table_row(row, names) for row in rows],
    )
    classes = [
        [title, group["recordings"], *(time_text(group, name) for name in names)]
        for title, group in length_groups(summary).items()
    ]
    lines += ["", *table(["length", "recordings", *names], classes)]
    cells = {name: total_cells(summary["engines"][name]) for name in names}
    totals_by_title = [[title, *(cells[name][title] for name in names)] for title in cells[names[0]]]
    lines += ["", *table(["total", *names], totals_by_title)]
    lines += [f"\n{line}" for line in start_lines(summary)]
    lines += ["", *(f"- {failure}" for failure in failures)] if failures else []
    path.write_text("\n".join(lines) + "\n", "utf-8")


def table_row(row, names):
    cells = [row.recording.name, f"{row.recording.length:.1f}", row.recording.language]
    for name in names:
        outcome = row.outcomes[name]
        cells += [f"{outcome.secs:.1f}", "-" if outcome.score is None else f"{outcome.score.wer:.3f}"]
    # Of the first engine, which is the subject where there is one.
    first = row.outcomes[names[0]]
    for kind in ("lost", "invented"):
        cells.append("-" if first.score is None else len(getattr(first.score, kind)))
    return [*cells, "-" if first.covered is None else f"{first.covered:.2f}"]


def length_groups(summary):
    """The length classes, and all recordings as the last."""
    secs = {name: total["secs"] for name, total in summary["engines"].items()}
    recordings = sum(group["recordings"] for group in summary["classes"].values())
    everything = {"recordings": recordings, "secs": secs, "ratios": summary["ratios"]}
    return {**summary["classes"], "all": everything}


def time_text(group, name):
    ratio = f" (x{group['ratios'][name]:.2f})" if name in group["ratios"] else ""
    return f"{group['secs'][name]:.1f} s{ratio}"


def start_lines(summary):
    return [
        f"{title}: median {summary[kind]['median_secs']} s, 90th percentile {summary[kind]['p90_secs']} s"
        f" ({summary[kind]['words']} words)"
        for kind, title in START_TITLES.items()
        if kind in summary
    ]


def table(titles, rows):
    body = [" | ".join(map(str, row)) for row in [titles, ["---"] * len(titles), *rows]]
    return [f"| {line} |" for line in body]
