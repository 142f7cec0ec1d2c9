"""Calls /asr and /detect-language in the manner of Bazarr and Speakr: asr_clients.py BASE_URL RECORDING TEXT."""

import sys
import wave

import httpx2 as httpx
import srt

base, recording, text = sys.argv[1:]

# Bazarr sends the samples that ffmpeg gave it, the name of the part standing for that of the file.
with wave.open(recording) as file:
    samples = file.readframes(file.getnframes())
answer = httpx.post(f"{base}/detect-language", params={"encode": "false"}, files={"audio_file": samples}, timeout=60)
results = answer.json()
assert (results["language_code"], results["detected_language"]) == ("en", "english"), results
query = {"task": "transcribe", "language": "en", "output": "srt", "encode": "false", "video_file": "/films/a b.mkv"}
answer = httpx.post(f"{base}/asr", params=query, files={"audio_file": samples}, timeout=60)
assert answer.status_code == 200, answer.text
subtitles = list(srt.parse(answer.content.decode()))
assert " ".join(subtitle.content for subtitle in subtitles) == text, answer.text

# Speakr sends the file, and asks for speakers, which it can do without.
query = {"encode": True, "task": "transcribe", "output": "json", "diarize": True, "enable_diarization": True}
with open(recording, "rb") as file:
    answer = httpx.post(f"{base}/asr", params=query, files={"audio_file": ("a.wav", file, "audio/wav")}, timeout=60)
answer.raise_for_status()
data = answer.json()
assert data["text"] == text and data["language"] == "en", data
assert " ".join(segment["text"].strip() for segment in data["segments"]) == text, data
assert all(segment["start"] < segment["end"] for segment in data["segments"]), data
assert [model["id"] for model in httpx.get(f"{base}/v1/models").json()["data"]]
