#!/usr/bin/env python3
"""A workload on py-spiffe: fetches and watches its X.509 context and ends after enough different leaf certificates.

watch_svids.py SOCKET EXPECTED_ID LEAVES TIMEOUT
"""
import sys
import threading

from cryptography.hazmat.primitives.asymmetric import ec
from spiffe import WorkloadApiClient


class Watcher:
    def __init__(self, expected_id, leaves):
        self.expected_id, self.leaves = expected_id, leaves
        self.serials, self.updates, self.error = set(), 0, None
        self.done = threading.Event()

    def on_update(self, context):
        self.updates += 1
        svid = context.default_svid
        leaf = svid.leaf
        try:
            if str(svid.spiffe_id) != self.expected_id:
                raise ValueError(f"default SVID is {svid.spiffe_id}, expected {self.expected_id}")
            check_signature(svid, context.x509_bundle_set)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
            self.done.set()
            return
        self.serials.add(leaf.serial_number)
        if len(self.serials) >= self.leaves:
            self.done.set()

    def on_error(self, error):
        self.error = error
        self.done.set()


def check_signature(svid, bundles):
    """py-spiffe parses and does not verify; so the last certificate of the chain is held against the bundle here."""
    bundle = bundles.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    if bundle is None or not bundle.x509_authorities:
        raise ValueError(f"no authority for {svid.spiffe_id.trust_domain}")
    last = svid.cert_chain[-1]
    for root in bundle.x509_authorities:
        try:
            root.public_key().verify(last.signature, last.tbs_certificate_bytes, ec.ECDSA(last.signature_hash_algorithm))
            return
        except Exception:  # pylint: disable=broad-except
            continue
    raise ValueError("no authority of the bundle has signed the SVID")


def main():
    socket, expected_id, leaves, timeout = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    with WorkloadApiClient(socket) as client:
        svid = client.fetch_x509_svid()
        bundles = client.fetch_x509_bundles()
        check_signature(svid, bundles)
        watcher = Watcher(expected_id, leaves)
        cancel = client.stream_x509_contexts(watcher.on_update, watcher.on_error)
        watcher.done.wait(timeout)
        cancel.cancel()
    if watcher.error is not None:
        print(f"{type(watcher.error).__name__}: {watcher.error}")
        return 1
    if len(watcher.serials) < leaves:
        print(f"{len(watcher.serials)} leaf certificates in {timeout} s, wanted {leaves}")
        return 1
    print(f"ok id={svid.spiffe_id} updates={watcher.updates} leaves={len(watcher.serials)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
