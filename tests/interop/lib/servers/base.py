"""What the acceptance cases (lib/acceptance.py) need to know about a server.

To add one: make examples/<name>/ (configuration, delivery.json, README.md) with `spiffe://example.org/frontend` as the one who
is let in, write a class here in servers/<name>.py, and put it into servers/__init__.py. A class needs

  name, uid           its part of tests/interop/run, its line in the table; a uid that no other has, see below
  find()              its program, or raises peers.Missing with the reason
  version(program)    for the table
  start()             writes its configuration from the example (self.sample) and starts it as self.site.identity, in the foreground
  changes()           what to substitute in the example's delivery.json besides the paths that all have

and, where it is no HTTP server, talk(tls): ask for something that only an admitted client gets, return the answer's bytes, raise
tls.Refused if it is another. before_tls(plain) is for protocols that begin in clear text. keep_alive tells that it can be
asked several times over one connection, in HTTP.

The configuration has to admit both self.site.friends: the frontend of our own trust domain and the one of the other, so that
rows 3 and 4 are decided by roots. Put the second where the example has the first.

A row that the server cannot do: return {row: case} from instead(); the case measures what the server does, fails if that is
not what docs/integrations.md says, and returns a sentence. It is reported as NOTE, and in the table as `2=note`. So is a row
that passes with a limit that `limited` names.

A variant of a server is a class of its own, with a name and a uid, that names the other's `example`.

uids: nginx 65310, haproxy 65311, envoy 65312, postgresql 65313, apache 65314, redis 65315, nats 65316, rabbitmq 65317,
caddy 65318, stunnel 65319, ghostunnel 65320, envoy-files 65321, haproxy-runtime 65322, haproxy-agent 65323, go 65330,
python 65331, java 65332, C++ 65333, mariadb 65341. Their folders belong to that uid; programs of the machine run as they are.
"""
import os
import re
import shutil
import subprocess

from lib import process, tls
from lib.delivery import Delivery
from lib.deployment import TRUST_DOMAIN, Workload
from lib.forger import Authority
from lib.peers import Missing
from lib.process import Process
from lib.sample import sample

FRONTEND = Workload("frontend", 65302)
STRANGER = Workload("stranger", 65303)
# Two rows of a server that asks the agent itself.
WITHOUT_FILES = {8: lambda _: "key and certificate come in one message", 10: lambda _: "there is no file"}


def dns_name(workload):
    return f"{workload.name}.{TRUST_DOMAIN}"


class Site:
    """Where a server stands in one deployment: folder, port, identity, files, and another trust domain of its own."""

    def __init__(self, deployment, name, uid):
        self.deployment, self.name = deployment, name
        self.folder = deployment.folder / name
        self.folder.mkdir(mode=0o755)
        os.chown(self.folder, uid, uid)
        self.identity = Workload(name, uid)
        self.port = process.free_port()
        self.files = self.folder / "files"
        self.other_domain = f"{name}.other.test"
        self.other = Authority(deployment.folder / f"{name}-other", self.other_domain)
        self.friends = [FRONTEND.id, f"spiffe://{self.other_domain}/frontend"]


class Server:
    name = uid = None
    example = None  # folder of examples/, if it is another than the name
    program_name = None  # as in $PATH
    delivery_file = "delivery.json"
    seconds_to_start = 30
    address = "127.0.0.1:8443"  # as the example has it
    keep_alive = False
    dns = ()  # names in its certificates, if it needs any
    clients_need_names = False  # DNS names, of which the first becomes the subject's CN
    rotation_bar_ms = None  # within which a change at the authority has to be served, at p99 and without load
    limited = {}  # {row: with which limit it passes}
    before_tls = None
    bodies = (tls.BODY,)  # what an HTTP server may answer to whom it lets in
    kernel_settings = None  # a file of the example, for sysctl; it holds in a network that the run makes for itself

    def __init__(self, site, program):
        self.site, self.program = site, program
        self.example = self.example or self.name
        self.process = self.delivery = None

    @classmethod
    def find(cls):
        found = shutil.which(cls.program_name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not found:
            raise Missing(f"no {cls.program_name} here (scripts/setup.sh, groups servers and more_servers)")
        return found

    @classmethod
    def version(cls, program):
        done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+[.\d]*", done.stdout + done.stderr)
        return found.group() if found else "?"

    # What an adaptor says.

    def start(self):
        raise NotImplementedError

    def changes(self):
        return []

    def listening(self):
        """What to substitute in its configuration for where it listens."""
        return [(self.address, f"127.0.0.1:{self.site.port}")]

    def talk(self, connection):
        return tls.http_get(connection, self.bodies)

    def policies(self):
        """What the agent's authorizer has to know for it: {name: policy}."""
        return {}

    def targets(self):
        """What the agent itself has to deliver for it: {name: target}."""
        return {}

    def client_subject(self, spiffe_id):
        """The subject that the other trust domain's authority writes for this ID."""
        return "/O=x"

    def mint_flags(self):
        """For a certificate of FRONTEND that the authority's command makes."""
        return ("-dns", dns_name(FRONTEND)) if self.clients_need_names else ()

    def instead(self):
        return {}

    def without_agent(self, judged):
        """What it does while the agent is away; a sentence, or Failed."""
        judged.must_serve(20)
        return "20 requests without an agent"

    def more(self):
        """Cases besides the rows: {name: case(judged)}."""
        return {}

    # What all have.

    def deliver(self):
        """The files for it, before its first start."""
        self.delivery = Delivery(self.site, self.delivery_config())
        self.delivery.start()

    def delivery_config(self):
        return sample(f"{self.example}/{self.delivery_file}", [
            *self.paths(), (self.address, f"127.0.0.1:{self.site.port}"), *self.changes()])

    def sample(self, file, changes):
        """A configuration of the example with our files and port and these changes, in the site's folder."""
        return self.copy(file, [*self.paths(), *self.listening(), *changes])

    def copy(self, file, changes):
        """A file of the example with these changes alone, in the site's folder."""
        written = self.site.folder / file
        written.write_text(sample(f"{self.example}/{file}", changes))
        written.chmod(0o644)
        return written

    def paths(self):
        return [(f"/run/signet/{self.example}", self.site.files)]

    def run(self, command, **options):
        self.process = Process(self.site.name, command, self.site.folder, **self.site.identity.popen_options(), **options)

    def wait_ready(self):
        process.wait_until(self.served_certificate, self.seconds_to_start,
                           lambda: f"{self.name} serves nobody: {self.process.tail()}", self.process)

    def visit(self, context, session=None):
        return tls.Connection(self.site.port, context, session, self.talk, self.before_tls)

    def served_certificate(self):
        return tls.served_certificate(self.site.port, self.before_tls)

    def stop(self):
        for running in (self.delivery, self.process):
            if running is not None:
                running.stop()
