#!/usr/bin/env python3
"""Makes generated.json: key sets and messages signed by Python's cryptography, to judge core/crypto/jws by.

rfc.json beside it holds the examples of RFC 7515 (appendix A) and RFC 7520 (section 4) as they were published.
Run it again only to add cases; keys and signatures are new each time.
"""
import base64
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


CURVES = {
    "ES256": (ec.SECP256R1(), "P-256", 32, hashes.SHA256()),
    "ES384": (ec.SECP384R1(), "P-384", 48, hashes.SHA384()),
    "ES512": (ec.SECP521R1(), "P-521", 66, hashes.SHA512()),
}


def new_key(alg, bits=2048, exponent=65537):
    if alg == "RS256":
        return rsa.generate_private_key(public_exponent=exponent, key_size=bits)
    return ec.generate_private_key(CURVES[alg][0])


def jwk(kind, key, **more):
    numbers = key.public_key().public_numbers()
    if kind == "RS256":
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **more}
    _, crv, size, _ = CURVES[kind]
    return {"kty": "EC", "crv": crv, "x": number(numbers.x, size), "y": number(numbers.y, size), **more}


def sign(alg, key, text):
    if alg == "RS256":
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    _, _, size, digest = CURVES[alg]
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def message(alg, key, payload=b'{"a":1}', header=None):
    header = {"alg": alg, **(header or {})}
    text = b64(json.dumps(header).encode()) + "." + b64(payload)
    return text + "." + b64(sign(alg, key, text.encode()))


def main():
    cases = []
    for alg, bits in [("RS256", 2048), ("RS256", 3072), ("RS256", 4096), ("ES256", 0), ("ES384", 0), ("ES512", 0)]:
        key = new_key(alg, bits)
        kid = f"{alg}-{bits}/any \u20ac text"
        cases.append({"name": f"{alg} {bits or ''}".strip(), "alg": alg, "jwk": jwk(alg, key, kid=kid, use="sig", alg=alg),
                      "jws": message(alg, key, header={"kid": kid, "typ": "JWT"}), "payload": '{"a":1}'})
    skipped = {
        "RSA of 1024 bits": jwk("RS256", new_key("RS256", 1024)),
        "RSA with e = 3": jwk("RS256", new_key("RS256", 2048, 3)),
        "RSA for another use": jwk("RS256", new_key("RS256"), use="enc"),
        "RSA for RS512": jwk("RS256", new_key("RS256"), alg="RS512"),
        "secp256k1": {**jwk("ES256", new_key("ES256")), "crv": "secp256k1"},
        "a point off P-256": {**jwk("ES256", new_key("ES256")), "x": number(1, 32), "y": number(2, 32)},
        "a point off P-521": {**jwk("ES512", new_key("ES512")), "x": number(1, 66), "y": number(2, 66)},
        "a short coordinate": {**jwk("ES256", new_key("ES256")), "x": number(1, 31)},
        "a key id that is a number": jwk("ES256", new_key("ES256"), kid=7),
        "a key id of 1025 bytes": jwk("ES256", new_key("ES256"), kid="k" * 1025),
        "symmetric": {"kty": "oct", "k": b64(b"0" * 32)},
        "Ed25519": {"kty": "OKP", "crv": "Ed25519", "x": b64(b"1" * 32)},
        "no members": {},
    }
    out = {"signed": cases, "skipped": [{"name": name, "jwk": value} for name, value in skipped.items()]}
    path = pathlib.Path(__file__).with_name("generated.json")
    path.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
