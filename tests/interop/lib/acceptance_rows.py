"""The ten rows of the acceptance script, each for any server. A row returns its note, or raises Failed."""
import os
import ssl
import time

from lib import process, tls
from lib.delivery import PairWatch
from lib.forger import Authority
from lib.load import Load, Rotations
from lib.process import Failed
from lib.servers.base import FRONTEND, STRANGER
from lib.tls import Material, Refused, is_served, refusal

ROTATIONS = 10
REQUESTS = 1000
REQUESTS_WITHOUT_AGENT = 20
TRIALS = 20
SECONDS_BETWEEN_TRIALS = 0.5
SECONDS_BETWEEN_ROTATIONS = 1.7  # leaves also renew by themselves meanwhile, at half of their life


class Judged:
    """A running server with the clients that try it."""

    def __init__(self, server, frontend, stranger):
        self.server, self.site = server, server.site
        self.frontend, self.stranger = frontend, stranger  # Material

    def visit(self, client, session=None, version=None):
        return self.server.visit(client.context(version), session)

    def served(self, client):
        return is_served(lambda: self.visit(client))

    def refused(self, client, session=None, version=None):
        return refusal(lambda: self.visit(client, session, version))

    def refused_without_certificate(self):
        return refusal(lambda: self.server.visit(tls.nobody(self.frontend.roots)))

    def foreign(self, name, spiffe_id, more_extensions=""):
        """A client of the other trust domain's authority, whatever ID it claims."""
        return self.site.other.svid(name, spiffe_id, self.frontend.roots, more_extensions,
                                    self.server.client_subject(spiffe_id))

    def set_other_root(self, authority):
        self.site.deployment.cli("bundle", "set", "-id", f"spiffe://{self.site.other_domain}", "-path", authority.root)

    def must_serve(self, count):
        for _ in range(count):
            if not self.served(self.frontend):
                raise Failed("a request failed")


def good_id(judged):
    visit = judged.visit(judged.frontend)
    if visit.peer_id() != [judged.site.identity.id]:
        raise Failed(f"the server is {visit.peer_id()}")
    return f"and is {judged.site.identity.id}"


def wrong_id(judged):
    judged.refused_without_certificate()
    return judged.refused(judged.stranger)


def other_trust_domain(judged):
    client = judged.foreign("own", judged.site.friends[1])
    judged.refused(client)
    judged.set_other_root(judged.site.other)
    time.sleep(0.5)
    judged.refused(client)
    judged.site.deployment.update(judged.site.identity, federates=(f"spiffe://{judged.site.other_domain}",))
    process.wait_until(lambda: judged.served(client), 20, "not let in after its entry federates")
    return "refused until the entry federates with it"


def forged(judged):
    """The other trust domain's authority speaks for ours. Also hidden: our ID's bytes where no reader of DER looks for an ID."""
    if not judged.served(judged.foreign("control", judged.site.friends[1])):
        raise Failed("the forger's own SVIDs are refused too, so nothing is shown")
    why = judged.refused(judged.foreign("forged", FRONTEND.id))
    if 2 in judged.server.instead():
        return why  # it looks at no IDs
    name, other = FRONTEND.id.encode(), f"spiffe://{judged.site.other_domain}/stranger"
    names = bytes([0x06, 3, 0x55, 0x1d, 0x11, 0x04, len(name) + 4, 0x30, len(name) + 2, 0x86, len(name)]) + name
    judged.refused(judged.foreign("hidden", other, f"1.2.3.4=DER:{names.hex()}\n"))
    return f"{why}; so is an ID hidden in another extension"


def expired(judged):
    folder = judged.site.deployment.folder / f"{judged.site.name}-expiring"
    folder.mkdir()
    judged.site.deployment.cli("x509", "mint", "-spiffeID", FRONTEND.id, "-ttl", "4s", "-write", folder,
                               *judged.server.mint_flags())
    client = Material(folder / "svid.pem", folder / "key.pem", judged.frontend.roots)
    judged.visit(client)
    end = tls.end_of(client.certificate) + 1  # the second that it names is its last one (RFC 5280); OpenSSL is a second early
    process.wait_until(lambda: time.time() > end, 20, "the minted certificate does not end")
    why = judged.refused(client)
    judged.must_serve(1)
    return f"served until then; {why}"


def root_removed(judged):
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    client = judged.foreign("resume", judged.site.friends[1])
    contexts = {v: client.context(v) for v in versions}  # a session belongs to its context
    sessions = {v: judged.server.visit(contexts[v]).session for v in versions}
    resumed = [v.name for v in versions if judged.server.visit(contexts[v], sessions[v]).resumed]
    judged.set_other_root(Authority(judged.site.deployment.folder / f"{judged.site.name}-again", judged.site.other_domain))
    process.wait_until(lambda: not any(is_served(lambda v=v: judged.server.visit(contexts[v])) for v in versions), 20,
                       "fresh connections are let in after the root was removed")
    for version in versions:
        refusal(lambda v=version: judged.server.visit(contexts[v], sessions[v]))
    judged.must_serve(1)
    return f"fresh ones, and those with a session of before (it resumed {' and '.join(resumed) or 'none'} until then)"


def rotated_under_load(judged, client, seconds, figures):
    rotations = Rotations(judged.server)
    end = time.monotonic() + seconds
    with Load(judged.server, client) as load:
        while rotations.leaf_rotations < ROTATIONS or rotations.ca_rotations < ROTATIONS or load.requests < REQUESTS:
            if load.broken:
                raise load.broken
            if time.monotonic() > end:
                raise Failed(f"too slow: {rotations.leaf_rotations} leaf and {rotations.ca_rotations} CA rotations, "
                             f"{load.requests} requests of which {load.failed} failed {load.reasons}")
            rotations.turn(SECONDS_BETWEEN_ROTATIONS)
    figures.update(requests=load.requests, failed=load.failed, leaf_rotations=rotations.leaf_rotations,
                   ca_rotations=rotations.ca_rotations, p99_rotation_ms=rotations.milliseconds(0.99))
    refusal(lambda: judged.server.visit(tls.nobody(client.material.roots)))
    if load.failed:
        raise Failed(f"{load.failed} of {load.requests} requests failed: {load.reasons}")
    return (f"{load.requests} requests, 0 failed, {load.reopened} idle connections opened again; {len(rotations.times)} "
            f"changes at the authority served after p50={rotations.milliseconds(0.5)} p99={rotations.milliseconds(0.99)} ms")


def rotation_bar(judged):
    rotations = Rotations(judged.server)
    for _ in range(TRIALS):
        rotations.turn(SECONDS_BETWEEN_TRIALS)
    p50, p99 = rotations.milliseconds(0.5), rotations.milliseconds(0.99)
    print(f"bench_rotation: server={judged.server.name} trials={TRIALS} p50_ms={p50} p99_ms={p99}", flush=True)
    if p99 > judged.server.rotation_bar_ms:
        raise Failed(f"p99={p99} ms")
    return f"p99={p99} ms of {TRIALS}"


def pairs_published(watch):
    if watch.bad or len(watch.seen) < ROTATIONS:
        raise Failed(f"of {len(watch.seen)} published pairs these do not fit: {watch.bad}")
    return f"{len(watch.seen)} published pairs fit"


def key_file(judged):
    _, path = judged.server.delivery.pair()
    seen = path.stat()
    if seen.st_mode & 0o777 != 0o600 or seen.st_uid != judged.site.identity.uid:
        raise Failed(f"{path.name} has mode {seen.st_mode & 0o777:o} and owner {seen.st_uid}")
    runs_as = os.stat(f"/proc/{judged.server.process.popen.pid}").st_uid
    if runs_as != judged.site.identity.uid:
        raise Failed(f"the server runs as {runs_as}")
    return f"{path.name}: 0600, owned by the server's user"


class AgentKilled:
    """Row 9 in steps, since all servers of a deployment share its agent."""

    def __init__(self, judged):
        self.judged, self.before = judged, judged.server.served_certificate()

    def without_agent(self):
        return self.judged.server.without_agent(self.judged)

    def agent_back(self):
        return f"a new certificate {self.renewed():.1f} s after it was back"

    def delivery_killed(self):
        """The same for the process that writes the files."""
        delivery, site = self.judged.server.delivery, self.judged.site
        if delivery is None:
            return "no delivery to kill"
        if delivery.dies_with_agent:
            return "the delivery was killed with it"
        delivery.stop(hard=True)
        self.judged.must_serve(REQUESTS_WITHOUT_AGENT)
        site.deployment.update(site.identity, dns=("again.test",))
        self.before = self.judged.server.served_certificate()
        delivery.start()
        return f"{REQUESTS_WITHOUT_AGENT} without the delivery, a new one {self.renewed():.1f} s after it was back"

    def renewed(self):
        seconds = tls.wait_for_other_certificate(self.judged.server.served_certificate, self.before, 40)
        self.judged.must_serve(1)
        return seconds
