#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 before the Nth write, sync, connect or send of a revert, N = 1, 2, ... until a run
survives; after each kill the daemon is started again and must end in the same place (I2, I6, I9).

    kill_points.py HALDANE SHIM weights|orders

Every run begins with the same store, in which a guard watches green, and with a release that has
just turned bad. While N is small every N is tried, then every second or third.
"""
import math
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

SENDS_MAX = 3   # src/pipeline/act.c
PLAN_STEPS = 2  # raise, lower
EVERY, STRIDE = {"weights": (90, 2), "orders": (30, 3)}[sys.argv[3]]  # every N up to here, then fewer
BUDGET_S = 480  # a busy machine takes several times as long; a minute is the rule
END_S = 40      # of one run
WRONG_MAX = 3  # enough is known then
# A run of `orders` that dies before its order left waits so long, and one of a busy machine must be proven by then.
PROOF = {"weights": "30s", "orders": "5s"}[sys.argv[3]]
POLICY = {"guard": {"duration": "10m", "fail_after": "1"}, "verify": {"timeout": PROOF}}
CHECKS = "[{use: http-5xx-ratio, with: {job: shop}, max: 5%}]"


def snapshot(d, prometheus, route):
    """A store in which a guard watches a green that is still good."""
    prometheus.say(blue=(50, 0), green=(50, 0))
    d.start()
    d.wait_read()
    route.switch()
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


class Weights:
    """HAProxy: a set may be repeated, and every run must end with the traffic on stable."""

    def __init__(self, world):
        self.router = w.Router(world)
        self.service = w.service(self.router, **POLICY)

    def switch(self):
        self.router.set(w.GREEN)
        self.router.relay.lines.clear()

    def sent(self):
        return math.ceil(len(self.router.relay.sets()) / PLAN_STEPS)

    def wrong(self, guard, intent):
        if guard in ("aftercare", "reverted") and intent == "verified" and \
                self.router.weights() == w.BLUE and self.sent() <= SENDS_MAX:
            return None
        return f"{guard}, {intent}, {self.router.weights()}, {self.router.relay.sets()}"


class Orders(w.Exec):
    """A program that takes an order once, and shows its effect late: a run may end unproven and
    paged, but never with a second order."""

    def __init__(self, world):
        super().__init__(world, "orders", "once", lag=0.2)
        self.service = self.service(checks=CHECKS, **POLICY)

    def switch(self):
        self.write({**self.read(), "live": "green", "before": "green", "from": 0, "sets": 0})

    def sent(self):
        return self.read()["sets"]

    def wrong(self, guard, intent):
        live, sent = self.read()["live"], self.sent()
        if (guard in ("aftercare", "reverted") and intent == "verified" and (live, sent) == ("blue", 1)) \
                or (guard == "not_verified" and intent == "unverified" and (live, sent) == ("green", 0)):
            return None
        return f"{guard}, {intent}, {live}, {sent} orders"


def ended(d):
    """The state of the one guard when it has come to its end, or None. Asks the file: an answer of
    the API would be counted too."""
    states = [w.STATES[row["state"]] for row in d.rows("SELECT state FROM guard")]
    if len(states) != 1:
        return f"{len(states)} guards"
    live = ("pending", "warming", "watching", "deciding", "reverting", "verifying")
    return None if states[0] in live else states[0]


def one(d, prometheus, route, shim, n):
    """-> (killed, how it ended, what is wrong or None)"""
    restore(d)
    route.switch()
    shim.write(armed=0, count=0, kill_at=n, last_call=0)
    prometheus.hook = lambda: shim.read()["count"] or shim.write(armed=1)  # the bad news is coming
    d.start(up=False)
    w.wait(lambda: d.child.poll() is not None or ended(d), END_S, "the end, or the kill", 0.01)
    killed = d.child.poll() is not None
    prometheus.hook = None
    call = shim.read()["last_call"]
    shim.write(armed=0)
    if killed:
        d.start(up=False)
    try:
        w.wait(lambda: ended(d), END_S, "the end", 0.01)
    except TimeoutError:
        pass
    state = ended(d)
    intents = [(i["kind"], w.outcome(i)) for i in d.intents()]
    wrong = route.wrong(state, intents[0][1] if intents else None)
    if [kind for kind, _ in intents] != ["revert"]:
        wrong = f"{wrong}; intents {intents}"
    d.kill()
    return killed, state, f"N={n} (call {call}): {wrong}" if wrong else None


def following(n):
    """The longer a run takes, the more it polls and writes: N grows faster than a busy machine can."""
    return n + (1 if n < EVERY else STRIDE if n < 3 * EVERY else n // 4)


def main(world):
    kind = sys.argv[3]
    prometheus, alertmanager = w.Prometheus(), w.Alertmanager()
    route = {"weights": Weights, "orders": Orders}[kind](world)
    shim = w.Shim(world, sys.argv[2])
    d = w.Daemon(world, w.config({"shop": route.service}, prometheus, alertmanager), env=shim.env)
    snapshot(d, prometheus, route)
    prometheus.say(green=(25, 25))
    time.sleep(1.5)  # samples of it
    ends, wrong, n, end = [], [], 1, time.monotonic() + BUDGET_S
    killed = True
    while killed and time.monotonic() < end and len(wrong) < WRONG_MAX:
        killed, state, bad = one(d, prometheus, route, shim, n)
        ends.append(state)
        wrong += [bad] if bad else []
        last, n = n, following(n)
    w.note(f"{len(ends)} runs, N = 1 .. {last}: " +
           ", ".join(f"{ends.count(s)} {s}" for s in sorted(set(map(str, ends)))))
    w.ok(not wrong, f"I2 I6 I9 {kind}: every run ends as it must, by one intent", "\n".join(wrong))
    w.ok(len(ends) > 20, f"I9 {kind}: killed at more than 20 points", ends)
    w.ok(not killed, f"I9 {kind}: N grows until a run survives", f"last N {last}")


w.run(main, 220)
