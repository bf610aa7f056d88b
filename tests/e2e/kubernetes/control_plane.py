"""What the tests of this folder share: the build under test, a control plane for each test class, and a loud skip."""
import atexit
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/interop"))
from lib.kubernetes import ControlPlane  # noqa: E402
from lib.peers import Missing  # noqa: E402

SKIPPED = 77


def fresh_folder():
    folder = Path(tempfile.mkdtemp(prefix="signet-kubernetes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class ControlPlaneTest(unittest.TestCase):
    """Starts a control plane before the first test of the class and ends it after the last."""

    @classmethod
    def setUpClass(cls):
        cls.folder = fresh_folder()
        cls.plane = ControlPlane(cls.folder)
        cls.plane.start()
        cls.addClassCleanup(cls.plane.__exit__)
        cls.admin = cls.plane.admin


def main():
    """Runs the module's tests; without an API server nothing is proved and the exit code says skipped."""
    try:
        ControlPlane(fresh_folder())
    except Missing as why:
        print(f"SKIP, not proved: {why}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
