"""The two peers of SPIFFE as others write them: a workload on a socket, and a node agent at the server's port."""
import json
import os
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lib.grpc_client import Call, RpcError, tls_socket, unary, unix_socket

FETCH = "SpiffeWorkloadAPI/FetchX509SVID"
SECURITY_HEADER = [("workload.spiffe.io", "true")]
AGENT = "spire.api.server.agent.v1"
ENTRY = "spire.api.server.entry.v1"
SVID = "spire.api.server.svid.v1"
PODS = "signet.api.server.v1"


class Workload:
    """Follows the stream of X509-SVIDs on a socket and tells what it sees, each with the monotonic time."""

    def __init__(self, messages, socket):
        self.messages, self.socket = messages, str(socket)

    def once(self, tell):
        """One attempt: ("svid", IDs, serials) or ("ended", code, message)."""
        self._stream(tell, forever=False)

    def follow(self, tell):
        """One stream until its end."""
        self._stream(tell, forever=True)

    def insist(self, tell, pause=0.005, patience=20):
        """What a SPIFFE library does: opens the stream again until there is an identity, then follows it."""
        seen = []

        def note(*what):
            seen.append(what)
            if what[0] == "svid" or time.monotonic() > end:
                tell(*what)
        end = time.monotonic() + patience
        while True:
            try:
                self._stream(note, forever=True)
            except OSError:
                pass  # the socket is not there yet
            if any(what[0] == "svid" for what in seen) or time.monotonic() > end:
                tell(*(seen or [("ended", -1, "no socket", time.monotonic())])[-1])
                return
            time.sleep(pause)

    def _stream(self, tell, forever):
        request = self.messages["X509SVIDRequest"]()
        with Call(unix_socket(self.socket), FETCH, [request], SECURITY_HEADER) as call:
            try:
                while answer := call.next(self.messages["X509SVIDResponse"], 60):
                    tell("svid", [s.spiffe_id for s in answer.svids],
                         [x509.load_der_x509_certificate(_leaf(s.x509_svid)).serial_number for s in answer.svids],
                         time.monotonic())
                    if not forever:
                        return
                tell("ended", 0, "", time.monotonic())
            except RpcError as error:
                tell("ended", error.code, error.message, time.monotonic())


class StockAgent:
    """Attests by k8s_psat and asks for entries and SVIDs with SPIRE's messages alone."""

    def __init__(self, messages, port, folder):
        self.messages, self.port, self.folder = messages, port, folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = None
        self.id = None

    def attest(self, cluster, token, id_in_csr="spiffe://example.org/spire/agent/wish"):
        """Gives the selectors' owner: the agent's ID. RpcError if the server does not believe it."""
        request = self.messages[f"{AGENT}.AttestAgentRequest"]()
        request.params.data.type = "k8s_psat"
        request.params.data.payload = json.dumps({"cluster": cluster, "token": token}).encode()
        request.params.params.csr = csr(self.key, id_in_csr)
        with Call(tls_socket(self.port), f"{AGENT}.Agent/AttestAgent", [request], half_close=False) as call:
            result = call.next(self.messages[f"{AGENT}.AttestAgentResponse"]).result
        self.id = f"spiffe://{result.svid.id.trust_domain}{result.svid.id.path}"
        path = self.folder / f"agent-{os.urandom(4).hex()}.pem"
        path.touch(mode=0o600)
        path.write_bytes(self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + b"".join(
                x509.load_der_x509_certificate(c).public_bytes(serialization.Encoding.PEM)
                for c in result.svid.cert_chain))
        self.certificate = (path, path)
        return self.id

    def call(self, method, request, kind):
        return unary(tls_socket(self.port, self.certificate), method, request, self.messages[kind])

    def entries(self):
        request = self.messages[f"{ENTRY}.GetAuthorizedEntriesRequest"]()
        return list(self.call(f"{ENTRY}.Entry/GetAuthorizedEntries", request,
                              f"{ENTRY}.GetAuthorizedEntriesResponse").entries)

    def new_svid(self, entry_id, id_in_csr="spiffe://example.org/wish"):
        """(status code, message, certificate or None) of one entry."""
        request = self.messages[f"{SVID}.BatchNewX509SVIDRequest"]()
        request.params.add(entry_id=entry_id, csr=csr(ec.generate_private_key(ec.SECP256R1()), id_in_csr))
        return _result(self.call(f"{SVID}.SVID/BatchNewX509SVID", request, f"{SVID}.BatchNewX509SVIDResponse"))

    def new_pod_svid(self, pod, token=""):
        """The same by Signet's own call, which names the pod."""
        request = self.messages[f"{PODS}.BatchNewPodX509SVIDRequest"]()
        request.params.add(pod_uid=pod["metadata"]["uid"], pod_namespace=pod["metadata"]["namespace"],
                           pod_name=pod["metadata"]["name"], workload_token=token,
                           csr=csr(ec.generate_private_key(ec.SECP256R1()), "spiffe://example.org/wish"))
        return _result(self.call(f"{PODS}.Pods/BatchNewX509SVID", request, f"{PODS}.BatchNewPodX509SVIDResponse"))


def csr(key, uri):
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False).sign(
            key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ids_of(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _result(response):
    result, = response.results
    certificate = x509.load_der_x509_certificate(result.svid.cert_chain[0]) if result.svid.cert_chain else None
    return result.status.code, result.status.message, certificate


def _leaf(chain):
    """The first certificate of several in a row."""
    size = int.from_bytes(chain[2:4], "big") + 4  # SEQUENCE with a length of two bytes, as every SVID has
    return chain[:size]
