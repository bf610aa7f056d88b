"""The servers and clients of examples/ that are programs in other languages, as any user can start them."""
import re

from lib import peers
from lib.peers import EXAMPLES

JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx128m"]  # they live for seconds


class Go:
    """examples/go."""
    name, uid = "go", 65330
    find = staticmethod(peers.go_example)

    @staticmethod
    def version(_):
        return "go-spiffe-" + pinned("go/go.mod", r"go-spiffe/v2 v(\S+)")

    @staticmethod
    def command(deployment, found, role):
        return [deployment.program(found / role, f"go-{role}")]


class Python:
    """examples/python."""
    name, uid = "python", 65331
    find = staticmethod(peers.python_example)

    @staticmethod
    def version(_):
        return "py-spiffe-" + pinned("python/requirements.txt", r"spiffe==(\S+)")

    @staticmethod
    def command(deployment, found, role):
        packages, programs = deployment.tree(found, "python-packages"), deployment.tree(EXAMPLES / "python", "python-example")
        return [f"PYTHONPATH={packages}", peers.MACHINES_PYTHON, "-B", programs / f"{role}.py"]


class Java:
    """examples/java."""
    name, uid = "java", 65332
    find = staticmethod(peers.java_example)

    @staticmethod
    def version(_):
        return "java-spiffe-" + pinned("java/pom.xml", r"<java-spiffe.version>(\S+)</")

    @staticmethod
    def command(deployment, found, role):
        jars = deployment.tree(found, "java-jars")
        return [*JAVA, "-cp", f"{jars}/*", f"org.example.workload.{role.capitalize()}"]


def pinned(file, pattern):
    """The version of a library that an example names."""
    return re.search(pattern, (EXAMPLES / file).read_text()).group(1)


def start(language, deployment, found, role, flags):
    """The command line of a role (server or client), for a process of whatever user."""
    return ["env", f"SPIFFE_ENDPOINT_SOCKET={deployment.endpoint}",
            *language.command(deployment, found, role), *flags]
