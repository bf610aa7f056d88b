"""Our server and agent against SPIFFE libraries that nobody here wrote."""
from lib import process
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


class MutualTls:
    """Pairs of programs that talk mutual TLS, as different users with different identities."""

    def __init__(self, deployment, go_bin, build):
        self.deployment, self.build = deployment, build
        self.go = deployment.program(go_bin / "mtls")
        self.server = Workload("mtls-server", 65102)
        self.client = Workload("mtls-client", 65103)
        for workload in (self.server, self.client):
            deployment.register(workload)

    def start(self, name, command, workload):
        return Process(name, command, self.deployment.folder, **workload.popen_options())

    def go_server(self):
        server = self.start("go-mtls-server", [
            self.go, "-mode", "server", "-socket", self.deployment.endpoint, "-peer", self.client.id], self.server)
        return server, server.wait_for(r"^listening (\S+)", 20)[1]

    def go_client(self, address, peer, leaves=LEAVES, authorities=2):
        return self.start("go-mtls-client", [
            self.go, "-mode", "client", "-socket", self.deployment.endpoint, "-address", address, "-peer", peer,
            "-leaves", leaves, "-authorities", authorities, "-timeout", "100s"], self.client)

    def go_with_go(self):
        server, address = self.go_server()
        with server, self.go_client(address, self.server.id) as client:
            return last_line(client.finish(120))

    def wrong_peer_is_refused(self):
        server, address = self.go_server()
        with server, self.go_client(address, self.client.id + "-other", 1, 1) as client:
            process.wait_until(lambda: "refused:" in server.log(), 20, "the server never saw a refused connection")
            return f"the client ended its connections: {client.popen.poll() is None}"


def run(report, build, folder, go_bin):
    try:
        deployment = Deployment(build, folder)
        deployment.__enter__()
    except Failed as why:
        report.fail("server and agent start", why)
        return
    with deployment:
        attempt(report, "py-spiffe fetches and watches", lambda: python_watch(deployment))
        if go_bin is None:
            return
        attempt(report, "go-spiffe fetches and watches", lambda: go_watch(deployment, go_bin))
        tls = MutualTls(deployment, go_bin, build)
        attempt(report, "mutual TLS, go-spiffe with go-spiffe", tls.go_with_go)
