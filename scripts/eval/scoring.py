"""Compares a transcript with what was said: word errors, phrases, speech covered, faults in times.

Texts are normalized as Whisper's paper does (whisper-normalizer), captions such as "[Music]" left out before.
"""

import dataclasses
import re

import numpy as np
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

# So many words in a row that only one side has are a phrase.
PHRASE_WORDS = 3
# Phrases of two transcripts are the same when they are at most so many words apart in the text.
PHRASE_SLACK = 2
# A time may be off by rounding: order of starts, word within its segment; end of the recording.
TIME_SLACK = 0.05
END_SLACK = 0.1

CAPTION = re.compile(r"\[[^\]]*\]|\([^)]*\)|♪")
ENGLISH = EnglishTextNormalizer()
OTHER = BasicTextNormalizer()
# Languages that are written without spaces: a character counts as a word.
BY_CHARACTER = BasicTextNormalizer(split_letters=True)

# Names as /v1/audio/transcriptions returns them, for the languages of known recordings.
LANGUAGE_NAMES = {
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "zh": "chinese",
}


@dataclasses.dataclass(frozen=True)
class Edit:
    """One step from what was said to what was transcribed.

    `kind` is "=", "s" (substituted), "d" (only said) or "i" (only transcribed). The positions count the words
    before it.
    """

    kind: str
    word: str
    said_at: int
    transcribed_at: int


@dataclasses.dataclass(frozen=True)
class Phrase:
    """Words in a row that only one side has, and the words of the truth between which they stand."""

    text: str
    start: int
    end: int

    def touches(self, other):
        return self.start <= other.end + PHRASE_SLACK and other.start <= self.end + PHRASE_SLACK


@dataclasses.dataclass(frozen=True)
class Score:
    errors: int
    words: int
    lost: list
    invented: list

    @property
    def wer(self):
        return self.errors / max(1, self.words)


def tokens(text, language):
    text = CAPTION.sub(" ", text)
    if language in ("zh", "ja"):
        return BY_CHARACTER(text).split()
    return (ENGLISH if language == "en" else OTHER)(text).split()


def captions(text):
    return CAPTION.findall(text)


def is_language(answer, code):
    return answer.lower() in (code, LANGUAGE_NAMES.get(code, code))


def score(text, truth, language):
    said = tokens(truth, language)
    edits = align(said, tokens(text, language))
    errors = sum(edit.kind != "=" for edit in edits)
    return Score(errors, len(said), phrases(edits, "d"), phrases(edits, "i"))


def align(said, transcribed):
    """The fewest edits from one list of words to the other; a substitution is preferred, then a deletion."""
    rows, columns = len(said), len(transcribed)
    cost = [list(range(columns + 1))]
    for i in range(1, rows + 1):
        above, row = cost[-1], [i]
        for j in range(1, columns + 1):
            substitution = above[j - 1] + (said[i - 1] != transcribed[j - 1])
            row.append(min(above[j] + 1, row[j - 1] + 1, substitution))
        cost.append(row)
    edits, i, j = [], rows, columns
    while i or j:
        differs = i > 0 and j > 0 and said[i - 1] != transcribed[j - 1]
        if i and j and cost[i][j] == cost[i - 1][j - 1] + differs:
            i, j = i - 1, j - 1
            edits.append(Edit("s" if differs else "=", said[i], i, j))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            edits.append(Edit("d", said[i], i, j))
        else:
            j -= 1
            edits.append(Edit("i", transcribed[j], i, j))
    return edits[::-1]


def phrases(edits, kind):
    """Runs of at least PHRASE_WORDS edits of one kind."""
    found, run = [], []
    for edit in [*edits, None]:
        if edit is not None and edit.kind == kind:
            run.append(edit)
            continue
        if len(run) >= PHRASE_WORDS:
            found.append(Phrase(" ".join(step.word for step in run), run[0].said_at, run[-1].said_at))
        run = []
    return found


def own_phrases(phrases_here, phrases_of_peers):
    """Phrases that no peer has: `phrases_of_peers` is a list of their lists."""
    return [
        phrase
        for phrase in phrases_here
        if not any(phrase.touches(other) for others in phrases_of_peers for other in others)
    ]


def covered(turns, segments, length):
    """The share of the speech in `turns` that lies within a segment."""
    said, transcribed = grid(turns, length), grid(segments, length)
    return float((said & transcribed).sum() / max(1, said.sum()))


def grid(spans, length):
    """For every hundredth of a second whether it lies in a span."""
    times = np.arange(int(length * 100)) / 100
    inside = np.zeros(len(times), bool)
    for start, end in spans:
        inside |= (times >= start) & (times < end)
    return inside


def time_faults(transcript, length):
    """Times that are not monotone or outside the recording, and words outside every segment."""
    faults, last = [], 0.0
    for start, end in transcript.segments:
        if not 0 <= start <= end <= length + END_SLACK:
            faults.append(f"segment {start}..{end} is outside the recording of {length:.1f} s")
        if start < last - TIME_SLACK:
            faults.append(f"segment starts at {start}, before {last}")
        last = start
    last = 0.0
    for start, end, word in transcript.words:
        if not 0 <= start <= end <= length + END_SLACK:
            faults.append(f"word {word!r} {start}..{end} is outside the recording of {length:.1f} s")
        if start < last - TIME_SLACK:
            faults.append(f"word {word!r} starts at {start}, before {last}")
        last = start
        if not any(
            first - TIME_SLACK <= start and end <= final + TIME_SLACK for first, final in transcript.segments
        ):
            faults.append(f"word {word!r} {start}..{end} is outside every segment")
    return faults


def timed_tokens(words, language):
    """Normalized tokens and the start of the word that each is a part of."""
    pairs = [(token, start) for start, _, word in words for token in tokens(word, language)]
    return [token for token, _ in pairs], [start for _, start in pairs]


def start_differences(words, reference, language):
    """Seconds between the starts of the words that match, without sign."""
    here, starts = timed_tokens(words, language)
    there, reference_starts = timed_tokens(reference, language)
    return [
        abs(starts[edit.transcribed_at] - reference_starts[edit.said_at])
        for edit in align(there, here)
        if edit.kind == "="
    ]


def sentence_differences(words, sentences, language):
    """Seconds between the known start of a sentence and that of its first word, where that word matches."""
    here, starts = timed_tokens(words, language)
    said, first_words = [], {}
    for start, _, text in sentences:
        first_words[len(said)] = start
        said += tokens(text, language)
    return [
        abs(starts[edit.transcribed_at] - first_words[edit.said_at])
        for edit in align(said, here)
        if edit.kind == "=" and edit.said_at in first_words
    ]
