"""Redis on examples/redis: split files, CONFIG SET over its Unix socket, and passwords, since it reads no names."""
import hashlib
import os
import secrets

from lib import tls
from lib.servers.base import Server
from lib.wire import read_line


class Redis(Server):
    name, uid, program_name = "redis", 65315, "redis-server"
    address = "127.0.0.1:6379"

    def __init__(self, site, program):
        super().__init__(site, program)
        self.passwords = {user: secrets.token_hex(16) for user in ("frontend", "signet")}

    @property
    def socket(self):
        return self.site.folder / "redis.sock"

    def changes(self):
        password_file = self.site.folder / "redis.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.passwords["signet"])
        os.chown(password_file, self.uid, self.uid)
        return [("/run/redis/redis.sock", self.socket), ("/etc/signet/redis.password", password_file),
                ('"owner": "redis"', f'"owner": "{self.uid}"')]

    def listening(self):
        return [("tls-port 6379", f"tls-port {self.site.port}")]

    def start(self):
        digests = [(f"SHA256_OF_{user.upper()}S_PASSWORD", hashlib.sha256(password.encode()).hexdigest())
                   for user, password in self.passwords.items()]
        config = self.sample("redis.conf", [("/run/redis/redis.sock", self.socket),
                                            ("/var/lib/redis", self.site.folder), *digests])
        self.run([self.program, config])

    def talk(self, connection):
        self.sign_in(connection, "frontend")
        return ask(connection, "PING", b"+PONG")

    def sign_in(self, connection, user):
        ask(connection, f"AUTH {user} {self.passwords[user]}", b"+OK")

    def instead(self):
        return {2: self.any_certificate}

    def any_certificate(self, judged):
        """Redis reads no names: it asks for some certificate, and then for a password."""
        nobody = judged.refused_without_certificate()
        judged.visit(judged.stranger)  # with frontend's password
        stranger = tls.refusal(lambda: self.visit_with(judged.stranger, lambda c: ask(c, "PING", b"+PONG")))
        own_words = tls.refusal(lambda: self.visit_with(judged.frontend, self.ask_too_much))
        return (f"reads no names: any certificate is let in, none is not ({nobody}); then passwords decide: "
                f"{stranger!r}, {own_words!r}")

    def ask_too_much(self, connection):
        self.sign_in(connection, "frontend")
        return ask(connection, "CONFIG GET dir", b"*2")

    def visit_with(self, client, talk):
        return tls.Connection(self.site.port, client.context(), talk=talk)


def ask(connection, words, wanted):
    """An inline command; only the first line of the answer is read."""
    connection.sendall(words.encode() + b"\r\n")
    answer = read_line(connection)
    if answer != wanted:
        raise tls.Refused(answer.decode(errors="replace"))
    return answer
