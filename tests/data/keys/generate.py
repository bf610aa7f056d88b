#!/usr/bin/env python3
"""Makes keys.txt and csrs.txt: public keys and certificate requests, one a line as

    name | expectation | base64 of the DER

where the expectation is "ok" or a part of the message that refuses it. Bytes are laid out by hand, with the helpers of
../x509/generate.py; a second run changes nothing.
"""

import base64
import hashlib
import pathlib
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "x509"))
from generate import ALGORITHMS, basic, bits, ec_key, ext, integer, key_usage, name, number, oid  # noqa: E402
from generate import rsa_key, san, seq, sign, spki, tlv  # noqa: E402

EC_OID = oid("1.2.840.10045.2.1")
P256_OID = oid("1.2.840.10045.3.1.7")
RSA_OID = oid("1.2.840.113549.1.1.1")


def point(key, form=serialization.PublicFormat.UncompressedPoint):
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


def ec_spki(parameters, key):
    return seq(seq(EC_OID, parameters), bits(key))


def rsa_spki(n, e, parameters=None):
    return seq(seq(RSA_OID, tlv(5) if parameters is None else parameters), bits(seq(integer(n), integer(e))))


def modulus(size):
    return number(f"modulus {size}", size) | 1 | 1 << (size - 1)


def explicit_p256():
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    g = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    field = seq(oid("1.2.840.10045.1.1"), integer(p))
    curve = seq(tlv(4, (p - 3).to_bytes(32, "big")), tlv(4, b.to_bytes(32, "big")))
    return seq(integer(1), field, curve, tlv(4, g), integer(n), integer(1))


P256 = ec_key("key")
P384 = ec_key("key", ec.SECP384R1())
EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"edwards").digest())


def ec_keys():
    good = point(P256)
    off = good[:-1] + bytes([good[-1] ^ 1])
    p192 = b"\x04" + b"\x01" * 48  # the curve is refused before the point is looked at
    yield "p256", "ok", spki(P256)
    yield "p384", "ok", spki(P384)
    yield "p521", "unsupported curve", spki(ec_key("key", ec.SECP521R1()))
    yield "p192", "unsupported curve", ec_spki(oid("1.2.840.10045.3.1.1"), p192)
    yield "secp256k1", "unsupported curve", spki(ec_key("key", ec.SECP256K1()))
    yield "explicit-curve", "spells out its curve", ec_spki(explicit_p256(), good)
    yield "implicit-curve", "tag", ec_spki(tlv(5), good)
    yield "no-curve", "ends", seq(seq(EC_OID), bits(good))
    yield "two-curves", "trailing", ec_spki(P256_OID + P256_OID, good)
    yield "infinity", "infinity", ec_spki(P256_OID, b"\0")
    yield "off-curve", "off its curve", ec_spki(P256_OID, off)
    yield "zero-point", "off its curve", ec_spki(P256_OID, b"\x04" + b"\0" * 64)
    yield "beyond-field", "off its curve", ec_spki(P256_OID, b"\x04" + b"\xff" * 64)
    yield "compressed", "uncompressed", ec_spki(P256_OID, point(P256, serialization.PublicFormat.CompressedPoint))
    yield "hybrid", "uncompressed", ec_spki(P256_OID, bytes([6 | good[-1] & 1]) + good[1:])
    yield "wrong-curve", "uncompressed", ec_spki(P256_OID, point(P384))
    yield "empty-point", "uncompressed", ec_spki(P256_OID, b"")
    yield "unused-bits", "whole bytes", seq(seq(EC_OID, P256_OID), bits(good[:-1] + b"\0", 1))
    yield "ed25519", "neither EC nor RSA", spki(EDWARDS)
    dsa = seq(seq(oid("1.2.840.10040.4.1"), seq(integer(23), integer(11), integer(4))), bits(integer(8)))
    yield "dsa", "neither EC nor RSA", dsa


def rsa_keys():
    for size in (2048, 3072, 4096):
        yield f"rsa-{size}", "ok", rsa_spki(modulus(size), 65537)
    for size in (1024, 2040, 2056, 5120):
        yield f"rsa-{size}", "bits; use 2048", rsa_spki(modulus(size), 65537)
    yield "rsa-2047", "odd size", rsa_spki(modulus(2047), 65537)
    yield "rsa-16384", "longer than 1024", rsa_spki(modulus(16384), 65537)
    n = modulus(3072)
    exponents = {"1": 1, "3": 3, "65536": 65536, "65539": 65539, "huge": number("exponent", 3064) | 1}
    for label, e in exponents.items():
        yield f"rsa-e-{label}", "exponent is not 65537", rsa_spki(n, e)
    yield "rsa-e-0", "zero", rsa_spki(n, 0)
    yield "rsa-e-negative", "negative", rsa_spki(n, -65537)
    yield "rsa-even", "even", rsa_spki(n - 1, 65537)
    yield "rsa-negative", "negative", rsa_spki(-n, 65537)
    yield "rsa-no-parameters", "ends", rsa_spki(n, 65537, b"")
    yield "rsa-pss", "neither EC nor RSA", seq(seq(oid("1.2.840.113549.1.1.10")), bits(seq(integer(n), integer(65537))))


def shapes():
    good = spki(P256)
    yield "trailing", "trailing", good + b"\0"
    yield "cut", "ends inside", good[:-1]
    yield "empty", "ends", b""
    yield "long-length", "minimal", b"\x30\x81" + good[1:]
    yield "too-long", "longer than 1024", seq(seq(EC_OID, P256_OID), bits(b"\x04" + b"\0" * 1100))


# --- requests ----------------------------------------------------------------------------------------------------------
SUBJECT = name(C="US", O="SPIRE")
WEB = "spiffe://example.org/web"


def extension_request(*extensions):
    return seq(oid("1.2.840.113549.1.9.14"), tlv(0x31, seq(*extensions)))


def csr(key=P256, algorithm="ecdsa-sha256", public=None, attributes=b"", **other):
    info = seq(
        integer(other.get("version", 0)),
        other.get("subject", SUBJECT),
        public or spki(key),
        b"" if attributes is None else tlv(0xA0, attributes),
    )
    signature = sign(other.get("sign_with", key), info, other.get("sign_as", algorithm))
    return seq(info, ALGORITHMS[algorithm], bits(signature))


def good_csrs():
    yield "p256", "ok", csr()
    yield "p384", "ok", csr(P384, "ecdsa-sha384")
    yield "p384-sha256", "ok", csr(P384)
    yield "rsa-2048", "ok", csr(rsa_key("rsa leaf"), "rsa-sha256")
    yield "no-attributes", "ok", csr(attributes=None)
    yield "no-subject", "ok", csr(subject=seq())
    yield "names", "ok", csr(attributes=extension_request(san(WEB, dns=("a.example.org", "b"))))
    extra = (basic(ca=True), key_usage(5, 6), san(WEB, "spiffe://example.org/spire/server", "https://x"))
    yield "greedy", "ok", csr(attributes=extension_request(*extra))
    password = seq(oid("1.2.840.113549.1.9.7"), tlv(0x31, tlv(0x13, b"secret")))
    yield "password", "ok", csr(attributes=password)


def refused_keys():
    weak = rsa_key("weak", 1024)
    yield "rsa-1024", "bits; use 2048", csr(weak, "rsa-sha256")
    k1 = ec_key("key", ec.SECP256K1())
    yield "secp256k1", "unsupported curve", csr(k1)
    yield "explicit-curve", "spells out", csr(public=ec_spki(explicit_p256(), point(P256)))
    yield "compressed", "uncompressed", csr(public=ec_spki(P256_OID, point(P256, serialization.PublicFormat.CompressedPoint)))
    yield "infinity", "infinity", csr(public=ec_spki(P256_OID, b"\0"))
    yield "ed25519", "signature algorithm", csr(EDWARDS, "ed25519")
    huge = rsa_spki(modulus(3072), number("exponent", 3064) | 1)
    yield "rsa-huge-exponent", "exponent", csr(rsa_key("rsa leaf"), "rsa-sha256", public=huge)


def refused_csrs():
    yield "wrong-key", "does not fit", csr(sign_with=ec_key("other"))
    yield "wrong-digest", "does not fit", csr(algorithm="ecdsa-sha384", sign_as="ecdsa-sha256")
    yield "wrong-family", "does not fit", csr(algorithm="rsa-sha256", sign_as="ecdsa-sha256")
    yield "sha1", "signature algorithm", csr(rsa_key("rsa leaf"), "rsa-sha1")
    yield "version-2", "version", csr(version=1)
    yield "trailing", "trailing", csr() + b"\0"
    yield "cut", "ends inside", csr()[:-1]
    names = san(WEB)
    yield "names-twice", "twice", csr(attributes=extension_request(names, names))
    yield "requests-twice", "twice", csr(attributes=extension_request(names) * 2)
    two = seq(oid("1.2.840.113549.1.9.14"), tlv(0x31, seq(names), seq(names)))
    yield "two-values", "trailing", csr(attributes=two)
    yield "no-value", "ends", csr(attributes=seq(oid("1.2.840.113549.1.9.14"), tlv(0x31)))
    yield "nul-in-uri", "printable", csr(attributes=extension_request(san(b"spiffe://example.org/a\0b")))
    yield "nul-in-dns", "printable", csr(attributes=extension_request(san(WEB, dns=("a\0b",))))
    yield "utf8-dns", "printable", csr(attributes=extension_request(san(WEB, dns=("ü",))))
    yield "many-attributes", "16 attributes", csr(attributes=seq(oid("1.2.3"), tlv(0x31, tlv(5))) * 17)
    many = b"".join(ext(f"1.2.3.{i}", b"") for i in range(65))
    yield "many-extensions", "64 extensions", csr(attributes=extension_request(many))
    yield "long-subject", "2048", csr(subject=name(CN="x" * 2100))
    yield "set-of-nothing", "ends", csr(subject=seq(tlv(0x31)))
    yield "oversized", "at most 8192", csr(attributes=seq(oid("1.2.3"), tlv(0x31, tlv(4, b"\0" * 8192))))
    yield "empty", "ends", b""


def write(file, *groups):
    lines = [f"{label} | {why} | {base64.b64encode(der).decode()}\n" for group in groups for label, why, der in group]
    (HERE / file).write_text("".join(lines))


if __name__ == "__main__":
    write("keys.txt", ec_keys(), rsa_keys(), shapes())
    write("csrs.txt", good_csrs(), refused_keys(), refused_csrs())
