"""HAProxy on examples/haproxy: one PEM file, and a new worker by SIGUSR2 to the master; with another process to write the files, or the agent itself."""
from lib.delivery import AgentDelivery
from lib.sample import EXAMPLES
from lib.servers.base import FRONTEND, Server


class HAProxy(Server):
    name, uid, program_name = "haproxy", 65311, "haproxy"
    keep_alive = True
    rotation_bar_ms = 1000

    @property
    def pid_file(self):
        return self.site.folder / "haproxy.pid"

    def changes(self):
        return [("/run/haproxy.pid", self.pid_file), ('"haproxy"}', f'"{self.uid}"}}')]

    def start(self):
        friends = f"-m str {FRONTEND.id}"
        config = self.sample("haproxy.cfg", [
            ("    user haproxy\n    group haproxy\n", ""),  # here it is that user from the start
            ("/run/haproxy/admin.sock", self.site.folder / "admin.sock"),
            ("/etc/haproxy/spiffe_id.lua", EXAMPLES / "haproxy/spiffe_id.lua"),
            (friends, f"{friends} {self.site.friends[1]}")])
        self.run([self.program, "-W", "-p", self.pid_file, "-f", config])


class HAProxyByAgent(HAProxy):
    """The targets of the example's delivery.json in the agent's own configuration."""

    name, uid, example = "haproxy-agent", 65323, "haproxy"

    def targets(self):
        self.delivery = AgentDelivery(self.site, self.delivery_config())
        return self.delivery.of_agent()

    def deliver(self):
        self.delivery.start()
