"""Runs what README.md tells a newcomer to type, in one go, and looks whether the last command says what it should.

readme_test.py BUILD: as nobody if this is root, since root's data would go to /var/lib and /run. Only the port is another one.
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["ca/cmd/signet-server", "workload-api/cmd/signet-agent"]
NOBODY = 65534


def commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"To run them yourself:\n\n```sh\n(.*?)```", text, re.DOTALL)[1]
    return re.sub(r"^export PATH=.*\n", "", block)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def main():
    build, port, script = pathlib.Path(sys.argv[1]), str(free_port()), commands()
    script = script.replace("signet-server run ", f"signet-server run -bindAddress 127.0.0.1 -serverPort {port} ", 1).replace("8081", port)
    with tempfile.TemporaryDirectory(prefix="signet-readme-") as name:
        folder = pathlib.Path(name)
        for program in PROGRAMS:
            shutil.copy(build / program, folder)
        options = {}
        if os.geteuid() == 0:
            folder.chmod(0o755)
            home = folder / "home"
            home.mkdir()
            os.chown(home, NOBODY, NOBODY)
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        else:
            home = folder
        environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
        done = subprocess.run(["bash", "-c", f"trap 'kill $(jobs -p); wait' EXIT\n{script}"], cwd=home, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50, check=False, **options)
        print(done.stdout)
        wanted = ["svid.0.pem: OK", "spiffe://example.org/hello"]
        missing = [text for text in wanted if text not in done.stdout] + re.findall(r"^Error.*", done.stdout, re.MULTILINE)
        print("\n".join(missing))
        return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
