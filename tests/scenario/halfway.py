#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Switches made in two writes, caught half way: for a moment nobody has the traffic. That is no side
to go back to; the one before it is.

    halfway.py HALDANE
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BLUE, GREEN, NOBODY = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}, {"blue": 0, "green": 0}


def seen(d, service, shares):
    w.wait(lambda: [s["share"] for s in d.api(f"/services/{service}")["reading"]["sides"]] == shares, 10,
           f"{service} is read with {shares}")


def main(world):
    router, prometheus = w.Router(world, backends=("shop", "cart")), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 25))
    prometheus.say("cart", blue=(50, 0), green=(50, 0))
    d = w.Daemon(world, w.config({n: w.service(router, n) for n in ("shop", "cart")}, prometheus)).start()
    d.wait_read(("shop", "cart"))

    for name in ("shop", "cart"):
        router.set(NOBODY, name)
        seen(d, name, [0, 0])
    router.set(GREEN, "shop")
    g = w.wait(lambda: d.guard("shop"), 10, "a guard of shop")
    w.equal((g["stable"]["colour"], g["candidate"]["colour"]), ("blue", "green"), "the guard knows where the traffic was")
    d.wait_state("reverted", 30, "shop")
    w.equal(router.weights("shop"), BLUE, "and takes it back there")

    d.stop()
    d.start()
    router.set(GREEN, "cart")
    d.wait_state("watching", 10, "cart")
    g = d.guard("cart")
    w.equal((g["stable"]["colour"], g["candidate"]["colour"]), ("blue", "green"), "also after a restart half way")

    router.set(NOBODY, "cart")
    d.wait_state("superseded", 10, "cart")
    router.set(BLUE, "cart")
    seen(d, "cart", [1, 0])
    w.wait(lambda: router.weights("cart") == BLUE, 5, "blue has it")
    w.equal(len(d.guards("cart")), 1, "a way back in two writes is no switch")
    said = d.rows("SELECT text FROM event WHERE service = 'cart' AND text LIKE '%nothing to go back to%'")
    w.equal(said, [], "and troubles nobody")


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 90)
