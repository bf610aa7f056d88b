#!/usr/bin/env python3
"""Makes the corpora of the core/crypto and core/spiffe fuzz targets from tests/data. Few and small files, by intent."""

import base64
import json
import pathlib
import re
import shutil

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
LIMIT = 40


def fresh(target):
    folder = HERE / "corpus" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write(target, inputs):
    folder = fresh(target)
    for label, content in list(inputs.items())[:LIMIT]:
        (folder / label).write_bytes(content)


def vectors(file):
    rows = (line.split(" | ") for line in (DATA / "keys" / file).read_text().splitlines())
    return {label: base64.b64decode(text) for label, _, text in rows}


def chain(folder):
    text = (DATA / "x509" / folder / "chain.pem").read_text()
    return [base64.b64decode(body) for body in re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", text, re.S)]


def ids():
    longest = "spiffe://example.org/" + "a" * (2048 - 21)
    texts = ["spiffe://example.org", "spiffe://example.org/web", "spiffe://td/a/b.c/D-e_f", "spiffe://1.2.3.4/x",
             "spiffe://td/", "spiffe://td//a", "spiffe://td/..", "spiffe://TD/a", "spiffe://td/%41", "spiffe://u@td:80/a?b#c",
             "spiffe://" + "a" * 255 + "/x", "spiffe://" + "a" * 256, longest, longest + "a", "http://td/x", ""]
    return {f"id-{i:02}": text.encode() for i, text in enumerate(texts)}


def certificates():
    folders = ["good-ec", "good-rsa", "good-p384", "good-other-names", "good-empty-subject", "good-year-9999",
               "good-name-constraint", "two-uris-https", "ca-as-leaf", "authority-as-leaf", "unknown-critical",
               "duplicate-names", "spelt-out-default", "version-1", "negative-serial", "bad-ca-flag", "empty-names",
               "leaf-eku-any-only", "path-length", "two-algorithms"]
    return {folder: chain(folder)[0] for folder in folders}


def b64url(number, size):
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


def bundles():
    root = base64.b64encode(chain("authority-as-leaf")[0]).decode()
    point = vectors("keys.txt")["p256"][-64:]
    own = chain("authority-as-leaf")[0]
    at = own.index(b"\x03\x42\x00\x04") + 4
    key = lambda xy: {"kty": "EC", "crv": "P-256",
                      "x": b64url(int.from_bytes(xy[:32], "big"), 32), "y": b64url(int.from_bytes(xy[32:], "big"), 32)}
    x509 = {"use": "x509-svid", **key(own[at:at + 64]), "x5c": [root]}
    jwt = {"use": "jwt-svid", "kid": "a", **key(point)}
    rsa = {"use": "jwt-svid", "kid": "b", "kty": "RSA", "n": b64url(2**2047 + 1, 256), "e": "AQAB"}
    whole = {"keys": [x509, jwt, rsa], "spiffe_sequence": 2**53 + 1, "spiffe_refresh_hint": 300}
    texts = [whole, {"keys": []}, {"keys": [{"use": "wit-svid"}, 1, None, []]}, {"keys": [{**x509, "x5c": [root, root]}]},
             {"keys": [{**jwt, "kid": 5}], "spiffe_sequence": -1}, {}, []]
    out = {f"bundle-{i}": json.dumps(text).encode() for i, text in enumerate(texts)}
    out["duplicate"] = b'{"keys":[],"keys":[]}'
    out["deep"] = b'{"keys":' + b"[" * 9 + b"]" * 9 + b"}"
    return out


def pems():
    out = {folder: (DATA / "x509" / folder / "chain.pem").read_bytes() for folder in ("good-ec", "good-intermediate")}
    out["comment"] = b"# a\n\n-----BEGIN A B-----\r\nAQ==\r\n-----END A B-----\r\n"
    out["unfinished"] = b"-----BEGIN A-----\nAQ==\n"
    out["mixed"] = b"-----BEGIN A-----\nAQ==\n-----END B-----\n"
    return out


if __name__ == "__main__":
    write("spiffe_id", ids())
    write("der_reader", dict(list(vectors("keys.txt").items())[:14] + list(vectors("csrs.txt").items())[:8]))
    requests = vectors("csrs.txt")
    del requests["oversized"]  # refused by its size alone
    write("csr", requests)
    write("certificate", certificates())
    write("bundle_json", bundles())
    write("pem", pems())
