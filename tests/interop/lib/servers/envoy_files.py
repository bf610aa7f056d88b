"""Envoy on examples/envoy-files: files that are delivered to it, watched, and no signal. Named `envoy-files`."""
from lib import process
from lib.servers.base import FRONTEND, Server
from lib.servers.envoy import Envoy


class EnvoyFiles(Server):
    name, uid = "envoy-files", 65321
    keep_alive = True
    rotation_bar_ms = 1000
    find, version = Envoy.find, Envoy.version

    def changes(self):
        return [('"envoy"}', f'"{self.uid}"}}')]

    def listening(self):
        return [("port_value: 8443", f"port_value: {self.site.port}")]

    def start(self):
        matcher = "- {{san_type: URI, matcher: {{exact: \"{}\"}}}}"
        both = f"\n{14 * ' '}".join(matcher.format(friend) for friend in self.site.friends)
        identity = self.copy("identity.yaml", [("/run/signet/envoy-files", self.site.files)])
        config = self.sample("envoy.yaml", [("/etc/envoy/identity.yaml", identity), (matcher.format(FRONTEND.id), both)])
        program = self.site.deployment.program(self.program, "envoy-program")
        process.run([program, "--mode", "validate", "-c", config], timeout=60)
        self.run([program, "-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"])
