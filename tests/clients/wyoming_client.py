"""Speaks to the service as Home Assistant does, with the official library: wyoming_client.py PORT TEXT WAVE…"""

import asyncio
import sys
import wave

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import wav_to_chunks
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong

port, text, *recordings = sys.argv[1:]


async def transcript(client, path, **asked):
    await client.write_event(Transcribe(**asked).event())
    with wave.open(path) as file:
        for event in wav_to_chunks(file, samples_per_chunk=1024, start_event=True, stop_event=True):
            await client.write_event(event.event())
    event = await client.read_event()
    assert event is not None and Transcript.is_type(event.type), event
    return Transcript.from_event(event)


async def main():
    async with AsyncTcpClient("127.0.0.1", int(port), read_timeout=60) as client:
        await client.write_event(Ping(text="there?").event())
        assert Pong.from_event(await client.read_event()).text == "there?"
        await client.write_event(Describe().event())
        (program,) = Info.from_event(await client.read_event()).asr
        assert program.installed and program.version, program
        (model,) = program.models
        assert {"en", "de"} <= set(model.languages), model
        for path in recordings:
            answer = await transcript(client, path, name=model.name, language="en")
            assert (answer.text, answer.language) == (text, "en"), (path, answer)
        # Text after a prompt may start in lower case.
        answer = await transcript(client, recordings[0], transcript_names=["Ada"])
        assert (answer.text.lower(), answer.language) == (text.lower(), "en"), answer


asyncio.run(main())
