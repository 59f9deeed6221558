#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 before the Nth write, sync, connect or send of a revert, N = 1, 2, ... until a run
survives; after each kill the daemon is started again and must end in the same place (I2, I6, I9).

    kill_points.py HALDANE SHIM

Every run begins with the same store, in which a guard watches green, and with a release that has
just turned bad. While N is small every N is tried, then every other.
"""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

SENDS_MAX = 3   # src/pipeline/act.c
PLAN_STEPS = 2  # raise, lower
EVERY = 90      # every N up to here
STRIDE = 2
BUDGET_S = 75


def snapshot(world, d, prometheus, router):
    """A store in which a guard watches a green that is still good."""
    prometheus.say(blue=(50, 0), green=(50, 0))
    d.start()
    d.wait_read()
    router.set(w.GREEN)
    d.wait_state("watching", 10)
    w.wait(lambda: d.rows("SELECT 1 FROM evidence WHERE after = 1"), 15, "a poll of the good release")
    d.kill()
    for end in ("", "-wal", "-shm"):
        if os.path.exists(d.db + end):
            shutil.copy(d.db + end, d.db + ".kept" + end)


def restore(d):
    for end in ("", "-wal", "-shm"):
        if os.path.exists(d.db + end):
            os.unlink(d.db + end)
        if os.path.exists(d.db + ".kept" + end):
            shutil.copy(d.db + ".kept" + end, d.db + end)


def ended(d):
    """Why the guard is not where it has to be yet, or None. Asks the file: an answer of the API
    would be counted too."""
    states = [w.STATES[row["state"]] for row in d.rows("SELECT state FROM guard")]
    return None if states in (["aftercare"], ["reverted"]) else str(states)


def one(world, d, prometheus, router, shim, n):
    """-> (killed, [what is wrong])"""
    restore(d)
    router.set(w.GREEN)
    router.relay.lines.clear()
    shim.write(armed=0, count=0, kill_at=n, last_call=0)
    prometheus.hook = lambda: shim.read()["count"] or shim.write(armed=1)  # the bad news is coming
    d.start(up=False)
    w.wait(lambda: d.child.poll() is not None or ended(d) is None, 12, "the end, or the kill")
    killed = d.child.poll() is not None
    prometheus.hook = None
    last = shim.read()
    shim.write(armed=0)
    if killed:
        d.start(up=False)
    wrong = []
    try:
        w.wait(lambda: ended(d) is None, 12, "the end")
    except (TimeoutError, RuntimeError):
        wrong.append(f"ends as {ended(d)}\n{world.tail('haldane', 25)}")
    intents = d.intents()
    if router.weights() != w.BLUE:
        wrong.append(f"traffic {router.weights()}")
    if len(router.relay.sets()) > SENDS_MAX * PLAN_STEPS:
        wrong.append(f"{len(router.relay.sets())} sets: {router.relay.sets()}")
    if [(i["kind"], w.outcome(i)) for i in intents] != [("revert", "verified")]:
        wrong.append(f"intents {[(i['kind'], w.outcome(i), i['sends']) for i in intents]}")
    d.kill()
    return killed, [f"N={n} (call {last['last_call']}): {x}" for x in wrong]


def main(world):
    prometheus = w.Prometheus()
    alertmanager = w.Alertmanager()
    router = w.Router(world)
    shim = w.Shim(world, sys.argv[2])
    policy = w.service(router, guard={"duration": "10m", "fail_after": "1"})
    d = w.Daemon(world, w.config({"shop": policy}, prometheus, alertmanager), env=shim.env)
    snapshot(world, d, prometheus, router)
    prometheus.say(green=(25, 25))
    time.sleep(1.5)  # samples of it
    tried, wrong, resends, n, end = [], [], 0, 1, time.monotonic() + BUDGET_S
    survived = False
    while time.monotonic() < end:
        killed, bad = one(world, d, prometheus, router, shim, n)
        tried.append(n)
        wrong += bad
        resends += len(router.relay.sets()) > PLAN_STEPS
        if not killed:
            survived = True
            break
        n += 1 if n < EVERY else STRIDE
    w.note(f"{len(tried)} runs, N = {tried[0]} .. {tried[-1]}; {resends} sent something twice")
    w.ok(len(tried) > 20, "I9 the process was killed at more than 20 points", tried)
    w.ok(survived, "I9 N grows until a run survives", f"last N {n}")
    w.ok(not wrong, "I2 I6 I9 every run ends reverted once, by one intent", "\n".join(wrong[:4]))


w.run(main, 110)
