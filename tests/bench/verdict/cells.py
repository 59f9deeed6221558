# SPDX-License-Identifier: Apache-2.0
"""Cells of verdict-bench: making their runs with the program, keeping the results, scoring them."""
import concurrent.futures
import json
import math
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CHUNK = 250  # runs of one call: a few seconds
Z = 1.96


def cell(scenario, mode="canary", rps=100, poll=10, scrape=0):
    return (scenario, mode, float(rps), int(poll), float(scrape))


class Bench:
    """Runs cells in parts, side by side, and remembers the parts in a file, so that a long set can
    be stopped and gone on with."""

    def __init__(self, program, seed, runs=None, jobs=1, keep=None, rules=None, chunk=CHUNK):
        self.program, self.seed, self.runs, self.jobs = program, seed, runs, jobs
        self.keep, self.rules, self.chunk = keep, rules, chunk
        self.parts = {}  # (cell, seed, first, runs) -> {rule: {second or "kept": runs}}
        if keep and os.path.exists(keep):
            with open(keep) as f:
                for line in f:
                    self.take(json.loads(line))

    def take(self, d):
        key = (cell(d["scenario"], d["mode"], d["rps"], d["poll_s"], d["scrape_s"]), d["seed"],
               d["first"], d["runs"])
        self.parts.setdefault(key, {}).update(d["ends"])

    def make(self, order):
        key, rules = order
        (scenario, mode, rps, poll, scrape), seed, first, runs = key
        argv = [self.program, "cell", "--poll", str(poll), "--scrape", f"{scrape:g}", "--first", str(first)]
        if rules:
            argv += ["--rules", ",".join(rules)]
        argv += [scenario, mode, f"{rps:g}", str(runs), str(seed)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def run(self, wanted, rules_of=None):
        """wanted: {cell: runs}; makes what is not there yet. rules_of: {cell: rules}."""
        todo = []
        for c, runs in wanted.items():
            runs = min(runs, self.runs or runs)
            rules = [r for r in (rules_of[c] if rules_of else self.rules or ()) if c[1] == "guard" or "+" not in r]
            keys = [(c, self.seed, i, min(self.chunk, runs - i)) for i in range(0, runs, self.chunk)]
            todo += [(k, rules) for k in keys if k not in self.parts or not set(rules) <= set(self.parts[k])]
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for n, line in enumerate(pool.map(self.make, todo), 1):
                self.take(json.loads(line))
                if self.keep:
                    with open(self.keep, "a") as f:
                        f.write(line)
                progress(n, len(todo))

    def score(self, c, rule):
        ends = {}
        for (other, seed, _first, _runs), rules in self.parts.items():
            if other == c and seed == self.seed:
                for k, v in rules.get(rule, {}).items():
                    ends[k] = ends.get(k, 0) + v
        return Score(ends, onset(c[0])) if ends else None


def progress(n, of):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{'#' * (40 * n // of):40} {n}/{of}" + ("\n" if n == of else ""))


def onset(scenario):
    return 1800 if "@30min" in scenario else 0


def keeps(scenario):
    return not scenario.startswith(("err", "p99", "slow", "late"))


class Score:
    """What one rule did in one cell. `ends`: {"kept": runs, second: runs}."""

    def __init__(self, ends, onset_s):
        at = sorted((float(k), v) for k, v in ends.items() if k != "kept")
        self.runs = sum(ends.values())
        self.acted = sum(v for _, v in at)
        self.early = sum(v for s, v in at if s <= onset_s) if onset_s else 0
        self.delays = [(s - onset_s, v) for s, v in at if s > onset_s]
        self.found = sum(v for _, v in self.delays)

    def false(self):
        """Share of runs that were ended, in a cell where none should be."""
        return self.acted / self.runs

    def missed(self):
        return 1 - (self.found + self.early) / self.runs

    def upper(self, k=None):
        """Upper end of the 95 % Wilson interval for the share of k (default: ended) runs."""
        return wilson(self.acted if k is None else k, self.runs)[1]

    def quantile(self, q):
        """Linear between order statistics; None: never found."""
        if not self.found:
            return None
        at = (self.found - 1) * q
        low = self.nth(math.floor(at))
        return low + (self.nth(math.ceil(at)) - low) * (at - math.floor(at))

    def nth(self, i):
        for s, v in self.delays:
            if i < v:
                return s
            i -= v
        return self.delays[-1][0]


def wilson(k, n, z=Z):
    p, d = k / n, 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (p + z * z / (2 * n) - half) / d, (p + z * z / (2 * n) + half) / d
    return max(0, low if k else 0), min(1, high if k < n else 1)
