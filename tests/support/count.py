#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases, not programs, in meson's testlog.json.

Usage: count.py STATUS TESTLOG. Every TAP line is a case; a program without TAP is one case. A
crash, a timeout, a broken plan or a non-zero exit that no `not ok` explains counts as failed, at
least once. STATUS is the exit status of `meson test`: if it is bad and no case says why, that is
one more. Prints what failed or was skipped and why, ends with `N passed, N failed, N skipped`, and
exits 0 only if nothing failed and something passed. Called by tests/run.
"""
import json
import os
import re
import sys

POINT = re.compile(r"(not )?ok\b(?: +(\d+))?(?: *-? *([^#\n]*))?(?:# *(skip\b.*))?", re.I)
PLAN = re.compile(r"1\.\.(\d+)(?: *# *(skip\b.*))?", re.I)
BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def cases(output):
    """TAP text -> ([(outcome, name, why)], planned number or None)."""
    found, planned = [], None
    for line in output.splitlines():
        plan, point = PLAN.match(line), POINT.match(line)
        if plan:
            planned = int(plan[1])
            if planned == 0:
                found.append(("skipped", "", plan[2] or "no reason given"))
        elif point:
            name = (point[3] or point[2] or "").strip()
            if point[1]:
                found.append(("failed", name, "not ok"))
            elif point[4]:
                found.append(("skipped", name, point[4]))
            else:
                found.append(("passed", name, ""))
    return found, planned


def judge(test):
    """One entry of the log -> [(outcome, name, why)]."""
    found, planned = cases(test.get("stdout", ""))
    result = test["result"]
    if not found and planned is None and result not in BAD:
        said = test.get("stdout", "").strip().splitlines() or ["exit status 77"]
        return [("skipped", "", said[-1]) if result == "SKIP" else ("passed", "", "")]
    if result in BAD and not any(outcome == "failed" for outcome, _, _ in found):
        why = f"{result.lower()}, exit status {test.get('returncode')}"
        found += [("failed", "", why)] * max(1, (planned or 0) - len(found))
    return found


def main():
    status, path = int(sys.argv[1]), sys.argv[2]
    total = {"passed": 0, "failed": 0, "skipped": 0}
    notes = []
    for line in open(path, encoding="utf-8") if os.path.exists(path) else []:
        test = json.loads(line)
        for outcome, name, why in judge(test):
            total[outcome] += 1
            if outcome != "passed":
                notes.append(f"{outcome}: {test['name']}: {name or 'the program'}: {why}")
    if status != 0 and total["failed"] == 0:
        total["failed"] += 1
        notes.append(f"failed: meson test ended with status {status}")
    for note in sorted(set(notes), reverse=True):
        print(note)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    return 0 if total["failed"] == 0 and total["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
