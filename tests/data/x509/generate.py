#!/usr/bin/env python3
"""Makes the folders beside it: X.509 chains that are, or are not, X509-SVIDs. See README.md.

Only keys and signatures come from the `cryptography` package; every byte of the certificates is laid out here, so that
malformed ones are as easy to make as good ones. Keys, signatures and times are fixed: a second run changes nothing.
"""

import base64
import hashlib
import pathlib
import shutil
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

HERE = pathlib.Path(__file__).resolve().parent
NOW = 1_790_000_000
HOUR = 3600


# --- DER ---------------------------------------------------------------------------------------------------------------
def tlv(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def seq(*parts):
    return tlv(0x30, *parts)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted):
    arcs = [int(arc) for arc in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.append(0x80 | arc & 0x7F)
        out += bytes(reversed(chunk))
    return tlv(0x06, out)


def bits(content, unused=0):
    return tlv(0x03, bytes([unused]), content)


def named_bits(*numbers):
    value = 0
    for number in numbers:
        value |= 0x8000 >> number
    last = max(numbers)
    raw = value.to_bytes(2, "big")[: last // 8 + 1]
    return bits(raw, 7 - last % 8)


def date(seconds):
    t = time.gmtime(seconds) if seconds < 2**33 else None
    if t and t.tm_year < 2050:
        return tlv(0x17, time.strftime("%y%m%d%H%M%SZ", t).encode())
    return tlv(0x18, b"99991231235959Z")


def name(**attributes):
    oids = {"C": "2.5.4.6", "O": "2.5.4.10", "CN": "2.5.4.3"}
    return seq(*(tlv(0x31, seq(oid(oids[key]), tlv(0x13, value.encode()))) for key, value in attributes.items()))


# --- keys, derived from names ------------------------------------------------------------------------------------------
def number(seed, size):
    out = b""
    while len(out) * 8 < size:
        out += hashlib.sha256(f"{seed}/{len(out)}".encode()).digest()
    return int.from_bytes(out[: size // 8], "big")


def is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19):
        x = pow(base, d, n)
        if x in (1, n - 1):
            continue
        if not any((x := x * x % n) == n - 1 for _ in range(r - 1)):
            return False
    return True


def prime(seed, size):
    n = number(seed, size) | 1 | 3 << (size - 2)
    while not is_prime(n) or n % 65537 == 1:
        n += 2
    return n


def ec_key(seed, curve=ec.SECP256R1()):
    return ec.derive_private_key(number(seed, 192), curve)


def rsa_key(seed, size=2048):
    p, q = sorted((prime(seed + "/p", size // 2), prime(seed + "/q", size // 2)), reverse=True)
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def spki(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


ALGORITHMS = {
    "ecdsa-sha256": seq(oid("1.2.840.10045.4.3.2")),
    "ecdsa-sha384": seq(oid("1.2.840.10045.4.3.3")),
    "rsa-sha256": seq(oid("1.2.840.113549.1.1.11"), tlv(5)),
    "rsa-sha1": seq(oid("1.2.840.113549.1.1.5"), tlv(5)),
    "ed25519": seq(oid("1.3.101.112")),
}


def sign(key, message, algorithm):
    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha1": hashes.SHA1()}.get(
        algorithm.partition("-")[2]
    )
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(digest, deterministic_signing=True))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, padding.PKCS1v15(), digest)


def default_algorithm(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "ecdsa-sha256" if isinstance(key, ec.EllipticCurvePrivateKey) else "rsa-sha256"


# --- extensions --------------------------------------------------------------------------------------------------------
def ext(dotted, value, critical=False):
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", tlv(4, value))


def key_usage(*numbers, critical=True):
    return ext("2.5.29.15", named_bits(*numbers), critical)


def basic(ca=False, pathlen=None):
    return ext("2.5.29.19", seq(tlv(1, b"\xff") if ca else b"", b"" if pathlen is None else integer(pathlen)), True)


def eku(*purposes):
    oids = {"server": "1.3.6.1.5.5.7.3.1", "client": "1.3.6.1.5.5.7.3.2", "any": "2.5.29.37.0"}
    return ext("2.5.29.37", seq(*(oid(oids[purpose]) for purpose in purposes)))


def san(*uris, dns=(), extra=b"", critical=False):
    names = b"".join(tlv(0x82, n.encode()) for n in dns) + extra
    names += b"".join(tlv(0x86, u if isinstance(u, bytes) else u.encode()) for u in uris)
    return ext("2.5.29.17", seq(names), critical)


def key_id(key):
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest


DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT, CERT_SIGN, CRL_SIGN = 0, 2, 4, 5, 6
LEAF_USAGE = (DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT)
WEB = "spiffe://example.org/web"


# --- certificates ------------------------------------------------------------------------------------------------------
class Cert:
    """A certificate: `issuer` is a Cert or None for self-signed; the rest has working defaults."""

    serial = 1000

    def __init__(self, seed, issuer=None, key=None, subject=None, extensions=(), **other):
        Cert.serial += 1
        self.key = key or ec_key(seed)
        self.subject = name(C="US", O="TEST", CN=seed) if subject is None else subject
        issuer = issuer or self
        algorithm = other.get("algorithm") or default_algorithm(issuer.key)
        ids = ext("2.5.29.14", tlv(4, key_id(self.key))) + ext("2.5.29.35", seq(tlv(0x80, key_id(issuer.key))))
        version = tlv(0xA0, integer(2)) + tlv(2, other["raw_serial"]) if "raw_serial" in other else None
        head = version or (b"" if other.get("v1") else tlv(0xA0, integer(2))) + integer(Cert.serial)
        tail = b"" if other.get("v1") else tlv(0xA3, seq(b"".join(extensions) + ids))
        tbs = seq(
            head,
            ALGORITHMS[other.get("inner_algorithm", algorithm)],
            other.get("issuer_name", issuer.subject),
            seq(date(other.get("not_before", NOW - HOUR)), date(other.get("not_after", NOW + HOUR))),
            self.subject,
            spki(self.key),
            tail,
        )
        signature = sign(other.get("sign_with", issuer.key), tbs, algorithm)
        if other.get("break_signature"):
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        self.der = seq(tbs, ALGORITHMS[algorithm], bits(signature))


def ca(seed, issuer=None, domain="example.org", constraints=basic(ca=True), usage=(CERT_SIGN, CRL_SIGN), more=b"", **other):
    usages = key_usage(*usage) if usage else b""
    other.setdefault("not_after", NOW + 24 * HOUR)
    return Cert(seed, issuer, extensions=(usages, constraints, san(f"spiffe://{domain}"), more), **other)


def leaf(issuer, names=san(WEB), usage=key_usage(*LEAF_USAGE), constraints=basic(), ekus=eku("server", "client"), more=b"", **other):
    return Cert("leaf", issuer, extensions=(usage, ekus, constraints, names, more), **other)


def pem(der):
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def der_of(cert):
    return cert if isinstance(cert, bytes) else cert.der


def case(folder, row, about, chain, roots=None, expect="OK", message="", at=NOW):
    """Writes one folder. `roots` maps trust domains to authorities."""
    path = HERE / folder
    path.mkdir()
    (path / "chain.pem").write_text("".join(pem(der_of(cert)) for cert in chain))
    for domain, certs in (roots or {"example.org": [ROOT]}).items():
        (path / f"roots-{domain}.pem").write_text("".join(pem(der_of(cert)) for cert in certs))
    (path / "case.txt").write_text(
        f"row={row}\nabout={about}\nexpect={expect}\nmessage={message}\ntime={at}\n"
    )


BAD = "INVALID_ARGUMENT"  # no SVID
UNTRUSTED = "UNAUTHENTICATED"  # an SVID, but not trusted
ROOT = ca("root")
INTERMEDIATE = ca("intermediate", ROOT)


def good_cases():
    rsa_root = ca("rsa root", key=rsa_key("rsa root"))
    p384_root = ca("p384 root", key=ec_key("p384 root", ec.SECP384R1()), algorithm="ecdsa-sha384")
    case("good-ec", "X509-23", "an EC leaf of an EC root", [leaf(ROOT)])
    case("good-rsa", "X509-23", "an RSA leaf of an RSA root", [leaf(rsa_root, key=rsa_key("rsa leaf"))], {"example.org": [rsa_root]})
    case("good-p384", "X509-23", "a P-384 leaf, ECDSA with SHA-384",
         [leaf(p384_root, key=ec_key("p384 leaf", ec.SECP384R1()), algorithm="ecdsa-sha384")], {"example.org": [p384_root]})
    case("good-intermediate", "X509-09", "a leaf below an intermediate", [leaf(INTERMEDIATE), INTERMEDIATE])
    case("good-root-in-chain", "X509-23", "the chain repeats the root", [leaf(INTERMEDIATE), INTERMEDIATE, ROOT])
    case("good-intermediate-anchor", "X509-32", "a published intermediate anchors the path", [leaf(INTERMEDIATE)], {"example.org": [INTERMEDIATE]})
    other_names = tlv(0x87, b"\x7f\0\0\1") + tlv(0x81, b"a@example.org")
    case("good-other-names", "X509-03", "DNS, IP and mail names beside the URI",
         [leaf(ROOT, san(WEB, dns=("a.example.org", "b.example.org", "c"), extra=other_names))])
    case("good-empty-subject", "X509-05", "no subject, critical names", [leaf(ROOT, san(WEB, critical=True), subject=seq())])
    case("good-no-basic-constraints", "X509-12", "basic constraints left out mean no CA", [leaf(ROOT, constraints=b"")])
    case("good-no-eku", "X509-20", "no extended key usage", [leaf(ROOT, ekus=b"")])
    forever = ca("forever", not_after=2**40)
    case("good-year-9999", "X509-23", "authority and leaf end in the year 9999", [leaf(forever, not_after=2**40)], {"example.org": [forever]})
    twins = [ca("twin", key=ec_key(f"twin {i}")) for i in range(3)]
    case("good-same-name-roots", "X509-23", "the second of two authorities with one name signed", [leaf(twins[1])], {"example.org": twins[:2]})
    case("same-name-other-key", "X509-23", "a third one of that name is no authority", [leaf(twins[2])], {"example.org": twins[:2]}, UNTRUSTED)
    longest = "spiffe://example.org/" + "a" * (2048 - 21)
    case("good-2048-bytes", "ID-13", "an ID of 2048 bytes", [leaf(ROOT, san(longest))])
    case("id-2049-bytes", "ID-14", "an ID of 2049 bytes", [leaf(ROOT, san(longest + "a"))], None, BAD, "2049 bytes")


def name_cases():
    case("two-uris-https", "X509-02", "a second URI of another scheme", [leaf(ROOT, san(WEB, "https://example.org/"))], None, BAD, "2 URI names")
    case("two-uris-spiffe", "X509-02", "two SPIFFE IDs", [leaf(ROOT, san(WEB, "spiffe://example.org/db"))], None, BAD, "2 URI names")
    case("two-uris-same", "X509-02", "the same SPIFFE ID twice", [leaf(ROOT, san(WEB, WEB))], None, BAD, "2 URI names")
    case("no-names", "X509-28", "no alternative names at all", [leaf(ROOT, b"")], None, BAD, "0 URI names")
    case("dns-only", "X509-28", "a DNS name alone", [leaf(ROOT, san(dns=("example.org",)))], None, BAD, "0 URI names")
    case("https-uri", "X509-26", "one URI, of another scheme", [leaf(ROOT, san("https://example.org/web"))], None, BAD, "spiffe://")
    case("upper-case-scheme", "X509-26", "the scheme in upper case", [leaf(ROOT, san("SPIFFE://example.org/web"))], None, BAD, "spiffe://")
    case("no-path", "X509-27", "an ID without a path", [leaf(ROOT, san("spiffe://example.org"))], None, BAD, "no path")
    case("root-path", "X509-27", "an ID with the path /", [leaf(ROOT, san("spiffe://example.org/"))], None, BAD, "must not end")
    case("dot-segment", "ID-10", "a path with ..", [leaf(ROOT, san("spiffe://example.org/a/../b"))], None, BAD, "dot segment")
    case("nul-in-uri", "X509-26", "a zero byte inside the URI", [leaf(ROOT, san(b"spiffe://example.org/web\0.evil"))], None, BAD, "printable")
    case("empty-uri", "X509-28", "an empty URI", [leaf(ROOT, san(""))], None, BAD, "empty")
    other = ca("other root", domain="other.org")
    both = {"example.org": [ROOT], "other.org": [other]}
    case("foreign-domain", "BUN-13", "a leaf of other.org signed by example.org's authority",
         [leaf(ROOT, san("spiffe://other.org/web"))], both, UNTRUSTED)
    case("unknown-domain", "X509-35", "a leaf of a trust domain without a bundle",
         [leaf(other, san("spiffe://other.org/web"))], None, UNTRUSTED, "no bundle for other.org")
    case("good-federated", "BUN-13", "each trust domain is judged by its own authorities", [leaf(other, san("spiffe://other.org/web"))], both)


def usage_cases():
    case("ca-as-leaf", "X509-24", "a CA certificate with a workload's ID",
         [leaf(ROOT, constraints=basic(ca=True))], None, BAD, "CA certificate")
    case("authority-as-leaf", "X509-10", "the authority authenticates itself", [ROOT], None, BAD, "no path")
    signing = ca("signing", ROOT, domain="example.org/signing", usage=(DIGITAL_SIGNATURE, CERT_SIGN))
    case("intermediate-as-leaf", "X509-10", "an intermediate authenticates itself", [signing], None, BAD, "CA certificate")
    for label, bit in (("cert-sign", CERT_SIGN), ("crl-sign", CRL_SIGN)):
        case(f"leaf-{label}", "X509-25", f"a leaf with {label}", [leaf(ROOT, usage=key_usage(0, bit))], None, BAD, "keyCertSign or cRLSign")
    case("leaf-no-key-usage", "X509-15", "a leaf without key usage", [leaf(ROOT, usage=b"")], None, BAD, "digitalSignature")
    case("leaf-no-digital-signature", "X509-17", "a leaf without digitalSignature",
         [leaf(ROOT, usage=key_usage(KEY_ENCIPHERMENT, KEY_AGREEMENT))], None, BAD, "digitalSignature")
    for label in ("client", "server", "any"):
        case(f"leaf-eku-{label}-only", "X509-21", f"extended key usage {label} alone", [leaf(ROOT, ekus=eku(label))], None, BAD, "serverAuth")


def path_cases():
    case("expired", "X509-23", "the leaf ended an hour ago", [leaf(ROOT, not_before=NOW - 9 * HOUR, not_after=NOW - HOUR)], None, UNTRUSTED, "expired")
    case("not-yet-valid", "X509-23", "the leaf starts in an hour", [leaf(ROOT, not_before=NOW + HOUR, not_after=NOW + 2 * HOUR)], None, UNTRUSTED, "not yet valid")
    # RFC 5280 counts the last second in; OpenSSL, and so we, end a second early.
    case("last-second", "X509-23", "the leaf ends in a second", [leaf(ROOT, not_after=NOW + 1)])
    case("first-second", "X509-23", "the leaf starts at this second", [leaf(ROOT, not_before=NOW)])
    case("one-second-late", "X509-23", "the leaf ended a second ago", [leaf(ROOT, not_after=NOW - 1)], None, UNTRUSTED, "expired")
    old = ca("old root", not_before=NOW - 48 * HOUR, not_after=NOW - HOUR)
    case("expired-root", "X509-23", "the authority has ended", [leaf(old)], {"example.org": [old]}, UNTRUSTED, "expired")
    old = ca("old intermediate", ROOT, not_before=NOW - 48 * HOUR, not_after=NOW - HOUR)
    case("expired-intermediate", "X509-23", "an intermediate has ended", [leaf(old), old], None, UNTRUSTED, "expired")
    stranger = ca("stranger")
    case("wrong-issuer", "X509-23", "signed by a stranger", [leaf(stranger)], None, UNTRUSTED, "issuer")
    case("stranger-in-chain", "X509-23", "the chain brings its own root", [leaf(stranger), stranger], None, UNTRUSTED)
    case("empty-bundle", "BUN-07", "a bundle without a key trusts nobody", [leaf(ROOT)], {"example.org": []}, UNTRUSTED)
    case("broken-signature", "X509-23", "one bit of the signature is wrong", [leaf(ROOT, break_signature=True)], None, UNTRUSTED)
    case("forged-name", "X509-23", "the authority's name over another key's signature",
         [leaf(ROOT, sign_with=stranger.key)], None, UNTRUSTED, "signature")
    short = ca("no further", constraints=basic(ca=True, pathlen=0))
    below = ca("too far", short)
    case("path-length", "X509-13", "an intermediate below path length 0", [leaf(below), below], {"example.org": [short]}, UNTRUSTED, "path length")
    case("good-path-length", "X509-13", "a leaf below path length 0", [leaf(short)], {"example.org": [short]})
    unknown = ext("1.3.6.1.4.1.65980.99", b"\x05\x00", True)
    case("unknown-critical", "X509-23", "an unknown critical extension", [leaf(ROOT, more=unknown)], None, UNTRUSTED, "critical extension")
    case("good-unknown-extension", "X509-23", "an unknown extension that is not critical", [leaf(ROOT, more=ext("1.3.6.1.4.1.65980.99", b"\x05\x00"))])
    unknown_ca = ca("unknown critical", ROOT, more=unknown)
    case("unknown-critical-in-ca", "X509-23", "an unknown critical extension in an intermediate", [leaf(unknown_ca), unknown_ca], None, UNTRUSTED, "critical extension")
    fake = leaf(ROOT)
    case("leaf-signs-leaf", "X509-11", "a leaf acts as an intermediate", [leaf(fake), fake], None, BAD, "intermediate 1")
    mute = ca("mute", ROOT, usage=(CRL_SIGN,))
    case("intermediate-no-cert-sign", "X509-16", "an intermediate without keyCertSign", [leaf(mute), mute], None, BAD, "keyCertSign")
    v1 = Cert("v1", ROOT, v1=True)
    case("intermediate-v1", "X509-11", "a version 1 intermediate", [leaf(v1), v1], None, BAD, "malformed")
    constraint = lambda host: ext("2.5.29.30", seq(tlv(0xA0, seq(tlv(0x86, host.encode())))), True)
    narrow = ca("narrow", more=constraint("example.org"))
    case("good-name-constraint", "X509-14", "a name constraint permits the trust domain", [leaf(narrow)], {"example.org": [narrow]})
    wide = ca("elsewhere", more=constraint("other.org"))
    case("name-constraint", "X509-14", "a name constraint permits another trust domain only", [leaf(wide)], {"example.org": [wide]}, UNTRUSTED, "subtree")
    weak = ca("weak", key=rsa_key("weak", 1024))
    case("weak-authority", "X509-23", "an authority with RSA-1024", [leaf(weak)], {"example.org": [weak]}, UNTRUSTED, "too weak")
    chain = [ROOT]
    for i in range(8):
        chain.insert(0, ca(f"level {i}", chain[0]))
    case("nine-certificates", "X509-23", "a chain of nine", [leaf(chain[0])] + chain[:8], None, BAD, "eight")
    case("good-eight-certificates", "X509-23", "a chain of eight", [leaf(chain[1])] + chain[1:8])


def malformed_cases():
    good = leaf(ROOT).der
    case("trailing-byte", "X509-23", "a byte after the certificate", [good + b"\0"], None, BAD, "trailing")
    case("cut", "X509-23", "the last byte is missing", [good[:-1]], None, BAD, "ends inside")
    case("duplicate-names", "X509-23", "two subjectAltName extensions", [leaf(ROOT, more=san("spiffe://example.org/db"))], None, BAD, "twice")
    case("duplicate-unknown", "X509-23", "an unknown extension twice",
         [leaf(ROOT, more=ext("1.2.3", b"\x05\x00") * 2)], None, BAD, "twice")
    case("spelt-out-default", "X509-23", "critical FALSE is written out",
         [leaf(ROOT, more=seq(oid("1.2.3"), tlv(1, b"\0"), tlv(4, b"")))], None, BAD, "default")
    case("version-1", "X509-23", "a version 1 leaf", [Cert("v1 leaf", ROOT, v1=True)], None, BAD, "malformed")
    case("zero-serial", "X509-23", "serial number 0", [leaf(ROOT, raw_serial=b"\0")], None, BAD, "serial")
    case("negative-serial", "X509-23", "a negative serial number", [leaf(ROOT, raw_serial=b"\x80")], None, BAD, "serial")
    case("padded-serial", "X509-23", "a serial number with a needless zero", [leaf(ROOT, raw_serial=b"\0\1")], None, BAD, "serial")
    case("huge-serial", "X509-23", "a serial number of 21 bytes", [leaf(ROOT, raw_serial=b"\1" * 21)], None, BAD, "serial")
    case("two-algorithms", "X509-23", "the algorithm differs inside and outside",
         [leaf(ROOT, inner_algorithm="ecdsa-sha384")], None, BAD, "differs")
    rsa_root = ca("rsa root", key=rsa_key("rsa root"))
    case("sha1", "X509-23", "an RSA signature with SHA-1", [leaf(rsa_root, algorithm="rsa-sha1")], {"example.org": [rsa_root]}, BAD, "signature algorithm")
    edwards = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"edwards").digest())
    case("ed25519", "X509-23", "an Ed25519 signature", [leaf(ROOT, algorithm="ed25519", sign_with=edwards)], None, BAD, "signature algorithm")
    case("too-long", "X509-23", "a certificate over 16 KiB", [leaf(ROOT, more=ext("1.2.3", b"\0" * 16384))], None, BAD, "16 KiB")
    case("empty-names", "X509-28", "subjectAltName without a name", [leaf(ROOT, san())], None, BAD, "empty")
    case("bad-ca-flag", "X509-12", "a CA flag that is neither true nor false",
         [leaf(ROOT, constraints=ext("2.5.29.19", seq(tlv(1, b"\1")), True))], None, BAD, "boolean")


def main():
    for path in HERE.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    for make in (good_cases, name_cases, usage_cases, path_cases, malformed_cases):
        make()
    print(f"{sum(path.is_dir() for path in HERE.iterdir())} folders", file=sys.stderr)


if __name__ == "__main__":
    main()
