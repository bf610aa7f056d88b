"""A TLS client that reads what it is answered, and certificates as it sees them."""
import http.client
import socket
import ssl
import subprocess
import time

from lib import process
from lib.process import Failed

BODY = "hello from backend\n"


class Refused(Exception):
    """The other side did not answer, as it should with a peer that it does not want."""


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


def nobody(roots):
    """A client without a certificate."""
    context = ssl.create_default_context(cafile=roots)
    context.check_hostname = False
    return context


def fetch(deployment, workload, name):
    """The SVID of a workload as the agent's CLI writes it."""
    folder = deployment.folder / name
    folder.mkdir(mode=0o777, exist_ok=True)
    folder.chmod(0o777)
    process.wait_until(lambda: try_fetch(deployment, workload, folder), 30, f"no SVID for {workload.id}")
    return Material(folder / "svid.0.pem", folder / "svid.0.key", folder / "bundle.0.pem")


def try_fetch(deployment, workload, folder):
    command = [deployment.program(deployment.agent_binary), "api", "fetch", "x509", "-socketPath", deployment.agent_socket,
               "-write", folder]
    try:
        process.run(command, timeout=20, **workload.popen_options())
        return True
    except Failed:
        return False


def http_get(tls, bodies=(BODY,)):
    """One request on a connection that ends with it; its answer must be one of these."""
    tls.sendall(b"GET / HTTP/1.1\r\nhost: backend\r\nconnection: close\r\n\r\n")
    answer = http.client.HTTPResponse(tls)
    try:
        answer.begin()
        body = answer.read()
    except http.client.HTTPException as error:
        raise Refused(repr(error)) from None
    if answer.status != 200 or body.decode(errors="replace") not in bodies:
        raise Refused(f"answered {answer.status}")
    return body


class Connection:
    """One talk over TLS. An answer is always read, since a TLS 1.3 client believes in success too early.

    talk(tls) asks and gives the answer's bytes, or raises Refused; before_tls(plain) is for protocols that start without TLS.
    """

    def __init__(self, port, context, session=None, talk=http_get, before_tls=None):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                if before_tls is not None:
                    before_tls(plain)
                with context.wrap_socket(plain, session=session) as tls:
                    self.answer = talk(tls)
                    self.peer = tls.getpeercert()
                    self.session, self.resumed = tls.session, tls.session_reused
        except (ssl.SSLError, ConnectionError, TimeoutError) as error:
            raise Refused(str(error)) from None

    def peer_id(self):
        return [value for kind, value in self.peer.get("subjectAltName", ()) if kind == "URI"]


def served_certificate(port, before_tls=None):
    """The certificate that a listener shows, as DER; it shows it to everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            if before_tls is not None:
                before_tls(plain)
            with context.wrap_socket(plain) as tls:
                return tls.getpeercert(binary_form=True)
    except OSError:
        return None


def wait_for_other_certificate(served, before, timeout):
    """served() gives the certificate of now, or None."""
    start = time.monotonic()
    process.wait_until(lambda: served() not in (None, before), timeout, f"the same certificate is served after {timeout} s")
    return time.monotonic() - start


def issuer_of(certificate):
    """The key identifier of the authority that signed it."""
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-ext", "authorityKeyIdentifier"],
                          input=certificate, capture_output=True, check=True).stdout
    return text.decode().split("\n")[1].strip()


def end_of(certificate):
    """When a certificate in a PEM file ends, in seconds since the epoch."""
    text = subprocess.run(["openssl", "x509", "-enddate", "-noout", "-in", str(certificate)], capture_output=True,
                          check=True, text=True).stdout
    return ssl.cert_time_to_seconds(text.strip().partition("=")[2])


def refusal(visit):
    """visit() must be refused; how it was."""
    try:
        visit()
    except Refused as why:
        return str(why)
    raise Failed("a client was served that must be refused")


def is_served(visit):
    try:
        visit()
        return True
    except Refused:
        return False
