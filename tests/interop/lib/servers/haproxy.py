"""HAProxy on examples/haproxy: one PEM file, and a new worker by SIGUSR2 to the master. Named `haproxy-agent`: the files are written
by the agent itself. Named `haproxy-runtime`: transactions on the runtime socket, in one process that never reads the files again."""
import os
import socket

from lib import process
from lib.delivery import AgentDelivery
from lib.peers import Missing
from lib.sample import EXAMPLES
from lib.servers.base import FRONTEND, Server


class HAProxy(Server):
    name, uid, program_name = "haproxy", 65311, "haproxy"
    keep_alive = True
    rotation_bar_ms = 1000

    @property
    def pid_file(self):
        return self.site.folder / "haproxy.pid"

    @property
    def socket(self):
        return self.site.folder / "admin.sock"

    def changes(self):
        return [("/run/haproxy.pid", self.pid_file), ('"haproxy"}', f'"{self.uid}"}}')]

    def start(self):
        friends = f"-m str {FRONTEND.id}"
        config = self.sample("haproxy.cfg", [
            ("    user haproxy\n    group haproxy\n", ""),  # here it is that user from the start
            ("/run/haproxy/admin.sock", self.socket),
            ("/etc/haproxy/spiffe_id.lua", EXAMPLES / "haproxy/spiffe_id.lua"),
            (friends, f"{friends} {self.site.friends[1]}")])
        self.run([self.program, *self.flags(), "-f", config])

    def flags(self):
        return ["-W", "-p", self.pid_file]


class HAProxyByAgent(HAProxy):
    """The targets of the example's delivery.json in the agent's own configuration."""

    name, uid, example = "haproxy-agent", 65323, "haproxy"

    def targets(self):
        self.delivery = AgentDelivery(self.site, self.delivery_config())
        return self.delivery.of_agent()

    def deliver(self):
        self.delivery.start()


class HAProxyRuntime(HAProxy):
    name, uid = "haproxy-runtime", 65322
    example, delivery_file = "haproxy", "delivery-runtime.json"
    oldest = (3, 2, 8)  # those before break (workload-api/reload/haproxy_runtime.cc)

    @classmethod
    def find(cls):
        program = os.environ.get("SIGNET_HAPROXY") or super().find()
        version = cls.version(program)
        if tuple(int(part) for part in version.split(".") if part.isdigit()) < cls.oldest:
            raise Missing(f"{program} is HAProxy {version}, and CAs can be replaced at runtime from 3.2.8 on; "
                          "$SIGNET_HAPROXY can name one")
        return program

    def changes(self):
        return [("/run/haproxy/admin.sock", self.socket), ('"haproxy"}', f'"{self.uid}"}}')]

    def flags(self):
        return ["-db"]

    def more(self):
        return {"no transaction is left open": self.closed}

    def closed(self, judged):
        process.wait_until(lambda: not any("# transaction" in self.ask(f"show ssl {kind}") for kind in ("cert", "ca-file")), 5,
                           "a transaction stays open")
        return "neither of certificates nor of CA files"

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
