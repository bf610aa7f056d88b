"""Starts signet-server and signet-agent in a fresh folder, and runs their commands."""
import json
import os
import subprocess
import tempfile
import time


class Outcome:
    """What one command did."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        return json.loads(self.out)


def run(program, *arguments, stdin="", env=None):
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True,
                          timeout=60, env=env, check=False)
    return Outcome(done)


class Programs:
    """A running server, and an agent once start_agent was called. Ends what it started, by its pid."""

    def __init__(self, build):
        self.server_program = os.path.join(build, "ca/cmd/signet-server")
        self.agent_program = os.path.join(build, "workload-api/cmd/signet-agent")
        self.folder = tempfile.TemporaryDirectory(prefix="signet-cli-")
        self.server_socket = self.path("server.sock")
        self.agent_socket = self.path("agent.sock")
        self.running = []
        self.write("server.json", {"server": {
            "trust_domain": "example.org", "bind_address": "127.0.0.1", "bind_port": 0,
            "socket_path": self.server_socket, "data_dir": self.path("server"),
            "log_file": self.path("server.log"), "log_format": "json",
            # One machine is every client here: its commands are not an attack.
            "ratelimit": {"attestation": False, "signing": False}}})
        self.start(self.server_program, "server.json")
        self.wait_for("the server", lambda: self.port() and self.server("bundle", "count").code == 0)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=2))
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def start(self, program, config):
        with open(self.path("stderr"), "a", encoding="utf-8") as errors:
            process = subprocess.Popen([program, "run", "-config", self.path(config)], stderr=errors)
        self.running.append(process)
        return process

    def port(self):
        """The port that the kernel chose, from the server's log."""
        try:
            records = [json.loads(line) for line in self.read("server.log").splitlines()]
        except (FileNotFoundError, ValueError):
            return None
        ports = [record["port"] for record in records if "port" in record]
        return int(ports[-1]) if ports else None

    def start_agent(self, more=None):
        """Starts the agent; `more` are further keys of its block."""
        bundle = self.write("bundle.pem", self.server("bundle", "show").out)
        token = self.server("token", "generate", "-output", "json").json()["value"]
        self.write("agent.json", {"agent": {
            "trust_domain": "example.org", "server_address": "127.0.0.1", "server_port": self.port(),
            "socket_path": self.agent_socket, "data_dir": self.path("agent"),
            "trust_bundle_path": bundle, "join_token": token, "log_file": self.path("agent.log"), **(more or {})}})
        process = self.start(self.agent_program, "agent.json")
        self.wait_for("the agent", lambda: self.agent("healthcheck").code == 0)
        return process, "spiffe://example.org/spire/agent/join_token/" + token

    def server(self, *arguments, stdin=""):
        return run(self.server_program, *arguments, "-socketPath", self.server_socket, stdin=stdin)

    def agent(self, *arguments):
        return run(self.agent_program, *arguments, "-socketPath", self.agent_socket)

    @staticmethod
    def wait_for(what, ready, seconds=30):
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} is not ready after {seconds} s")
            time.sleep(0.05)

    def stop(self):
        """Ends all programs as an operator does and gives their exit codes."""
        for process in self.running:
            process.terminate()
        codes = [process.wait(timeout=30) for process in self.running]
        self.running = []
        return codes

    def close(self):
        for process in self.running:
            process.kill()
            process.wait()
        self.folder.cleanup()
