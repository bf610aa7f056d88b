"""What a real Envoy does on our agent's SDS besides the ten rows of acceptance.py: the samples of examples/envoy, judged from
outside."""
import json
import os
import ssl
from contextlib import ExitStack

from lib import peers, process, tls
from lib.deployment import TRUST_DOMAIN, Deployment, Workload
from lib.envoy_proxy import Proxy, plain_get
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
        self.deployment = stack.enter_context(Deployment(build, folder, ca_ttl=3600, svid_ttl=600))
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

    def streams(self):
        text = process.run([self.deployment.agent_binary, "api", "sds", "-output", "json", "-socketPath",
                            self.deployment.agent_socket])
        return json.loads(text)["streams"]


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


def run(report, build, folder):
    if os.geteuid() != 0:
        report.skip("Envoy", "the cases need users of their own for each workload; run as root")
        return
    try:
        envoy = peers.envoy()
    except peers.Missing as why:
        report.skip("Envoy", why)
        return
    cases = {"accepts all secrets, and they are shown": secrets_shown, "refuses for the ID": refused_for_its_id,
             "ticket keys from SDS": ticket_keys, "ROOTCA as a plain CA file": plain_context}
    with ExitStack() as stack:
        try:
            world = World(stack, build, folder, envoy)
        except Failed as why:
            report.fail("Envoy starts", why)
            return
        for name, case in cases.items():
            try:
                report.ok(f"Envoy: {name}", case(world))
            except (Failed, tls.Refused) as why:
                report.fail(f"Envoy: {name}", why)
