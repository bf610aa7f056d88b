"""Mutual TLS between go-spiffe and our C++ example, in both directions, while leaves and authorities rotate."""
import re

from lib import process
from lib.deployment import CA_TTL_SECONDS, Workload
from lib.process import Failed, Process

LEAVES = 3
AUTHORITIES = 2
PATIENCE = 4 * CA_TTL_SECONDS


class MutualTls:
    """Two users with different identities, and every program as either of them."""

    def __init__(self, deployment, go_bin, build):
        self.deployment = deployment
        self.go = deployment.program(go_bin / "mtls")
        self.cpp_server = deployment.program(build / "examples/mtls/mtls_server")
        self.cpp_client = deployment.program(build / "examples/mtls/mtls_client")
        self.server = Workload("mtls-server", 65102)
        self.client = Workload("mtls-client", 65103)
        for workload in (self.server, self.client):
            deployment.register(workload)

    def start(self, name, command, workload):
        return Process(name, command, self.deployment.folder, **workload.popen_options())

    def start_go_server(self, peer):
        server = self.start("go-mtls-server", [
            self.go, "-mode", "server", "-socket", self.deployment.endpoint, "-peer", peer,
            "-timeout", f"{2 * PATIENCE}s"], self.server)
        return server, server.wait_for(r"^listening (\S+)", 20)[1]

    def start_cpp_server(self, peer):
        server = self.start("cpp-mtls-server", [
            self.cpp_server, "-listen", "127.0.0.1:0", "-authorize", peer, "-socket", self.deployment.endpoint],
            self.server)
        return server, server.wait_for(r"listening on (\S+)", 20)[1]

    def go_client(self, address, peer, leaves=LEAVES, authorities=AUTHORITIES, patience=PATIENCE):
        with self.start("go-mtls-client", [
                self.go, "-mode", "client", "-socket", self.deployment.endpoint, "-address", address, "-peer", peer,
                "-leaves", leaves, "-authorities", authorities, "-timeout", f"{patience}s"], self.client) as client:
            return client.finish(patience + 20).strip().splitlines()[-1]

    def cpp_client_run(self, address, peer, seconds):
        """Runs the example for a time; its last line has the figures. It fails by itself if a request failed."""
        with self.start("cpp-mtls-client", [
                self.cpp_client, "-connect", address, "-authorize", peer, "-socket", self.deployment.endpoint,
                "-duration", f"{seconds}s"], self.client) as client:
            return client.finish(seconds + 20).strip().splitlines()[-1].partition("stats: ")[2]

    def go_client_cpp_server(self):
        server, address = self.start_cpp_server(self.client.id)
        with server:
            note = self.go_client(address, self.server.id)
        if server.popen.returncode != 0:
            raise Failed(f"the server ended with {server.popen.returncode}: {server.tail()}")
        return note

    def cpp_client_go_server(self):
        server, address = self.start_go_server(self.client.id)
        with server:
            note = self.cpp_client_run(address, self.server.id, 2 * CA_TTL_SECONDS)
        figures = dict(re.findall(r"(\w+)=(\d+)", note))
        if int(figures["leaf_changes"]) < LEAVES or int(figures["ca_changes"]) < AUTHORITIES - 1:
            raise Failed(f"too few rotations seen: {note}")
        return note

    def refused_by_cpp_server(self):
        """The client is good, but the server wants somebody else."""
        server, address = self.start_cpp_server(self.server.id + "-other")
        with server:
            return self.must_be_refused(lambda: self.go_client(address, self.server.id, 1, 1, 5), server)

    def refused_by_cpp_client(self):
        """The server is good, but the client wants somebody else."""
        server, address = self.start_go_server(self.client.id)
        with server:
            return self.must_be_refused(lambda: self.cpp_client_run(address, self.server.id + "-other", 3), server)

    @staticmethod
    def must_be_refused(talk, server):
        try:
            note = talk()
        except Failed as refusal:
            process.wait_until(lambda: "refused" in server.log(), 10, "the server saw no refused handshake", server)
            served = re.search(r"requests=(\d+) failed=(\d+)", str(refusal))
            if served and served[1] != served[2]:
                raise Failed(f"some requests were served: {refusal}") from None
            return "refused"
        raise Failed(f"was served: {note}")


def cases(deployment, go_bin, build):
    """Name and function of every case."""
    tls = MutualTls(deployment, go_bin, build)
    return {
        "mutual TLS across a rotation, go-spiffe client, our C++ server": tls.go_client_cpp_server,
        "mutual TLS across a rotation, our C++ client, go-spiffe server": tls.cpp_client_go_server,
        "mutual TLS, our C++ server refuses another SPIFFE ID": tls.refused_by_cpp_server,
        "mutual TLS, our C++ client refuses another SPIFFE ID": tls.refused_by_cpp_client,
    }
