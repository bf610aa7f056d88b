"""RabbitMQ on examples/rabbitmq: split files, a cleared certificate cache, and users by the URI of their certificates."""
import contextlib
import json
import os
import secrets
import shutil
import socket
import struct
from pathlib import Path

from lib import process, tls
from lib.forger import Authority
from lib.peers import Missing
from lib.process import Process
from lib.sample import EXAMPLES, sample
from lib.servers.base import Server
from lib.wire import read_exactly

BIN = Path("/usr/lib/rabbitmq/bin")  # those of /usr/sbin run for root and the user rabbitmq alone
CONNECTION, START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE = 10, 10, 11, 30, 31, 40, 41, 50
METHOD, END_OF_FRAME = 1, 0xCE
LARGEST_FRAME = 131072


class RabbitMQ(Server):
    name, uid, program_name = "rabbitmq", 65317, "rabbitmq-server"
    address = "127.0.0.1:5671"
    seconds_to_start = 90
    epmd = None

    @classmethod
    def find(cls):
        if not shutil.which("erl_call"):
            raise Missing("no erl_call here (Debian's package erlang-base)")
        return super().find()

    @classmethod
    def version(cls, program):
        return process.run(["dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server"]).split("-")[0]

    def __init__(self, site, program):
        super().__init__(site, program)
        self.node = "signet@localhost"  # known to our own epmd alone
        folder = site.folder
        self.environment = {
            "HOME": folder, "RABBITMQ_NODENAME": self.node, "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "enabled_plugins",
            "RABBITMQ_MNESIA_BASE": folder / "mnesia", "RABBITMQ_LOG_BASE": folder / "log",
            "RABBITMQ_DIST_PORT": process.free_port(), "ERL_EPMD_PORT": process.free_port(),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -start_epmd false",
            "RUNNING_UNDER_SYSTEMD": "true"}  # the script becomes the server, which ends by SIGTERM

    def script(self, program):
        """Runs a program for this node; the agent runs it without any environment."""
        path = self.site.folder / program.name
        exports = "".join(f"export {key}='{value}'\n" for key, value in self.environment.items())
        path.write_text(f'#!/bin/sh\n{exports}exec {program} "$@"\n')
        path.chmod(0o755)
        return path

    def changes(self):
        erl_call = Path("/usr/bin/erl_call")
        return [('"owner": "rabbitmq"', f'"owner": "{self.uid}"'),
                (f'"program": "{erl_call}"', f'"program": "{self.script(erl_call)}", "node": "{self.node}"')]

    def start(self):
        cookie = self.site.folder / ".erlang.cookie"
        cookie.touch(mode=0o400)
        cookie.write_text(secrets.token_hex(16))
        os.chown(cookie, self.uid, self.uid)
        shutil.copy(EXAMPLES / "rabbitmq/enabled_plugins", self.site.folder)
        definitions = self.site.folder / "definitions.json"
        content = json.loads(sample("rabbitmq/definitions.json", []))
        for kind, role in (("users", "name"), ("permissions", "user")):
            one, = content[kind]
            content[kind] = [{**one, role: friend} for friend in self.site.friends]
        definitions.write_text(json.dumps(content))
        self.sample("rabbitmq.conf", [("/etc/rabbitmq/definitions.json", definitions)])
        self.epmd = Process("epmd", ["epmd", "-port", self.environment["ERL_EPMD_PORT"], "-address", "127.0.0.1"],
                            self.site.folder, **self.site.identity.popen_options())
        self.run([self.script(BIN / "rabbitmq-server")])

    def stop(self):
        super().stop()
        if self.epmd is not None:
            self.epmd.stop()

    def talk(self, connection):
        return talk(connection)

    def more(self):
        return {"a removed root lets nobody in, while a connection of before is open": self.root_removed_while_connected}

    def root_removed_while_connected(self, judged):
        """Erlang keeps the roots that an open connection began with, and gives them to others unless it is told."""
        client = judged.foreign("kept", judged.site.friends[1])
        with contextlib.ExitStack() as kept:
            judged.set_other_root(judged.site.other)
            process.wait_until(lambda: judged.served(client), 20, "not let in")
            plain = kept.enter_context(socket.create_connection(("127.0.0.1", self.site.port), timeout=10))
            talk(kept.enter_context(client.context().wrap_socket(plain)))
            judged.set_other_root(Authority(judged.site.deployment.folder / "kept-again", judged.site.other_domain))
            process.wait_until(lambda: not judged.served(client), 20, "let in by the root that was removed")
        judged.must_serve(1)
        return "refused"


def talk(connection):
    """AMQP 0-9-1 up to an open connection, which only a known user gets."""
    connection.sendall(b"AMQP\x00\x00\x09\x01")
    expect(connection, START)
    send(connection, START_OK, table(ABOUT_US) + short("EXTERNAL") + long(b"") + short("en_US"))
    limits = expect(connection, TUNE)
    send(connection, TUNE_OK, limits)
    send(connection, OPEN, short("/") + b"\x00\x00")
    return expect(connection, OPEN_OK) or b"open"


def short(text):
    return bytes([len(text)]) + text.encode()


def long(content):
    return struct.pack(">I", len(content)) + content


table = long  # its length, then its fields


ABOUT_US = short("capabilities") + b"F" + table(short("authentication_failure_close") + b"t\x01")


def send(connection, method, arguments):
    payload = struct.pack(">HH", CONNECTION, method) + arguments
    connection.sendall(struct.pack(">BHI", METHOD, 0, len(payload)) + payload + bytes([END_OF_FRAME]))


def expect(connection, method):
    """The arguments of the method, which must be the next one."""
    kind, _, size = struct.unpack(">BHI", read_exactly(connection, 7))
    if kind != METHOD or not 4 <= size <= LARGEST_FRAME:
        raise tls.Refused(f"a frame of kind {kind} and {size} bytes")
    payload = read_exactly(connection, size + 1)[:-1]
    seen = struct.unpack(">HH", payload[:4])
    if seen == (CONNECTION, CLOSE):
        raise tls.Refused(payload[7:7 + payload[6]].decode(errors="replace"))
    if seen != (CONNECTION, method):
        raise tls.Refused(f"method {seen}")
    return payload[4:]
