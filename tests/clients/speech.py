"""Makes a recording out of known words, with the true time of each: speech.py OUT.wav [options].

Says phrases of the words of the bundled model, by espeak-ng's library, and puts pauses between them. The
times come from how the recording was put together: a phrase begins and ends where its sound does, a word
where the synthesiser says that it begins. OUT.json has them in the shape of tests/fixtures/audio/truth.json,
each segment with its words. The same options make the same recording.
"""

import argparse
import array
import ctypes
import json
import random
import sys
import wave

WORDS = {
    "en": "zero one two three four five six seven eight nine "
    "yes no start stop left right up down hello goodbye",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun "
    "ja nein anfang halt links rechts oben unten hallo tschüss",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve "
    "sí no empezar parar izquierda derecha arriba abajo hola adiós",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf "
    "oui non début arrêt gauche droite dessus dessous bonjour salut",
}
VOICES = {"en": "en-us", "de": "de", "es": "es", "fr": "fr"}

# What is louder is sound, of 32,767.
SOUND = 150
# Peak of the noise under everything: a recording of nothing but zeros is a rare thing.
FLOOR = 30


class Event(ctypes.Structure):
    """`espeak_EVENT`."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


END_OF_EVENTS, WORD_BEGINS = 0, 1
ON_SAMPLES = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Voice:
    """espeak-ng, one language."""

    def __init__(self, language):
        self.espeak = ctypes.CDLL("libespeak-ng.so.1")
        # Sound comes to the callback and nowhere else.
        self.rate = self.espeak.espeak_Initialize(1, 0, None, 0)
        if self.rate <= 0:
            sys.exit("espeak-ng does not start: run `make setup-tests`")
        self.callback = ON_SAMPLES(self.on_samples)
        self.espeak.espeak_SetSynthCallback(self.callback)
        self.name = VOICES[language]

    def on_samples(self, samples, count, events):
        if samples and count > 0:
            self.samples.extend(samples[:count])
        index = 0
        while events and events[index].type != END_OF_EVENTS:
            event = events[index]
            # Words are counted from 1; at the end there may be one more, of nothing.
            if event.type == WORD_BEGINS and event.text_position > 0:
                self.begins.setdefault(event.text_position, event.audio_position / 1000)
            index += 1
        return 0

    def say(self, words, speed, variant):
        """The samples from the first sound to the last, and where each word begins in them; None where the
        synthesiser does not report them."""
        self.samples, self.begins = array.array("h"), {}
        self.espeak.espeak_SetVoiceByName((self.name + variant).encode())
        self.espeak.espeak_SetParameter(1, speed, 0)
        text = " ".join(words).encode()
        self.espeak.espeak_Synth(text, len(text) + 1, 0, 1, 0, 1, None, None)
        self.espeak.espeak_Synchronize()
        loud = [at for at, sample in enumerate(self.samples) if abs(sample) > SOUND]
        first, last = loud[0], loud[-1] + 1
        begins = [max(begin - first / self.rate, 0.0) for begin in self.begins.values()]
        # Some pairs ("no one") are one word to it.
        return (self.samples[first:last], begins) if len(begins) == len(words) else None


def phrase(choice, words, longest, before):
    """No word twice, and not the one before: the small model takes what comes back for more of it."""
    count = choice.randint(min(2, longest), longest)
    return choice.sample([word for word in words if word != before], count)


def pause(choice, style):
    """Seconds. Pressed speech leaves the planner few places to cut; loose speech has long silences."""
    kind = choice.random()
    if style == "pressed":
        return choice.uniform(0.3, 0.5)
    if kind < 0.85 or style == "even":
        return choice.uniform(0.3, 1.3)
    return choice.uniform(1.5, 4.0) if kind < 0.96 else choice.uniform(5.0, 20.0)


def build(args):
    choice = random.Random(args.seed)
    voice = Voice(args.language)
    words = WORDS[args.language].split()
    samples, segments = array.array("h"), []
    style = args.style

    def silence(secs):
        samples.extend(array.array("h", bytes(2 * round(secs * voice.rate))))

    silence(choice.uniform(0.3, 1.0))
    while len(samples) < args.secs * voice.rate:
        # A stretch in one style, said by one voice.
        if args.style == "mixed" and len(segments) % 20 == 0:
            style = choice.choice(["pressed", "even", "loose"])
        if len(segments) % 20 == 0:
            speed = choice.randint(*args.speed)
            variant = choice.choice(args.variants.split(","))
        before = segments[-1]["words"][-1]["word"] if segments else ""
        spoken = phrase(choice, words, args.longest, before)
        said = voice.say(spoken, speed, variant)
        if not said:
            continue
        sound, begins = said
        at, end = len(samples) / voice.rate, (len(samples) + len(sound)) / voice.rate
        starts = [at + begin for begin in begins]
        samples.extend(sound)
        segments.append(
            {
                "start": round(at, 3),
                "end": round(end, 3),
                "text": " ".join(spoken).capitalize() + ".",
                "words": [
                    {"word": word, "start": round(start, 3), "end": round(end, 3)}
                    for word, start, end in zip(spoken, starts, starts[1:] + [end])
                ],
            }
        )
        silence(pause(choice, style))
    # Noise of a fixed second, over and over: random numbers for hours take minutes.
    floor = array.array("h", [choice.randint(-FLOOR, FLOOR) for _ in range(voice.rate)])
    for at in range(0, len(samples), len(floor)):
        piece = samples[at : at + len(floor)]
        samples[at : at + len(floor)] = array.array(
            "h", [max(-32768, min(32767, a + b)) for a, b in zip(piece, floor)]
        )
    return voice.rate, samples, segments


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--secs", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--language", choices=sorted(WORDS), default="en")
    parser.add_argument("--style", choices=["pressed", "even", "loose", "mixed"], default="mixed")
    parser.add_argument("--longest", type=int, default=5, help="words in a phrase")
    parser.add_argument("--speed", type=int, nargs=2, default=[140, 170], help="words a minute")
    parser.add_argument("--variants", default=",+m3,+f2", help="of the voice, with commas between")
    args = parser.parse_args()
    rate, samples, segments = build(args)
    with wave.open(args.out, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    truth = {
        "language": args.language,
        "duration_secs": round(len(samples) / rate, 3),
        "text": " ".join(segment["text"] for segment in segments),
        "segments": segments,
    }
    with open(args.out.rsplit(".", 1)[0] + ".json", "w", encoding="utf-8") as out:
        json.dump(truth, out, ensure_ascii=False)


if __name__ == "__main__":
    main()
