#!/usr/bin/env python3
"""Reads every #include of the rooms and holds it against arrows.txt.

arrows_test.py ROOT         exits 1 with one line a violation: file:line: what, and what the table allows
arrows_test.py --self-test  plants violations in a small tree and exits 1 if one of them is not found
"""
import fnmatch
import re
import sys
import tempfile
from pathlib import Path

TOPS = ("core", "ca", "attestor", "workload-api", "examples")
TABLE = Path(__file__).with_name("arrows.txt")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


class Table:
    """arrows.txt: sections of `name : values`."""

    def __init__(self, path):
        self.sections = {"rooms": [], "generated": [], "third-party": [], "banned": []}
        current = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                current = self.sections[line.strip("[]")]
                continue
            name, colon, values = line.rpartition(" :")
            if not colon or current is None:
                raise SystemExit(f"{path}:{number}: expected `name : values`")
            current.append((name.strip(), values.split()))

    def match_room(self, folder):
        """The table's name for a folder, or None."""
        names = [name for name, _ in self.sections["rooms"]]
        return next((n for n in names if n == folder), None) or next(
            (n for n in names if fnmatch.fnmatchcase(folder, n)), None)

    def sees(self, room):
        """All room patterns that `room` (a table name) may include, itself among them."""
        direct = dict(self.sections["rooms"])
        seen, todo = set(), [room]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            if name not in direct:
                raise SystemExit(f"{TABLE}: room `{name}` is named but not listed")
            seen.add(name)
            todo += direct[name]
        return seen


class File:
    def __init__(self, root, path):
        self.name = path.relative_to(root).as_posix()
        self.folder = path.parent.relative_to(root).as_posix()
        self.text = path.read_text()
        self.includes = []  # (line, quoted, header)
        for number, line in enumerate(self.text.splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                self.includes.append((number, found[1] == '"', found[2]))

    def code(self):
        """The text without comments and strings, line numbers kept."""
        return NOT_CODE.sub(lambda m: "\n" * m[0].count("\n"), self.text)


def target_room(table, header):
    """The folder that a header belongs to, or None for what is not ours."""
    for pattern, (room,) in table.sections["generated"]:
        if fnmatch.fnmatchcase(header, pattern):
            return room
    if header.split("/")[0] in TOPS and "/" in header:
        return header.rpartition("/")[0]
    return None


def check_arrows(table, file):
    room = table.match_room(file.folder)
    if room is None:
        yield f"{file.name}:1: folder {file.folder} is no room of arrows.txt: add it with what it may see"
        return
    allowed = table.sees(room)
    for line, quoted, header in file.includes:
        folder = target_room(table, header)
        if folder is None:
            if quoted:
                yield f"{file.name}:{line}: \"{header}\": ours are included from the root, others with <>"
            continue
        same_family = "*" in room and folder != file.folder and table.match_room(folder) == room
        if table.match_room(folder) not in allowed or same_family:
            yield f"{file.name}:{line}: {file.folder} must not see {folder} ({header})"


def check_third_party(table, file):
    for line, _, header in file.includes:
        rules = [files for name, files in table.sections["third-party"]
                 if fnmatch.fnmatchcase(header, name.split()[-1])]
        if rules and not any(fnmatch.fnmatchcase(file.name, f) for files in rules for f in files):
            where = " ".join(f for files in rules for f in files)
            yield f"{file.name}:{line}: <{header}> belongs in {where} only"


def check_travel(table, files):
    """A private third-party header must not reach a header that another room includes."""
    by_name = {f.name: f for f in files}
    private = [(name.split()[1], allowed) for name, allowed in table.sections["third-party"]
               if name.startswith("private ")]
    public = {h for f in files for _, _, h in f.includes
              if h in by_name and by_name[h].folder != f.folder}
    for start in sorted(public):
        seen, todo = set(), [by_name[start]]
        while todo:
            file = todo.pop()
            if file.name in seen:
                continue
            seen.add(file.name)
            for line, _, header in file.includes:
                if any(fnmatch.fnmatchcase(header, p) and any(fnmatch.fnmatchcase(file.name, a) for a in allowed)
                       for p, allowed in private):
                    yield f"{file.name}:{line}: <{header}> travels to other rooms through {start}"
                if header in by_name and by_name[header].folder == file.folder:
                    todo.append(by_name[header])


def check_banned(table, file):
    for number, line in enumerate(file.code().splitlines(), 1):
        for pattern, allowed in table.sections["banned"]:
            if re.search(pattern, line) and not any(fnmatch.fnmatchcase(file.name, a) for a in allowed):
                yield f"{file.name}:{number}: /{pattern}/: take the clock, randomness or setting as a parameter"


def violations(root):
    table = Table(TABLE)
    files = [File(root, p) for top in TOPS for p in sorted((root / top).rglob("*")) if p.suffix in (".h", ".cc")]
    found = []
    for file in files:
        found += check_arrows(table, file)
        found += check_third_party(table, file)
        found += check_banned(table, file)
    return files, found + list(check_travel(table, files))


PLANTED = {  # file: (content, text the violation must contain or None for a clean file)
    "core/base/clock.h": ("#include <chrono>\nauto t = std::chrono::system_clock::now();\n", None),
    "core/spiffe/up.h": ('#include "ca/store/db.h"\n', "core/spiffe must not see ca/store"),
    "core/crypto/own.cc": ('#include <openssl/evp.h>\n#include "core/base/clock.h"\n', None),
    "core/rpc/server.h": ("#include <nghttp2/nghttp2.h>\n", "travels to other rooms through core/rpc/server.h"),
    "ca/rpc/adapter.cc": ('#include "core/rpc/server.h"\n#include "spire/api/types/entry.pb.h"\n', None),
    "ca/service/up.cc": ('#include "ca/rpc/adapter.h"\n', "ca/service must not see ca/rpc"),
    "ca/service/clock.cc": ("// time(nullptr) in words is fine\nauto t = time(nullptr);\n", "ca/service/clock.cc:2"),
    "ca/service/env.cc": ('auto home = std::getenv("HOME");\n', "getenv"),
    "ca/service/proto.cc": ('#include "spire/api/types/entry.pb.h"\n', "ca/service must not see ca/proto"),
    "ca/service/wild.cc": ("int r = rand();\n", "rand"),
    "ca/issuance/x.cc": ("#include <sqlite3.h>\n", "<sqlite3.h> belongs in ca/store/* only"),
    "ca/store/db.h": ("#include <nlohmann/json.hpp>\n", "<nlohmann/json.hpp> belongs in *.cc only"),
    "ca/cmd/main.cc": ('#include "ca/rpc/adapter.h"\n#include <CLI/CLI.hpp>\nauto h = getenv("H");\n', None),
    "ca/attic/x.cc": ("\n", "ca/attic is no room"),
    "attestor/node/join_token/j.cc": ('#include "attestor/node/k8s/k.h"\n', "must not see attestor/node/k8s"),
    "attestor/workload/unix/u.cc": ('#include "workload-api/svids/s.h"\n', "must not see workload-api/svids"),
    "workload-api/client/source.cc": ('#include <grpcpp/grpcpp.h>\n#include "workload.grpc.pb.h"\n', None),
    "workload-api/client/up.cc": ('#include "core/rpc/server.h"\n', "workload-api/client must not see core/rpc"),
    "workload-api/svids/g.cc": ("#include <grpcpp/grpcpp.h>\n", "<grpcpp/grpcpp.h> belongs in"),
    "workload-api/svids/near.cc": ('#include "near.h"\n', "included from the root"),
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, (content, _) in PLANTED.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        _, found = violations(root)
    missed = [f"planted and not found: {name}: {text}" for name, (_, text) in PLANTED.items()
              if text and not any(v.startswith(name) and text in v for v in found)]
    wrong = [f"clean but reported: {v}" for v in found if PLANTED[v.split(":")[0]][1] is None]
    for line in missed + wrong:
        print(line)
    print(f"arrows self-test: {len(PLANTED)} planted files, {len(missed)} missed, {len(wrong)} false")
    return 1 if missed or wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    files, found = violations(Path(sys.argv[1]))
    for line in found:
        print(line)
    print(f"arrows: {len(files)} files, {len(found)} violations")
    if not files:
        print("arrows: no source found, wrong folder?")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
