"""The programs of examples/ in other languages: the servers alone by rows of acceptance, then everybody asks everybody.

The rows here are those without load; `tests/interop/run go python java` has all ten. In the ring each client asks each server,
and our C++ example (examples/http) stands in it as both, while leaves and authorities rotate.
"""
import re
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

from lib import acceptance, examples, process, tls
from lib.backend import Answer
from lib.deployment import CA_TTL_SECONDS, Deployment, Workload
from lib.forger import Authority
from lib.load import Rotations
from lib.process import Failed, Process

LEAF_ROTATIONS = 5
CA_ROTATIONS = 2
FEWEST_REQUESTS = 20
PATIENCE = 6 * CA_TTL_SECONDS
EXIT_FAILED = 1
STRANGER = Workload("stranger", 65303)


class CPP:
    """examples/http, which is built with our own tree."""
    name, uid = "cpp", 65333


class Ring:
    """Servers and clients of all languages, each as a user of its own."""

    def __init__(self, deployment, build, found):
        self.deployment, self.found = deployment, dict(found)
        self.cpp = {role: deployment.program(build / f"examples/http/http_{role}") for role in ("server", "client")}
        self.clients = {language: self.register("client", language) for language in (*self.found, CPP)}
        self.servers = {language: self.register("server", language) for language in (*self.found, CPP)}
        deployment.register(STRANGER)
        self.ports, self.running = {}, []

    def register(self, role, language):
        workload = Workload(f"{language.name}-{role}", language.uid + {"client": 50, "server": 100}[role])
        self.deployment.register(workload)
        return workload

    def start(self, name, command, workload):
        running = Process(name, command, self.deployment.folder, **workload.popen_options())
        self.running.append(running)
        return running

    def stop(self):
        for running in self.running:
            running.stop()

    # Our C++ example takes one peer, so each client has one of its servers; all others have one for everybody.

    def start_servers(self):
        started = []
        for language in self.found:
            flags = ["-listen", "127.0.0.1:0"]
            for client in self.clients.values():
                flags += ["-authorize", client.id]
            started.append((language, None, self.start_example(language, "server", self.servers[language], flags)))
            command = self.cpp_command("server", 0, self.clients[language].id)
            started.append((CPP, language, self.start(f"cpp-server-{language.name}", command, self.servers[CPP])))
        for server, client, running in started:
            self.ports[server, client] = int(running.wait_for(r"listening on (port |\S+:)(\d+)", 30)[2])

    def start_example(self, language, role, workload, flags, name=None):
        command = examples.start(language, self.deployment, self.found[language], role, flags)
        return self.start(name or workload.name, command, workload)

    def cpp_command(self, role, port, peer):
        return ["env", f"SPIFFE_ENDPOINT_SOCKET={self.deployment.endpoint}", self.cpp[role], port, peer]

    def ask(self, language, port, peer, name, requests=1, workload=None):
        """A client, started."""
        if language is CPP:
            return self.start(name, self.cpp_command("client", port, peer), self.clients[CPP])
        return self.start_example(language, "client", workload or self.clients[language], [
            "-connect", f"127.0.0.1:{port}", "-authorize", peer, "-requests", requests], name)

    # Cases.

    def pairs(self):
        """Who asks whom: everybody everybody, but for C++ itself."""
        for server in self.servers:
            for client in self.clients:
                if client is not CPP or server is not CPP:
                    yield client, server

    def port(self, client, server):
        return self.ports[server, client if server is CPP else None]

    def rotate(self):
        """Every pair under way until all have seen enough certificates of each other. Gives the clients, which end then."""
        asking = {(client, server): self.ask(client, self.port(client, server), self.servers[server].id,
                                             f"{client.name}-asks-{server.name}", requests=0)
                  for client, server in self.pairs()}
        shown = [Rotations(SimpleNamespace(served_certificate=lambda port=port: tls.served_certificate(port)))
                 for port in self.ports.values()]

        def enough():
            time.sleep(0.3)  # each look is a handshake for the server
            for one in shown:
                one.see()
            return (all(one.leaf_rotations >= LEAF_ROTATIONS and one.ca_rotations >= CA_ROTATIONS for one in shown)
                    and all(min(seen) > LEAF_ROTATIONS for seen in self.certificates(asking)))
        process.wait_until(enough, PATIENCE, lambda: "too slow: rotations of leaves and authorities "
                           f"{[(one.leaf_rotations, one.ca_rotations) for one in shown]}, certificates that clients had "
                           f"and saw {list(self.certificates(asking))}")
        for client in asking.values():
            client.popen.terminate()
        return asking

    @staticmethod
    def certificates(asking):
        """How many each client has had, and how many of its server it has told of."""
        for (client, _), asked in asking.items():
            log = asked.log()
            own = len(set(re.findall(r"I am \S+ certificate (\S+)", log)))
            yield own, len(set(re.findall(r"certificate (\S+), answers", log))) if client is not CPP else own

    @staticmethod
    def judge(asked):
        """None of its requests failed."""
        requests, failed = figures(asked.finish(20))
        if failed or requests < FEWEST_REQUESTS:
            raise Failed(f"{requests} requests, {failed} failed: {asked.tail()}")
        return f"{requests} requests, 0 failed"

    def server_refuses(self, language):
        asking = self.ask(language, self.port(language, language), self.servers[language].id,
                          f"{language.name}-as-stranger", workload=STRANGER)
        return must_be_refused(asking)

    def client_refuses(self, language):
        return must_be_refused(self.ask(language, self.port(language, language), STRANGER.id, f"{language.name}-careful"))

    def client_and_other_trust_domain(self, language):
        """A server of another trust domain: forged it is never talked to, with its own name once we federate."""
        domain = f"{language.name}-ring.other.test"
        authority = Authority(self.deployment.folder / domain, domain)
        wanted, own = self.servers[language].id, f"spiffe://{domain}/backend"
        with ForeignServer(authority, "forged", wanted) as forged, ForeignServer(authority, "own", own) as foreign:
            must_be_refused(self.ask(language, foreign.port, own, f"{language.name}-foreign"))
            self.deployment.cli("bundle", "set", "-id", f"spiffe://{domain}", "-path", authority.root)
            self.deployment.update(self.clients[language], federates=(f"spiffe://{domain}",))

            def answered():
                asking = self.ask(language, foreign.port, own, f"{language.name}-federated")
                return asking.popen.wait(20) == 0
            process.wait_until(answered, 20, "its server is not talked to after the entry federates")
            why = must_be_refused(self.ask(language, forged.port, wanted, f"{language.name}-forged"))
        return f"talked to once the entry federates; one of it with an ID of ours: {why}"


class ForeignServer:
    """HTTPS with a certificate that somebody else's authority made."""

    def __init__(self, authority, name, spiffe_id):
        material = authority.svid(name, spiffe_id, None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(material.certificate, material.key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.handle_error = lambda *_: None  # who hangs up has been heard
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def figures(log):
    found = re.search(r"stats: requests=(\d+) failed=(\d+)", log)
    if not found:
        raise Failed(f"no figures: {log[-300:]}")
    return int(found[1]), int(found[2])


def must_be_refused(asking):
    """It asks once, has no answer, and its exit code says so."""
    code = asking.popen.wait(30)
    if code != EXIT_FAILED or figures(asking.log()) != (1, 1):
        raise Failed(f"not refused, or for another reason; exit code {code}: {asking.tail()}")
    why = re.search(r"FAILED (.*)", asking.log())
    return why[1][:160] if why else "refused"


def rotations(report, build, folder, found):
    """The ring, and what it says of each pair and language."""
    folder.mkdir(mode=0o755)
    found = [(adaptor.language, program) for adaptor, program in found]
    with Deployment(build, folder) as deployment:
        ring = Ring(deployment, build, found)
        try:
            ring.start_servers()
            with ThreadPoolExecutor(1 + len(found)) as pool:
                under_way = pool.submit(ring.rotate)
                list(pool.map(lambda language: refusals(report, ring, language), ring.found))
                for (client, server), asked in under_way.result().items():
                    attempt(report, f"{client.name} client, {server.name} server, across rotations",
                            lambda asked=asked: ring.judge(asked))
        finally:
            ring.stop()


def refusals(report, ring, language):
    for name, case in (("server refuses a client of another ID", ring.server_refuses),
                       ("client refuses a server of another ID", ring.client_refuses),
                       ("client and the servers of another trust domain", ring.client_and_other_trust_domain)):
        attempt(report, f"{language.name} {name}", lambda case=case: case(language))


def attempt(report, name, case):
    try:
        report.ok(name, case())
    except (Failed, OSError) as why:
        report.fail(name, why)


def run(report, build, folder, adaptors):
    found = acceptance.programs(report, adaptors)
    if not found:
        return
    scores = acceptance.Scores(report)

    def part(name, case):
        try:
            case()
        except Failed as why:
            report.fail(name, why)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(part, ("workloads with long lives", "workloads across rotations"), (
            lambda: acceptance.long_lives(build, folder, found, scores),
            lambda: rotations(report, build, folder / "ring", found))))
