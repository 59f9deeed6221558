#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon's own life: a switch while it is down, a guard over a kill -9, who may give orders, a
reload of its config, SIGTERM in the middle of a revert, two daemons on one store, a jump of the wall
clock (I9).

    lifecycle.py HALDANE SHIM
"""
import contextlib
import datetime
import hashlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
PLAN = 2
DOWN_S = 4


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Shop:
    """One service behind a router of its own, with its own daemon."""

    def __init__(self, world, name, env=None, **members):
        self.router = w.Router(world, name)
        self.prometheus, self.alertmanager = w.Prometheus(), w.Alertmanager()
        self.prometheus.say(blue=GOOD, green=GOOD)
        self.members = members
        self.d = w.Daemon(world, self.text(), f"haldane-{name}", env)

    def text(self, **members):
        return w.config({"shop": w.service(self.router, **{**self.members, **members})},
                        self.prometheus, self.alertmanager)

    def start(self):
        self.d.start()
        self.d.wait_read()
        return self.d

    def watch(self):
        """Switches, and waits for the guard and its first poll."""
        self.start()
        self.router.set(w.GREEN)
        self.d.wait_state("watching", 6)
        w.wait(lambda: self.d.rows("SELECT 1 FROM evidence WHERE after = 1"), 6, "a poll")
        return self.d


def while_down(world):
    s = Shop(world, "down")
    d = s.start()
    w.equal(d.stop(), 0, "SIGTERM while idle: status 0")
    stopped = time.time()
    s.router.set(w.GREEN)
    s.prometheus.say(green=BAD)
    time.sleep(DOWN_S)
    started = time.time()
    d.start()
    g = w.wait(lambda: d.guard(), 5, "the guard of a switch that nobody saw")
    w.ok(at(g["switch"]["from"]) <= stopped + 0.1 and started <= at(g["switch"]["to"]) + 0.1,
         "I9 a switch while it was down lies between the two readings, both are told",
         f"{g['switch']} {stopped} {started}")
    g = d.wait_state("reverted", 15)
    w.equal((s.router.weights(), len(s.router.relay.sets())), (w.BLUE, PLAN), "and is taken back",
            g["why"])
    polls = d.rows("SELECT count(*) AS n FROM evidence JOIN guard ON guard.seq = guard WHERE after = 1 AND wall_ms <= decided_ms")
    w.equal(polls[0]["n"], 2, "at once: what happened meanwhile is asked of the source, also by the first poll")
    d.stop()


def restart(world, name="restart", forget=False):
    """A guard over a kill -9: its time, its polls and its counts go on, nothing is counted twice."""
    s = Shop(world, name, guard={"duration": "12s"})
    d = s.watch()
    before, switched = (at(d.guard()["switch"][end]) for end in ("from", "to"))
    time.sleep(max(0, switched + 8 - time.time()))
    d.kill()
    if forget:
        with contextlib.closing(sqlite3.connect(d.db)) as db, db:
            db.execute("UPDATE guard_memory SET series = NULL")
    d.start()
    g = d.wait_state("passed inconclusive", 12)
    ended = at(g["ended_at"])
    w.equal(g["verdict"], "pass", "I9 what was watched before the kill counts", g["why"])
    w.ok(11 < ended - switched < 19, "I9 the guard's clock goes on", f"{ended - switched:.1f} s")
    engine = d.rows("SELECT engine FROM guard_memory")[0]["engine"]
    counted = float.fromhex(re.search(r"\bsum_exposure=(\S+)", engine)[1])
    first, last = (s.prometheus.counter("shop", "green", 0, t) for t in (before - w.SCRAPE, ended))
    least = 0.5 if forget else 0.7
    w.ok(least * (last - first) < counted <= last - first,
         "I9 none is counted twice" if forget else "I9 every request is counted once", f"{counted} of {last - first}")
    again = subprocess.run([world.binary, "replay", g["id"], "--store", d.db], capture_output=True,
                           text=True, timeout=20, check=False)
    w.equal(again.returncode, 0, "I9 the stored evidence gives the same verdict", again.stdout)
    d.stop()


def forgotten(world):
    """The same when the counters of before are not known any more."""
    restart(world, "forgotten", forget=True)


def orders(world):
    """A token of another's service, of a lower role, or of nobody: refused, and nothing is done."""
    s = Shop(world, "orders")
    tokens = {"ci": "operator, services: [shop]", "other": "operator, services: [other]",
              "reader": "viewer, services: [shop]"}
    for n in tokens:
        with open(world.path(f"{n}.hash"), "w") as f:
            f.write(hashlib.sha256(f"hld_{n}".encode()).hexdigest())
    rows = ", ".join(f'{n}: {{role: {t}, hash: "${{file:{world.path(n)}.hash}}"}}'
                     for n, t in tokens.items())
    s.d.write(s.text() + f"auth: {{tokens: {{{rows}}}}}\n")
    d = s.start()
    hold, reload = ("/services/shop/hold", '{"reason": "x", "for": "1m"}'), ("/config/reload", "{}")
    for who, (path, body), want in (("", hold, 401), ("hld_nobody", hold, 401), ("hld_reader", hold, 403),
                                    ("hld_other", hold, 403), ("hld_ci", ("/holds", hold[1]), 403),
                                    ("hld_ci", reload, 403), ("hld_ci", hold, 201)):
        held = d.rows("SELECT count(*) AS n FROM hold")[0]["n"]
        head = {"Content-Type": "application/json", **({"Authorization": f"Bearer {who}"} if who else {})}
        status, text = d.request("POST", f"/api/v1{path}", body, head)
        now = d.rows("SELECT count(*) AS n FROM hold")[0]["n"]
        w.equal((status, now - held), (want, int(want == 201)), f"{path} by {who or 'nobody'}: {want}", text)
    d.stop()


def config(world):
    s = Shop(world, "config")
    d = s.watch()
    pinned = d.guard()["config_hash"]
    d.write(s.text().replace("max: 5%", "max: 5%, mx: 1") + "surprise: 1\n")
    status, answer = d.order("/config/reload")
    w.equal(status, 422, "a config with mistakes is refused", answer)
    w.ok("mx" in str(answer) or "surprise" in str(answer), "and the mistake named at its place", answer)
    d.child.send_signal(signal.SIGHUP)
    w.wait(lambda: "reload refused" in d.log(), 5, "SIGHUP refuses it too")
    w.ok("haldane_config_last_reload_successful 0" in d.get("/metrics")[1], "the metric says so")
    w.equal((d.guard()["state"], d.api("/services/shop")["config_hash"]), ("watching", pinned),
            "the old one stays")
    d.write(s.text(mode="advise").replace("ballast: 1MiB", "ballast: 2MiB, max_size: 1GiB"))
    w.equal(d.order("/config/reload")[0], 200, "a good one is taken")
    w.equal([l.split("config: ")[1] for l in d.log().splitlines() if "next start" in l],
            ["storage.ballast has changed: that is in force from the next start on"], "what of it must wait is said")
    w.ok("haldane_config_last_reload_successful 1" in d.get("/metrics")[1], "the metric says that too")
    w.equal((d.guard()["config_hash"], d.guard()["mode"], d.api("/services/shop")["mode"]),
            (pinned, "enforce", "advise"), "the live guard keeps its pin, the service has the new one")
    d.kill()
    d.start()
    s.prometheus.say(green=BAD)
    g = d.wait_state("reverted", 15)
    w.equal((g["config_hash"], s.router.weights()), (pinned, w.BLUE),
            "I9 it acts by its pin, also after a kill")
    s.router.set(w.GREEN)
    g = d.wait_state("advised", 15, nth=2)
    w.equal((g["mode"], s.router.weights()), ("advise", w.GREEN), "the next guard obeys the new config")
    d.stop()


def sigterm(world):
    s = Shop(world, "term", timeout="20s")
    d = s.watch()
    s.router.relay.only_sets, s.router.relay.fault = True, 2.0  # each line takes so long
    s.prometheus.say(green=BAD)
    w.wait(lambda: d.guard()["state"] == "reverting", 8, "the revert is on its way")
    w.equal(d.stop(40), 0, "SIGTERM in the middle of a revert: status 0")
    i = d.intents()
    w.equal((s.router.weights(), [w.outcome(x) for x in i], len(s.router.relay.sets())),
            (w.BLUE, ["verified"], PLAN), "I3 the revert is finished first")
    s.router.relay.fault = None
    d.start()
    d.wait_state("reverted", 12)
    w.equal((len(d.intents()), len(s.router.relay.sets())), (1, PLAN), "I6 and not repeated after it")
    d.stop()


def two_daemons(world):
    s = Shop(world, "two")
    d = s.start()
    other = subprocess.run([world.binary, "serve", d.file], capture_output=True, text=True, timeout=20,
                           check=False)
    w.equal(other.returncode, 2, "the second daemon on a store exits with 2", other.stderr)
    w.ok(d.db in other.stderr and "another haldane" in other.stderr, "and says why", other.stderr)
    w.equal(d.get("/readyz")[0], 200, "the first one goes on")
    d.stop()


def clock(world):
    shim = w.Shim(world, sys.argv[2])
    s = Shop(world, "clock", env=shim.env, guard={"duration": "5m"},
             verify={"recover_within": "12s"})
    d = s.watch()
    for jump in (3600_000, -7200_000):
        shim.write(wall_offset_ms=jump)
        time.sleep(3.2)
        g = d.guard()
        w.equal((g["state"], g["verdict"]), ("watching", "none"),
                f"I9 a jump of {jump // 3600_000} h is no verdict", g["why"])
        w.ok(not g["needs_human"], "and no reason to wake anybody", g["why"])
    w.ok("haldane_clock_jumps_total 2" in d.get("/metrics")[1], "the jumps are counted",
         [l for l in d.get("/metrics")[1].splitlines() if "jumps" in l])
    polls = d.rows("SELECT count(*) AS n FROM evidence WHERE after = 1")[0]["n"]
    time.sleep(2.2)
    w.ok(d.rows("SELECT count(*) AS n FROM evidence WHERE after = 1")[0]["n"] > polls,
         "it goes on polling after them")
    s.prometheus.say(green=BAD)
    s.prometheus.say(blue=None)  # nobody can say yet that the users are well
    d.wait_state("aftercare", 10)
    w.equal(s.router.weights(), w.BLUE, "and a bad release is taken back as ever")
    for jump in (0, -10800_000):
        shim.write(wall_offset_ms=jump)
        time.sleep(1)
    w.equal(d.guard()["state"], "aftercare", "I9 a jump does not cut the wait for recovery short")
    d.wait_state("not_recovered", 8)
    w.ok(True, "I9 nor does it make the wait longer")
    d.stop()


def half_a_token(world):
    """A start that died, or had no room, between making the file of the token and writing it."""
    s = Shop(world, "half")
    open(f"{s.d.db}.token", "w").close()
    d = s.start()
    w.equal(d.order("/services/shop/hold", reason="x", **{"for": "1m"})[0], 201, "the next start makes a token of it")
    w.equal(os.stat(f"{d.db}.token").st_mode & 0o777, 0o600, "for its user alone")
    d.stop()


def main(world):
    for scenario in (while_down, half_a_token, restart, forgotten, orders, config, sigterm, two_daemons, clock):
        try:
            scenario(world)
        except (TimeoutError, RuntimeError) as e:
            w.ok(False, f"{scenario.__name__}: {e}", world.tails())


w.need("haproxy", "setpriv")
w.run(main, 120)
