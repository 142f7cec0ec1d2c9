"""A call that the service turns away as a whole: openai_refused.py BASE_URL RECORDING ERROR_CLASS STATUS CODE"""

import sys
from pathlib import Path

import openai

base, recording, kind, status, code = sys.argv[1:]
client = openai.OpenAI(base_url=f"{base}/v1", api_key="any", max_retries=0)
for stream in [False, True]:
    try:
        answer = client.audio.transcriptions.create(model="whisper-1", file=Path(recording), stream=stream)
        answer = list(answer) if stream else answer
    except openai.APIStatusError as error:
        assert type(error).__name__ == kind, (type(error), error)
        assert (str(error.status_code), error.code) == (status, code), (error.status_code, error.code)
    except openai.APIError as error:
        # A stream had begun: its status can no longer be changed.
        assert stream and error.code == code, error
    else:
        raise AssertionError(f"answered with {answer}")
