"""Child processes with a log, ended by us alone and by their own id."""
import ctypes
import re
import signal
import socket
import subprocess
import time
from pathlib import Path


class Failed(Exception):
    """A step of a case went wrong; the text is for people."""


def die_with_parent():
    """For a child between fork and exec: it ends when we do, however that is (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class Process:
    """A running program whose output goes to a file."""

    def __init__(self, name, command, log_folder, **options):
        self.name = name
        self.log_path = Path(log_folder) / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.start_offset = log.tell()
            try:
                self.popen = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log,
                                              stderr=subprocess.STDOUT, **options)
            except OSError as error:
                raise Failed(f"{name}: {command[0]}: {error.strerror}") from None

    def log(self):
        return self.log_path.read_bytes()[self.start_offset:].decode(errors="replace")

    def tail(self, lines=8):
        return " | ".join(self.log().strip().splitlines()[-lines:])

    def wait_for(self, pattern, timeout):
        """The first match of a regular expression in the output."""
        return wait_until(lambda: re.search(pattern, self.log(), re.MULTILINE), timeout,
                          lambda: f"{self.name}: no /{pattern}/ in {timeout} s: {self.tail()}", self)

    def finish(self, timeout):
        """Waits for the end and returns the output; a code other than 0 is a failure."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failed(f"{self.name}: not done in {timeout} s: {self.tail()}") from None
        if code != 0:
            raise Failed(f"{self.name}: exit code {code}: {self.tail()}")
        return self.log()

    def stop(self, hard=False):
        if self.popen.poll() is None:
            self.popen.kill() if hard else self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def wait_until(condition, timeout, complaint, process=None, interval=0.05):
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if process is not None and process.popen.poll() is not None:
            raise Failed(f"{process.name}: ended with code {process.popen.returncode}: {process.tail()}")
        if time.monotonic() > end:
            raise Failed(complaint() if callable(complaint) else complaint)
        time.sleep(interval)


def run(command, timeout=30, **options):
    """Runs to the end and returns its output; failure carries the last lines."""
    try:
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False, text=True, **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]}: not done in {timeout} s") from None
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        last = " | ".join(done.stdout.strip().splitlines()[-6:])
        raise Failed(f"{' '.join(str(c) for c in command[:3])}: exit code {done.returncode}: {last}")
    return done.stdout


def free_port():
    """A port that nobody listens on now, on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(address):
    """True once something accepts there; address is a path or (host, port)."""
    family = socket.AF_UNIX if isinstance(address, (str, Path)) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(address) if family == socket.AF_UNIX else address) == 0
