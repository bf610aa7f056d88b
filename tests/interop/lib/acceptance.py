"""The ten rows that every real server has to pass, on one adaptor for each (servers/base.py).

All servers are judged at once, in two deployments side by side: one with long lives for what is asked and answered, one where
leaves live for seconds and authorities for less than half a minute, under load.
"""
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from lib import acceptance_rows as rows
from lib import network, tls
from lib.acceptance_rows import Judged
from lib.delivery import PairWatch
from lib.deployment import Deployment
from lib.load import Client
from lib.peers import Missing
from lib.process import Failed
from lib.servers.base import FRONTEND, STRANGER, Site, dns_name

LIFE = {"ca_ttl": 3600, "svid_ttl": 600}
SHORT_LIFE = {"ca_ttl": 24, "svid_ttl": 8}  # an authority signs for 12 s, and leaves have 4 s when it gives way
LOAD_SECONDS = 200
JUDGED = {
    1: ("good ID is served", rows.good_id),
    2: ("wrong ID is refused", rows.wrong_id),
    3: ("another trust domain is refused, then let in", rows.other_trust_domain),
    4: ("forged cross-domain certificate is refused", rows.forged),
    7: ("a removed root lets nobody in", rows.root_removed),
    10: ("key file", rows.key_file),
    5: ("expired SVID is refused", rows.expired),
}


class Scores:
    """What came of each row of each server, and the figures of the table."""

    def __init__(self, report):
        self.report, self.lock = report, threading.Lock()
        self.rows, self.figures = {}, {}

    def attempt(self, judged, row, name, case):
        server = judged.server
        instead = server.instead().get(row)
        try:
            text = (instead or case)(judged)
        except (Failed, tls.Refused, OSError) as why:
            self.failed(server.name, row, name, why)
            return
        limit = server.limited.get(row)
        text = f"{limit}; {text}" if limit else text
        noted = bool(instead or limit)
        with self.lock:
            self.rows.setdefault(server.name, {})[row] = "note" if noted else "ok"
            (self.report.note if noted else self.report.ok)(f"{server.name} {row} {name}", text)

    def failed(self, server, row, name, why):
        with self.lock:
            self.rows.setdefault(server, {})[row] = "FAILED"
            self.report.fail(f"{server} {row} {name}", why)

    def line(self, server, version):
        cells = [f"{row}={self.rows.get(server, {}).get(row, '-')}" for row in range(1, 11)]
        figures = [f"{name}={value}" for name, value in self.figures.get(server, {}).items()]
        return " ".join([f"acceptance: server={server} version={version}", *cells, *figures])


class World:
    """A deployment with all servers in it, each with files delivered to it."""

    def __init__(self, stack, build, folder, life, found):
        folder.mkdir(mode=0o755)
        self.pool = stack.enter_context(ThreadPoolExecutor(len(found) + 2))
        self.deployment = Deployment(build, folder, **life)
        self.servers = [adaptor(Site(self.deployment, adaptor.name, adaptor.uid), program) for adaptor, program in found]
        policies = self.merged(server.policies() for server in self.servers)
        if policies:
            self.deployment.agent_settings["authorizer"] = {"socket_mode": "0666", "policies": policies}
        targets = self.merged(server.targets() for server in self.servers)
        if targets:
            self.deployment.agent_settings["delivery"] = {"targets": targets}
        stack.enter_context(self.deployment)
        named = any(server.clients_need_names for server in self.servers)
        for workload in (FRONTEND, STRANGER):
            self.deployment.register(workload, dns=[dns_name(workload)] if named else [])
        for server in self.servers:
            self.deployment.register(server.site.identity, dns=server.dns)
        self.frontend, self.stranger = (tls.fetch(self.deployment, w, f"as-{w.name}") for w in (FRONTEND, STRANGER))

    @staticmethod
    def merged(parts):
        return {name: value for part in parts for name, value in part.items()}

    def for_each(self, action, items):
        return list(self.pool.map(action, items))

    def start(self, stack, scores):
        """All servers; those that do not start are failures, and left out."""
        def start(server):
            stack.callback(server.stop)
            try:
                server.deliver()
                server.start()
                server.wait_ready()
                return Judged(server, self.frontend, self.stranger)
            except (Failed, OSError) as why:
                scores.failed(server.name, 1, f"starts with {self.deployment.folder.name} lives", why)
                return None
        return [judged for judged in self.for_each(start, self.servers) if judged]


def judge(scores, judged):
    for row, (name, case) in JUDGED.items():
        scores.attempt(judged, row, name, case)
    for name, case in judged.server.more().items():
        scores.attempt(judged, "+", name, case)


def agent_killed(world, scores, judges):
    cases = {judged: rows.AgentKilled(judged) for judged in judges}
    steps = {judged: [] for judged in judges}

    def step(name):
        for judged, case in cases.items():
            steps[judged].append(world.pool.submit(getattr(case, name)))
        for done in steps.values():
            done[-1].exception()

    world.deployment.agent.stop(hard=True)
    step("without_agent")
    world.deployment.start_agent()
    step("agent_back")
    step("delivery_killed")
    for judged in judges:
        scores.attempt(judged, 9, "agent killed: goes on and recovers",
                       lambda judged: ", ".join(done.result() for done in steps[judged]))


def long_lives(build, folder, found, scores):
    with ExitStack() as stack:
        world = World(stack, build, folder / "long", LIFE, found)
        judges = world.start(stack, scores)
        world.for_each(lambda judged: judge(scores, judged), judges)
        agent_killed(world, scores, judges)


def rotate(scores, client, judged):
    figures = scores.figures[judged.server.name] = {}
    if judged.server.delivery is None:
        scores.attempt(judged, 6, "rotates under load",
                       lambda judged: rows.rotated_under_load(judged, client, LOAD_SECONDS, figures))
        scores.attempt(judged, 8, "a mismatched pair is never published", lambda _: "it has no files")
        return
    with PairWatch(judged.server.delivery) as pairs:
        scores.attempt(judged, 6, "rotates under load",
                       lambda judged: rows.rotated_under_load(judged, client, LOAD_SECONDS, figures))
    scores.attempt(judged, 8, "a mismatched pair is never published", lambda _: rows.pairs_published(pairs))


def short_lives(build, folder, found, scores):
    with ExitStack() as stack:
        world = World(stack, build, folder / "short", SHORT_LIFE, found)
        judges = world.start(stack, scores)
        with Client(world.deployment, FRONTEND) as client:
            world.for_each(lambda judged: rotate(scores, client, judged), judges)


def programs(report, adaptors):
    """The adaptors whose program is here, each with it; the others are skipped aloud."""
    if os.geteuid() != 0:
        report.skip("acceptance of real servers", "each workload needs a user of its own; run as root")
        return []
    found = []
    for adaptor in adaptors:
        try:
            found.append((adaptor, adaptor.find()))
        except Missing as why:
            report.skip(f"acceptance of {adaptor.name}", why)
    return found


def with_kernel_settings(report, found):
    """Those of these servers that can be judged, in a network with the settings that some of them want."""
    wanting = [adaptor for adaptor, _ in found if adaptor.kernel_settings]
    try:
        if wanting:
            network.leave(wanting)
        return found
    except OSError as why:
        for adaptor in wanting:
            report.skip(f"acceptance of {adaptor.name}", f"its settings of the kernel cannot be made: {why}")
        return [(adaptor, program) for adaptor, program in found if adaptor not in wanting]


def run(report, build, folder, adaptors):
    found = with_kernel_settings(report, programs(report, adaptors))
    if not found:
        return
    scores = Scores(report)

    def attempt(part):
        try:
            part(build, folder, found, scores)
        except Failed as why:
            report.fail(f"acceptance with {part.__name__.replace('_', ' ')}", why)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(attempt, (long_lives, short_lives)))
    for adaptor, program in found:
        print(scores.line(adaptor.name, adaptor.version(program)), flush=True)


def run_rotations(report, build, folder, adaptors):
    """How long a change at the authority takes to be served, without load, for the servers that have a bar to keep."""
    found = programs(report, [adaptor for adaptor in adaptors if adaptor.rotation_bar_ms])
    if not found:
        return
    with ExitStack() as stack:
        try:
            world = World(stack, build, folder / "rotations", LIFE, found)
        except Failed as why:
            report.fail("rotations", why)
            return

        def measure(judged):
            try:
                report.ok(f"{judged.server.name}: a change at the authority is served in time", rows.rotation_bar(judged))
            except (Failed, OSError) as why:
                report.fail(f"{judged.server.name}: a change at the authority is served in time", why)

        world.for_each(measure, world.start(stack, Scores(report)))
