#!/usr/bin/env python3
"""Floods the agent's socket and the server's TLS port, while a client with another uid (or address) works.

The attack with unread answers also runs against grpc_interop_server, whose answers are 2 MB a stream.

flood_test.py BUILD [ATTACK…]    prints one line an attack; exits 1 if a bar was missed, 77 if nothing could be proved
"""
import os
import re
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "interop"))
from lib.deployment import Deployment, Workload  # noqa: E402
from lib.process import Failed, Process, wait_until  # noqa: E402
from lib.transport_cases import InteropServer  # noqa: E402

ATTACKS = ("rapid_reset", "continuation", "never_ack", "idle", "slow_loris", "unread", "ping_settings")
ATTACKER_UID, VICTIM_UID = 65534, 65533
ATTACK_SECONDS = 6
P99_BAR_MS = 50
RSS_BAR_MB = 256
RSS_BACK_MB = 32   # above the start, once the attacker is gone: what an allocator may keep
FDS_BACK = 8
SETTLE_SECONDS = 8
SKIPPED = 77


class Gauge:
    """Memory and file descriptors of the server, read from outside."""

    def __init__(self, pid):
        self.pid = pid
        self.peak = 0

    def rss_mb(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        value = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
        self.peak = max(self.peak, value)
        return value

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def victim_line(victim):
    """Ends the victim and returns what it says about itself."""
    victim.popen.terminate()
    figures, _, why = victim.finish(15).partition(" why=")
    return {**dict(re.findall(r"(\w+)=(\S+)", figures)), "why": why.strip()}


class Target:
    """One endpoint: the process to watch and how to call it."""

    def __init__(self, name, process, address, path, streaming=False):
        self.name, self.pid, self.address, self.path = name, process.popen.pid, address, path
        self.streaming = "yes" if streaming else "no"
        self.attack_path = path

    def victim(self):
        return [*self.address, "--path", self.path, "--streaming", self.streaming, "--uid", VICTIM_UID,
                "--source", "127.0.0.2"]

    def attacker(self):
        return [*self.address, "--path", self.attack_path, "--uid", ATTACKER_UID, "--source", "127.0.0.1",
                "--seconds", ATTACK_SECONDS]


def attack_once(flood, target, folder, attack):
    """One attack; prints its line and yields what was missed."""
    gauge = Gauge(target.pid)
    start_rss, start_fds = gauge.rss_mb(), gauge.fds()
    victim = Process(f"victim-{attack}-{target.name}", [flood, "victim", *target.victim()], folder)
    time.sleep(0.3)
    attacker = Process(f"attack-{attack}-{target.name}", [flood, attack, *target.attacker()], folder)
    peak_fds = start_fds
    while attacker.popen.poll() is None:
        gauge.rss_mb()
        peak_fds = max(peak_fds, gauge.fds())
        time.sleep(0.05)
    sent = attacker.finish(5).strip().removeprefix("attack ")
    seen = victim_line(victim)
    settled = settle(gauge, start_rss, start_fds)
    print(f"flood: attack={attack} on={target.name} p99_ms={seen['p99_ms']} max_ms={seen['max_ms']} "
          f"calls={seen['calls']} failed={seen['failed']} rss_mb={gauge.peak:.0f} rss_after_mb={gauge.rss_mb():.0f} "
          f"rss_before_mb={start_rss:.0f} fds={peak_fds} fds_after={gauge.fds()} settled_s={settled} {sent}", flush=True)
    yield from missed(seen, gauge.peak, settled)


def settle(gauge, start_rss, start_fds):
    """Seconds until memory and descriptors are back, or None."""
    begin = time.monotonic()
    try:
        wait_until(lambda: gauge.rss_mb() <= start_rss + RSS_BACK_MB and gauge.fds() <= start_fds + FDS_BACK,
                   SETTLE_SECONDS, "not back")
    except Failed:
        return None
    return round(time.monotonic() - begin, 1)


def missed(seen, peak_rss, settled):
    if int(seen["calls"]) < 100:
        yield f"the victim managed {seen['calls']} calls only"
    # The bar is a p99: up to one call in a hundred may be as late as never. The line above shows each of them.
    if int(seen["failed"]) * 100 > int(seen["calls"]):
        yield f"{seen['failed']} calls of the victim failed, the first: {seen['why']}"
    elif int(seen["failed"]) > 0:
        print(f"flood: a call of the victim failed: {seen['why']}", flush=True)
    if float(seen["p99_ms"]) > P99_BAR_MS:
        yield f"p99 {seen['p99_ms']} ms is above {P99_BAR_MS} ms"
    if peak_rss > RSS_BAR_MB:
        yield f"RSS {peak_rss:.0f} MB is above {RSS_BAR_MB} MB"
    if settled is None:
        yield f"memory or descriptors not back {SETTLE_SECONDS} s after the attack"


def targets_of(stack, build, folder, unread):
    """The real agent and server; for unread answers the interop server too."""
    deployment = stack.enter_context(Deployment(build, folder, ca_ttl=3600, svid_ttl=600))
    for name, uid in (("victim", VICTIM_UID), ("attacker", ATTACKER_UID)):
        deployment.register(Workload(name, uid))
    yield Target("agent-socket", deployment.agent, ["--unix", deployment.agent_socket],
                 "/SpiffeWorkloadAPI/FetchX509SVID", streaming=True)
    yield Target("server-port", deployment.server, ["--tls", deployment.server_port],
                 "/spire.api.server.bundle.v1.Bundle/GetBundle")
    if not unread:
        return
    interop = stack.enter_context(InteropServer(build, folder))
    interop.socket.chmod(0o666)
    for name, address in (("socket", ["--unix", interop.socket]), ("port", ["--tls", interop.port])):
        target = Target(f"interop-{name}", interop.process, address, "/grpc.testing.TestService/EmptyCall")
        target.attack_path = "/grpc.testing.TestService/StreamingOutputCall"
        yield target


def run(build, folder, wanted):
    """All attacks; yields what was missed."""
    with ExitStack() as stack:
        for target in targets_of(stack, build, folder, "unread" in wanted):
            attacks = ["unread"] if target.name.startswith("interop") else wanted
            for attack in attacks:
                for why in attack_once(build / "tests/e2e/flood/flood", target, folder, attack):
                    yield f"{attack} on {target.name}: {why}"


def main():
    if os.geteuid() != 0:
        print("flood: skipped, not proved: attacker and victim need different uids, and that needs root")
        return SKIPPED
    folder = Path(tempfile.mkdtemp(prefix="signet-flood-"))
    folder.chmod(0o755)  # other users must reach the socket
    failures = []
    try:
        failures += run(Path(sys.argv[1]), folder, sys.argv[2:] or ATTACKS)
    except (Failed, OSError) as error:
        failures.append(str(error))
    finally:
        shutil.rmtree(folder)
    for failure in failures:
        print(f"flood: MISSED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
