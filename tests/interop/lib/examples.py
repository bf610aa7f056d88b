"""The servers and clients of examples/ that are programs in other languages, as any user can start them."""
import re

from lib import peers
from lib.peers import EXAMPLES


class Go:
    """examples/go."""
    name, uid = "go", 65331
    find = staticmethod(peers.go_example)

    @staticmethod
    def version(_):
        return "go-spiffe-" + pinned("go/go.mod", r"go-spiffe/v2 v(\S+)")

    @staticmethod
    def command(deployment, found, role):
        return [deployment.program(found / role, f"go-{role}")]


class Python:
    """examples/python."""
    name, uid = "python", 65332
    find = staticmethod(peers.python_example)

    @staticmethod
    def version(_):
        return "py-spiffe-" + pinned("python/requirements.txt", r"spiffe==(\S+)")

    @staticmethod
    def command(deployment, found, role):
        packages, programs = deployment.tree(found, "python-packages"), deployment.tree(EXAMPLES / "python", "python-example")
        return [f"PYTHONPATH={packages}", peers.MACHINES_PYTHON, "-B", programs / f"{role}.py"]


def pinned(file, pattern):
    """The version of a library that an example names."""
    return re.search(pattern, (EXAMPLES / file).read_text()).group(1)


def start(language, deployment, found, role, flags):
    """The command line of a role (server or client), for a process of whatever user."""
    return ["env", f"SPIFFE_ENDPOINT_SOCKET={deployment.endpoint}",
            *language.command(deployment, found, role), *flags]
