#!/usr/bin/env python3
"""A TLS server of the kind that delivery is for: it reads files at its start and on SIGHUP, and knows nothing of SPIFFE.

server.py PORT FOLDER PID_FILE: shows svid.pem and key.pem of the folder and answers every request with "ok".
SIGUSR2 makes it deaf to SIGHUP, and again not: a server that ignores its reload.
"""

import os
import signal
import socket
import ssl
import sys
import threading


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.deaf = False
        self.load()

    def load(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/svid.pem", f"{self.folder}/key.pem")
        self.context = context

    def on_hup(self, *_):
        if self.deaf:
            return
        try:
            self.load()
        except (OSError, ssl.SSLError) as error:  # what it has still works
            print("reload failed:", error, flush=True)

    def on_usr2(self, *_):
        self.deaf = not self.deaf

    def answer(self, connection):
        connection.settimeout(5)
        try:
            with self.context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1024)
                tls.sendall(b"ok\n")
        except (OSError, ssl.SSLError):  # a probe hangs up early
            connection.close()


def main():
    port, folder, pid_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    server = Server(folder)
    signal.signal(signal.SIGHUP, server.on_hup)
    signal.signal(signal.SIGUSR2, server.on_usr2)
    with socket.create_server(("127.0.0.1", port)) as listener:
        with open(pid_file, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=server.answer, args=(connection,), daemon=True).start()


main()
