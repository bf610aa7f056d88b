"""Processes in cgroups named as a kubelet and a container runtime name them. Needs root and a cgroup2 mount."""
import json
import os
import secrets
import select
import signal
import time
from pathlib import Path

from lib.peers import Missing
from lib.process import die_with_parent

BURSTABLE = "kubepods.slice/kubepods-burstable.slice"


def root():
    """Where cgroup2 is mounted; it may be below a version 1 hierarchy ("hybrid")."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            if not os.access(where, os.W_OK):
                raise Missing(f"cgroup2 at {where} cannot be written: run as root")
            return Path(where)
    raise Missing("no cgroup2 is mounted here")


class Cgroups:
    """Makes cgroups and processes in them, and removes both at the end."""

    def __init__(self):
        self.root = root()
        self.made = []
        self.processes = []

    def container(self, pod_uid, inside=None):
        """The cgroup of a new container: systemd driver, containerd. `inside` nests it in another one."""
        pod = f"kubepods-burstable-pod{pod_uid.replace('-', '_')}.slice"
        path = (inside or self.root) / BURSTABLE / pod / f"cri-containerd-{secrets.token_hex(32)}.scope"
        for folder in [*reversed(path.parents), path]:
            if self.root in folder.parents and not folder.exists():
                folder.mkdir()
                self.made.append(folder)
        return path

    def run(self, cgroup, function):
        process = Forked(cgroup, function)
        self.processes.append(process)
        return process

    def adopt(self, cgroup, pid):
        (cgroup / "cgroup.procs").write_text(str(pid))

    def close(self):
        for process in self.processes:
            process.kill()
        for folder in reversed(self.made):
            for _ in range(50):  # a killed process leaves its cgroup a moment later
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Forked:
    """A child in a cgroup that calls `function(tell)`; what it tells (JSON) is read here by `next`."""

    def __init__(self, cgroup, function):
        go_read, go_write = os.pipe()
        self.out, out_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(go_write)
            _child(go_read, out_write, function)
        os.close(go_read)
        os.close(out_write)
        self.buffer = b""
        if cgroup is not None:
            (cgroup / "cgroup.procs").write_text(str(self.pid))
        os.write(go_write, b"!")
        os.close(go_write)

    def next(self, timeout=20):
        """The next thing that the child told. EOFError: it has ended; TimeoutError: it is silent."""
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            if not select.select([self.out], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the child tells nothing")
            received = os.read(self.out, 65536)
            if not received:
                raise EOFError("the child has ended")
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.out)
            self.pid = 0


def _child(go, out, function):
    die_with_parent()
    try:
        os.read(go, 1)
        function(lambda *what: os.write(out, json.dumps(what).encode() + b"\n"))
        os._exit(0)
    except BaseException as error:  # a child must never run on in the parent's program
        os.write(out, json.dumps(["failed", repr(error)]).encode() + b"\n")
        os._exit(1)
