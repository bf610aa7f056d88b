"""Envoy on examples/envoy: SDS on the agent's socket, no files. Each visit goes in through one Envoy, and out through another."""
import re
import subprocess

from lib import peers, tls
from lib.backend import plain_get
from lib.deployment import TRUST_DOMAIN
from lib.envoy_proxy import Proxy
from lib.servers.base import FRONTEND, WITHOUT_FILES, Server


class Envoy(Server):
    name, uid = "envoy", 65312
    rotation_bar_ms = 1000
    backend = frontend = None

    @classmethod
    def find(cls):
        return peers.envoy()

    @classmethod
    def version(cls, program):
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        return (re.findall(r"/(\d+\.\d+\.\d+)", done.stdout) or ["?"])[0]

    def instead(self):
        return WITHOUT_FILES

    def deliver(self):
        pass

    def start(self):
        deployment, matcher = self.site.deployment, "- {{san_type: URI, matcher: {{exact: \"{}\"}}}}"
        program = deployment.program(self.program, "envoy-program")
        both = f"\n{16 * ' '}".join(matcher.format(friend) for friend in self.site.friends)
        self.backend = Proxy(deployment, program, "backend.yaml", self.site.identity, [(matcher.format(FRONTEND.id), both)],
                             {"8443": self.site.port})
        self.frontend = Proxy(deployment, program, "frontend.yaml", FRONTEND,
                              [(f"spiffe://{TRUST_DOMAIN}/backend", self.site.identity.id),
                               ("max_requests_per_connection: 100", "max_requests_per_connection: 5")],
                              {"8443": self.site.port})

    def wait_ready(self):
        for proxy in (self.backend, self.frontend):
            proxy.wait_ready()

    def visit(self, context, session=None):
        visit = super().visit(context, session)
        status = plain_get(self.frontend.ports["8080"])
        if status != 200:
            raise tls.Refused(f"the Envoy in front answered {status}")
        return visit

    def stop(self):
        for proxy in (self.backend, self.frontend):
            if proxy is not None:
                proxy.stop()
