"""Our real server and agent in a fresh folder, with lifetimes so short that rotations are seen."""
import json
import os
import threading

from lib import process
from lib.process import Failed, Process

TRUST_DOMAIN = "interop.test"
AGENT_ID = f"spiffe://{TRUST_DOMAIN}/agent"
CA_TTL_SECONDS = 24
SVID_TTL_SECONDS = 8


class Workload:
    """A program's identity: as root every workload has a uid of its own, else all share ours."""

    def __init__(self, name, uid):
        self.name = name
        self.uid = uid if os.geteuid() == 0 else os.geteuid()
        self.id = f"spiffe://{TRUST_DOMAIN}/" + (name if os.geteuid() == 0 else "workload")

    def popen_options(self):
        return {"user": self.uid, "group": self.uid, "extra_groups": []} if os.geteuid() == 0 else {}


class Deployment:
    def __init__(self, build, folder, ca_ttl=CA_TTL_SECONDS, svid_ttl=SVID_TTL_SECONDS):
        self.folder = folder
        self.ca_ttl, self.svid_ttl = ca_ttl, svid_ttl
        self.server_binary = build / "ca/cmd/signet-server"
        self.agent_binary = build / "workload-api/cmd/signet-agent"
        self.server_socket = folder / "server" / "api.sock"
        self.agent_socket = folder / "agent" / "api.sock"
        self.authorizer_socket = folder / "agent" / "authz.sock"
        self.agent_settings = {}  # of the agent's configuration, besides what every agent needs
        self.server_port = process.free_port()
        self.server = self.agent = None
        self.entries = {}
        self.copying = threading.Lock()

    @property
    def endpoint(self):
        return f"unix://{self.agent_socket}"

    def start(self):
        for binary in (self.server_binary, self.agent_binary):
            if not binary.exists():
                raise Failed(f"{binary} is not built")
        for name in ("server", "agent"):
            (self.folder / name).mkdir()
        self.write("server.json", {"server": {
            "trust_domain": TRUST_DOMAIN, "bind_address": "127.0.0.1", "bind_port": self.server_port,
            "socket_path": str(self.server_socket), "data_dir": str(self.folder / "server/data"),
            "ca_ttl": f"{self.ca_ttl}s", "default_x509_svid_ttl": f"{self.svid_ttl}s"}})
        self.start_server()
        (self.folder / "bundle.pem").write_text(self.cli("bundle", "show"))
        token = json.loads(self.cli("token", "generate", "-spiffeID", AGENT_ID, "-output", "json"))["value"]
        self.write("agent.json", {"agent": {
            "trust_domain": TRUST_DOMAIN, "server_address": "127.0.0.1", "server_port": self.server_port,
            "socket_path": str(self.agent_socket), "data_dir": str(self.folder / "agent/data"),
            "trust_bundle_path": str(self.folder / "bundle.pem"), "join_token": token, **self.agent_settings}})
        self.start_agent()

    def write(self, name, content):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(content))

    def start_server(self):
        self.server = Process("signet-server", [self.server_binary, "run", "-config", self.folder / "server.json"],
                              self.folder)
        process.wait_until(lambda: self.answers("bundle", "count"), 20,
                           lambda: f"server does not answer: {self.server.tail()}", self.server)

    def start_agent(self):
        self.agent = Process("signet-agent", [self.agent_binary, "run", "-config", self.folder / "agent.json"],
                             self.folder)
        process.wait_until(lambda: self.cli("agent", "list", "-output", "json").count(TRUST_DOMAIN) > 0, 30,
                           lambda: f"agent did not attest: {self.agent.tail()}", self.agent)

    def healthchecks(self):
        """Both programs' own word on their health; a healthy one exits with 0."""
        process.run([self.server_binary, "healthcheck", "-socketPath", self.server_socket], timeout=10)
        process.run([self.agent_binary, "healthcheck", "-socketPath", self.agent_socket], timeout=10)
        return "server and agent"

    def answers(self, *arguments):
        try:
            self.cli(*arguments)
            return True
        except Failed:
            return False

    def cli(self, *arguments):
        return process.run([self.server_binary, *arguments, "-socketPath", self.server_socket])

    def register(self, workload, **wanted):
        """An entry by the kernel's word about the caller's uid. wanted: ttl, dns (names), federates (trust domains)."""
        if workload.id not in self.entries:
            made = json.loads(self.cli("entry", "create", *self._entry_flags(workload, wanted), "-output", "json"))
            self.entries[workload.id] = {"id": made["results"][0]["entry"]["id"], "wanted": wanted}

    def update(self, workload, **changes):
        """Changes a workload's entry; the agent is told, and gets new certificates for it."""
        entry = self.entries[workload.id]
        entry["wanted"] = {**entry["wanted"], **changes}
        self.cli("entry", "update", "-entryID", entry["id"], *self._entry_flags(workload, entry["wanted"]))

    def _entry_flags(self, workload, wanted):
        flags = ["-spiffeID", workload.id, "-parentID", AGENT_ID, "-selector", f"unix:uid:{workload.uid}",
                 "-x509SVIDTTL", wanted.get("ttl", self.svid_ttl)]
        for flag, values in (("-dns", wanted.get("dns", ())), ("-federatesWith", wanted.get("federates", ()))):
            for value in values:
                flags += [flag, value]
        return flags

    def program(self, binary, name=None):
        """A copy that every uid may run: the cache and the build tree may be ours alone."""
        copy = self.folder / (name or binary.name)
        with self.copying:
            if not copy.exists():  # by another process: a file that one of our threads has open cannot be run by the next
                process.run(["install", "-m", "755", binary, copy])
        return copy

    def tree(self, folder, name):
        """The same for a folder."""
        copy = self.folder / name
        with self.copying:
            if not copy.exists():
                process.run(["cp", "-rL", folder, copy])
                process.run(["chmod", "-R", "a+rX", copy])
        return copy

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for running in (self.agent, self.server):
            if running is not None:
                running.stop()

    def __exit__(self, *_):
        self.stop()
