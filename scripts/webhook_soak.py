"""Ten receivers with 50 subscribers each, every one with a secret of its own, receive 20 events of the model.

Each receiver answers 30 % of all requests with 503 and `Retry-After: 1`, chosen at random. The service is
killed without notice half way and started again. At the end every message must have been taken once at
least, and every request, refused ones too, must have had a good signature.
"""

import base64
import collections
import http.server
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from standardwebhooks import Webhook

RECEIVERS, SUBSCRIBERS, LOADS = 10, 50, 10
EXPECTED = RECEIVERS * SUBSCRIBERS * LOADS * 2
REFUSED = 0.3

lock = threading.Condition()
keys = {}
requests = refused = bad = 0
taken = collections.Counter()
tries = collections.Counter()
under_way, most_under_way = collections.Counter(), 0


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global requests, refused, bad, most_under_way
        port = self.server.server_address[1]
        with lock:
            under_way[port] += 1
            most_under_way = max(most_under_way, under_way[port])
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            Webhook(keys[port, self.path]).verify(body, dict(self.headers))
            good = True
        except Exception as error:
            print("bad signature:", error)
            good = False
        refuse = random.random() < REFUSED
        message = self.headers["webhook-id"]
        with lock:
            requests += 1
            refused += refuse
            bad += not good
            tries[message] += 1
            under_way[port] -= 1
        self.send_response(503 if refuse else 204)
        if refuse:
            self.send_header("retry-after", "1")
        self.send_header("content-length", "0")
        self.end_headers()
        if not refuse:
            with lock:
                taken[message] += 1
                lock.notify_all()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


class Service:
    def __init__(self, program, folder):
        self.program = program
        self.env = {
            "PATH": os.environ["PATH"],
            "VERBATIM__SERVER__PORT": "0",
            "VERBATIM__STORAGE__DIR": folder,
            "VERBATIM__MODEL__PATH": "tests/fixtures/ggml-words-q8_0.bin",
            "VERBATIM__WEBHOOKS__ALLOW": "127.0.0.1",
            "VERBATIM__LOG__LEVEL": "error",
        }
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, "serve"], env=self.env, stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().removeprefix("listening on ").strip()

    def post(self, path, body=None):
        data = json.dumps(body).encode() if body is not None else b""
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def kill(self):
        self.process.kill()
        self.process.wait()


def until(count):
    with lock:
        lock.wait_for(lambda: len(taken) >= count, timeout=1800)
        assert len(taken) >= count, f"{len(taken)} of {count} messages arrived"


def main():
    with tempfile.TemporaryDirectory() as folder:
        service = Service(sys.argv[1], folder)
        for _ in range(RECEIVERS):
            server = Server(("127.0.0.1", 0), Receiver)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            port = server.server_address[1]
            for number in range(SUBSCRIBERS):
                path = f"/{number}"
                secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
                keys[port, path] = secret
                service.post("/webhooks", {"url": f"http://127.0.0.1:{port}{path}", "secret": secret})
        begun = time.monotonic()
        for _ in range(LOADS):
            service.post("/model/load?wait=true")
            service.post("/model/unload?wait=true")
        until(EXPECTED // 2)
        service.kill()
        service.start()
        until(EXPECTED)
        took = time.monotonic() - begun
        service.kill()
    print(f"{len(taken)} of {EXPECTED} messages delivered in {took:.0f} s, after one kill -9 half way")
    print(f"{requests} requests, {refused} refused ({100 * refused / requests:.1f} %), {bad} with a bad signature")
    print(f"most tries of one message: {max(tries.values())}; taken more than once: "
          f"{sum(n > 1 for n in taken.values())}; at most {most_under_way} at a time to one receiver")
    sys.exit(0 if len(taken) == EXPECTED and bad == 0 else 1)


main()
