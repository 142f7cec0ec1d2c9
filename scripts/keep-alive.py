"""Counts resets of pooled connections: keep-alive.py PROGRAM [REQUESTS [CONNECTIONS]].

Starts the program with the bundled model and a storage folder of its own, opens CONNECTIONS connections and sends REQUESTS
short requests over them, each connection with pauses of 4.8 to 5.2 s: around the 5 s after which many servers close
an idle connection.
"""

import http.client
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

program = Path(sys.argv[1]).resolve()
requests = int(sys.argv[2]) if len(sys.argv) > 2 else 500
connections = int(sys.argv[3]) if len(sys.argv) > 3 else 50
root = Path(__file__).resolve().parent.parent
wav = (root / "tests/fixtures/audio/en_short.wav").read_bytes()
BOUNDARY = "keep-alive"
resets, wrong, reconnected, done = [], [], [], []


def body(number):
    """A form of a recording that differs each time, so that each request has work."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"{{}}\r\n\r\n'
    file = head.format("file", f'; filename="{number}.wav"').encode() + wav
    return head.format("model", "").encode() + b"whisper-1\r\n" + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def client(number, address):
    connection = http.client.HTTPConnection(address, timeout=300)
    connection.connect()
    socket = connection.sock
    for turn in range(requests // connections):
        if turn:
            time.sleep(random.uniform(4.8, 5.2))
        try:
            # Every fifth request has a recording.
            if turn % 5 == 0:
                kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
                connection.request("POST", "/v1/audio/transcriptions", body(f"{number}-{turn}"), kind)
            else:
                connection.request("GET", "/model/status")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(answer.status)
            done.append(turn)
        except (ConnectionError, http.client.HTTPException) as error:
            resets.append(repr(error))
            connection.close()
        if connection.sock is not socket:
            reconnected.append(turn)
            connection.close()
            connection.connect()
            socket = connection.sock


with tempfile.TemporaryDirectory() as folder:
    settings = {
        "VERBATIM__SERVER__PORT": "0",
        "VERBATIM__STORAGE__DIR": f"{folder}/data",
        "VERBATIM__MODEL__PATH": str(root / "tests/fixtures/ggml-words-q8_0.bin"),
        "VERBATIM__LOG__LEVEL": "warn",
    }
    service = subprocess.Popen([program, "serve"], env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://(\S+)", service.stdout.readline())[1]
        clients = [threading.Thread(target=client, args=(number, address)) for number in range(connections)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    finally:
        service.terminate()
        service.wait()

print(f"{len(done)} answers over {connections} connections, {len(resets)} resets, {len(reconnected)} closed meanwhile")
for what, times in Counter(resets + [f"status {status}" for status in wrong]).items():
    print(f"{times} times {what}")
sys.exit(bool(resets or reconnected or wrong))
