"""The Workload API byte by byte, read by Python's cryptography and python3-h2; rows of docs/conformance.md."""
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import descriptor_pb2

from lib import peers, process
from lib.deployment import TRUST_DOMAIN, Workload
from lib.grpc_client import Call, Messages, RpcError, unix_socket
from lib.process import Failed

SERVICE = "SpiffeWorkloadAPI"
HEADER = "workload.spiffe.io"
INVALID_ARGUMENT, UNIMPLEMENTED = 3, 12
IDENTITIES = [Workload("wire-one", 0), Workload("wire-two", 0)]  # of this process


class World:
    def __init__(self, deployment):
        self.deployment, self.messages = deployment, Messages()
        for workload in IDENTITIES:
            deployment.register(workload)

    def call(self, method, request, metadata=((HEADER, "true"),)):
        return Call(unix_socket(self.deployment.agent_socket), method, [self.messages[request]()], metadata)

    def code(self, method, request, metadata=((HEADER, "true"),)):
        """How a call ends that should give no message."""
        with self.call(method, request, metadata) as call:
            try:
                call.next(self.messages["X509SVIDResponse"])
            except RpcError as error:
                return error.code
        return 0


def certificates(der):
    """All certificates in a row of DER; every byte must belong to one."""
    found = []
    while der:
        if der[0] != 0x30:
            raise Failed(f"no certificate begins with {der[:2].hex()}")
        length, header = der[1], 2
        if length & 0x80:
            header += length & 0x7F
            length = int.from_bytes(der[2:header], "big")
        found.append(x509.load_der_x509_certificate(der[:header + length]))
        der = der[header + length:]
    return found


def is_authority(certificate):
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def check_svid(svid):
    chain, roots = certificates(svid.x509_svid), certificates(svid.bundle)
    if not chain or is_authority(chain[0]) or not all(map(is_authority, chain[1:])):
        raise Failed("the chain is not a leaf and then authorities")
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if names.get_values_for_type(x509.UniformResourceIdentifier) != [svid.spiffe_id]:
        raise Failed(f"{svid.spiffe_id} has a leaf for {names}")
    if not roots or not all(map(is_authority, roots)):
        raise Failed("the bundle is not a row of authorities")
    key = serialization.load_der_private_key(svid.x509_svid_key, None)
    if svid.x509_svid_key != key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()):
        raise Failed("the key is in another form than PKCS#8")
    if key.public_key().public_numbers() != chain[0].public_key().public_numbers():
        raise Failed("the key is not the leaf's")
    issuers = [c for c in roots if c.subject == chain[-1].issuer]
    for issuer in issuers:
        issuer.public_key().verify(chain[-1].signature, chain[-1].tbs_certificate_bytes,
                                   ec.ECDSA(chain[-1].signature_hash_algorithm))
    if not issuers:
        raise Failed("no authority of the bundle is the chain's issuer")


def messages_across_rotation(world):
    """Two renewals of each leaf: all identities in each message, whole, in one order."""
    wanted = {workload.id for workload in IDENTITIES}
    serials, orders = set(), set()
    began = time.monotonic()
    with world.call(f"{SERVICE}/FetchX509SVID", "X509SVIDRequest") as call:
        while len(serials) < 3 * len(wanted):
            answer = call.next(world.messages["X509SVIDResponse"], 30)
            if time.monotonic() - began > 60:
                raise Failed(f"{len(serials)} leaves in a minute")
            for svid in answer.svids:
                check_svid(svid)
                serials.add(certificates(svid.x509_svid)[0].serial_number)
            orders.add(tuple(svid.spiffe_id for svid in answer.svids))
            if list(answer.crl):
                raise Failed("a CRL was sent")
    if len(orders) != 1 or not wanted <= set(next(iter(orders))):
        raise Failed(f"{orders} where {wanted} were wanted, in one order")
    return f"{len(serials)} leaves of {len(next(iter(orders)))} identities"


def bundles(world):
    with world.call(f"{SERVICE}/FetchX509Bundles", "X509BundlesRequest") as call:
        answer = call.next(world.messages["X509BundlesResponse"])
    if list(answer.bundles) != [f"spiffe://{TRUST_DOMAIN}"]:
        raise Failed(f"bundles of {list(answer.bundles)}")
    if not all(map(is_authority, certificates(answer.bundles[f"spiffe://{TRUST_DOMAIN}"]))):
        raise Failed("the bundle is not a row of authorities")
    return "the own trust domain's"


def header(world):
    wrong = [(), ((HEADER, "True"),), ((HEADER, "TRUE"),), ((HEADER, "1"),), ((HEADER, ""),), ((HEADER, "true,true"),),
             ((HEADER, "true"), (HEADER, "true"))]
    for method, request in (("FetchX509SVID", "X509SVIDRequest"), ("FetchX509Bundles", "X509BundlesRequest"),
                            ("FetchJWTSVID", "JWTSVIDRequest"), ("FetchWITSVID", "WITSVIDRequest")):
        for metadata in wrong:
            code = world.code(f"{SERVICE}/{method}", request, metadata)
            if code != INVALID_ARGUMENT:
                raise Failed(f"{method} with {metadata} ends with code {code}")
    return f"{len(wrong)} wrong ones, on four methods"


def other_profiles(world):
    for method, request in (("FetchJWTSVID", "JWTSVIDRequest"), ("FetchJWTBundles", "JWTBundlesRequest"),
                            ("ValidateJWTSVID", "ValidateJWTSVIDRequest"), ("FetchWITSVID", "WITSVIDRequest"),
                            ("FetchWITBundles", "WITBundlesRequest")):
        code = world.code(f"{SERVICE}/{method}", request)
        if code != UNIMPLEMENTED:
            raise Failed(f"{method} ends with code {code}")
    return "five methods"


def shape(file):
    """A file's messages and methods, as they are on the wire."""
    def fields(message):
        return {(f.number, f.name, f.type, f.label, f.type_name.lstrip(".")) for f in message.field} | {
            (nested.name, *sorted(fields(nested))) for nested in message.nested_type}
    service, = file.service
    return ({m.name: fields(m) for m in file.message_type},
            {m.name: (m.input_type, m.output_type, m.client_streaming, m.server_streaming) for m in service.method})


def reflected(world, question):
    """The answer of the server's reflection, which wants no header."""
    kind = "grpc.reflection.v1.ServerReflection"
    request = world.messages[f"{kind}Request"](**question)
    with Call(unix_socket(world.deployment.agent_socket), f"{kind}/ServerReflectionInfo", [request]) as call:
        return call.next(world.messages[f"{kind}Response"])


def descriptors(world):
    listed = [s.name for s in reflected(world, {"list_services": "*"}).list_services_response.service]
    if SERVICE not in listed:
        raise Failed(f"reflection lists {listed}")
    files = [descriptor_pb2.FileDescriptorProto.FromString(wire) for wire in reflected(
        world, {"file_containing_symbol": SERVICE}).file_descriptor_response.file_descriptor_proto]
    ours = shape(next(f for f in files if f.service))
    text = process.run([peers.python_peer(), "-c", "from spiffe._proto import workload_pb2 as w; "
                        "print(w.DESCRIPTOR.serialized_pb.hex())"])
    theirs = shape(descriptor_pb2.FileDescriptorProto.FromString(bytes.fromhex(text.strip())))
    for here, there in zip(ours, theirs):
        differing = [name for name in there if here.get(name) != there[name]]
        if differing:
            raise Failed(f"{differing} are not what py-spiffe has")
        more = [name for name in here if name not in there and "WIT" not in name]
        if more:
            raise Failed(f"{more} are unknown to py-spiffe")
    return f"{len(theirs[0])} messages and {len(theirs[1])} methods"


def cases(deployment):
    world = World(deployment)
    return {name: lambda case=case: case(world) for name, case in {
        "EP-06: the security header, exactly once and exactly that": header,
        "EP-18, WL-01, WL-35: profiles that are off": other_profiles,
        "EP-20, EP-21, WL-02: reflection gives py-spiffe's messages and methods": descriptors,
        "WL-16, WL-22: bundles": bundles,
        "WL-04, WL-12, WL-13, WL-14, WL-15, WL-16, WL-41: every byte of every message, across rotations": messages_across_rotation,
    }.items()}
