#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What CI and an operator order, at the worst moments: a guard asked for in the instant of the
switch, one asked for after haldane took the release back, a revert that would follow it there.

    orders.py HALDANE
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 25))
    text = w.config({"shop": w.service(router, detect="{every: 5s}", verify={"aftercare": "4s"})},
                    prometheus)
    d = w.Daemon(world, text).start()
    d.wait_read()

    router.set(GREEN)
    status, answer = d.order("/guards", service="shop")
    w.ok(status in (200, 201), "a guard ordered in the instant of the switch is taken", str(answer))
    g = d.guard()
    w.equal((g["candidate"]["colour"], g["stable"]["colour"]), ("green", "blue"),
            "it watches the side that was switched to")
    for said, want in (({"from": "purple"}, 422), ({"from": "green"}, 409), ({"to": "green", "from": "green"}, 409)):
        got = d.order("/guards", service="shop", **said)
        w.equal(got[0], want, f"who names other sides than it watches does not join: {said}", str(got))
    w.equal(d.order("/guards", service="shop", to="green", **{"from": "blue"})[0], 200, "who names the same joins")
    done = d.wait_state("reverted", 30)
    w.equal(router.weights(), BLUE, "its bad release is taken back")
    w.equal(done["id"], answer["id"], "by the guard that was ordered")

    status, late = d.order("/guards", service="shop")
    w.equal((status, late.get("id")), (200, done["id"]),
            "who asks after the revert gets the guard that judged the release")
    status, late = d.order("/guards", service="shop", to="green")
    w.equal((status, late.get("id")), (200, done["id"]), "by its colour too")
    status, late = d.order("/guards", service="shop", group="train")
    w.equal((status, late.get("id")), (200, done["id"]), "in the name of a group, too")
    told = json.loads(d.get("/api/v1/groups/train")[1])
    w.equal((told.get("verdict"), [g["id"] for g in told.get("guards", [])]), ("fail", [done["id"]]),
            "which has its verdict from then on")
    w.equal(d.order("/guards", service="shop", group="other")[0], 409, "and no other group has")
    status, late = d.order("/guards", service="shop", to="blue")
    w.equal(status, 409, "haldane's own revert is no switch to guard", str(late))

    status, answer = d.order("/services/shop/revert", reason="again")
    w.equal((status, answer.get("code")), (409, "already_reverted"), "a revert does not follow it back")
    w.equal(router.weights(), BLUE, "nothing was moved")
    w.equal(len(d.guards()), 1, "and no guard was made")
    status, answer = d.order("/services/shop/revert", reason="I mean it", to="green")
    w.equal(status, 202, "but goes where it is told to", str(answer))
    w.wait(lambda: router.weights() == GREEN, 10, "the traffic is on green")
    w.ok(True, "and the traffic is there")
    in_the_middle(world, d, router, prometheus)


def in_the_middle(world, d, router, prometheus):
    """An operator takes back a release that no check has anything against."""
    d.wait_state("advised", 30, nth=3)  # of the move that was ordered
    w.equal(d.order("/services/shop/rearm", reason="it was not blue", colour="blue")[0], 200, "the side that was left")
    prometheus.say("shop", green=(50, 0))
    router.set(BLUE)
    d.wait_state("watching warming", 10, nth=4)
    router.set(GREEN)
    g = d.wait_state("watching", 10, nth=5)
    w.equal(g["candidate"]["colour"], "green", "the third move is watched, too")
    w.wait(lambda: d.rows("SELECT count(*) AS n FROM evidence e JOIN guard g ON e.guard = g.seq WHERE g.id = ?",
                          g["id"])[0]["n"] >= 3, 15, "polls")
    w.equal(d.order(f"/guards/{g['id']}/revert", reason="support calls", to=g["stable"]["colour"])[0], 202,
            "a good release is ordered back in the middle of its watch")
    g = d.wait_state("reverted", 20, nth=5)
    w.equal(g["verdict"], "fail", "a human's order is a verdict")
    out = subprocess.run([world.binary, "replay", g["id"], "--store", d.db], capture_output=True, text=True, timeout=20)
    w.equal((out.returncode, "equal to the stored verdict" in out.stdout), (0, True),
            "which a replay finds again", out.stdout + out.stderr)


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 140)
