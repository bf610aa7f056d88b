"""ghostunnel on examples/ghostunnel: it asks the agent itself, no files. Each visit goes in by one, and a plain one by two."""
import re
import shlex
import subprocess

from lib import peers, process, tls
from lib.backend import Backend, plain_get
from lib.deployment import TRUST_DOMAIN
from lib.process import Failed, Process
from lib.sample import sample
from lib.servers.base import FRONTEND, STRANGER, WITHOUT_FILES, Server

ALLOWED = f"--allow-uri {FRONTEND.id}"
BACKEND = f"spiffe://{TRUST_DOMAIN}/backend"
REFUSAL = "unauthorized: invalid principal"


class Ghostunnel(Server):
    name, uid = "ghostunnel", 65320
    keep_alive = True
    rotation_bar_ms = 1000
    backend = frontend = None

    @classmethod
    def find(cls):
        return peers.ghostunnel()

    @classmethod
    def version(cls, program):
        """It calls itself `master`; Go knows which module it was made of."""
        done = subprocess.run(["go", "version", "-m", program], capture_output=True, text=True, check=False)
        return (re.findall(r"^\s*mod\s+\S+\s+v(\S+)", done.stdout, re.MULTILINE) or ["?"])[0]

    def instead(self):
        return WITHOUT_FILES

    def deliver(self):
        pass

    def command(self, unit, changes):
        """What a unit of the example starts."""
        deployment = self.site.deployment
        text = sample(f"ghostunnel/{unit}", [
            ("/usr/local/bin/ghostunnel", deployment.program(self.program, "ghostunnel-program")),
            ("/run/signet/agent/api.sock", deployment.agent_socket), *self.listening(), *changes])
        return shlex.split(re.search(r"^ExecStart=((?:.*\\\n)*.*)$", text, re.MULTILINE)[1].replace("\\\n", " "))

    def start(self):
        self.backend = Backend()
        self.run(self.command("backend.service", [
            ("127.0.0.1:8080", self.backend.address), (ALLOWED, f"{ALLOWED} --allow-uri {self.site.friends[1]}")]))
        self.frontend = Frontend(self, FRONTEND, self.site.identity.id)

    def wait_ready(self):
        super().wait_ready()
        self.frontend.wait_ready()

    def visit(self, context, session=None):
        visit = super().visit(context, session)
        status = plain_get(self.frontend.port)
        if status != 200:
            raise tls.Refused(f"the ghostunnel in front answered {status}: {self.frontend.process.tail(2)}")
        return visit

    def more(self):
        return {"each end refuses another ID": self.both_ends}

    def both_ends(self, _):
        """The frontend in front of this server is the control: it differs from each of these in one thing."""
        with Frontend(self, FRONTEND, BACKEND) as client:
            client.must_be_refused(by=client.process)
        with Frontend(self, STRANGER, self.site.identity.id) as client:
            client.must_be_refused(by=self.process)
        return "the client a server that is not the one it asks for, the server a client that may not call"

    def stop(self):
        super().stop()
        if self.frontend is not None:
            self.frontend.stop()
        if self.backend is not None:
            self.backend.close()


class Frontend:
    """A ghostunnel in client mode, with the identity of a workload, to one that serves."""

    def __init__(self, server, workload, peer_id):
        self.port = process.free_port()
        command = server.command("frontend.service", [("127.0.0.1:8082", f"127.0.0.1:{self.port}"), (BACKEND, peer_id)])
        self.process = Process(f"ghostunnel-{workload.name}-{self.port}", command, server.site.deployment.folder,
                               **workload.popen_options())

    def wait_ready(self):
        process.wait_until(lambda: process.accepts(("127.0.0.1", self.port)), 30,
                           lambda: f"{self.process.name} does not listen: {self.process.tail()}", self.process)

    def must_be_refused(self, by):
        """A ghostunnel has to log that it refuses; the other one may see no more than the end of the connection."""
        before = by.log().count(REFUSAL)
        self.wait_ready()
        if plain_get(self.port) != 0:
            raise Failed(f"{self.process.name} carried a request that is to be refused")
        process.wait_until(lambda: by.log().count(REFUSAL) > before, 5, lambda: f"{by.name} refused nobody: {by.tail()}", by)

    def stop(self):
        self.process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
