"""Takes webhooks and answers 204: python3 webhook_receiver.py PORT_FILE LOG. One JSON object a line."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port_file, log = sys.argv[1:]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with open(log, "a") as lines:
            lines.write(json.dumps({"headers": headers, "body": json.loads(body)}) + "\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
open(log, "w").close()
with open(port_file, "w") as port:
    port.write(str(server.server_port))
server.serve_forever()
