"""A real Kubernetes control plane for tests: kube-apiserver and etcd, in a fresh folder, on free loopback ports.

No kubelet, scheduler or controllers: a test says itself on which node a pod runs, and what its status is.
"""
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

from lib import process
from lib.kubernetes_client import Client
from lib.kubernetes_pki import Pki
from lib.peers import Missing
from lib.process import Process

ISSUER = "https://kubernetes.default.svc"


def find_binary(name):
    """The program that the environment names, or that tests/interop/kubernetes/build has made."""
    finder = [Path(__file__).resolve().parents[1] / "kubernetes/build", "--find", name]
    done = subprocess.run(finder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise Missing((done.stdout + done.stderr).strip())
    return Path(done.stdout.strip())


class ControlPlane:
    """A running API server. `admin` may do everything; others get credentials from `pki` or from tokens."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.etcd_binary = find_binary("etcd")
        self.binary = find_binary("kube-apiserver")
        self.pki = Pki(self.folder / "pki")
        self.port = process.free_port()
        self.etcd_port, self.etcd_peer_port = process.free_port(), process.free_port()
        self.stack = ExitStack()
        self.api_server = None
        self.admin = self.client(self.pki.client("admin", "system:masters"))

    @classmethod
    def attach(cls, folder):
        """One that runs already, in another process (tests/interop/control_plane): for its objects alone."""
        plane = cls.__new__(cls)
        plane.folder = Path(folder)
        plane.port = json.loads((plane.folder / "control_plane.json").read_text())["port"]
        plane.pki = Pki.attach(plane.folder / "pki")
        plane.admin = plane.client(plane.pki.existing("admin"))
        return plane

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def version(self):
        return process.run([self.binary, "--version"]).split()[-1]

    def client(self, certificate=None, token=None):
        return Client(self.port, self.pki.ca, certificate=certificate, token=token)

    def kubeconfig(self, name, certificate=None, token_file=None):
        """A kubeconfig (JSON is YAML) for a client certificate or for a file with a token."""
        user = {"tokenFile": str(token_file)} if token_file else {
            "client-certificate": str(certificate.certificate), "client-key": str(certificate.key)}
        path = self.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.pki.ca)}}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))
        return path

    def start(self):
        client, peer = (f"http://127.0.0.1:{p}" for p in (self.etcd_port, self.etcd_peer_port))
        self.stack.enter_context(Process("etcd", [
            self.etcd_binary, "--name", "k", "--data-dir", self.folder / "etcd", "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"k={peer}", "--unsafe-no-fsync"], self.folder,
            preexec_fn=process.die_with_parent))
        self.start_api_server()

    def start_api_server(self):
        pki = self.pki
        self.api_server = self.stack.enter_context(Process("kube-apiserver", [
            self.binary, f"--etcd-servers=http://127.0.0.1:{self.etcd_port}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={self.port}",
            f"--tls-cert-file={pki.serving.certificate}", f"--tls-private-key-file={pki.serving.key}",
            f"--client-ca-file={pki.ca}", f"--service-account-issuer={ISSUER}", f"--api-audiences={ISSUER}",
            f"--service-account-key-file={pki.service_accounts.certificate}",
            f"--service-account-signing-key-file={pki.service_accounts.key}",
            f"--service-account-jwks-uri={self.url}/openid/v1/jwks", "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none", "--authorization-mode=Node,RBAC", "--allow-privileged=true",
            "--enable-admission-plugins=NodeRestriction", "--disable-admission-plugins=ServiceAccount"],
            self.folder, preexec_fn=process.die_with_parent))
        # The roles that the API server makes for itself are there only once it is ready.
        process.wait_until(self.admin.ready, 90, lambda: f"kube-apiserver is not ready: {self.api_server.tail(3)}",
                           self.api_server)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()
