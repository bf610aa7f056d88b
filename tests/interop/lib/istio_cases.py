"""Two Envoys as Istio's sidecars have them: Istio's node, its cluster and path for the workload socket, its secret names and its
(deprecated, not typed) lists of expected names. Istio's own programs, istiod and pilot-agent, are not run."""
import json
import time
from contextlib import ExitStack

from lib import process, tls
from lib.backend import plain_get
from lib.deployment import TRUST_DOMAIN, Deployment, Workload
from lib.envoy_proxy import Proxy
from lib.forger import Authority
from lib.load import Rotations
from lib.process import Failed
from lib.tls import Connection, is_served, refusal

ALIAS = "alias.test"  # a trust domain that the mesh takes for its own
WORKLOAD_SOCKET = "var/run/secrets/workload-spiffe-uds/socket"  # from where a sidecar runs
LEAVES, AUTHORITIES = 4, 1


class Sidecar(Workload):
    """The identity of a pod's proxy: Istio's kind of ID, and Istio's folder."""

    def __init__(self, account, uid, pod):
        super().__init__(account, uid)
        self.id, self.pod = f"spiffe://{TRUST_DOMAIN}/ns/default/sa/{account}", pod

    def popen_options(self):
        return {**super().popen_options(), "cwd": self.pod}

    def node(self):
        pod = f"{self.name}-7d4f8c9b5-x2x9p"
        metadata = {"CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.27.1", "MESH_ID": TRUST_DOMAIN, "NAME": pod,
                    "NAMESPACE": "default", "SERVICE_ACCOUNT": self.name, "WORKLOAD_NAME": self.name,
                    "LABELS": {"app": self.name, "security.istio.io/tlsMode": "istio"}}
        return (f"  id: sidecar~10.244.1.7~{pod}.default~default.svc.cluster.local\n  cluster: {self.name}.default\n"
                f"  metadata: {json.dumps(metadata)}\n")


class Mesh:
    """Site and server for lib.load.Rotations: what is served is what the inbound sidecar shows."""

    def __init__(self, stack, build, folder, envoy):
        pod = folder / "pod"
        (pod / WORKLOAD_SOCKET).parent.mkdir(mode=0o755, parents=True)
        self.deployment = Deployment(build, folder, ca_ttl=24, svid_ttl=8)
        self.deployment.agent_socket = pod / WORKLOAD_SOCKET
        self.deployment.agent_settings["sds"] = {"rootca_includes_federated": True}
        stack.enter_context(self.deployment)
        self.site, self.name = self, "istio"
        self.identity, self.caller = Sidecar("httpbin", 65211, pod), Sidecar("sleep", 65212, pod)
        self.alias = Authority(folder / "alias", ALIAS)
        self.deployment.cli("bundle", "set", "-id", f"spiffe://{ALIAS}", "-path", self.alias.root)
        self.deployment.register(self.identity, federates=(f"spiffe://{ALIAS}",))
        self.deployment.register(self.caller)
        self.envoy = self.deployment.program(envoy, "envoy-program")
        callers = [f"{{prefix: \"spiffe://{domain}/\"}}" for domain in (TRUST_DOMAIN, ALIAS)]
        self.inbound = stack.enter_context(self.sidecar("backend.yaml", self.identity, ("frontend", callers)))
        self.port = self.inbound.ports["8443"]
        self.outbound = stack.enter_context(self.outbound_to(self.identity.id))

    def sidecar(self, file, workload, names, *changes):
        peer, matchers = names
        name = file.removesuffix(".yaml")
        typed = f"""match_typed_subject_alt_names:
{{}}- {{{{san_type: URI, matcher: {{{{exact: "spiffe://{TRUST_DOMAIN}/{peer}"}}}}}}}}"""
        return Proxy(self.deployment, self.envoy, file, workload, [
            (f"  id: {name}\n  cluster: {name}\n", workload.node()),
            (typed.format(16 * " " if name == "backend" else 14 * " "), f"match_subject_alt_names: [{', '.join(matchers)}]"),
            ("name: ALL", "name: ROOTCA"), ("signet_agent", "sds-grpc"),
            ("{connection_keepalive: {interval: 30s, timeout: 5s}}", "{}"),
            (self.deployment.agent_socket, f"./{WORKLOAD_SOCKET}"), *changes],
            {} if name == "backend" else {"8443": self.port})

    def outbound_to(self, peer):
        return self.sidecar("frontend.yaml", self.caller, ("backend", [f"{{exact: \"{peer}\"}}"]), ("DELTA_GRPC", "GRPC"),
                            ("max_requests_per_connection: 100", "max_requests_per_connection: 3"))

    def served_certificate(self):
        return tls.served_certificate(self.port)

    def request(self):
        return plain_get(self.outbound.ports["8080"])

    def streams(self):
        text = process.run([self.deployment.agent_binary, "api", "sds", "-output", "json", "-socketPath",
                            self.deployment.agent_socket])
        return json.loads(text)["streams"]


def shown(mesh):
    """One stream for each secret of each sidecar, by Istio's names."""
    seen = sorted((stream["node_id"].split("~")[2].split("-")[0], secret["name"], secret["sent"] == secret["accepted"] != "")
                  for stream in mesh.streams() for secret in stream["secrets"])
    if seen != [(name, secret, True) for name in ("httpbin", "sleep") for secret in ("ROOTCA", "default")]:
        raise Failed(f"api sds shows {seen}")


def peers_judged(mesh):
    """Istio's lists of names hold beside a validator that came by SDS, and no alias can speak for the mesh."""
    with mesh.outbound_to(f"spiffe://{TRUST_DOMAIN}/ns/default/sa/other") as other:
        other.wait_ready()
        if plain_get(other.ports["8080"]) != 503 or not other.stat("ssl.fail_verify_san"):
            raise Failed("a server with another service account was called, or refused for another reason")
    roots = tls.fetch(mesh.deployment, mesh.caller, "client").roots

    def client(name, spiffe_id):
        return mesh.alias.svid(name, spiffe_id, roots).context()

    if not is_served(lambda: Connection(mesh.port, client("own", f"spiffe://{ALIAS}/ns/default/sa/sleep"))):
        raise Failed("the alias of the trust domain is not let in")
    refusal(lambda: Connection(mesh.port, client("forged", mesh.caller.id)))
    refusal(lambda: Connection(mesh.port, tls.nobody(roots)))


def rotated(mesh):
    """Requests from sidecar to sidecar without a pause worth the name, while leaves and the authority change."""
    rotations, requests, end = Rotations(mesh), [], time.monotonic() + 60

    def look():
        requests.append(mesh.request())
        return rotations.see()

    while rotations.ca_rotations < AUTHORITIES or rotations.leaf_rotations < LEAVES:
        if time.monotonic() > end:
            raise Failed(f"too slow: {rotations.leaf_rotations} leaf and {rotations.ca_rotations} CA rotations")
        look()
        time.sleep(0.02)
    for _ in range(50):  # by the new authority
        look()
    if any(status != 200 for status in requests):
        raise Failed(f"of {len(requests)} requests these failed: {[status for status in requests if status != 200][:5]}")
    rejected = mesh.inbound.stat("update_rejected") + mesh.outbound.stat("update_rejected")
    if rejected:
        raise Failed(f"{rejected} secrets were refused by Envoy")
    return (f"{len(requests)} requests, 0 failed, over {rotations.leaf_rotations} leaf and {rotations.ca_rotations} CA "
            "rotations")


def run(build, folder, envoy):
    """The whole case; its note."""
    folder.mkdir(mode=0o755)
    with ExitStack() as stack:
        mesh = Mesh(stack, build, folder, envoy)
        for proxy in (mesh.inbound, mesh.outbound):
            proxy.wait_ready()
        process.wait_until(lambda: mesh.request() == 200, 20, "a sidecar does not reach the other")
        shown(mesh)
        peers_judged(mesh)
        return f"default and ROOTCA at ./{WORKLOAD_SOCKET}; {rotated(mesh)}"
