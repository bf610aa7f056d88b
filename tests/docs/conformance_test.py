#!/usr/bin/env python3
"""Holds docs/conformance.md against the tests: every row that is called held is cited by a test, no row is cited that is not there,
and the table names the files that cite it. With --write it fills in that last column.

A test cites rows by beginning its name with them: TEST_CASE("WL-04, WL-41: …"), or in Python a text "WL-14: …".
"""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/conformance.md"
FAMILIES = "ID|X509|JWT|WIT|BUN|MAP|FED|EP|WL|BE|BA|SDS"
ID = rf"(?:{FAMILIES})-\d\d"
MENTION = re.compile(rf"(?<![\w-])({ID})(?!\d)")
ROW = re.compile(rf"^\| ({ID}) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ?([^|]*?) ?\|$")
STATE = re.compile(r"held|later: .+|not ours: .+")
LEADING = re.compile(rf"({ID}(?:, {ID})*): ")
CATCH_CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
PYTHON_TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
ROOMS = ("core", "ca", "attestor", "workload-api", "tests", "examples", "docs")
SOURCES = {".cc", ".h", ".py", ".proto", ".md"}


def rows_of(page: str) -> tuple[dict[str, dict], list[str]]:
    """The rows by id, and what is wrong with their form."""
    rows, problems = {}, []
    for number, line in enumerate(page.splitlines(), 1):
        if not re.match(rf"\| {ID} ", line):
            continue
        found = ROW.match(line)
        if not found:
            problems.append(f"line {number}: not a row of five cells")
            continue
        row, _, _, state, tests = found.groups()
        if row in rows:
            problems.append(f"line {number}: {row} stands there twice")
        if not STATE.fullmatch(state):
            problems.append(f"line {number}: {row} is neither held, nor later or not ours with a reason")
        rows[row] = {"state": state, "tests": tests}
    return rows, problems


def names_in(path: pathlib.Path, text: str) -> list[str]:
    """The names of the tests in a file."""
    if path.suffix == ".cc":
        return ["".join(PYTHON_TEXT.findall(literals)) for literals in CATCH_CASE.findall(text)]
    return PYTHON_TEXT.findall(text) if path.suffix == ".py" else []


def citations(root: pathlib.Path) -> tuple[dict[str, set[pathlib.Path]], list[str]]:
    """The files whose tests cite each row, and names that mention a row where it does not count."""
    cited, problems = {}, []
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix not in (".cc", ".py") or path.resolve() == pathlib.Path(__file__).resolve():
            continue
        for name in names_in(path, path.read_text(encoding="utf-8")):
            leading = LEADING.match(name)
            for row in MENTION.findall(leading[1]) if leading else []:
                cited.setdefault(row, set()).add(path)
            if path.suffix == ".cc" and MENTION.search(name[leading.end():] if leading else name):
                problems.append(f"{path.relative_to(root)}: \"{name}\" cites a row, but not at its beginning")
    return cited, problems


def mentions(root: pathlib.Path) -> dict[str, str]:
    """Every row that some file of the tree speaks of, with the first such file."""
    first = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in SOURCES and path != PAGE:
                for row in MENTION.findall(path.read_text(encoding="utf-8", errors="replace")):
                    first.setdefault(row, str(path.relative_to(root)))
    return first


def links(paths: set[pathlib.Path]) -> str:
    return ", ".join(f"[{path.stem.removesuffix('_test')}]({os.path.relpath(path, PAGE.parent)})" for path in sorted(paths))


def problems_of(rows: dict, cited: dict, mentioned: dict) -> list[str]:
    problems = [f"{row} is held, and no test cites it" for row in rows
                if rows[row]["state"] == "held" and row not in cited]
    problems += [f"{row} is named in {where}, and docs/conformance.md has no such row" for row, where in mentioned.items()
                 if row not in rows]
    problems += [f"{row}: the column of its tests is out of date; run {pathlib.Path(__file__).relative_to(ROOT)} --write"
                 for row in rows if rows[row]["tests"] != links(cited.get(row, set()))]
    return problems


def written(page: str, cited: dict) -> str:
    lines = []
    for line in page.splitlines():
        found = ROW.match(line)
        if found:
            row, binds, asks, state, _ = found.groups()
            tests = links(cited.get(row, set()))
            line = f"| {row} | {binds} | {asks} | {state} | {tests + ' ' if tests else ''}|"
        lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> int:
    cited, problems = citations(ROOT)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), cited), encoding="utf-8")
    rows, malformed = rows_of(PAGE.read_text(encoding="utf-8"))
    problems += malformed + problems_of(rows, cited, mentions(ROOT))
    held = sum(row["state"] == "held" for row in rows.values())
    print("\n".join(problems) or f"{len(rows)} rows, {held} held and each cited by a test")
    return 1 if problems or not held else 0


if __name__ == "__main__":
    sys.exit(main())
