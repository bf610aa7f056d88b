#!/usr/bin/env python3
"""Fails on a documentation link, or a `path/to/file.ext` in backticks, that does not exist in the tree."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:core|ca|attestor|workload-api|tests|examples|docs|scripts|cmake)/[\w./-]+\.\w+)`")


def problems_in(document: pathlib.Path, root: pathlib.Path) -> list[str]:
    text = document.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    missing += [path for path in PATH.findall(text) if not (root / path).exists()]
    return [f"{document.relative_to(root)}: {path} does not exist" for path in missing]


def main() -> int:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    problems = [problem for document in sorted(documents) for problem in problems_in(document, ROOT)]
    print("\n".join(problems) or f"{len(documents)} documents, every link leads somewhere")
    return 1 if problems or not documents else 0


if __name__ == "__main__":
    sys.exit(main())
