"""The Dockerfile as far as it can be judged without Docker: what it copies exists, what it installs runs the programs."""
import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path

BUILD = Path(sys.argv.pop(1)).resolve()
ROOT = Path(__file__).resolve().parents[3]
BUILT = "/src/build/release/"
PROGRAMS = ["ca/cmd/signet-server", "workload-api/cmd/signet-agent", "examples/mtls/mtls_server",
            "examples/mtls/mtls_client"]


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def instructions():
    """(instruction, words) of every line; lines that end in a backslash are joined, comments dropped."""
    text = "\n".join(l for l in (ROOT / "Dockerfile").read_text().splitlines() if not l.lstrip().startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], shlex.split(line)[1:]) for line in lines if line.strip()]


def installed_in_image():
    run = next(" ".join(w) for i, w in instructions() if i == "RUN" and "apt-get" in w)
    return re.search(r"apt-get install ((?:-\S+ +)*)([^&]*)", run).group(2).split()


def with_dependencies(packages):
    """The packages and everything that they depend on (first alternatives, provided names are followed by apt)."""
    listing = output("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
                     "--no-breaks", "--no-replaces", "--no-enhances", *packages)
    return {line.strip() for line in listing.splitlines() if line and not line.startswith(" ")}


def owners(paths):
    """The package of each file. Debian 12 has /lib as a link to /usr/lib, and dpkg knows a file by either name."""
    names = {}
    for path in paths:
        for name in (path, str(Path(path).resolve())):
            names.update({name: path, "/usr" + name: path, name.removeprefix("/usr"): path})
    found = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True, timeout=60, check=False)
    lines = [line.split(": ", 1) for line in found.stdout.splitlines()]
    return {names[name]: package.split(":")[0] for package, name in lines}


class DockerfileTest(unittest.TestCase):
    def test_every_copied_path_exists(self):
        stages = set()
        for instruction, words in instructions():
            if instruction == "FROM":
                stages.add(words[2])
            if instruction != "COPY":
                continue
            source = [w for w in words if not w.startswith("--")][0]
            stage = next((w.removeprefix("--from=") for w in words if w.startswith("--from=")), None)
            if stage is None:
                self.assertTrue((ROOT / source).exists(), source)
                continue
            self.assertIn(stage, stages)
            self.assertTrue(source.startswith(BUILT), source)
            self.assertIn(source.removeprefix(BUILT), PROGRAMS)

    def test_the_stage_that_builds_names_real_targets_and_paths(self):
        build = next(" ".join(w) for i, w in instructions() if i == "RUN" and "signet_build" in w)
        for program in PROGRAMS:
            self.assertIn(program.rsplit("/", 1)[1], build.split("strip")[0].split())
            self.assertIn("build/release/" + program, build.split())
            self.assertTrue((BUILD / program).exists(), program)

    def test_every_package_exists_in_debian(self):
        packages = installed_in_image()
        self.assertGreater(len(packages), 4)
        for package in packages:
            self.assertIn(f"Package: {package}\n", output("apt-cache", "show", "--no-all-versions", package))

    def test_the_packages_hold_every_library_that_the_programs_load(self):
        packages = with_dependencies(installed_in_image())
        loaded = {path for program in PROGRAMS for path in re.findall(r"=> (/\S+)", output("ldd", str(BUILD / program)))}
        self.assertGreater(len(loaded), 20)
        owner = owners(loaded)
        for path in sorted(loaded):
            self.assertIn(owner.get(path), packages, path)

    def test_no_image_runs_as_root_by_itself(self):
        last_user = {}
        stage = None
        for instruction, words in instructions():
            stage = words[2] if instruction == "FROM" else stage
            if instruction == "USER":
                last_user[stage] = words[0]
        self.assertEqual(last_user, {"examples": "10001:10001", "signet": "10001:10001"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
