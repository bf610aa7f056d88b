"""Real Envoys on our agent's SDS: the samples of examples/envoy, judged from outside. Numbers are those of the acceptance
script that every server has to pass."""
import json
import os
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack

from lib import envoy_proxy, peers, process
from lib.deployment import TRUST_DOMAIN, Deployment, Workload
from lib.envoy_proxy import Connection, Proxy, must_be_refused, plain_get, served_certificate
from lib.forger import Authority
from lib.process import Failed

OTHER = "other.test"
OTHER_ID = f"spiffe://{OTHER}/frontend"
BACKEND = Workload("backend", 65201)
FRONTEND = Workload("frontend", 65202)
STRANGER = Workload("stranger", 65203)
LIFE = {"ca_ttl": 3600, "svid_ttl": 25}
SHORT_LIFE = {"ca_ttl": 16, "svid_ttl": 6}
ROTATIONS = 10
REQUESTS = 1000

# The backend also lets the other trust domain's frontend in, to show that it is its root that decides.
MATCHER = f'- {{san_type: URI, matcher: {{exact: "{FRONTEND.id}"}}}}'
BOTH_MATCHERS = (MATCHER, f'{MATCHER}\n                - {{san_type: URI, matcher: {{exact: "{OTHER_ID}"}}}}')


class World:
    """A deployment with the two Envoys of the samples."""

    def __init__(self, stack, build, folder, envoy, life):
        self.deployment = stack.enter_context(Deployment(build, folder, **life))
        for workload in (BACKEND, FRONTEND, STRANGER):
            self.deployment.register(workload)
        self.envoy = envoy_proxy.program(self.deployment, envoy)
        self.backend = stack.enter_context(Proxy(self.deployment, self.envoy, "backend.yaml", BACKEND, [BOTH_MATCHERS]))
        self.port = self.backend.ports["8443"]
        self.frontend = stack.enter_context(
            Proxy(self.deployment, self.envoy, "frontend.yaml", FRONTEND,
                  [("max_requests_per_connection: 100", "max_requests_per_connection: 5")], {"8443": self.port}))
        for proxy in (self.backend, self.frontend):
            proxy.wait_ready()

    def own(self, workload=FRONTEND, version=None):
        return envoy_proxy.fetch(self.deployment, workload, f"client-{workload.name}").context(version)

    def streams(self):
        text = process.run([self.deployment.agent_binary, "api", "sds", "-output", "json", "-socketPath",
                            self.deployment.agent_socket])
        return json.loads(text)["streams"]


def good_id(world):
    answer = Connection(world.port, world.own())
    if answer.peer_id() != [BACKEND.id]:
        raise Failed(f"the backend is {answer.peer_id()}")
    if plain_get(world.frontend.ports["8080"]) != 200:
        raise Failed("the frontend's Envoy does not get through")
    secrets = [secret for stream in world.streams() for secret in stream["secrets"]]
    if len(secrets) != 4 or any(s["sent"] != s["accepted"] or s["refused"] for s in secrets):
        raise Failed(f"api sds does not show four accepted secrets: {secrets}")
    variants = {stream["variant"] for stream in world.streams()}
    return f"in and out, secrets over {' and '.join(sorted(variants))}"


def wrong_id(world):
    before = world.backend.stat("ssl.fail_verify_san")
    must_be_refused(world.port, world.own(STRANGER))
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


def set_root(world, authority):
    world.deployment.cli("bundle", "set", "-id", f"spiffe://{OTHER}", "-path", authority.root)


def federate(world):
    """The backend's entry, once more, and now it federates."""
    world.deployment.cli("entry", "create", "-spiffeID", BACKEND.id, "-parentID", "spiffe://interop.test/agent",
                         "-selector", f"unix:uid:{BACKEND.uid}", "-selector", f"unix:gid:{BACKEND.uid}", "-x509SVIDTTL",
                         world.deployment.svid_ttl, "-federatesWith", f"spiffe://{OTHER}")


def other_trust_domain(world, authority):
    client = authority.svid("own", OTHER_ID, world.own_roots).context()
    must_be_refused(world.port, client)
    set_root(world, authority)
    federate(world)
    process.wait_until(lambda: _served(world.port, client), 20, "not let in after its bundle was set")
    return "refused, then let in once federated"


def _served(port, context):
    try:
        Connection(port, context)
        return True
    except envoy_proxy.Refused:
        return False


def forged(world, authority):
    if not _served(world.port, authority.svid("control", OTHER_ID, world.own_roots).context()):
        raise Failed("the forger's own SVIDs are refused too, so nothing is shown")
    before = world.backend.stat("ssl.fail_verify_error")
    must_be_refused(world.port, authority.svid("forged", FRONTEND.id, world.own_roots).context())
    if world.backend.stat("ssl.fail_verify_error") <= before:
        raise Failed("the forged certificate was refused, but not for its chain")
    return "while the forger's own are let in"


def root_removed(world, authority):
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    clients = {v: authority.svid(f"resume-{v.value}", OTHER_ID, world.own_roots).context(v) for v in versions}
    sessions = {v: Connection(world.port, clients[v]).session for v in versions}
    set_root(world, Authority(world.deployment.folder / "other-again", OTHER))
    process.wait_until(lambda: not any(_served(world.port, clients[v]) for v in versions), 20,
                       "fresh connections are let in after the root was removed")
    for version, session in sessions.items():
        must_be_refused(world.port, clients[version], session)
    return "fresh connections, and those that offer a session of before"


RESUMPTION_OFF = "          disable_stateless_session_resumption: true\n"
TICKET_KEYS = ("sds_config: *sds\n      filters:", "sds_config: *sds\n          session_ticket_keys_sds_secret_config: "
               "{name: ticket-keys, sds_config: *sds}\n      filters:")


def ticket_keys(world, authority):
    """Keys by SDS let sessions be resumed, until a root is another."""
    client = world.own(version=ssl.TLSVersion.TLSv1_2)
    with Proxy(world.deployment, world.envoy, "backend.yaml", BACKEND, [(RESUMPTION_OFF, ""), TICKET_KEYS]) as backend:
        backend.wait_ready()
        port = backend.ports["8443"]
        process.wait_until(lambda: _served(port, client), 30, "not served with ticket keys from SDS")
        session = Connection(port, client).session
        if not Connection(port, client, session).resumed:
            raise Failed("a session is not resumed with keys from SDS")
        set_root(world, Authority(world.deployment.folder / "other-ticket", OTHER))
        process.wait_until(lambda: not Connection(port, client, session).resumed, 20,
                           "a session is resumed though a root has changed")
        if backend.stat("update_rejected"):
            raise Failed("Envoy refused a secret")
    return "resumed, and after a change of roots not any more"


def plain_context(world, authority):
    """What Istio's proxies ask for: ROOTCA, here as a plain CA file by the node's metadata."""
    changes = [("  cluster: backend\n", "  cluster: backend\n  metadata: {disable_spiffe_cert_validation: true}\n"),
               ("name: ALL ", "name: ROOTCA ")]
    with Proxy(world.deployment, world.envoy, "backend.yaml", BACKEND, changes) as backend:
        backend.wait_ready()
        port = backend.ports["8443"]
        process.wait_until(lambda: _served(port, world.own()), 30, "not served with a plain context")
        must_be_refused(port, authority.svid("forged-plain", FRONTEND.id, world.own_roots).context())
        must_be_refused(port, world.own(STRANGER))
        if "envoy.tls.cert_validator.spiffe" in backend.get("/config_dump?resource=dynamic_active_secrets"):
            raise Failed("it got the SPIFFE validator all the same")
    return "by node metadata"


def expired(world, client):
    process.wait_until(lambda: not _served(world.port, client.context()), 3 * LIFE["svid_ttl"],
                       "a client is served long after its SVID ended")
    seen = subprocess.run(["openssl", "x509", "-checkend", "0", "-noout", "-in", str(client.certificate)],
                          capture_output=True, check=False)
    if seen.returncode == 0:
        raise Failed("the client was refused before its SVID ended")
    if not _served(world.port, world.own()):
        raise Failed("a fresh SVID is refused too")
    return "and a fresh one of the same ID is served"


def agent_killed(world):
    before = served_certificate(world.port)
    world.deployment.agent.stop(hard=True)
    for _ in range(50):
        if plain_get(world.frontend.ports["8080"]) != 200:
            raise Failed("a request failed while the agent was dead")
    world.deployment.start_agent()
    seconds = envoy_proxy.wait_for_other_certificate(world.port, before, 60)
    if plain_get(world.frontend.ports["8080"]) != 200:
        raise Failed("a request failed after the agent was back")
    return f"50 requests without an agent, a new certificate {seconds:.1f} s after it was back"


class Load:
    """Threads that ask through both Envoys without a pause and count."""

    def __init__(self, port, threads=2):
        self.port, self.requests, self.failed = port, 0, 0
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]

    def run(self):
        while not self.ending.is_set():
            status = plain_get(self.port)
            with self.lock:
                self.requests += 1
                self.failed += status != 200
            time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def issuer_of(certificate):
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-ext", "authorityKeyIdentifier"],
                          input=certificate, capture_output=True, check=True).stdout
    return text.decode().split("\n")[1].strip()


def rotated_under_load(world):
    leaves, issuers = set(), set()
    end = time.monotonic() + 400
    with Load(world.frontend.ports["8080"]) as load:
        while len(leaves) <= ROTATIONS or len(issuers) <= ROTATIONS or load.requests < REQUESTS:
            if time.monotonic() > end:
                raise Failed(f"too slow: {len(leaves)} leaves, {len(issuers)} issuers, {load.requests} requests")
            certificate = served_certificate(world.port)
            if certificate is not None and certificate not in leaves:
                leaves.add(certificate)
                issuers.add(issuer_of(certificate))
            time.sleep(0.2)
    rejected = sum(proxy.stat("update_rejected") for proxy in (world.backend, world.frontend))
    if load.failed or rejected:
        raise Failed(f"{load.failed} of {load.requests} requests failed, {rejected} secrets refused")
    handshakes = world.backend.stat("ssl.handshake")
    return (f"requests={load.requests} failed=0 handshakes={handshakes} leaves={len(leaves) - 1} "
            f"authorities={len(issuers) - 1}")


def run(report, build, folder):
    def attempt(name, case):
        try:
            report.ok(f"Envoy {name}", case())
        except Failed as why:
            report.fail(f"Envoy {name}", why)

    if os.geteuid() != 0:
        report.skip("Envoy", "the cases need users of their own for each workload; run as root")
        return
    try:
        envoy = peers.envoy()
    except peers.Missing as why:
        report.skip("Envoy", why)
        return
    for part, life, cases in (("judged", LIFE, judge), ("rotated", SHORT_LIFE, rotate)):
        (folder / part).mkdir(mode=0o755)
        with ExitStack() as stack:
            try:
                world = World(stack, build, folder / part, envoy, life)
            except Failed as why:
                report.fail(f"Envoy, {part}: starts", why)
                continue
            cases(world, attempt)


def judge(world, attempt):
    client = envoy_proxy.fetch(world.deployment, FRONTEND, "client-expiring")
    world.own_roots = client.roots
    authority = Authority(world.deployment.folder / "other", OTHER)
    attempt("1 good ID is served", lambda: good_id(world))
    attempt("2 wrong ID is refused", lambda: wrong_id(world))
    attempt("3 another trust domain is refused, then let in", lambda: other_trust_domain(world, authority))
    attempt("4 forged cross-domain certificate is refused", lambda: forged(world, authority))
    attempt("7 a removed root lets nobody in", lambda: root_removed(world, authority))
    attempt("ticket keys from SDS", lambda: ticket_keys(world, authority))
    attempt("ROOTCA as a plain CA file", lambda: plain_context(world, authority))
    attempt("9 agent killed: goes on and recovers", lambda: agent_killed(world))
    attempt("5 expired SVID is refused", lambda: expired(world, client))


def rotate(world, attempt):
    attempt("6 rotates under load", lambda: rotated_under_load(world))
