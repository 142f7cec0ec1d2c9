"""One recording, and how well one engine transcribed it."""

import dataclasses
import json
import pathlib
import statistics
import subprocess

import scoring
from engines import Transcript

# The engine that is judged; the others are its peers.
SUBJECT = "verbatim"


class RecordingUnusable(Exception):
    """A recording or its truth cannot be read; the message says what to change."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """A recording and what is known about it; `length` and the times in `turns` are in seconds."""

    name: str
    path: pathlib.Path
    length: float
    language: str
    text: str | None
    turns: list
    sentences: list
    silent: bool

    @property
    def speech_secs(self):
        return float(scoring.grid(self.turns, self.length).sum()) / 100


@dataclasses.dataclass
class Outcome:
    """The transcript of one engine, judged. `times` has the seconds of each repetition."""

    transcript: Transcript
    times: list
    score: scoring.Score | None = None
    language_is_right: bool | None = None
    covered: float | None = None
    captions: list = dataclasses.field(default_factory=list)
    text_in_silence: str | None = None
    time_faults: list = dataclasses.field(default_factory=list)
    # Differences of starts, in seconds.
    words_beside_fw: list = dataclasses.field(default_factory=list)
    sentence_starts: list = dataclasses.field(default_factory=list)

    @property
    def secs(self):
        return statistics.median(self.times)


def read_recordings(folders, only):
    """Recordings of all folders in the order of their truth.json; those in `only` where it names some."""
    recordings = {}
    for folder in folders:
        try:
            truth = json.loads((folder / "truth.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RecordingUnusable(f"{folder / 'truth.json'} cannot be read: {error}") from error
        for name, known in truth.items():
            if only and name not in only:
                continue
            if name in recordings:
                raise RecordingUnusable(f"recording {name!r} is in two folders; rename one")
            recordings[name] = read_recording(folder / name, known)
    missing = [name for name in only or [] if name not in recordings]
    if missing:
        raise RecordingUnusable(f"recording {missing[0]!r} is in none of the folders that --audio names")
    return list(recordings.values())


def read_recording(path, known):
    return Recording(
        name=path.name,
        path=path,
        length=duration(path),
        language=known["language"],
        text=known.get("text"),
        turns=known.get("turns") or [],
        sentences=known.get("sentences") or [],
        silent=known.get("silent", False),
    )


def duration(path):
    """Seconds of a recording, as ffprobe reads them."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
    try:
        return float(subprocess.run(command, check=True, capture_output=True).stdout)
    except FileNotFoundError as error:
        raise RecordingUnusable("ffprobe is not installed; install the package ffmpeg") from error
    except (subprocess.CalledProcessError, ValueError) as error:
        raise RecordingUnusable(f"ffprobe cannot read the duration of {path}") from error


def assess(recording, transcript, times):
    """Judges a transcript by everything that is known about the recording."""
    outcome = Outcome(transcript, times, captions=scoring.captions(transcript.text))
    if recording.text:
        # Where the engine failed the text is empty: every word counts as an error.
        outcome.score = scoring.score(transcript.text, recording.text, recording.language)
    if transcript.error is not None:
        return outcome
    if not recording.silent:
        outcome.language_is_right = scoring.is_language(transcript.language, recording.language)
    elif scoring.tokens(transcript.text, "en"):
        outcome.text_in_silence = transcript.text.strip()
    if recording.turns:
        outcome.covered = scoring.covered(recording.turns, transcript.segments, recording.length)
    outcome.time_faults = scoring.time_faults(transcript, recording.length)
    if recording.sentences and transcript.words:
        outcome.sentence_starts = scoring.sentence_differences(
            transcript.words, recording.sentences, recording.language
        )
    return outcome


def failures(recording, outcomes):
    """Why the outcome of the subject is not acceptable, one sentence for each reason."""
    outcome = outcomes[SUBJECT]
    if outcome.transcript.error is not None:
        return [outcome.transcript.error]
    found = list(outcome.time_faults)
    if outcome.text_in_silence is not None:
        found.append(f"text in silence: {outcome.text_in_silence[:60]!r}")
    if outcome.score is None:
        return found
    others = [other for name, other in outcomes.items() if name != SUBJECT]
    # A peer that failed is not an excuse for a lost phrase.
    scores = [other.score for other in others if other.score is not None and other.transcript.error is None]
    for kind in ("lost", "invented"):
        phrases = getattr(outcome.score, kind)
        peers = [getattr(other, kind) for other in scores]
        own = scoring.own_phrases(phrases, peers)
        fewest = min(map(len, peers), default=0)
        if own:
            found += [f"phrase {kind}: {phrase.text!r}" for phrase in own]
        elif len(phrases) > fewest:
            found.append(f"phrases {kind}: {len(phrases)}, and {fewest} by a peer")
    return found
