#!/usr/bin/env python3
"""Generates recordings with known text and times: speech.py OUT.

espeak-ng speaks texts.py sentence by sentence, in English, German, French and Spanish. The times in
OUT/truth.json come from how a recording was put together: a sentence starts and ends where its sound does.
The same espeak-ng generates the same recordings.

truth.json has by file name: `language`, `text` (null where nothing is said), `turns` (seconds of speech, as
[start, end]), `silent` where there is no speech, `sentences` ([start, end, text]), `hotwords` where the text
has unusual words.
"""

import argparse
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import wave

import numpy as np

import texts

# espeak-ng's voice and words per minute by language. With most others in German and French, Whisper base
# detects a wrong language.
VOICES = {"en": ("en-us", 165), "de": ("de+m3", 165), "fr": ("fr+m3", 165), "es": ("es", 165)}
# Whisper base transcribes the short French text by this voice at temperature 0, so its errors do not vary.
STEADY_FRENCH = ("fr", 150)
# Of espeak-ng's recordings, in Hz.
RATE = 22050
# Peak of the noise under every recording, of 32,767: a recording of nothing but zeros is rare.
NOISE_FLOOR = 30
# Peak of a frame that counts as sound, of 32,767.
SOUND = 150
FRAME_SECS = 0.01


@dataclasses.dataclass(frozen=True)
class Recording:
    """How a recording is put together; times are in seconds."""

    language: str
    sentences: list
    # Instead of the language's.
    voice: tuple | None = None
    lead: float = 0.4
    gap: float = 0.4
    # Pauses within a sentence are cut to this length.
    longest_pause: float | None = None
    # The first sentences that are spoken softly, and their volume.
    soft_sentences: int = 0
    soft_volume: float = 0.05
    hotwords: list = dataclasses.field(default_factory=list)


RECORDINGS = {
    "en_short.wav": Recording("en", texts.EN_SHORT),
    "en_market.wav": Recording("en", texts.EN_MARKET),
    "en_bicycle.wav": Recording("en", texts.EN_BICYCLE),
    "en_names.wav": Recording("en", texts.EN_NAMES, hotwords=texts.HOTWORDS),
    "en_pause.wav": Recording("en", texts.EN_PAUSE, gap=8.0),
    "en_late.wav": Recording("en", texts.EN_LATE, lead=6.0),
    "en_soft.wav": Recording("en", texts.EN_SOFT, soft_sentences=2),
    "en_dense.wav": Recording("en", texts.EN_DENSE, lead=0.1, gap=0.1, longest_pause=0.1),
    "de_short.wav": Recording("de", texts.DE_SHORT),
    "de_garden.wav": Recording("de", texts.DE_GARDEN),
    "de_museum.wav": Recording("de", texts.DE_MUSEUM),
    "fr_short.wav": Recording("fr", texts.FR_SHORT, voice=STEADY_FRENCH),
    "fr_village.wav": Recording("fr", texts.FR_VILLAGE),
    "fr_theatre.wav": Recording("fr", texts.FR_THEATRE),
    "es_short.wav": Recording("es", texts.ES_SHORT),
    "es_kitchen.wav": Recording("es", texts.ES_KITCHEN),
    "es_library.wav": Recording("es", texts.ES_LIBRARY),
}
# Recordings without speech: peak of their noise, of 32,767, and their length.
SILENT = {"silence.wav": (NOISE_FLOOR, 5.0), "white_noise.wav": (3000, 5.0)}


def compose(recording):
    """Returns the samples of a recording and its sentences with their times."""
    parts, sentences = [silence(recording.lead)], []
    position = len(parts[0])
    for index, text in enumerate(recording.sentences):
        sound = trimmed(speak(text, *(recording.voice or VOICES[recording.language])))
        if recording.longest_pause is not None:
            sound = without_long_pauses(sound, recording.longest_pause)
        if index < recording.soft_sentences:
            sound = sound * recording.soft_volume
        start, end = position / RATE, (position + len(sound)) / RATE
        sentences.append([round(start, 3), round(end, 3), text])
        parts += [sound, silence(recording.gap if text is not recording.sentences[-1] else 0.4)]
        position += len(sound) + len(parts[-1])
    samples = np.concatenate(parts)
    return samples + noise(NOISE_FLOOR, len(samples)), sentences


def speak(text, voice, words_per_minute):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/sentence.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", path, text]
        subprocess.run(command, check=True)
        with wave.open(path) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
                sys.exit(f"espeak-ng does not write {RATE} Hz, mono, 16 bits with voice {voice!r}")
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def loud_frames(samples):
    """For each whole frame of `FRAME_SECS` whether it contains sound."""
    size = int(FRAME_SECS * RATE)
    frames = np.abs(samples[: len(samples) // size * size]).reshape(-1, size)
    return frames.max(axis=1) >= SOUND


def trimmed(samples):
    """Without the silence before and after the speech."""
    size = int(FRAME_SECS * RATE)
    loud = np.flatnonzero(loud_frames(samples))
    return samples[loud[0] * size : (loud[-1] + 1) * size]


def without_long_pauses(samples, longest):
    """Shortens each pause that is longer than `longest` seconds."""
    size, kept, pause = int(FRAME_SECS * RATE), [], 0
    for index, is_loud in enumerate(loud_frames(samples)):
        pause = 0 if is_loud else pause + 1
        if pause * FRAME_SECS <= longest:
            kept.append(samples[index * size : (index + 1) * size])
    return np.concatenate(kept)


def silence(secs):
    return np.zeros(int(secs * RATE))


def noise(peak, count):
    return np.random.default_rng(1).integers(-peak, peak + 1, count)


def save(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


def main():
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("out", type=pathlib.Path, metavar="OUT")
    out = parser.parse_args().out
    if shutil.which("espeak-ng") is None:
        sys.exit("espeak-ng is not installed; install the package espeak-ng")
    out.mkdir(parents=True, exist_ok=True)
    truth = {}
    for name, recording in RECORDINGS.items():
        samples, sentences = compose(recording)
        save(out / name, samples)
        turns = [[start, end] for start, end, _ in sentences]
        text = " ".join(recording.sentences)
        truth[name] = {"language": recording.language, "text": text, "turns": turns, "sentences": sentences}
        if recording.hotwords:
            truth[name]["hotwords"] = recording.hotwords
    for name, (peak, secs) in SILENT.items():
        save(out / name, noise(peak, int(secs * RATE)))
        truth[name] = {"language": "en", "text": None, "silent": True}
    (out / "truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
