"""gRPC as a client on python3-h2: nothing of ours, and every byte, certificate and stream under the test's control."""
import importlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

ROOT = Path(__file__).resolve().parents[3]
PROTOS = {  # import root → files
    "ca/proto": ["spire/api/types/*.proto", "spire/api/server/*/v1/*.proto", "signet/api/server/v1/*.proto"],
    "core/rpc/proto": ["reflection/v1/reflection.proto"],
    "core/spiffe/proto": ["workload.proto"],
    "workload-api/csi/proto": ["csi/v1/csi.proto", "pluginregistration/registration.proto"],
}
PERMISSION_DENIED = 7


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(f"code {code}: {message}")
        self.code = code
        self.message = message


class Messages:
    """Message classes of the .proto files, made by protoc: messages["spire.api.types.Entry"]."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="signet-pb2-")
        roots = [str(ROOT / root) for root in PROTOS]
        files = [str(f) for root, patterns in PROTOS.items() for p in patterns for f in sorted((ROOT / root).glob(p))]
        google = [str(f) for f in (ROOT / "ca/proto/google/rpc").glob("*.proto")]
        subprocess.run(["protoc", f"--python_out={self.folder.name}", *[f"-I{r}" for r in roots], *files, *google],
                       check=True, timeout=60)
        sys.path.insert(0, self.folder.name)
        # "google" is a package of the protobuf library already; ours lies beside it.
        importlib.import_module("google").__path__.append(self.folder.name + "/google")
        for file in sorted(Path(self.folder.name).rglob("*_pb2.py")):
            importlib.import_module(".".join(file.relative_to(self.folder.name).with_suffix("").parts))
        from google.protobuf import symbol_database
        self.database = symbol_database.Default()

    def __getitem__(self, name):
        return self.database.GetSymbol(name)


def unix_socket(path, timeout=10):
    """Also to paths of more than 108 bytes, which a kubelet's folders have; a pod sees a short one."""
    path = Path(path)
    folder = os.open(path.parent, os.O_PATH)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def tls_socket(port, certificate=None, timeout=10):
    """To a server whose certificate nobody checks here: these tests judge what the server believes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if certificate:
        context.load_cert_chain(*certificate)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=timeout))


class Call:
    """One call on a connection of its own. `next()` gives the answers as they come."""

    def __init__(self, connection, method, requests, metadata=(), half_close=True):
        self.socket = connection
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(self.stream, [
            (":method", "POST"), (":scheme", "http"), (":path", "/" + method), (":authority", "localhost"),
            ("te", "trailers"), ("content-type", "application/grpc"), *metadata])
        for request in requests:
            self._send(request)
        if half_close:
            self.h2.end_stream(self.stream)
        self.socket.sendall(self.h2.data_to_send())
        self.data, self.status, self.ended = b"", None, False

    def _send(self, message):
        payload = message.SerializeToString()
        framed = b"\0" + len(payload).to_bytes(4, "big") + payload
        while framed:
            size = min(len(framed), self.h2.local_flow_control_window(self.stream), self.h2.max_outbound_frame_size)
            if size == 0:
                raise AssertionError("a request of more than one window")
            self.h2.send_data(self.stream, framed[:size])
            framed = framed[size:]

    def next(self, kind, timeout=10):
        """The next answer, or None at the end of a stream that ended well; RpcError otherwise."""
        end = time.monotonic() + timeout
        while True:
            if len(self.data) >= 5 and len(self.data) - 5 >= (size := int.from_bytes(self.data[1:5], "big")):
                message = kind.FromString(self.data[5:5 + size])
                self.data = self.data[5 + size:]
                return message
            if self.ended:
                code, text = self.status or (14, "the connection ended without a status")
                if code:
                    raise RpcError(code, text)
                return None
            self._receive(end - time.monotonic())

    def _receive(self, timeout):
        if timeout <= 0:
            raise TimeoutError("no answer in time")
        self.socket.settimeout(timeout)
        received = self.socket.recv(65536)
        if not received:
            self.ended = True
            return
        try:
            events = self.h2.receive_data(received)
        except h2.exceptions.ProtocolError:  # python3-h2 takes nothing after GOAWAY, though a stream may still end
            self.ended = True
            return
        for event in events:
            if isinstance(event, h2.events.DataReceived):
                self.data += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, self.stream)
            elif isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                headers = dict(event.headers)
                if "grpc-status" in headers:
                    self.status = int(headers["grpc-status"]), unquote(headers.get("grpc-message", ""))
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)):
                self.ended = True
        self.socket.sendall(self.h2.data_to_send())

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def unary(connection, method, request, kind, metadata=(), timeout=20):
    with Call(connection, method, [request], metadata) as call:
        return call.next(kind, timeout)
