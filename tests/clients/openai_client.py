"""Calls the OpenAI-compatible routes with the official client: openai_client.py BASE_URL RECORDING TEXT."""

import sys

from openai import OpenAI

base, recording, text = sys.argv[1:]
client = OpenAI(base_url=f"{base}/v1", api_key="any")

with open(recording, "rb") as file:
    answer = client.audio.transcriptions.create(model="whisper-1", file=file)
assert answer.text == text, answer
