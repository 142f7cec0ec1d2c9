"""What schemathesis sends as recordings and as URLs: a second of silence, and a server of our own, so that it calls
no other server."""

import base64
import http.server
import io
import re
import threading
import uuid
import wave

import schemathesis
from hypothesis import strategies as st


def silence() -> bytes:
    """8-bit samples at 8000 Hz: all bytes of such a file are ASCII, and the text goes through all of schemathesis."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8_000)
        out.writeframes(b"\x7f" * 8_000)
    return file.getvalue()


RECORDING = silence()

# What this service and this recording have, whatever else would be valid.
SERVED = {"model": "whisper-1", "track": "1", "start_secs": 0.25, "end_secs": 0.75}


class Server(http.server.BaseHTTPRequestHandler):
    """Gives the recording to who fetches it, and takes webhooks."""

    def do_GET(self):
        self.answer(RECORDING)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

schemathesis.openapi.format("binary", st.just(RECORDING.decode("ascii")))
schemathesis.openapi.format("uri", st.just(f"http://127.0.0.1:{server.server_port}/recording.wav"))


def replace_examples(body, is_json):
    """Examples name a recording and hosts that are not there."""
    for name in ("file", "audio_file"):
        if name in body:
            body[name] = base64.b64encode(RECORDING).decode() if is_json else RECORDING.decode("ascii")
    if set(body) == {"name"}:
        # One of the catalogue would be downloaded.
        body["name"] = "in-no-catalogue"
    for name in ("url", "webhook_url"):
        if ".example/" in str(body.get(name)):
            body[name] = f"http://127.0.0.1:{server.server_port}/recording.wav"


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key that was sent before, a model that is not served, and a track or a time that the recording does not have would
    hide all else that a valid request has."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_valid:
        return
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[ -~]{1,255}", key):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex + key[32:]
    if isinstance(case.body, dict):
        replace_examples(case.body, is_json=case.media_type == "application/json")
    for values in (case.body, case.query):
        if isinstance(values, dict):
            values.update((name, value) for name, value in SERVED.items() if name in values)
