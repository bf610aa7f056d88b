"""What a real Envoy does on our agent's SDS besides the ten rows of acceptance.py: the samples of examples/envoy, judged from
outside."""
import json
import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from lib import istio_cases, peers, process, tls
from lib.backend import plain_get
from lib.deployment import TRUST_DOMAIN, Deployment, Workload
from lib.envoy_proxy import Proxy
from lib.forger import Authority
from lib.process import Failed
from lib.tls import Connection, is_served, refusal

OTHER = "other.test"
BACKEND = Workload("backend", 65201)
FRONTEND = Workload("frontend", 65202)
STRANGER = Workload("stranger", 65203)


class World:
    """A deployment with the two Envoys of the samples."""

    def __init__(self, stack, build, folder, envoy):
        self.deployment = Deployment(build, folder, ca_ttl=3600, svid_ttl=600)
        self.system_roots = folder / "system.pem"
        self.deployment.agent_settings["sds"] = {"system_roots_path": str(self.system_roots)}
        stack.enter_context(self.deployment)
        for workload in (BACKEND, FRONTEND, STRANGER):
            self.deployment.register(workload)
        self.set_root(Authority(folder / "other", OTHER))
        self.deployment.update(BACKEND, federates=(f"spiffe://{OTHER}",))
        self.envoy = self.deployment.program(envoy, "envoy-program")
        self.backend = stack.enter_context(Proxy(self.deployment, self.envoy, "backend.yaml", BACKEND))
        self.port = self.backend.ports["8443"]
        self.frontend = stack.enter_context(
            Proxy(self.deployment, self.envoy, "frontend.yaml", FRONTEND, ports={"8443": self.port}))
        for proxy in (self.backend, self.frontend):
            proxy.wait_ready()
        self.roots = tls.fetch(self.deployment, FRONTEND, "client-frontend").roots

    def own(self, workload=FRONTEND, version=None):
        return tls.fetch(self.deployment, workload, f"client-{workload.name}").context(version)

    def set_root(self, authority):
        self.deployment.cli("bundle", "set", "-id", f"spiffe://{OTHER}", "-path", authority.root)

    def sds(self, *flags):
        return process.run([self.deployment.agent_binary, "api", "sds", *flags, "-socketPath", self.deployment.agent_socket])

    def streams(self):
        return json.loads(self.sds("-output", "json"))["streams"]

    def health(self, *services):
        """What the agent's health service says of each."""
        return process.run([peers.python_peer(), "-B", peers.HERE / "py/health.py", self.deployment.endpoint, *services]).split()


def secrets_shown(world):
    secrets = [secret for stream in world.streams() for secret in stream["secrets"]]
    if len(secrets) != 4 or any(s["sent"] != s["accepted"] or s["refused"] for s in secrets):
        raise Failed(f"api sds does not show four accepted secrets: {secrets}")
    variants = {stream["variant"] for stream in world.streams()}
    return f"four, over {' and '.join(sorted(variants))}"


def refused_for_its_id(world):
    """In both directions the counters of Envoy tell that it was the ID."""
    before = world.backend.stat("ssl.fail_verify_san")
    refusal(lambda: Connection(world.port, world.own(STRANGER)))
    if world.backend.stat("ssl.fail_verify_san") <= before:
        raise Failed("the stranger was refused, but not for its ID")
    with Proxy(world.deployment, world.envoy, "frontend.yaml", FRONTEND,
               [(BACKEND.id, f"spiffe://{TRUST_DOMAIN}/nobody")], {"8443": world.port}) as other:
        other.wait_ready()
        if plain_get(other.ports["8080"]) != 503:
            raise Failed("a backend with another ID was served from")
        if other.stat("ssl.fail_verify_san") == 0:
            raise Failed("the backend was refused, but not for its ID")
    return "by the listener and by the cluster"


RESUMPTION_OFF = "          disable_stateless_session_resumption: true\n"
TICKET_KEYS = ("sds_config: *sds\n      filters:", "sds_config: *sds\n          session_ticket_keys_sds_secret_config: "
               "{name: ticket-keys, sds_config: *sds}\n      filters:")


def ticket_keys(world):
    """Keys by SDS let sessions be resumed, until a root is another."""
    client = world.own(version=ssl.TLSVersion.TLSv1_2)
    with Proxy(world.deployment, world.envoy, "backend.yaml", BACKEND, [(RESUMPTION_OFF, ""), TICKET_KEYS]) as backend:
        backend.wait_ready()
        port = backend.ports["8443"]
        process.wait_until(lambda: is_served(lambda: Connection(port, client)), 30, "not served with ticket keys from SDS")
        session = Connection(port, client).session
        if not Connection(port, client, session).resumed:
            raise Failed("a session is not resumed with keys from SDS")
        world.set_root(Authority(world.deployment.folder / "other-ticket", OTHER))
        process.wait_until(lambda: not Connection(port, client, session).resumed, 20,
                           "a session is resumed though a root has changed")
        if backend.stat("update_rejected"):
            raise Failed("Envoy refused a secret")
    return "resumed, and after a change of roots not any more"


def plain_context(world):
    """What Istio's proxies ask for: ROOTCA, here as a plain CA file by the node's metadata."""
    forger = Authority(world.deployment.folder / "other-plain", OTHER)
    changes = [("  cluster: backend\n", "  cluster: backend\n  metadata: {disable_spiffe_cert_validation: true}\n"),
               ("name: ALL ", "name: ROOTCA ")]
    with Proxy(world.deployment, world.envoy, "backend.yaml", BACKEND, changes) as backend:
        backend.wait_ready()
        port = backend.ports["8443"]
        process.wait_until(lambda: is_served(lambda: Connection(port, world.own())), 30, "not served with a plain context")
        refusal(lambda: Connection(port, forger.svid("forged", FRONTEND.id, world.roots).context()))
        refusal(lambda: Connection(port, world.own(STRANGER)))
        if "envoy.tls.cert_validator.spiffe" in backend.get("/config_dump?resource=dynamic_active_secrets"):
            raise Failed("it got the SPIFFE validator all the same")
    return "by node metadata"


SERVING, NOT_SERVING = "1", "2"  # of gRPC's health service
SDS_SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
SYSTEM_ROOTS = "file-root:system"
OUTSIDE = """  clusters:
  - name: outside
    type: STATIC
    load_assignment: {cluster_name: outside}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {validation_context_sds_secret_config: {name: "file-root:system", sds_config: *sds}}
"""


class Refusal:
    """An Envoy that also asks for the system's roots, as Istio's do, and gets a file that is cut short in the middle."""

    def __init__(self, world, backend):
        self.world, self.backend, self.changes = world, backend, 0
        self.pid = backend.process.popen.pid

    def row(self, name=SYSTEM_ROOTS):
        found = [secret for stream in self.world.streams() if stream["pid"] == self.pid
                 for secret in stream["secrets"] if secret["name"] == name]
        return found[0] if len(found) == 1 else None

    def has(self, name=SYSTEM_ROOTS):
        row = self.row(name)
        return row and row["sent"] and row["sent"] == row["accepted"] and not row["refused"]

    def change(self):
        """A new identity for the Envoy, with which everything that it asked for is looked at again; once it is served."""
        self.changes += 1
        marker = f"change{self.changes}.test"
        self.world.deployment.update(BACKEND, dns=(marker,))
        process.wait_until(lambda: marker.encode() in (tls.served_certificate(self.backend.ports["8443"]) or b""), 10,
                           "the Envoy's other secrets stand still")

    def happens(self):
        """Returns what Envoy says."""
        before = self.row()["accepted"]
        whole = self.world.system_roots.read_text()
        self.world.system_roots.write_text(whole[:len(whole) // 2])
        self.change()
        process.wait_until(lambda: self.row()["refused"], 10, "Envoy does not refuse half a certificate")
        row = self.row()
        if row["refused"] != row["sent"] or row["accepted"] != before or not row["refusal"]:
            raise Failed(f"api sds shows {row}")
        if f"{SYSTEM_ROOTS}: refused {row['refused']}: {row['refusal']}" not in self.world.sds():
            raise Failed("api sds does not tell people")
        return row["refusal"]

    def stays_without_effect(self):
        """Once is enough; all else goes on, and a restart of the agent would mend nothing."""
        if self.world.health(SDS_SERVICE, "") != [NOT_SERVING, SERVING]:
            raise Failed("the agent's health is another")
        refused = self.row()["refused"]
        self.change()
        if self.row()["refused"] != refused or self.backend.stat("update_rejected") != 1:
            raise Failed("what Envoy had refused was sent to it again")
        if not (self.has("default") and self.has("ALL")):
            raise Failed("the Envoy's other secrets are not accepted any more")
        if not is_served(lambda: Connection(self.backend.ports["8443"], self.world.own())):
            raise Failed("a good client is not served")

    def ends(self):
        self.world.system_roots.write_text(Authority(self.world.deployment.folder / "system-mended", "system.test").root
                                           .read_text())
        self.change()
        process.wait_until(self.has, 10, lambda: f"not accepted after the repair: {self.row()}")
        if self.world.health(SDS_SERVICE, "") != [SERVING, SERVING]:
            raise Failed("health does not come back")


def refused_by_envoy(world):
    """A NACK that Envoy itself came to."""
    world.system_roots.write_text(Authority(world.deployment.folder / "system", "system.test").root.read_text())
    with Proxy(world.deployment, world.envoy, "backend.yaml", BACKEND, [("  clusters:\n", OUTSIDE)]) as backend:
        backend.wait_ready()
        refusal = Refusal(world, backend)
        process.wait_until(lambda: all(map(refusal.has, (SYSTEM_ROOTS, "default", "ALL"))), 10, "not all is accepted at first")
        streams = backend.stat("cluster.signet_agent.upstream_rq_total")
        says = refusal.happens()
        refusal.stays_without_effect()
        refusal.ends()
        if backend.stat("cluster.signet_agent.upstream_rq_total") != streams:
            raise Failed("it took a new stream")
    return f"“{says}”; sent once, shown, health of SDS alone, the rest went on; accepted on the same stream after the repair"


def run(report, build, folder):
    if os.geteuid() != 0:
        report.skip("Envoy", "the cases need users of their own for each workload; run as root")
        return
    try:
        envoy = peers.envoy()
    except peers.Missing as why:
        report.skip("Envoy", why)
        return
    with ThreadPoolExecutor(1) as pool:  # beside each other, since the sidecars wait for an authority to change
        sidecars = pool.submit(istio_cases.run, build, folder / "istio", envoy)
        judge(report, build, folder / "samples", envoy)
    attempt(report, "two Envoys as sidecars, with Istio's names and paths", sidecars.result)


def judge(report, build, folder, envoy):
    folder.mkdir(mode=0o755)
    cases = {"SDS-04, SDS-31, SDS-35, SDS-36, SDS-50: Envoy accepts all secrets, and they are shown": secrets_shown,
             "Envoy refuses for the ID": refused_for_its_id,
             "SDS-39: Envoy takes ticket keys from SDS": ticket_keys,
             "SDS-37, SDS-38: Envoy takes ROOTCA as a plain CA file": plain_context,
             "SDS-05, SDS-06, SDS-07: Envoy refuses a secret": refused_by_envoy}
    with ExitStack() as stack:
        try:
            world = World(stack, build, folder, envoy)
        except Failed as why:
            report.fail("Envoy starts", why)
            return
        for name, case in cases.items():
            attempt(report, name, lambda case=case: case(world))


def attempt(report, name, case):
    try:
        report.ok(name, case())
    except (Failed, tls.Refused, OSError) as why:
        report.fail(name, why)
