"""What the tests of this folder share: the build under test, a control plane for each test class, and a loud skip."""
import atexit
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/interop"))
import lib.cgroups  # noqa: E402
from lib.kubernetes import ControlPlane, find_binary  # noqa: E402
from lib.peers import Missing  # noqa: E402

SKIPPED = 77


def fresh_folder():
    folder = Path(tempfile.mkdtemp(prefix="signet-kubernetes-"))
    atexit.register(discard, folder)
    return folder


def discard(folder):
    """Removes it, and first what a failed test has left mounted in it."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed([m for m in mounts if Path(folder) in Path(m).parents]):
        subprocess.run(["umount", "-l", mount], timeout=10, check=False)
    shutil.rmtree(folder, ignore_errors=True)


class ControlPlaneTest(unittest.TestCase):
    """Starts a control plane before the first test of the class and ends it after the last."""

    @classmethod
    def setUpClass(cls):
        cls.folder = fresh_folder()
        cls.plane = ControlPlane(cls.folder)
        cls.plane.start()
        cls.addClassCleanup(cls.plane.__exit__)
        cls.admin = cls.plane.admin


def main(*programs, cgroups=False):
    """Runs the module's tests. Where they cannot run, nothing is proved, and the exit code says skipped."""
    try:
        for program in ("etcd", "kube-apiserver", *programs):
            find_binary(program)
        if cgroups:
            lib.cgroups.root()
    except Missing as why:
        print(f"SKIP, not proved: {why}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
