"""One line a case, and the figures at the end."""


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self, name, note=""):
        self.passed += 1
        print(f"PASS {name}" + (f": {note}" if note else ""), flush=True)

    def note(self, name, measured):
        """What somebody else's program does instead of what was wanted: measured, asserted, and in the documentation."""
        self.passed += 1
        print(f"NOTE {name}: {measured}", flush=True)

    def fail(self, name, why):
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)

    def skip(self, name, why):
        """Something that could not be tried here. Loud, because nothing was proved."""
        self.skipped += 1
        print(f"SKIP {name}: skipped, not proved: {why}", flush=True)

    def write(self, path):
        print(f"interop: {self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        if path:
            path.write_text(f"{self.passed} {self.failed} {self.skipped}\n")
