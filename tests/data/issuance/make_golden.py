"""Writes golden.txt: TBSCertificates as Python `cryptography` encodes them, for the same parameters
as in tests/ca/issuance/x509_issuer_test.cc. The keys are derived from small numbers and worthless.

Run: python3 make_golden.py > golden.txt
"""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = 1790000000
CA_KEY = ec.derive_private_key(20260922, ec.SECP256R1())
CA384_KEY = ec.derive_private_key(20260923, ec.SECP384R1())
LEAF_KEY = ec.derive_private_key(4711, ec.SECP256R1())


def name(*parts):
    def attribute(oid, value):
        printable = all(c.isalnum() or c in " '()+,-./:=?" for c in value)
        kind = _ASN1Type.PrintableString if printable else _ASN1Type.UTF8String
        return x509.NameAttribute(oid, value, _type=kind)

    return x509.Name([attribute(*part) for part in parts])


def usage(*names):
    every = ("digital_signature content_commitment key_encipherment data_encipherment key_agreement "
             "key_cert_sign crl_sign encipher_only decipher_only").split()
    return x509.KeyUsage(**{n: n in names for n in every})


def key_id(key):
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def build(key, issuer, subject, signer, serial, begin, end, extensions, algorithm=hashes.SHA256()):
    builder = (x509.CertificateBuilder().issuer_name(issuer).subject_name(subject)
               .public_key(key.public_key()).serial_number(serial)
               .not_valid_before(at(begin)).not_valid_after(at(end)))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, algorithm)


def ca(key, serial, begin, end, algorithm=hashes.SHA256()):
    subject = name((NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "SPIFFE"),
                   (NameOID.SERIAL_NUMBER, str(serial)))
    return build(key, subject, subject, key, serial, begin, end, [
        (usage("key_cert_sign", "crl_sign"), True),
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (key_id(key), False),
        (x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://example.org")]), False),
    ], algorithm)


def leaf(issuer, signer, spiffe_id, serial, begin, end, dns=(), subject=None,
         algorithm=hashes.SHA256()):
    parts = [(NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "SPIRE")]
    if dns:
        parts.append((NameOID.COMMON_NAME, dns[0]))
    sans = [x509.DNSName(d) for d in dns] + [x509.UniformResourceIdentifier(spiffe_id)]
    return build(LEAF_KEY, issuer.subject, subject or name(*parts), signer, serial, begin, end, [
        (usage("digital_signature", "key_encipherment", "key_agreement"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (key_id(LEAF_KEY), False),
        (x509.AuthorityKeyIdentifier(key_id(signer).digest, None, None), False),
        (x509.SubjectAlternativeName(sans), False),
    ], algorithm)


def show(label, data):
    print(label, data.hex())


def pkcs8(key):
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


TOP = 2**128 - 1
root = ca(CA_KEY, TOP, NOW - 10, NOW + 86400)
late_root = ca(CA_KEY, 1, NOW - 10, 2524607999 + 86400)  # 2049-12-31T23:59:59 and a day
root384 = ca(CA384_KEY, 0x80, NOW - 10, NOW + 86400, hashes.SHA384())
show("ca_key", pkcs8(CA_KEY))
show("ca384_key", pkcs8(CA384_KEY))
show("leaf_spki", LEAF_KEY.public_key().public_bytes(serialization.Encoding.DER,
                                                     serialization.PublicFormat.SubjectPublicKeyInfo))
show("ca_tbs", root.tbs_certificate_bytes)
show("late_ca_tbs", late_root.tbs_certificate_bytes)
show("ca384_tbs", root384.tbs_certificate_bytes)
show("server_tbs", leaf(root, CA_KEY, "spiffe://example.org/spire/server", 1, NOW - 10,
                        NOW + 3600).tbs_certificate_bytes)
show("agent_tbs", leaf(root, CA_KEY, "spiffe://example.org/spire/agent/join_token/x", TOP, NOW - 10,
                       NOW + 3600).tbs_certificate_bytes)
show("capped_tbs", leaf(root, CA_KEY, "spiffe://example.org/a", 0x00ff << 100, NOW - 10,
                        NOW + 86400).tbs_certificate_bytes)
show("dns_tbs", leaf(root, CA_KEY, "spiffe://example.org/ns/Web_1/sa/a.b", 0x7f, NOW - 10, NOW + 3600,
                     dns=["*.web.example.org", "web"]).tbs_certificate_bytes)
show("utc_time_tbs", leaf(late_root, CA_KEY, "spiffe://example.org/a", 0x80, 2524607999 - 3610,
                          2524607999).tbs_certificate_bytes)
show("generalized_time_tbs", leaf(late_root, CA_KEY, "spiffe://example.org/a", 0x80,
                                  2524608000 - 10, 2524608001).tbs_certificate_bytes)
show("p384_tbs", leaf(root384, CA384_KEY, "spiffe://example.org/a", 5, NOW - 10, NOW + 3600,
                      algorithm=hashes.SHA384()).tbs_certificate_bytes)
own = name((NameOID.COUNTRY_NAME, "DE"), (NameOID.COMMON_NAME, "mint"))
show("own_subject", own.public_bytes())
show("mint_tbs", leaf(root, CA_KEY, "spiffe://example.org/a", 5, NOW - 10, NOW + 3600,
                      subject=own).tbs_certificate_bytes)
show("mint_dns_tbs", leaf(root, CA_KEY, "spiffe://example.org/a", 5, NOW - 10, NOW + 3600, dns=["w.example"],
                          subject=name((NameOID.COUNTRY_NAME, "DE"), (NameOID.COMMON_NAME, "w.example"))
                          ).tbs_certificate_bytes)
