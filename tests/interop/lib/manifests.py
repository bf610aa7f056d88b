"""The manifests of examples/kubernetes, in the order in which its README applies them."""
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[3] / "examples/kubernetes"
VARIANTS = ("shared-socket", "socket-per-pod")


def load(variant, folder=FOLDER):
    """Every object of a variant: the common files, then the variant's own."""
    files = sorted(folder.glob("*.yaml")) + sorted((folder / variant).glob("*.yaml"))
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


def find(documents, kind, name):
    found = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} objects {kind} {name}")
    return found[0]
