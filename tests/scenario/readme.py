#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of README.md does what it says: its twelve lines are loaded, its commands are run
against the daemon that they start, beside a real HAProxy and a scripted Prometheus.

    readme.py HALDANE README
"""
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

# Run by CI itself or by a scenario of its own; that they are there and runnable is checked here.
ELSEWHERE = {"deploy/demo/run": "scenario demo", "tests/run": "CI", "meson": "deploy/demo/run",
             "ninja": "deploy/demo/run"}


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.S | re.M)


def commands(text):
    for block in blocks(text, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield line.split("#")[0].strip(), words


def adapt(yaml, router, prometheus):
    """The README's file with this world's addresses, and short enough to wait for."""
    for a, b in (("http://127.0.0.1:9090", prometheus.url), ("/run/haproxy/admin.sock", router.sock),
                 ("duration: 15m, interval: 5s", "duration: 6s, interval: 1s, warmup: 0s, "
                  "min_samples: 1"),
                 ("bound: 450ms, max: 1%", "bound: 1s, max: 1%")): # a bucket that is there
        if a not in yaml:
            raise RuntimeError(f"the README's file has no {a}")
        yaml = yaml.replace(a, b)
    return yaml + '    detect: {every: 1s}\nlisten: {http: "@listen@"}\nstorage: {path: @db@, ballast: 1MiB}\n'


def main(world):
    top = os.path.dirname(os.path.abspath(sys.argv[2]))
    with open(sys.argv[2]) as f:
        text = f.read()
    yamls = blocks(text, "yaml")
    w.equal(len(yamls), 1, "the README shows one configuration")
    w.equal(len([l for l in yamls[0].splitlines() if l.strip()]), 12, "it has twelve lines")
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    d = w.Daemon(world, adapt(yamls[0], router, prometheus))
    env = {**os.environ, "PATH": f"{os.path.dirname(world.binary)}:{os.environ['PATH']}"}
    seen = set()
    for line, words in commands(text):
        if words[0] in ELSEWHERE:
            there = "/" not in words[0] or os.access(os.path.join(top, words[0]), os.X_OK)
            w.ok(there, f"{line} is there to be run ({ELSEWHERE[words[0]]})")
            continue
        words = [d.file if x == "haldane.yaml" else x for x in words]
        seen.add(words[1])
        if words[1] == "serve":
            d.start()
            d.wait_read()
            w.ok(True, line)
            continue
        if words[1] == "guard":
            router.set({"blue": 0, "green": 100})
            w.wait(lambda: d.guard(), 10, "the switch is seen")
        if words[1] == "revert": # there must be something to go back from
            router.set({"blue": 100, "green": 0})
            w.wait(lambda: d.guard()["state"] in ("warming", "watching"), 10, "a new switch")
        done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=40)
        good = done.returncode == 0 and (done.stdout or done.stderr)
        w.ok(good, line, f"exit {done.returncode}\n{done.stdout[-600:]}{done.stderr[-600:]}")
    w.ok({"check", "serve", "guard", "status", "show", "revert"} <= seen, "the main commands are shown")


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 100)
