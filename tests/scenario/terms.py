#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What CI may ask of one guard beyond the configuration: another duration, a lower mode, no way back;
for a guard that it starts, and for one that watches already. All of it outlives a kill -9.

    terms.py HALDANE
"""
import datetime
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

SERVICES = ("long", "quiet", "oneway", "next", "joined", "advised")
REFUSED = [  # what is asked of `advised`, the code of the answer
    ({"mode": "enforce"}, "bad_mode"),
    ({"mode": "odd"}, "bad_mode"),
    ({"duration": "1s"}, "bad_duration"),
    ({"duration": "25h"}, "bad_duration"),
    ({"duration": 5}, "bad_field"),
    ({"rollback_safe": True}, "bad_rollback_safe"),
    ({"rollback_safe": "false"}, "bad_field"),
]


def span(g):
    """Seconds from the switch to the end of the watch."""
    time = datetime.datetime.fromisoformat
    return (time(g["until"].replace("Z", "+00:00")) - time(g["switch"]["to"].replace("Z", "+00:00"))).total_seconds()


def texts(d, g):
    return str([e["text"] for e in d.api(f"/guards/{g['id']}/timeline")["items"]])


def refused(d):
    for asked, code in REFUSED:
        status, answer = d.order("/guards", service="advised", to="green", **asked)
        w.equal((status, answer.get("code")), (422, code), f"{asked} is refused", str(answer))
    w.equal(d.guards("advised"), [], "and starts no guard")


def asked(d, routers, prometheus):
    prometheus.say("long", blue=(50, 0), green=(50, 0))
    prometheus.say("quiet", blue=(50, 0), green=(25, 25))
    prometheus.say("oneway", blue=(50, 0), green=(25, 25))
    for name in ("long", "quiet", "oneway"):
        routers[name].switch("green")
    status, answer = d.order("/guards", service="long", to="green", duration="6s")
    w.ok(status in (200, 201), "a guard with a duration of its own", str(answer))
    w.equal(span(d.guard("long")), 6.0, "it watches for that")
    _, quiet = d.order("/guards", service="quiet", to="green", mode="shadow")
    w.equal(quiet.get("mode"), "shadow", "a guard that only records", str(quiet))
    _, oneway = d.order("/guards", service="oneway", to="green", rollback_safe=False)
    w.equal(oneway.get("mode"), "advise", "a release that must not be rolled back", str(oneway))
    status, answer = d.order("/guards", service="next", to="green", duration="8s", mode="advise")
    w.equal((status, answer.get("mode"), span(d.guard("next"))), (201, "advise", 8.0),
            "all that for a switch that is still to come")


def joined(d, routers, prometheus):
    prometheus.say("joined", blue=(50, 0), green=(50, 0))
    routers["joined"].switch("green")
    w.wait(lambda: d.guard("joined") and d.rows("SELECT 1 FROM evidence WHERE after AND guard IN (SELECT seq FROM guard "
                                                "WHERE id = ?)", d.guard("joined")["id"]), 15, "its first evidence")
    g = d.guard("joined")
    done = subprocess.run(
        [d.world.binary, "guard", "joined", "--duration", "2m", "--mode", "advise", "--no-rollback", "-c", d.file],
        capture_output=True, text=True, timeout=20, check=False)
    w.equal((done.returncode, g["id"] in done.stdout), (0, True), "CI joins the guard", done.stdout + done.stderr)
    after = d.guard("joined")
    w.equal((span(after), after["mode"]), (120.0, "advise"), "which watches longer, and no longer acts")
    w.equal(d.order("/guards", service="joined", duration="10s")[0], 200, "a shorter wish joins as well")
    w.equal(span(d.guard("joined")), 120.0, "and shortens nothing")
    said = texts(d, after)
    w.ok("Extended by 60 s" in said and "not safe to roll back" in said and "Mode set to advise" in said,
         "the journal says what was asked", said)


def replayed(d, g, name):
    done = subprocess.run([d.world.binary, "replay", g["id"], "-c", d.file], capture_output=True, text=True, timeout=20,
                          check=False)
    w.equal(done.returncode, 0, name, done.stdout + done.stderr)


def main(world):
    routers = {name: w.Exec(world, name, "set") for name in SERVICES}
    prometheus, more = w.Prometheus(), {"advised": {"mode": "advise", "rollback_safe": "false"}}
    services = {name: r.service(checks=f"[{{use: http-5xx-ratio, with: {{job: {name}}}, max: 5%}}]",
                            **{"guard": {"duration": "60s"}, **more.get(name, {})})
                for name, r in routers.items()}
    d = w.Daemon(world, w.config(services, prometheus)).start()
    d.wait_read(SERVICES)
    refused(d)
    asked(d, routers, prometheus)
    d.kill()
    d.start()
    passed = d.wait_state("passed", 30, "long")
    w.equal(span(passed), 6.0, "over a kill -9 it passes when its own time is up")
    replayed(d, passed, "a replay judges by the same time")
    w.ok("mode shadow" in texts(d, d.wait_state("advised", 15, "quiet")), "the one in shadow only records")
    ended = d.wait_state("advised", 15, "oneway")
    w.ok("rollback_safe" in texts(d, ended), "the one without a way back says why it only advises", texts(d, ended))
    w.equal(routers["oneway"].read()["sets"] + routers["quiet"].read()["sets"], 0, "and nothing was moved")
    never = d.wait_state("inconclusive", 30, "next")
    w.equal(never["verdict"], "inconclusive", "a switch that never came says nothing about the release")
    replayed(d, never, "nor in a replay")
    joined(d, routers, prometheus)


if __name__ == "__main__":
    w.run(main, 90)
