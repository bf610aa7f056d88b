"""A real Envoy on the sample configurations of examples/envoy."""
import json
import urllib.request

from lib import process
from lib.process import Process
from lib.sample import sample

SAMPLE_SOCKET = "/run/signet/agent/api.sock"


class Proxy:
    """One Envoy with an identity of its own, from a sample with this deployment's names and free ports."""

    def __init__(self, deployment, envoy, file, workload, changes=(), ports=None):
        self.ports = dict(ports or {})
        text = sample(f"envoy/{file}", [(SAMPLE_SOCKET, deployment.agent_socket), *changes])
        for port in ("9901", "9902", "8080", "8443"):
            if f"port_value: {port}" in text:
                self.ports.setdefault(port, process.free_port())
                text = text.replace(f"port_value: {port}", f"port_value: {self.ports[port]}")
        self.admin = self.ports.get("9901") or self.ports.get("9902")
        name = f"envoy-{workload.name}-{self.admin}"
        config = deployment.folder / f"{name}.yaml"
        config.write_text(text)
        config.chmod(0o644)
        command = [envoy, "-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        process.run([envoy, "--mode", "validate", "-c", config], timeout=60)
        self.process = Process(name, command, deployment.folder, **workload.popen_options())

    def wait_ready(self):
        process.wait_until(lambda: self.get("/ready").startswith("LIVE"), 60,
                           lambda: f"Envoy is not ready: {self.process.tail()}", self.process)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def stat(self, name):
        """The sum of all counters whose name ends so."""
        stats = json.loads(self.get("/stats?format=json&filter=" + name.replace(".", "%5C.")))
        return sum(row.get("value", 0) for row in stats["stats"] if row.get("name", "").endswith(name))

    def stop(self):
        self.process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
