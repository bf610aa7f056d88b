#!/usr/bin/env python3
"""Asks the TLS server without a pause, each time on a new connection that trusts what the CA file says at that moment.

client.py PORT CA_FILE STOP_FILE: until STOP_FILE is there; prints "answers failures".
"""

import os
import socket
import ssl
import sys


def ask(port, ca_file):
    context = ssl.create_default_context(cafile=ca_file)
    context.check_hostname = False  # identities are URIs, not names of hosts
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        with context.wrap_socket(connection) as tls:
            tls.sendall(b"?")
            if tls.recv(16) != b"ok\n":
                raise OSError("no answer")


def main():
    port, ca_file, stop_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    good = bad = 0
    while not os.path.exists(stop_file):
        try:
            ask(port, ca_file)
            good += 1
        except (OSError, ssl.SSLError) as error:
            print(error, file=sys.stderr)
            bad += 1
    print(good, bad)


main()
