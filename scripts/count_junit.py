#!/usr/bin/env python3
"""Counts a ctest JUnit report.

count_junit.py FILE           prints `passed failed skipped`
count_junit.py --failed FILE  prints the names of the failed tests
"""
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    if case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
        return "skipped"
    return "passed" if case.get("status") == "run" and case.find("failure") is None else "failed"


def main():
    arguments = sys.argv[1:]
    only_failed = arguments[:1] == ["--failed"]
    cases = ElementTree.parse(arguments[-1]).getroot().iter("testcase")
    outcomes = [(case.get("name"), outcome(case)) for case in cases]
    if only_failed:
        print("".join(f"{name}\n" for name, what in outcomes if what == "failed"), end="")
    else:
        print(*[sum(what == kind for _, what in outcomes) for kind in ("passed", "failed", "skipped")])


if __name__ == "__main__":
    main()
