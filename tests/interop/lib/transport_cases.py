"""core/rpc against programs that nobody here wrote: h2spec and the gRPC project's interop client."""
import re
from contextlib import ExitStack

from lib import process
from lib.process import Failed, Process
from lib.relay import Relay

H2SPEC_CASES = 145  # in h2spec 2.2.1, the newest that is a Go module; 2.6.0 has one more
H2SPEC_BAR = 144
GRPC_CASES = """empty_unary large_unary client_streaming server_streaming ping_pong empty_stream
timeout_on_sleeping_server cancel_after_begin cancel_after_first_response status_code_and_message
special_status_message custom_metadata unimplemented_method unimplemented_service""".split()


class InteropServer:
    """Our grpc_interop_server on a Unix socket and a TLS port, with a certificate made for this run."""

    def __init__(self, build, folder):
        self.folder = folder
        self.socket = folder / "interop.sock"
        self.port = process.free_port()
        self.cert, key = folder / "cert.pem", folder / "key.pem"
        process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", key, "-out", self.cert, "-days", "2", "-subj", "/CN=localhost",
                     "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        self.process = Process("grpc_interop_server", [
            build / "tests/interop/grpc_interop_server", "--socket", self.socket, "--port", self.port,
            "--cert", self.cert, "--key", key], folder)
        for address in (self.socket, ("127.0.0.1", self.port)):
            process.wait_until(lambda address=address: process.accepts(address), 10,
                               lambda: f"server does not accept: {self.process.tail()}", self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()


def h2spec(report, program, folder, targets):
    for name, arguments in targets.items():
        case = f"h2spec on the {name}"
        try:
            # h2spec's exit code says whether all cases passed; the bar is ours, so only its figures count.
            peer = Process(f"h2spec-{name.replace(' ', '-')}", [
                program, "-h", "127.0.0.1", "-P", "/grpc.testing.TestService/EmptyCall", "-o", "2", *arguments], folder)
            peer.popen.wait(300)
            figures = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", peer.log())
            if not figures:
                raise Failed(f"no figures: {peer.tail()}")
            total, passed = int(figures[1]), int(figures[2])
            note = f"{passed} of {total}"
            failures = re.findall(r"^\s+× (?:\d+: )?(.+)$", peer.log(), re.MULTILINE)
            if failures:
                note += "; failed: " + "; ".join(dict.fromkeys(failures))
            if total < H2SPEC_CASES or passed < H2SPEC_BAR:
                raise Failed(f"{note}; the bar is {H2SPEC_BAR} of {H2SPEC_CASES}")
            report.ok(case, note)
        except Exception as error:  # pylint: disable=broad-except
            report.fail(case, error)


def grpc_client(report, program, folder, targets):
    for name, arguments in targets.items():
        for case in GRPC_CASES:
            try:
                Process(f"grpc-{name.replace(' ', '-')}-{case}", [program, "-case", case, *arguments],
                        folder).finish(60)
                report.ok(f"gRPC interop client, {case}, {name}")
            except Failed as error:
                report.fail(f"gRPC interop client, {case}, {name}", error)


def run(report, build, folder, go_bin):
    with ExitStack() as stack:
        try:
            server = stack.enter_context(InteropServer(build, folder))
        except Failed as error:
            report.fail("grpc_interop_server starts", error)
            return
        relay = stack.enter_context(Relay(server.socket))
        h2spec(report, go_bin / "h2spec", folder, {
            "Unix socket": ["-p", relay.port],
            "TLS port": ["-p", server.port, "-t", "-k"],
        })
        grpc_client(report, go_bin / "grpc_interop", folder, {
            "Unix socket": ["-target", f"unix://{server.socket}"],
            "TLS port": ["-target", f"localhost:{server.port}", "-ca", server.cert],
        })
        if server.process.popen.poll() is not None:
            report.fail("grpc_interop_server survives its peers", server.process.tail())
        else:
            report.ok("grpc_interop_server survives its peers")
