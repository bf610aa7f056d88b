"""The programs without TLS at both ends of a proxy: the application behind it, and one that asks."""
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lib import tls


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = tls.BODY.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Listener(ThreadingHTTPServer):
    request_queue_size = 128  # of its own accord 5


class Backend:
    def __init__(self, port=0):
        self.server = Listener(("127.0.0.1", port), Answer)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def plain_get(port):
    """A request without TLS to a proxy's outbound listener; the HTTP status, or 0 if there was none."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status if answer.status != 200 or body == tls.BODY else 0
    except (OSError, http.client.HTTPException):
        return 0
