"""Programs that transcribe a recording: Verbatim over HTTP, and its peers. All return a Transcript."""

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile

import requests

LOAD_SECS = 300
TRANSCRIBE_SECS = 1800
STOP_SECS = 60


class EngineUnusable(Exception):
    """The program or its model cannot be used; the message says what to change."""


@dataclasses.dataclass(frozen=True)
class Transcript:
    """Times are in seconds; a segment is (start, end), a word is (start, end, text)."""

    text: str
    language: str
    segments: list = dataclasses.field(default_factory=list)
    words: list = dataclasses.field(default_factory=list)
    error: str | None = None


class Verbatim:
    """A service of its own on a free port, its model loaded. `close` stops it and removes what it stored."""

    def __init__(self, binary, model, threads, settings):
        self.folder = tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.folder.name, "log")
        environment = {
            **os.environ,
            "VERBATIM__SERVER__PORT": "0",
            "VERBATIM__STORAGE__DIR": self.folder.name,
            "VERBATIM__MODEL__PATH": str(model.resolve()),
            "VERBATIM__ENGINE__THREADS": str(threads),
            "IDLE_TIMEOUT_SECS": "-1",
            **settings,
        }
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(binary.resolve()), "serve"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder.name,
                text=True,
            )
        self.session = requests.Session()
        # A proxy does not reach this machine's loopback.
        self.session.trust_env = False
        try:
            self.url = self.listening_url()
            self.load()
        except BaseException:
            self.close()
            raise

    def listening_url(self):
        line = self.process.stdout.readline().strip()
        if "listening on " not in line:
            raise EngineUnusable(f"verbatim did not start: {self.last_log_line()}")
        return line.split("listening on ")[1]

    def load(self):
        answer = self.session.post(f"{self.url}/model/load?wait=true", timeout=LOAD_SECS)
        if answer.status_code != 200:
            raise EngineUnusable(f"verbatim did not load the model: {answer.status_code} {answer.text}")

    def last_log_line(self):
        lines = self.log.read_text("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "its log is empty"

    def transcribe(self, path):
        fields = {
            "model": "whisper-1",
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["segment", "word"],
        }
        try:
            with open(path, "rb") as file:
                answer = self.session.post(
                    f"{self.url}/v1/audio/transcriptions",
                    files={"file": (path.name, file)},
                    data=fields,
                    timeout=TRANSCRIBE_SECS,
                )
        except requests.RequestException as error:
            return Transcript("", "", error=f"request failed: {error}")
        if not answer.ok:
            return Transcript("", "", error=f"request failed: {answer.status_code} {answer.text}")
        body = answer.json()
        return Transcript(
            text=body["text"],
            language=body.get("language") or "",
            segments=[(segment["start"], segment["end"]) for segment in body.get("segments") or []],
            words=[(word["start"], word["end"], word["word"]) for word in body.get("words") or []],
        )

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()


class FasterWhisper:
    """faster-whisper, int8, beam 1: window after window, or several windows as one batch."""

    BATCH = 8

    def __init__(self, weights, threads, batch=None):
        try:
            from faster_whisper import BatchedInferencePipeline, WhisperModel
        except ImportError as error:
            message = "faster-whisper is not installed; pip install -r requirements.txt"
            raise EngineUnusable(message) from error
        folder = weights / "base"
        if not folder.is_dir():
            raise EngineUnusable(f"{folder} does not exist; fetch it with weights.py")
        model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)
        self.options = {"beam_size": 1}
        self.model = model
        if batch is not None:
            self.model = BatchedInferencePipeline(model)
            self.options["batch_size"] = batch

    def transcribe(self, path, with_words=False):
        options = {**self.options, "word_timestamps": True} if with_words else self.options
        segments, info = self.model.transcribe(str(path), **options)
        segments = list(segments)
        words = [word for segment in segments for word in segment.words or []]
        return Transcript(
            text="".join(segment.text for segment in segments),
            language=info.language,
            segments=[(float(segment.start), float(segment.end)) for segment in segments],
            words=[(float(word.start), float(word.end), word.word) for word in words],
        )

    def close(self):
        """Nothing to stop: it runs in this process."""


class WhisperCli:
    """whisper.cpp's own program, greedy.

    Its time includes the conversion to WAV and the load of the model.
    """

    def __init__(self, program, model, threads):
        self.command = [program, "-m", str(model), "-l", "auto", "-t", str(threads)]
        self.command += ["-bs", "1", "-bo", "1"]

    def transcribe(self, path):
        with tempfile.TemporaryDirectory() as folder:
            wave, out = f"{folder}/recording.wav", f"{folder}/transcript"
            run(["ffmpeg", "-v", "error", "-i", str(path), "-ar", "16000", "-ac", "1", wave])
            run([*self.command, "-oj", "-of", out, "-np", wave])
            # A token may end in the middle of a character.
            body = json.loads(pathlib.Path(out + ".json").read_text("utf-8", errors="replace"))
        segments = body["transcription"]
        offsets = [segment["offsets"] for segment in segments]
        return Transcript(
            text="".join(segment["text"] for segment in segments),
            language=body["result"]["language"],
            segments=[(offset["from"] / 1000, offset["to"] / 1000) for offset in offsets],
        )

    def close(self):
        """Nothing to stop: each call is a process of its own."""


def run(command):
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError as error:
        raise EngineUnusable(f"{command[0]} does not exist; name its path") from error
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode("utf-8", errors="replace").strip()[-300:]
        raise EngineUnusable(f"{command[0]} failed: {message}") from error


def peer(name, weights, threads):
    """The peer that `--peers` names: fw, fwb or wcpp=PATH."""
    kind, _, program = name.partition("=")
    if kind == "fw":
        return FasterWhisper(weights, threads)
    if kind == "fwb":
        return FasterWhisper(weights, threads, batch=FasterWhisper.BATCH)
    if kind == "wcpp" and program:
        return WhisperCli(program, weights / "ggml-base.bin", threads)
    raise EngineUnusable(f'peer "{name}" is not supported; use fw, fwb or wcpp=PATH')
