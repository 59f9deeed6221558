#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`haldane drill`: detect, revert and verify rehearsed while nothing moves; what would be in the way of a
revert is found on a quiet day. Its date stands on the page and in the API, also after a restart.

    drill.py HALDANE
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402


def drill(world, d, service, *words):
    done = subprocess.run([world.binary, "drill", service, "-c", d.file, *words], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout + done.stderr


def refused(world, d, name, service, words, *more):
    code, said = drill(world, d, service, *more)
    w.ok(code == 1 and all(x in said for x in words), name, said)


def target_down(world, d, router):
    for s in ("green1", "green2"):
        w.say(router.sock, f"set server shop/{s} state maint")
    w.wait(lambda: not any(router.state("shop")[s][1] for s in ("green1", "green2")), 5, "green is down")
    refused(world, d, "a target without a ready member", "shop", ["revert  NO", "green has 0 of"])
    page = d.get("/s/shop")[1]
    w.ok("would <strong>not</strong> have worked" in page, "the page says that too")
    for s in ("green1", "green2"):
        w.say(router.sock, f"set server shop/{s} state ready")
    w.wait(lambda: all(router.state("shop")[s][1] for s in ("green1", "green2")), 5, "green is up")


def left_alone(world, d):
    """The way is open, and haldane would not go it by itself."""
    d.order("/services/shop/hold", reason="freeze", **{"for": "10m"})
    refused(world, d, "a hold", "shop", ["revert  ok", "verify  ok", "act     NO   automatic reverts are held until ",
                                         "Z: freeze"])
    code, said = drill(world, d, "shop", "-o", "json")
    got = json.loads(said)
    w.equal((code, got["revert"], got["would_act"]), (1, True, False), "and as data", said)
    w.equal(d.api("/services/shop")["drill"]["would_not_because"], got["would_not_because"], "the API has the same")
    w.ok("haldane would <strong>not</strong> have made it" in d.get("/s/shop")[1], "and the page")
    d.order("/services/shop/release")


def main(world):
    router, prometheus = w.Router(world, backends=("shop", "probed")), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    prometheus.say("probed", blue=(50, 0), green=(50, 0))
    exec_ = w.Exec(world, "once", "once", live="blue")
    probe = '{probe: {url: "http://127.0.0.1:9/ready"}}'
    d = w.Daemon(world, w.config({
        "shop": w.service(router, timeout="20s"), "probed": w.service(router, "probed", target=probe),
        "once": exec_.service(checks="[{use: http-5xx-ratio, with: {job: shop}, max: 5%}]"),
    }, prometheus)).start()
    d.wait_read(["shop", "probed", "once"])
    w.ok("never" in d.get("/s/shop")[1] and d.api("/services/shop")["drill"] is None, "before the first: never")
    weights = router.weights()
    code, said = drill(world, d, "shop")
    w.ok(code == 0 and all(x in said for x in ("detect  ok", "http-5xx-ratio: blue 0%, green 0%", "revert  ok",
                                               "green has 2 of 2 members ready", "would send 2 requests",
                                               "verify  ok", "act     ok")), "it would work", said)
    w.equal(router.weights(), weights, "and nothing moved")
    w.equal(router.relay.sets(), [], "or was ordered to move")
    drilled = d.api("/services/shop")["drill"]
    w.ok(drilled["ok"] and drilled["at"] > "2020", "the API has its date", drilled)
    page = d.get("/s/shop")[1]
    w.ok("a revert would have worked" in page and ">to green: " in page, "and so has the page: when, and to which side")
    code, said = drill(world, d, "shop", "--to", "green", "-o", "json")
    w.ok(code == 0 and json.loads(said)["revert"], "to a side by its name", said)
    w.equal(drill(world, d, "shop", "--to", "red")[0], 2, "to a side that is none")
    w.equal(drill(world, d, "cart")[0], 2, "a service that is none")
    target_down(world, d, router)
    refused(world, d, "a probe that nobody answers", "probed", ["revert  NO", "probe the target"])
    code, said = drill(world, d, "once")
    w.ok(code == 0 and "cannot be asked whether" in said, "what cannot be rehearsed is said", said)
    router.relay.fault = "drop"
    refused(world, d, "a router that does not answer", "shop", ["revert  NO"])
    router.relay.fault = None
    left_alone(world, d)
    prometheus.fault = "empty"
    refused(world, d, "checks that would see nothing", "shop", ["detect  NO", "blue no_data", "revert  ok"])
    prometheus.fault = None
    router.relay.fault, seen = 4.0, d.api("/services/shop")["drill"]["at"]
    first, second = d.order("/services/shop/drill")[0], d.order("/services/shop/drill")[0]
    w.equal((first, second), (202, 409), "one at a time")
    router.relay.fault = None
    w.wait(lambda: d.api("/services/shop")["drill"]["at"] != seen, 10, "its end")
    seen = d.api("/services/shop")["drill"]
    d.kill()
    d.start()
    w.equal(d.api("/services/shop")["drill"], seen, "a kill -9 forgets none of it")
    w.equal(router.weights(), weights, "and still nothing has moved")


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 100)
