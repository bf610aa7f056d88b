#!/usr/bin/env python3
"""Asks a server over HTTPS, if it is the one that -authorize names, and says what it answered."""
import http.client
import socket
import sys

from spiffe.errors import PySpiffeError

import workload
from workload import say

MAX_ANSWER = 1 << 20


class Connection(http.client.HTTPConnection):
    """HTTP on a connection to a server that is authorized; opened when it is needed."""

    def __init__(self, address, identity):
        super().__init__(*address, timeout=workload.IO_TIMEOUT)
        self.identity, self.opened_with = identity, None

    def connect(self):
        self.opened_with = self.identity.svid()
        plain = socket.create_connection((self.host, self.port), self.timeout)
        try:
            self.sock = self.identity.connect(plain)
        except BaseException:
            plain.close()
            raise

    def renew(self):
        """A connection that waits for its next request was judged with certificates of before; then a new one is opened."""
        if self.sock is not None and self.opened_with is not self.identity.svid():
            self.close()


class Asker:
    def __init__(self, address, identity):
        self.connection, self.identity = Connection(address, identity), identity
        self.requests = self.failed = 0
        self.serial = None

    def count(self):
        """Asks once. Nothing is tried again: what fails is counted."""
        self.requests += 1
        try:
            self.ask()
        except (OSError, EOFError, http.client.HTTPException, PySpiffeError) as error:
            self.failed += 1
            self.connection.close()
            say(f"FAILED {error}")

    def ask(self):
        """Says what the server answers, once for each of its certificates."""
        self.connection.renew()
        self.connection.request("GET", "/")
        tls = self.connection.sock.tls
        answer = self.connection.getresponse()
        body = answer.read(MAX_ANSWER)
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        leaf = tls.get_peer_certificate().to_cryptography()
        if leaf.serial_number != self.serial:
            self.serial = leaf.serial_number
            text = body.decode(errors="replace").strip()
            say(f"{workload.spiffe_id_of(leaf)}, certificate {self.serial}, answers: {text}")


def main():
    parser = workload.flags(__doc__)
    parser.add_argument("-connect", type=workload.address, default="127.0.0.1:8443", help="address of the server")
    parser.add_argument("-requests", type=int, default=1, help="how many; 0 means until SIGTERM")
    parser.add_argument("-interval", type=workload.seconds, default=0.1, help="pause between requests (100ms)")
    options = parser.parse_args()
    ended = workload.until_signal()
    asker = Asker(options.connect, workload.open_identity(options))
    while not ended.is_set():
        asker.count()
        if asker.requests == options.requests or ended.wait(options.interval):
            break
    asker.connection.close()
    say(f"stats: requests={asker.requests} failed={asker.failed}")
    return workload.EXIT_FAILED if asker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
