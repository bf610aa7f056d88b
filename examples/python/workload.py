"""What the server and the client share: the flags, an identity from the agent, and TLS that is bound to it."""
import argparse
import io
import re
import signal
import socket
import struct
import sys
import threading
import time

from cryptography import x509
from OpenSSL import SSL, crypto
from spiffe import SpiffeId, X509Source
from spiffe.errors import PySpiffeError

EXIT_FAILED, EXIT_USAGE, EXIT_NO_IDENTITY = 1, 2, 3
IO_TIMEOUT = 10  # seconds that a peer may be silent


class Refused(ConnectionError):
    """The peer is not one that -authorize names, or cannot prove it."""


class Identity:
    """Who we are and whom we talk to. The source follows the agent; here it is asked anew for every connection."""

    def __init__(self, authorize, wait):
        self.authorize = frozenset(authorize)
        self.source = X509Source(timeout_in_seconds=wait)  # from the socket that SPIFFE_ENDPOINT_SOCKET names
        self._tell()
        self.source.subscribe_for_updates(self._tell)

    def svid(self):
        """The newest; another object after each update. Raises an error once the source has failed for good."""
        return self.source.get_x509_context().default_svid

    def _tell(self):
        svid = self.svid()
        until = svid.leaf.not_valid_after_utc.time()
        say(f"I am {svid.spiffe_id}, certificate {svid.leaf.serial_number} until {until}")

    def accept(self, plain):
        """TLS as the server, with a client that is authorized. Raises Refused before a byte is read or written."""
        return self._handshake(plain, SSL.TLS_SERVER_METHOD, SSL.Connection.set_accept_state)

    def connect(self, plain):
        """TLS as the client, with a server that is authorized."""
        return self._handshake(plain, SSL.TLS_CLIENT_METHOD, SSL.Connection.set_connect_state)

    def _handshake(self, plain, method, set_state):
        limit = struct.pack("@ll", IO_TIMEOUT, 0)
        plain.settimeout(None)  # pyOpenSSL wants blocking sockets; the kernel keeps the time
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connection = SSL.Connection(self._context(method), plain)
        set_state(connection)
        patiently(connection.do_handshake)
        self.judge(connection)
        return TlsSocket(connection)

    def _context(self, method):
        svid = self.svid()
        context = SSL.Context(method)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.use_certificate(svid.leaf)
        for intermediate in svid.cert_chain[1:]:
            context.add_extra_chain_cert(intermediate)
        context.use_privatekey(svid.private_key)
        # OpenSSL insists on a certificate and on the proof that its key is there. It has no store here, since one store for
        # all trust domains would let each of them vouch for the others: judge() takes the peer's own.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # a resumed session would bring old trust along
        context.set_options(SSL.OP_NO_TICKET)
        return context

    def judge(self, connection):
        """The peer's ID, if it is authorized and an authority of its own trust domain vouches for it now."""
        try:
            leaf = connection.get_peer_certificate()
            peer = spiffe_id_of(leaf.to_cryptography())
            if peer not in self.authorize:
                raise Refused(f"{peer} is not authorized")
            bundle = self.source.get_bundle_for_trust_domain(peer.trust_domain)
            if bundle is None:
                raise Refused(f"no bundle of {peer.trust_domain}, which vouches for {peer}")
            store = crypto.X509Store()
            for authority in bundle.x509_authorities:
                store.add_cert(crypto.X509.from_cryptography(authority))
            crypto.X509StoreContext(store, leaf, connection.get_peer_cert_chain()).verify_certificate()
        except Refused:
            raise
        except Exception as error:  # whatever is wrong with what a peer shows
            raise Refused(f"bad certificate: {error}") from error
        return peer


def spiffe_id_of(leaf):
    """The SPIFFE ID of a certificate that may be an X509-SVID: exactly one URI, and no authority's rights."""
    extensions = leaf.extensions
    uris = extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise Refused(f"{len(uris)} URIs")
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise Refused("an authority's certificate")
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            raise Refused("a certificate that may sign others")
    return SpiffeId(uris[0])


class TlsSocket:
    """A TLS connection with as much of a socket's manners as http.server and http.client need."""

    def __init__(self, tls):
        self.tls, self.users = tls, 1

    def makefile(self, *_):
        self.users += 1
        return io.BufferedReader(_Reader(self))

    def sendall(self, data):
        while data:
            data = data[patiently(self.tls.send, data):]

    def close(self):
        self.users -= 1
        if self.users == 0:
            try:
                self.tls.shutdown()
            except SSL.Error:
                pass  # the peer has hung up already
            self.tls.close()


class _Reader(io.RawIOBase):
    def __init__(self, owner):
        self.owner = owner

    def readable(self):
        return True

    def readinto(self, buffer):
        try:
            return patiently(self.owner.tls.recv_into, buffer)
        except EOFError:
            return 0

    def close(self):
        if not self.closed:
            super().close()
            self.owner.close()


def patiently(call, *arguments):
    """A call of pyOpenSSL with the errors of sockets. A signal interrupts it, silence ends it.

    Whoever hangs up without a close_notify has broken the connection.
    """
    end = time.monotonic() + IO_TIMEOUT
    while True:
        try:
            return call(*arguments)
        except (SSL.WantReadError, SSL.WantWriteError):
            if time.monotonic() >= end:
                raise TimeoutError(f"silent for {IO_TIMEOUT} s") from None
        except SSL.ZeroReturnError:
            raise EOFError from None
        except SSL.Error as error:
            raise ConnectionError(f"TLS: {error}") from None


def flags(description):
    """The command line that both programs have; argparse ends the program with code 2 on a mistake."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("-authorize", type=spiffe_id, action="append", required=True, metavar="SPIFFE_ID",
                        help="ID that the peer must have; may be repeated")
    parser.add_argument("-wait", type=seconds, default=30, help="how long to wait for an identity (30s)")
    return parser


def spiffe_id(text):
    try:
        return SpiffeId(text)
    except PySpiffeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seconds(text):
    """100ms, 30s or 2m."""
    parts = re.fullmatch(r"(\d+)(ms|s|m)", text)
    if not parts:
        raise argparse.ArgumentTypeError(f"{text} is no time like 100ms, 30s or 2m")
    return int(parts[1]) * {"ms": 0.001, "s": 1, "m": 60}[parts[2]]


def address(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no address like 127.0.0.1:8443")
    return host, int(port)


def open_identity(options):
    """Ends the program if the agent gives none."""
    try:
        return Identity(options.authorize, options.wait)
    except Exception as error:
        say(f"no identity: {error}")
        sys.exit(EXIT_NO_IDENTITY)


def until_signal():
    """An event that SIGTERM and Ctrl-C set."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def say(text):
    print(f"{time.strftime('%Y/%m/%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)
