#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hotfix in the minute after an incident: both sides were over the limit before the switch. What is over it
still is no pass, and a human is told; what was seen well and breaks again is taken back.

    earlier.py HALDANE
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GREEN = {"blue": 0, "green": 100}
NAMES = ("still", "again")


def service(router, name):
    checks = [f"{{use: http-5xx-ratio, with: {{job: {name}}}, max: 1%}}",
              "{name: other, use: http-5xx-ratio, with: {job: other}, max: 5%}"]
    return w.service(router, name, checks=f"[{', '.join(checks)}]", guard={"duration": "20s", "interval": "1s"})


def check(d, name):
    guard = d.api(f"/guards/{d.guard(name)['id']}")
    return next(c for c in guard["checks"] if c["name"] == "http-5xx-ratio")


def main(world):
    router, prometheus = w.Router(world, backends=NAMES), w.Prometheus()
    for name in NAMES:
        prometheus.say(name, blue=(70, 30), green=(70, 30))
    prometheus.say("other", blue=(100, 0), green=(100, 0))
    d = w.Daemon(world, w.config({n: service(router, n) for n in NAMES}, prometheus)).start()
    d.wait_read(NAMES)
    prometheus.say("again", green=(100, 0))
    for name in NAMES:
        router.set(GREEN, name)
    waiting = subprocess.Popen([world.binary, "guard", "still", "--wait", "--url", f"http://127.0.0.1:{d.port}",
                                "--token-file", f"{d.db}.token"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    w.wait(lambda: d.guard("again") and check(d, "again")["polls"]["judged"] >= 4 and not check(d, "again")["earlier"],
           15, "it is seen well again")
    prometheus.say("again", blue=(100, 0), green=(70, 30))
    w.ok(check(d, "still")["earlier"], "what is still over does not count")
    guard = d.api(f"/guards/{d.guard('still')['id']}")
    w.ok("broken before the switch too" in guard["headline"], "and the headline says so", guard["headline"])
    page = d.get(f"/g/{guard['id']}")[1]
    w.ok("does not count: bad before the switch too" in page, "as the page does", page[:3000])
    again = d.wait_state("reverted", 30, "again")
    w.ok(again["verdict"] == "fail", "what broke again fails like any other", again)
    still = d.wait_state("inconclusive", 40, "still")
    w.equal((still["verdict"], still["cause"], still["needs_human"]), ("inconclusive", "earlier", True),
            "over its limit to the end is no pass, and a human is told")
    out = waiting.communicate(timeout=30)[0]
    w.ok(waiting.returncode == 3 and "not counted" in out and "FAIL" not in out and "passed" not in out,
         "who waits is told that it does not count", out)
    report = d.get(f"/api/v1/guards/{still['id']}/export.md")[1]
    w.ok("requests failed beyond what was usual" in report and "every check held" not in report,
         "and the post-mortem counts users", report)
    d.stop()


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 240)
