"""A real Envoy on the sample configurations of examples/envoy, and a TLS client that reads what it is answered."""
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request

from lib import process
from lib.deployment import TRUST_DOMAIN
from lib.peers import HERE
from lib.process import Failed, Process

SAMPLES = HERE.parents[1] / "examples/envoy"
SAMPLE_SOCKET = "/run/signet/agent/api.sock"
BODY = "hello from backend\n"


class Refused(Exception):
    """The other side did not answer, as it should with a peer that it does not want."""


class Proxy:
    """One Envoy with an identity of its own, from a sample with this deployment's names and free ports."""

    def __init__(self, deployment, envoy, sample, workload, changes=(), ports=None):
        self.ports = dict(ports or {})
        text = (SAMPLES / sample).read_text().replace("example.org", TRUST_DOMAIN)
        text = text.replace(SAMPLE_SOCKET, str(deployment.agent_socket))
        for old, new in changes:
            if old not in text:
                raise Failed(f"{sample} no longer has the line that this test changes: {old}")
            text = text.replace(old, new)
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


def program(deployment, envoy):
    """A copy that every uid may run."""
    copy = deployment.folder / "envoy"
    if not copy.exists():
        shutil.copy(envoy, copy)
        copy.chmod(0o755)
    return copy


class Material:
    """A client's certificate, key and roots in files."""

    def __init__(self, certificate, key, roots):
        self.certificate, self.key, self.roots = certificate, key, roots

    def context(self, version=None):
        context = ssl.create_default_context(cafile=self.roots)
        context.check_hostname = False  # SPIFFE IDs are no host names; the caller looks at them itself
        if version is not None:
            context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.certificate, self.key)
        return context


def fetch(deployment, workload, name):
    """The SVID of a workload as the agent's CLI writes it."""
    folder = deployment.folder / name
    folder.mkdir(mode=0o777, exist_ok=True)
    folder.chmod(0o777)
    process.wait_until(lambda: _try_fetch(deployment, workload, folder), 30, f"no SVID for {workload.id}")
    return Material(folder / "svid.0.pem", folder / "svid.0.key", folder / "bundle.0.pem")


def _try_fetch(deployment, workload, folder):
    done = subprocess.run([str(deployment.program(deployment.agent_binary)), "api", "fetch", "x509", "-socketPath",
                           str(deployment.agent_socket), "-write", str(folder)], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=20, **workload.popen_options())
    return done.returncode == 0


class Connection:
    """One request over TLS. Its end is read, since a TLS 1.3 client believes in success too early."""

    def __init__(self, port, context, session=None):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                with context.wrap_socket(plain, session=session) as tls:
                    tls.sendall(b"GET / HTTP/1.1\r\nhost: backend\r\nconnection: close\r\n\r\n")
                    answer = b"".join(iter(lambda: tls.recv(4096), b""))
                    self.peer = tls.getpeercert()
                    self.session, self.resumed = tls.session, tls.session_reused
        except (ssl.SSLError, ConnectionError, TimeoutError) as error:
            raise Refused(str(error)) from None
        if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(BODY.encode()):
            raise Refused(f"answered {answer[:60]!r}")

    def peer_id(self):
        return [value for kind, value in self.peer.get("subjectAltName", ()) if kind == "URI"]


def must_be_refused(port, context, session=None):
    try:
        Connection(port, context, session)
    except Refused as why:
        return str(why)
    raise Failed("a client was served that must be refused")


def plain_get(port):
    """A request to an outbound listener; the HTTP status, or 0 if there was none."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status if answer.status != 200 or body == BODY else 0
    except (OSError, http.client.HTTPException):
        return 0


def served_certificate(port):
    """The certificate that a listener shows, as DER; it shows it to everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            with context.wrap_socket(plain) as tls:
                return tls.getpeercert(binary_form=True)
    except OSError:
        return None


def wait_for_other_certificate(port, before, timeout):
    start = time.monotonic()
    process.wait_until(lambda: served_certificate(port) not in (None, before), timeout,
                       f"the same certificate is served after {timeout} s")
    return time.monotonic() - start
