"""A machine of its own on this one, with a real systemd as process 1: systemd-nspawn with our /usr, and a network without way out."""
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from lib import process
from lib.peers import Missing
from lib.process import Failed, Process

CLONE_NEWNET = 0x40000000
# Its own cgroups under one of ours, as a host's systemd would make them for it.
START = """umount --recursive /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@" """


def find():
    """The programs that it takes, or Missing with the reason."""
    if os.geteuid() != 0:
        raise Missing("a systemd of its own takes root")
    for program in ("systemd-nspawn", "unshare", "nsenter"):
        if not shutil.which(program):
            raise Missing(f"no {program} here (scripts/setup.sh, group systemd)")
    if not Path("/lib/systemd/systemd").exists():
        raise Missing("no systemd here (scripts/setup.sh, group systemd)")


def _cgroup_mount():
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options = line.split()[:4]
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(where)
    raise Missing("no cgroup2 that can be written to is mounted here")


class Machine:
    """Write to .root what it is to have, then boot()."""

    def __init__(self, folder, users=()):
        self.folder, self.root = folder, folder / "machine"
        self.nspawn = self.leader = None
        self.cgroup = _cgroup_mount() / f"signet-interop-{os.getpid()}"
        for name in ("etc/systemd/system", "usr", "var/log", "run", "tmp", "root", "home", "proc", "sys", "dev"):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        for name in ("passwd", "group"):  # those that this machine's packages have made
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        with open(self.root / "etc/passwd", "a") as passwd, open(self.root / "etc/group", "a") as group:
            for uid, user in enumerate(users, 65200):
                passwd.write(f"{user}:x:{uid}:{uid}::/:/usr/sbin/nologin\n")
                group.write(f"{user}:x:{uid}:\n")
        self.write("etc/os-release", "ID=interop\n")
        self.write("etc/machine-id", "")
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.programs = self.root.parent / "programs"  # its /usr/local/bin
        self.programs.mkdir()

    def write(self, path, text, mode=0o644):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def boot(self):
        self.cgroup.mkdir()
        command = ["unshare", "--mount", "--cgroup", "--pid", "--fork", "--kill-child", "--mount-proc",
                   "--propagation", "private", "sh", "-c", START, "sh",
                   "systemd-nspawn", "--quiet", "--boot", "-D", self.root, "--bind-ro=/usr",
                   f"--bind-ro={self.programs}:/usr/local/bin", "--register=no", "--keep-unit", "--private-network",
                   "--console=pipe", "--link-journal=no"]
        self.nspawn = Process("systemd-nspawn", command, self.folder, preexec_fn=self._enter_cgroup, start_new_session=True)
        self.leader = process.wait_until(self._find_leader, 20, lambda: f"no systemd: {self.nspawn.tail()}", self.nspawn)
        process.wait_until(self._is_up, 60, lambda: f"systemd does not come up: {self.nspawn.tail()}", self.nspawn, 0.3)

    def _enter_cgroup(self):
        process.die_with_parent()
        (self.cgroup / "cgroup.procs").write_text("0")

    def _find_leader(self):
        """unshare's child is systemd-nspawn, whose child is its process 1."""
        found = self.nspawn.popen.pid
        try:
            for _ in range(2):
                found = int(Path(f"/proc/{found}/task/{found}/children").read_text().split()[0])
            return found if os.readlink(f"/proc/{found}/exe").endswith("/systemd") else None
        except (OSError, IndexError):
            return None  # not yet

    def _is_up(self):
        return self.attempt("systemctl is-system-running").stdout.strip() in ("running", "degraded")

    def attempt(self, command, timeout=60):
        """A command line for a shell inside, as root; subprocess's result, with both outputs in stdout."""
        return subprocess.run(["nsenter", "--target", str(self.leader), "--all", "env", "-i",
                               "PATH=/usr/local/bin:/usr/sbin:/usr/bin", "sh", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=timeout, check=False, cwd="/")

    def run(self, command, timeout=60):
        done = self.attempt(command, timeout)
        if done.returncode != 0:
            raise Failed(f"{command}: exit code {done.returncode}: {' | '.join(done.stdout.strip().splitlines()[-8:])}")
        return done.stdout

    def run_as(self, user, command):
        """As a unit of its own, of that user."""
        return self.run(f"systemd-run --quiet --collect --pipe --wait --property=User={user} sh -c {shlex.quote(command)}")

    def journal(self, unit, lines=12):
        return self.attempt(f"journalctl --no-pager -o cat -u {unit} -n {lines}").stdout.strip().replace("\n", " | ")

    def network(self):
        """`with machine.network():` this thread, and what it starts, is in the machine's network."""
        return _Network(self.leader)

    def stop(self):
        if self.nspawn is not None and self.nspawn.popen.poll() is None and self.leader:
            os.kill(self.leader, signal.SIGRTMIN + 4)  # systemd: power off
            try:
                self.nspawn.popen.wait(20)
            except subprocess.TimeoutExpired:
                pass
        if self.nspawn is not None:
            self.nspawn.stop(hard=True)  # and with it, everything in its pid namespace
        if self.cgroup.exists():
            for folder, _, _ in os.walk(self.cgroup, topdown=False):
                process.wait_until(lambda: _removed(folder), 10, f"{folder} is still in use")

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


def _removed(folder):
    try:
        os.rmdir(folder)
        return True
    except OSError:
        return False


class _Network:
    def __init__(self, leader):
        self.leader = leader

    def __enter__(self):
        self.before = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._enter(os.open(f"/proc/{self.leader}/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    def __exit__(self, *_):
        self._enter(self.before)

    @staticmethod
    def _enter(descriptor):
        failed = ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0
        os.close(descriptor)
        if failed:
            raise Failed(f"setns: {os.strerror(ctypes.get_errno())}")
