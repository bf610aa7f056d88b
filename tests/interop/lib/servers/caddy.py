"""Caddy on examples/caddy: split files, its configuration posted anew, and the agent's authorizer for the peer's ID."""
import json
import subprocess

from lib.backend import Backend
from lib.process import Failed
from lib.sample import sample
from lib.servers.base import FRONTEND, Server
from lib.tls import Refused

NO_SERVER_NAME = "\tservers {\n\t\tstrict_sni_host insecure_off\n\t}\n"  # our clients send none


class Caddy(Server):
    name, uid, program_name = "caddy", 65318, "caddy"
    keep_alive = False  # connections outlive reloads and their client's certificate, and are refused from then on
    limited = {9: "lets nobody in while the agent is away"}
    kernel_settings = "sysctl.conf"
    backend = None

    @classmethod
    def version(cls, program):
        return subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout.split()[0]

    @property
    def admin(self):
        return self.site.folder / "admin.sock"

    def changes(self):
        return [("/run/caddy/admin.sock", self.admin), ('"caddy"}\n', f'"{self.uid}"}}\n')]

    def policies(self):
        text = sample("caddy/agent.json", [('["caddy"]', f'["{self.uid}"]'),
                                           (f'"{FRONTEND.id}"', json.dumps(self.site.friends)[1:-1])])
        return json.loads(text)["agent"]["authorizer"]["policies"]

    def start(self):
        self.backend = Backend()
        config = self.copy("Caddyfile", [
            ("/run/signet/caddy", self.site.files), ("8443", self.site.port), ("/run/caddy/admin.sock", self.admin),
            ("/run/signet/agent/authz.sock", self.site.deployment.authorizer_socket),
            ("127.0.0.1:8080", self.backend.address),
            ("\tauto_https off\n", "\tauto_https off\n" + NO_SERVER_NAME)])
        self.run(["env", f"HOME={self.site.folder}", self.program, "run", "--config", config, "--adapter", "caddyfile"])

    def without_agent(self, judged):
        try:
            judged.visit(judged.frontend)
        except Refused as why:
            if self.served_certificate() is None or "answered 502" not in str(why):
                raise Failed(f"not as said: {why}") from None
            return str(why)
        raise Failed("it lets in whom nobody judged")

    def stop(self):
        super().stop()
        if self.backend is not None:
            self.backend.close()
