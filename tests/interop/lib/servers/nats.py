"""NATS on examples/nats: split files, SIGHUP, and users by the URI of their certificates."""
import json

from lib import tls
from lib.servers.base import FRONTEND, Server
from lib.wire import read_line

CONNECT = {"verbose": False, "pedantic": True, "tls_required": True, "lang": "python", "version": "1"}


class NATS(Server):
    name, uid, program_name = "nats", 65316, "nats-server"
    address = "127.0.0.1:4222"

    @property
    def pid_file(self):
        return self.site.folder / "nats.pid"

    def changes(self):
        return [("/run/nats/nats.pid", self.pid_file), ('"owner": "nats"', f'"owner": "{self.uid}"')]

    def start(self):
        user = '{{user: "{}", permissions: {{publish: ["orders.>"], subscribe: ["_INBOX.>"]}}}}'
        config = self.sample("nats.conf", [
            ("/run/nats/nats.pid", self.pid_file),
            (user.format(FRONTEND.id), ", ".join(user.format(friend) for friend in self.site.friends))])
        self.run([self.program, "-c", config])

    def before_tls(self, plain):
        """The server's greeting, which is in clear text: not until then does it expect TLS."""
        if not read_line(plain).startswith(b"INFO "):
            raise tls.Refused("no greeting")

    def talk(self, connection):
        connection.sendall(f"CONNECT {json.dumps(CONNECT)}\r\nPING\r\n".encode())
        answer = read_line(connection)
        if answer != b"PONG":
            raise tls.Refused(answer.decode(errors="replace"))
        return answer
