"""The units of examples/ and the reload action `systemd`, as written, under a real systemd in a machine of its own (lib/machine.py)."""
import hashlib
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from lib import machine, peers, process, tls
from lib.backend import Backend, plain_get
from lib.machine import Machine
from lib.peers import EXAMPLES, Missing
from lib.process import Failed

NODE = "spiffe://example.org/node1"
SOCKET = "/run/signet/agent/api.sock"
PORT = 8443  # of each server here; one runs at a time
HUP = '{"kind": "signal", "signal": "HUP", "pid_file": "/run/nginx.pid"}'
SIMPLE = "[Service]\nExecStart=/usr/bin/sleep infinity\n"
RELOAD = "ExecReload=/usr/bin/{}\n"
# What systemctl says is what people read: unit → a part of it.
REFUSALS = {
    "nothere.service": "nothere.service not found",
    "idle.service": "idle.service is not active",
    "deaf.service": "Job type reload is not applicable for unit deaf.service",
    "broken.service": "Job for broken.service failed",
    "masked.service": "masked",
}


def example(name, *changes):
    text = (EXAMPLES / name).read_text()
    for old, new in changes:
        if old not in text:
            raise Failed(f"examples/{name} no longer has {old}")
        text = text.replace(old, new)
    return text


def run(report, build, folder):
    try:
        machine.find()
        here = Machine(folder, users=("web", "backend", "frontend"))
    except Missing as why:
        report.skip("systemd", why)
        return
    for program in (build / "ca/cmd/signet-server", build / "workload-api/cmd/signet-agent"):
        shutil.copy(program, here.programs)
    shutil.copytree(EXAMPLES / "systemd", here.root / "root/systemd")
    try:
        here.boot()
        with here.network():
            _judge(report, here)
    except Failed as why:  # a container that may not make containers, for one
        report.skip("systemd", f"systemd-nspawn boots no systemd here: {why}")
    finally:
        here.stop()


def _judge(report, here):
    for name, case in (("units of server and agent", units), ("action systemd, as another user than root", reload_by_polkit),
                       ("action systemd, as root", verbs), ("action systemd, what units refuse", refusals),
                       ("stunnel's socket unit", stunnel), ("ghostunnel's units", ghostunnel)):
        try:
            report.ok(f"systemd/{name}", case(here))
        except Missing as why:
            report.skip(f"systemd/{name}", why)
        except (Failed, tls.Refused, subprocess.TimeoutExpired) as why:
            report.fail(f"systemd/{name}", why)
            if case is units:
                return  # all others rest on it


def entry(here, name, *flags):
    here.run(f"signet-server entry create -parentID {NODE} -spiffeID spiffe://example.org/{name} " + " ".join(flags))


def fetch(here, user):
    """The user's SVID in /home/<user>, by the agent's CLI."""
    home = f"/home/{user}"
    here.run(f"mkdir -p {home} && chown {user} {home}")
    command = f"signet-agent api fetch x509 -socketPath {SOCKET} -write {home}"
    process.wait_until(lambda: _succeeds(here, user, command), 20, lambda: f"no SVID for {user}: {here.journal('signet-agent')}")
    there = here.root / home[1:]
    return tls.Material(there / "svid.0.pem", there / "svid.0.key", there / "bundle.0.pem")


def _succeeds(here, user, command):
    try:
        here.run_as(user, command)
        return True
    except Failed:
        return False


def readme_commands():
    """The blocks of examples/systemd/README.md that install and start, as they stand there."""
    return re.findall(r"^```sh\n(.*?)^```", (EXAMPLES / "systemd/README.md").read_text(), re.MULTILINE | re.DOTALL)[:3]


def units(here):
    # The programs are in /usr/local/bin already, which is read-only here.
    commands = [re.sub(r"^install .* /usr/local/bin/$", "", block, flags=re.MULTILINE) for block in readme_commands()]
    for block in commands:
        here.run(f"set -e; cd /root/systemd; {block}")
    said = here.run("systemd-analyze verify signet-server.service signet-agent.service signet-deliver@nginx.service")
    if said.strip():
        raise Failed(f"systemd-analyze verify: {said.strip()}")
    entry(here, "web", "-selector unix:user:web", "-selector unix:path:/usr/local/bin/signet-agent")
    fetch(here, "web")
    here.run("systemctl restart signet-server signet-agent")
    fetch(here, "web")
    _hidden_program(here)
    for unit, user in (("signet-server", "signet-server"), ("signet-agent", "signet-agent")):
        pid = here.run(f"systemctl show -P MainPID {unit}").strip()
        status = here.run(f"ps -o user:20= -p {pid}; grep NoNewPrivs /proc/{pid}/status")
        if status.split() != [user, "NoNewPrivs:", "1"]:
            raise Failed(f"{unit} runs as {status.split()}")
    scores = re.findall(r"^(signet-(?:server|agent))\.service +([\d.]+)", here.run("systemd-analyze security --no-pager"), re.MULTILINE)
    return "an SVID by user and program, again after a restart of both; a hidden program by its user alone; exposure " + ", ".join(f"{u} {s}" for u, s in scores)


def _hidden_program(here):
    """A program that the agent's user may not read: its process is known by its user, not by its path."""
    here.run("install -m 500 -o web /usr/local/bin/signet-agent /home/hidden")
    entry(here, "hidden", "-selector unix:user:web", "-selector unix:path:/home/hidden")
    entry(here, "user-alone", "-selector unix:user:web")
    command = f"/home/hidden api fetch x509 -socketPath {SOCKET}"
    process.wait_until(lambda: _succeeds(here, "web", command), 10, lambda: f"no SVID: {here.journal('signet-agent')}")
    given = re.findall(r"spiffe://\S+", here.run_as("web", command))
    if given != ["spiffe://example.org/user-alone"]:
        raise Failed(f"a hidden program got {given}")


def _install_nginx(here, user, verb="reload", unit="nginx.service", more=""):
    """nginx and its deliverer from the examples; a drop-in says who delivers."""
    if not shutil.which("nginx", path="/usr/sbin"):
        raise Missing("no nginx here (scripts/setup.sh, group systemd)")
    shutil.copytree("/etc/nginx", here.root / "etc/nginx", dirs_exist_ok=True)
    here.write("etc/nginx/nginx.conf", example("nginx/nginx.conf"))
    here.write("etc/signet/deliver/nginx.json", example(
        "nginx/delivery.json", (HUP, f'{{"kind": "systemd", "unit": "{unit}", "verb": "{verb}"}}')))
    here.write("etc/systemd/system/signet-deliver@nginx.service.d/user.conf", f"[Service]\nUser={user}\n{more}")
    here.run("mkdir -p /var/log/nginx /var/lib/nginx && chown www-data /var/log/nginx && systemctl daemon-reload")


def _pid(here, unit):
    return here.run(f"systemctl show -P MainPID {unit}").strip()


def _delivered(here, times, seconds=30):
    """So many rotations from now on are delivered, and we see that the server serves the last one."""
    def served():
        certificate = tls.served_certificate(PORT)
        if certificate is not None:
            seen.add(hashlib.sha256(certificate).hexdigest())
        return len(seen) > times
    seen = set()
    process.wait_until(served, seconds, lambda: f"{len(seen)} certificates seen: {here.journal('signet-deliver@*')}")


def reload_by_polkit(here):
    """Without the rule the refusal says so; with it, reloads."""
    if not Path("/usr/lib/polkit-1/polkitd").exists():
        raise Missing("no polkit here (scripts/setup.sh, group systemd)")
    _install_nginx(here, "www-data")
    entry(here, "nginx", "-selector unix:user:www-data", "-x509SVIDTTL 8")
    here.run("systemctl start signet-deliver@nginx")
    process.wait_until(lambda: "authentication required" in here.journal("signet-deliver@nginx"), 20,
                       lambda: f"no refusal: {here.journal('signet-deliver@nginx')}")
    here.run("systemctl start nginx")  # its files are there by now
    pid = _pid(here, "nginx")
    here.write("etc/polkit-1/rules.d/50-signet-deliver.rules", example("systemd/50-signet-deliver.rules"))
    here.run("chmod 755 /etc/polkit-1/rules.d && systemctl restart polkit")
    _delivered(here, 3)
    if _pid(here, "nginx") != pid:
        raise Failed("nginx was started anew by a reload")
    said = here.attempt("systemd-run --quiet --collect --pipe --wait --property=User=www-data systemctl --no-ask-password restart nginx")
    if said.returncode == 0 or "authentication required" not in said.stdout:
        raise Failed(f"www-data may restart nginx, or is told nothing: {said.stdout}")
    here.run("systemctl stop signet-deliver@nginx nginx")
    return "refused without polkit's rule, 3 rotations served with it, restart still refused"


def verbs(here):
    """As root, and nginx does not run at first: reload waits for it, the others start it."""
    here.run("rm -rf /run/signet/nginx; systemctl stop nginx signet-deliver@nginx; true")
    root = "CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER\n"
    entry(here, "nginx-of-root", "-selector unix:user:root", "-x509SVIDTTL 8")
    pids = []
    for verb in ("reload", "reload-or-restart", "restart"):
        _install_nginx(here, "root", verb, more=root)
        here.run("systemctl stop nginx; systemctl restart signet-deliver@nginx")
        if verb == "reload":
            process.wait_until(lambda: "nginx.service is not active" in here.journal("signet-deliver@nginx"), 20,
                               lambda: f"not told that nginx does not run: {here.journal('signet-deliver@nginx')}")
            here.run("systemctl start nginx")
        process.wait_until(lambda: tls.served_certificate(PORT), 30, lambda: f"{verb}: {here.journal('signet-deliver@nginx')}")
        before = _pid(here, "nginx")
        _delivered(here, 2)
        pids.append((verb, before == _pid(here, "nginx")))
    here.run("systemctl stop signet-deliver@nginx nginx")
    if pids != [("reload", True), ("reload-or-restart", True), ("restart", False)]:
        raise Failed(f"whether nginx's process stayed the same: {pids}")
    return "reload waits for nginx to run, reload-or-restart and restart start it; 2 rotations served with each"


def refusals(here):
    for unit, text in (("idle", SIMPLE + RELOAD.format("true")), ("deaf", SIMPLE), ("broken", SIMPLE + RELOAD.format("false"))):
        here.write(f"etc/systemd/system/{unit}.service", text)
    here.run("systemctl mask masked.service; systemctl daemon-reload; systemctl start deaf broken")
    for unit, words in REFUSALS.items():
        here.write("root/once.json", example(
            "nginx/delivery.json", (HUP, f'{{"kind": "systemd", "unit": "{unit}"}}'), ("/run/signet/nginx", "/run/signet/once"),
            (',\n        "verify": {"address": "127.0.0.1:8443"}', "")))
        done = here.attempt("signet-agent deliver -config /root/once.json -once")
        if done.returncode != 1 or words not in done.stdout:
            raise Failed(f"{unit}: exit code {done.returncode}, not told “{words}”: {done.stdout.strip()}")
        pair = here.run("cd /run/signet/once; openssl x509 -in svid.pem -noout -pubkey | md5sum; openssl pkey -in key.pem -pubout | md5sum")
        if len(set(pair.split("\n")[:2])) != 1:
            raise Failed(f"{unit}: key and certificate do not fit")
    return f"{len(REFUSALS)} units, each named with its reason; the files are whole"


def stunnel(here):
    if not shutil.which("stunnel4"):
        raise Missing("no stunnel4 here (scripts/setup.sh, group systemd)")
    here.write("etc/stunnel/stunnel.conf", example("stunnel/stunnel.conf"))
    here.write("etc/signet/deliver/stunnel.json", example("stunnel/delivery.json"))
    here.write("etc/systemd/system/signet-deliver@stunnel.service.d/user.conf", "[Service]\nUser=stunnel4\n")
    for unit in ("stunnel.socket", "stunnel.service"):
        here.write(f"etc/systemd/system/{unit}", example(f"stunnel/{unit}"))
    entry(here, "stunnel", "-selector unix:user:stunnel4", "-x509SVIDTTL 8")
    entry(here, "frontend", "-selector unix:user:frontend", "-dns frontend.example.org")
    context = fetch(here, "frontend").context()
    backend = Backend(8080)
    try:
        here.run("systemctl daemon-reload && systemctl start signet-deliver@stunnel")
        process.wait_until(lambda: here.attempt("test -e /run/signet/stunnel/svid.pem").returncode == 0, 20,
                           lambda: f"no files: {here.journal('signet-deliver@stunnel')}")
        here.run("systemctl enable --now stunnel.socket stunnel.service")
        process.wait_until(lambda: tls.is_served(lambda: tls.Connection(PORT, context)), 20, lambda: here.journal("stunnel"))
        pid = _pid(here, "stunnel.service")
        load = _Load(context)
        try:
            end = time.monotonic() + 60
            while load.reloads < 12 or load.served < 600 and time.monotonic() < end:
                here.run("systemctl kill --signal=HUP --kill-whom=main stunnel.service")
                load.reloads += 1
                time.sleep(0.5)
            _delivered(here, 2)
        finally:
            load.stop()
        reloads = here.attempt("journalctl -o cat --no-pager -u stunnel.service | grep -c 'Configuration successful'").stdout.strip()
        if load.failures or load.served < 500 or _pid(here, "stunnel.service") != pid or int(reloads) <= 10:
            raise Failed(f"{len(load.failures)} of {load.served + len(load.failures)} failed over {reloads} reloads: {load.failures[:3]}")
        return f"0 of {load.served} connections failed over {int(reloads) - 1} reloads, 2 of them or more by the agent"
    finally:
        here.attempt("systemctl stop signet-deliver@stunnel stunnel.service stunnel.socket")
        backend.close()


class _Load:
    """Two clients that connect again and again, each time with a handshake and a request, and one that only looks for an open port."""

    def __init__(self, context):
        self.context, self.failures, self.ended = context, [], threading.Event()
        self.served = self.reloads = 0
        self.threads = [threading.Thread(target=work) for work in (self._visit, self._visit, self._knock)]
        for thread in self.threads:
            thread.start()

    def _visit(self):
        while not self.ended.is_set():
            try:
                tls.Connection(PORT, self.context)
                self.served += 1
            except tls.Refused as why:
                self.failures.append(str(why))

    def _knock(self):
        while not self.ended.wait(0.002):
            if not process.accepts(("127.0.0.1", PORT)):
                self.failures.append("the port is closed")

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def ghostunnel(here):
    shutil.copy(peers.ghostunnel(), here.programs)
    units_there = ("ghostunnel-backend", "ghostunnel-frontend")
    for name in ("backend", "frontend"):
        here.write(f"etc/systemd/system/ghostunnel-{name}.service", example(f"ghostunnel/{name}.service"))
    backend = Backend(8080)
    try:
        here.run("systemctl daemon-reload && systemctl start --no-block ghostunnel-backend")
        time.sleep(1.5)
        state = here.attempt("systemctl is-active ghostunnel-backend").stdout.strip()
        if state != "activating":
            raise Failed(f"ghostunnel-backend is {state} without an identity: {here.journal('ghostunnel-backend')}")
        entry(here, "backend", "-selector unix:user:backend")
        if here.attempt("test -e /home/frontend/svid.0.pem").returncode != 0:
            entry(here, "frontend", "-selector unix:user:frontend")
        here.run("systemctl enable --now ghostunnel-backend ghostunnel-frontend", timeout=90)
        for round_ in ("started", "started anew"):
            for unit in units_there:
                if here.run(f"systemctl show -P ActiveState -P Type {unit}").split() not in (["active", "notify"], ["notify", "active"]):
                    raise Failed(f"{unit} is not ready: {here.journal(unit)}")
            if plain_get(8082) != 200:
                raise Failed(f"{round_}, they carry nothing: {here.journal(units_there[0])} | {here.journal(units_there[1])}")
            here.run("systemctl restart " + " ".join(units_there), timeout=90)
        return "not ready without an identity, then READY; a request through both, again after a restart"
    finally:
        here.attempt("systemctl kill --signal=KILL ghostunnel-backend ghostunnel-frontend; systemctl stop " + " ".join(units_there))
        backend.close()
