#!/usr/bin/env python3
"""Answers over HTTPS, to the clients that -authorize names and to nobody else, and tells them who they are."""
import socket
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn

import workload
from workload import Refused, say


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        connection = self.connection.tls
        try:
            # Again at each request: a connection can outlive the trust that it began with.
            peer = self.server.identity.judge(connection)
        except Refused as why:
            say(f"refused {self.client_address[0]}: {why}")
            self.answer(403, "not authorized\n", close=True)
            return
        self.answer(200, f"to {peer}\n", close=past_half(connection.get_peer_certificate().to_cryptography()))

    def answer(self, status, text, close):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def past_half(certificate):
    """Less than half of its life is left, so its owner has a newer one by now."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - datetime.now(timezone.utc) < (end - begin) / 2


class Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address, identity):
        self.identity, self.open = identity, set()
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        """One connection, in a thread of its own."""
        self.open.add(request)
        try:
            try:
                tls = self.identity.accept(request)
            except OSError as why:
                say(f"refused {client_address[0]}: {why}")
                return
            try:
                super().finish_request(tls, client_address)
            finally:
                tls.close()
        finally:
            self.open.discard(request)

    def handle_error(self, request, client_address):
        say(f"{client_address[0]} broke off: {sys.exc_info()[1]}")

    def stop(self):
        """Who waits for a request reads the end; who answers one finishes. server_close() waits for both."""
        self.shutdown()
        for plain in list(self.open):
            try:
                plain.shutdown(socket.SHUT_RD)
            except OSError:
                pass  # it has ended meanwhile
        self.server_close()


def main():
    parser = workload.flags(__doc__)
    parser.add_argument("-listen", type=workload.address, default="127.0.0.1:8443", help="port 0 is any")
    options = parser.parse_args()
    ended = workload.until_signal()
    identity = workload.open_identity(options)
    try:
        server = Server(options.listen, identity)
    except OSError as error:
        say(f"cannot listen: {error}")
        return workload.EXIT_FAILED
    say("listening on {}:{}".format(*server.server_address))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not ended.wait(1):
        if identity.source.is_closed():  # py-spiffe does not open it again; a new process does
            say("the agent's answers cannot be used; see the line before")
            return workload.EXIT_FAILED
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
