# SPDX-License-Identifier: Apache-2.0
"""TAP for tests written in Python: point() per case, done() at the end."""
import sys


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def point(self, good, name, *notes):
        """One case; the notes are shown when it fails."""
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}")
        if not good:
            for note in notes:
                for line in str(note).splitlines():
                    print(f"# {line}")
        sys.stdout.flush()
        return good

    def equal(self, got, want, name):
        return self.point(got == want, name, f"got:  {got!r}\nwant: {want!r}")

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}", flush=True)

    def done(self):
        print(f"1..{self.n}")
        return 1 if self.failed else 0
