"""Calls every OpenAI-compatible route with the official client and holds what it makes of the answers to the truth:
openai_client.py BASE_URL RECORDING TEXT GERMAN_RECORDING"""

import asyncio
import sys
import zlib
from pathlib import Path

import openai
from openai import AsyncOpenAI, OpenAI

base, recording, text, german = sys.argv[1:]
client = OpenAI(base_url=f"{base}/v1", api_key="any", max_retries=0)
FORMATS = ["json", "text", "srt", "vtt", "verbose_json"]


def transcribe(**options):
    return client.audio.transcriptions.create(model="whisper-1", file=Path(recording), **options)


def refused(kind, status, param, call):
    """The error must be of the client's own class, and whole."""
    try:
        call()
    except openai.APIStatusError as error:
        assert type(error) is kind, (type(error), error)
        assert (error.status_code, error.param) == (status, param), error
        assert error.message and error.code and error.type and error.request_id, vars(error)
    else:
        raise AssertionError(f"{status} expected")


def check_formats():
    answers = {name: transcribe(response_format=name) for name in FORMATS}
    assert answers["json"].text == text and answers["json"].usage.type == "duration", answers["json"]
    assert answers["json"].logprobs is None
    sure = transcribe(include=["logprobs"]).logprobs
    assert "".join(token.token for token in sure).strip() == text and all(token.logprob <= 0 for token in sure), sure
    assert b"".join(bytes(map(int, token.bytes)) for token in sure).decode().strip() == text
    assert answers["text"].strip() == text, answers["text"]
    assert answers["srt"].startswith("1\n00:00:") and " --> " in answers["srt"], answers["srt"]
    assert answers["vtt"].startswith("WEBVTT\n\n00:00:"), answers["vtt"]
    for name in ["srt", "vtt"]:
        lines = [line for line in answers[name].splitlines()[1:] if line and "-->" not in line and not line.isdigit()]
        assert " ".join(lines) == text, lines


def check_segments_and_words():
    whole = transcribe(response_format="verbose_json")
    assert (whole.text, whole.language, whole.words) == (text, "english", None), whole
    assert "".join(segment.text for segment in whole.segments).strip() == text
    after = 0
    for number, segment in enumerate(whole.segments):
        fields = segment.to_dict()
        missing = [name for name in type(segment).model_fields if fields.get(name) is None]
        assert not missing, (missing, fields)
        assert segment.id == number and after <= segment.start < segment.end <= whole.duration, segment
        after = segment.end
        spoken = segment.text.encode()
        ratio = len(spoken) / len(zlib.compress(spoken))
        assert abs(segment.compression_ratio - ratio) < 0.05, (segment, ratio)
        assert segment.tokens and segment.avg_logprob <= 0 <= segment.no_speech_prob <= 1, segment

    words = transcribe(response_format="verbose_json", timestamp_granularities=["word"])
    assert words.segments is None and " ".join(word.word for word in words.words) == text, words
    times = [time for word in words.words for time in (word.start, word.end)]
    assert times == sorted(times) and times[-1] <= words.duration, times
    both = transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert both.words == words.words and len(both.segments) == len(whole.segments), both


def check_stream():
    events = list(transcribe(stream=True))
    *deltas, done = events
    assert {event.type for event in deltas} == {"transcript.text.delta"} and deltas, events
    assert done.type == "transcript.text.done" and done.text == text, done
    assert "".join(event.delta for event in deltas) == text, deltas
    *deltas, done = transcribe(stream=True, include=["logprobs"])
    streamed = [token.to_dict() for delta in deltas for token in delta.logprobs]
    assert streamed == [token.to_dict() for token in done.logprobs], done
    assert "".join(token.token for token in done.logprobs).strip() == text, done
    assert done.usage.input_tokens + done.usage.output_tokens == done.usage.total_tokens > 0, done
    with client.audio.transcriptions.with_streaming_response.create(
        model="whisper-1", file=Path(recording), stream=True
    ) as answer:
        assert answer.headers["x-job-id"], answer.headers
        assert b"transcript.text.done" in b"".join(answer.iter_bytes())


def check_ways_to_send():
    data = Path(recording).read_bytes()
    for file in [("a.wav", data), ("strange name.mp3", data, "application/octet-stream"), data]:
        answer = client.audio.transcriptions.create(
            model="gpt-4o-transcribe",
            file=file,
            language="en",
            prompt="",
            temperature=0,
            chunking_strategy={"type": "server_vad", "threshold": 0.4},
            include=["logprobs"],
            extra_body={"unknown": "part"},
        )
        assert answer.text == text, answer
    raw = client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=data)
    assert raw.headers["x-job-id"] and raw.parse().text == text


def check_translations():
    for name in FORMATS:
        answer = client.audio.translations.create(model="whisper-1", file=Path(german), response_format=name)
        text = answer if isinstance(answer, str) else answer.text
        assert text.strip(), answer
        if name == "verbose_json":
            assert answer.language == "english" and answer.segments and answer.duration > 0, answer


def check_models():
    models = client.models.list().data
    for name in [models[0].id, "whisper-1"]:
        model = client.models.retrieve(name)
        assert (model.id, model.object) == (name, "model") and model.created > 0 and model.owned_by, model
    refused(openai.NotFoundError, 404, "model", lambda: client.models.retrieve("gpt-7"))


def check_errors():
    audio = client.audio.transcriptions
    bad_request = openai.BadRequestError
    refused(bad_request, 400, "response_format", lambda: transcribe(response_format="diarized_json"))
    refused(bad_request, 400, "temperature", lambda: transcribe(temperature=7))
    refused(bad_request, 400, "language", lambda: transcribe(language="klingon"))
    refused(bad_request, 400, "timestamp_granularities", lambda: transcribe(timestamp_granularities=["word"]))
    refused(openai.NotFoundError, 404, "model", lambda: audio.create(model="gpt-7", file=Path(recording)))
    text_file = ("a.wav", b"no recording at all")
    refused(openai.APIStatusError, 415, "file", lambda: audio.create(model="whisper-1", file=text_file))
    refused(bad_request, 400, "file", lambda: audio.create(model="whisper-1", file=("a.wav", b"")))


async def check_async():
    async with AsyncOpenAI(base_url=f"{base}/v1", api_key="any") as many:
        calls = [many.audio.transcriptions.create(model="whisper-1", file=Path(recording)) for _ in range(3)]
        assert [answer.text for answer in await asyncio.gather(*calls)] == [text] * 3
        stream = await many.audio.transcriptions.create(model="whisper-1", file=Path(recording), stream=True)
        assert "".join([event.delta async for event in stream if event.type == "transcript.text.delta"]) == text


check_formats()
check_segments_and_words()
check_stream()
check_ways_to_send()
check_translations()
check_models()
check_errors()
asyncio.run(check_async())
