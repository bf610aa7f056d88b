"""Our server and agent against SPIFFE libraries that nobody here wrote."""
from contextlib import ExitStack

from lib import mtls_cases
from lib.deployment import Deployment, Workload
from lib.peers import Missing, python_peer, HERE
from lib.process import Failed, Process

LEAVES = 3


def attempt(report, name, case):
    """Runs one case; its return value is the note of the passing line."""
    try:
        report.ok(name, case())
    except Missing as why:
        report.skip(name, why)
    except Failed as why:
        report.fail(name, why)


def last_line(text):
    return text.strip().splitlines()[-1]


def go_watch(deployment, go_bin):
    me = Workload("go-watch", 65101)
    deployment.register(me)
    watcher = Process("go-svid-watch", [
        deployment.program(go_bin / "svid_watch"), "-socket", deployment.endpoint, "-expect-id", me.id, "-leaves", LEAVES],
        deployment.folder, **me.popen_options())
    return last_line(watcher.finish(90))


def python_watch(deployment):
    me = Workload("python-watch", 0)  # as root: the virtual environment may be in root's home
    deployment.register(me)
    watcher = Process("py-watch", [python_peer(), "-B", HERE / "py/watch_svids.py", deployment.endpoint, me.id, LEAVES, 60],
                      deployment.folder)
    return last_line(watcher.finish(90))


def byte_by_byte(report, deployment):
    try:
        from lib import workload_api_cases  # needs python3-h2 and python3-protobuf
    except ImportError as why:
        report.skip("the Workload API byte by byte", why)
        return
    for name, case in workload_api_cases.cases(deployment).items():
        attempt(report, name, case)


def run(report, build, folder, go_bin):
    with ExitStack() as stack:
        try:
            deployment = stack.enter_context(Deployment(build, folder))
        except Failed as why:
            report.fail("server and agent start", why)
            return
        attempt(report, "healthcheck commands agree", deployment.healthchecks)
        attempt(report, "EP-02, WL-05, WL-06: py-spiffe fetches and watches", lambda: python_watch(deployment))
        byte_by_byte(report, deployment)
        if go_bin is None:
            return
        attempt(report, "EP-02, WL-05, WL-06: go-spiffe fetches and watches", lambda: go_watch(deployment, go_bin))
        for name, case in mtls_cases.cases(deployment, go_bin, build).items():
            attempt(report, name, case)
