#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What routers and other people do to a guard: HAProxy away at the decision, answers lost or never
given, a human's change in the middle, a reload before and after the revert (I3, I4, I5, I6).

    router.py HALDANE

Every service has a HAProxy of its own, so that one daemon plays all of it at once.
"""
import http.server
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
PLAN = 2  # lines of one change: raise, lower
HALF = {"blue": 50, "green": 50}
SERVERS = ("blue1", "blue2", "green1", "green2")
THIRD = {"blue": (100, 50), "green": 30}  # no part of our change leads there


def states(d, service):
    return [g["state"] for g in d.guards(service)]


def human(d, routers, alertmanager):
    """A change by someone else wins, and nothing is written (I5)."""
    routers["back"].set(w.BLUE, "back")
    routers["third"].set(HALF, "third")
    routers["step"].set(w.GREEN, "step")
    g = d.wait_state("superseded", 6, "back")
    w.ok("moved back to blue by someone else" in str(events(d, g)), "I5 back to stable by a human",
         events(d, g))
    w.ok("a roll-back is no release, and starts no guard" in str(events(d, g)), "and that it is not watched",
         events(d, g))
    w.equal(g["headline"], "Ended: someone rolled back to blue, which needs no guard; haldane wrote nothing",
            "in one sentence")
    time.sleep(1.2)
    w.equal(states(d, "back"), ["superseded"], "and no guard begins")
    g = d.wait_state("superseded", 6, "third")
    w.equal((g["needs_human"], routers["third"].weights("third")), (False, HALF),
            "I5 a third value by a human stays")
    time.sleep(1.5)
    w.equal(states(d, "step"), ["watching"], "a further step is the same switch")
    for s in ("back", "third", "step"):
        w.equal(routers[s].relay.sets(), [], f"I5 nothing was written: {s}")
        w.equal(d.intents(s), [], f"I5 nothing was journaled: {s}")
    w.equal(alertmanager.pages("back") + alertmanager.pages("third"), [], "and nobody was woken")
    routers["back"].set(w.GREEN, "back")
    d.wait_state("watching", 6, "back", nth=2)
    w.ok(True, "the next switch has a guard of its own")


def events(d, guard):
    return [e["text"] for e in d.api(f"/guards/{guard['id']}/timeline")["items"]]


def reload_while_watching(d, routers):
    routers["forgets"].reload()
    g = d.wait_state("superseded", 8, "forgets")
    w.ok("restarted and forgot" in str(events(d, g)), "I5 a reload while watching ends the guard",
         events(d, g))
    w.equal((routers["forgets"].relay.sets(), routers["forgets"].weights("forgets")), ([], w.BLUE),
            "I5 and nothing is written")
    time.sleep(2.2)
    w.equal(states(d, "forgets"), ["superseded"], "what the reload did is no switch")
    w.equal(g["headline"], "Ended: the router restarted and forgot the switch; haldane wrote nothing",
            "nobody is said to have changed what the router forgot")


class Probe:
    """A target for probes; the first one that asks finds that `human` is called meanwhile."""

    def __init__(self, human):
        probe = self
        self.human = human

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                human, probe.human = probe.human, None
                if human:
                    human()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.url = f"http://127.0.0.1:{w.serve(Handler).server_address[1]}"


def human_in_between(d, routers, alertmanager):
    """Somebody is faster than we: after the decision and before our own look at the router, and
    between our change and its read-back (I5)."""
    r = routers["between"]
    g = d.wait_state("superseded refused reverted aftercare", 12, "between")
    w.equal((g["state"], r.weights("between"), r.relay.sets(), d.intents("between")),
            ("superseded", HALF, [], []), "I5 a change after the decision wins, nothing is written",
            g["why"])
    r = routers["middle"]
    g = d.wait_state("superseded not_verified refused reverted aftercare", 12, "middle")
    w.equal((g["state"], g["needs_human"], r.weights("middle"), [w.outcome(i) for i in d.intents("middle")]),
            ("superseded", True, THIRD, ["conflict"]), "I5 a change after ours wins, and is on record",
            g["why"])
    w.equal(len(r.relay.sets()), 1, "I5 the rest of our change is not sent", r.relay.sets())
    w.wait(lambda: alertmanager.pages("middle"), 5, "a page")
    w.ok("socat" in alertmanager.pages("middle")[0]["annotations"].get("command", ""),
         "I3 a conflict is paged", alertmanager.pages("middle"))
    time.sleep(2.2)
    w.equal(states(d, "between") + states(d, "middle"), ["superseded"] * 2,
            "I11 and neither is a switch to stable")


def turn_bad(prometheus, names):
    for n in names:
        prometheus.say(n, green=BAD)


def lost_answers(d, routers, alertmanager):
    """Only a reading says what happened; a set is sent at most three times (I6)."""
    g = d.wait_state("aftercare reverted", 12, "cut")
    i = d.intents("cut")
    w.equal((len(i), w.outcome(i[0]), i[0]["sends"], routers["cut"].weights("cut")),
            (1, "verified", 2, w.BLUE), "I6 a lost answer: read back, and only the rest is sent")
    w.equal(len(routers["cut"].relay.sets()), PLAN, "I6 each line reached HAProxy once",
            routers["cut"].relay.sets())
    d.wait_state("aftercare reverted", 12, "drop")
    i = d.intents("drop")
    w.equal((len(i), w.outcome(i[0]), len(routers["drop"].relay.sets())), (1, "verified", PLAN),
            "I6 a request that never arrived is sent again after a look", i)
    for s in ("mute", "garbage"):
        g = d.wait_state("not_verified refused", 15, s)
        i = d.intents(s)
        w.equal((g["state"], g["needs_human"], len(i), w.outcome(i[0])),
                ("not_verified", True, 1, "unverified"), f"I3 {s}: unverified within its deadline",
                g["why"])
        w.ok(1 <= i[0]["sends"] <= 3, f"I6 {s}: at most three sends", i[0]["sends"])
        w.wait(lambda: alertmanager.pages(s), 5, "a page")
        page = alertmanager.pages(s)[0]
        w.ok("act now" in page["annotations"]["summary"] and
             "socat" in page["annotations"].get("command", ""),
             f"I3 {s}: the page has what a human can paste", page)
        w.equal(routers[s].weights(s), w.GREEN, f"{s}: and it says so truly: traffic is where it was")


def away(d, routers, alertmanager):
    """HAProxy is down when the decision falls."""
    g = d.wait_state("reverted aftercare", 12, "returns")
    w.equal((routers["returns"].weights("returns"), len(routers["returns"].relay.sets())),
            (w.BLUE, PLAN), "I3 HAProxy back within the deadline: reverted")
    g = d.wait_state("refused", 12, "gone")
    w.ok(g["needs_human"] and "act now" in g["headline"], "I3 HAProxy away to the end: refused",
         g["headline"])
    w.wait(lambda: alertmanager.pages("gone"), 5, "a page")
    w.ok("cannot be read" in alertmanager.pages("gone")[0]["annotations"]["description"],
         "I3 the page says why", alertmanager.pages("gone"))
    w.equal(d.intents("gone"), [], "I2 nothing was journaled, nothing sent")
    routers["gone"].relay.open()


def intent_at(d, service, nth):
    ms = d.intents(service)[nth]["journaled_ms"]
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03}Z"


def reload_after_revert(d, routers):
    """The file has green: a reload undoes the revert, which is applied once more, and only once."""
    r = routers["undone"]
    d.wait_state("aftercare", 12, "undone")
    recovered = w.wait(lambda: d.guard("undone")["recovered_at"], 10, "recovered")
    r.reload()
    w.wait(lambda: r.weights("undone") == w.BLUE, 10, "the re-apply")
    w.wait(lambda: d.guard("undone")["state"] == "aftercare" and len(d.intents("undone")) == 2 and
           w.outcome(d.intents("undone")[1]) == "verified", 6, "its proof")
    w.equal([(i["kind"], w.outcome(i)) for i in d.intents("undone")],
            [("revert", "verified"), ("reapply", "verified")], "I6 a reload that undid it: one re-apply")
    g = w.wait(lambda: d.guard("undone")["recovered_at"] and d.guard("undone"), 10, "users are well again")
    w.ok(g["verified_at"] < recovered < intent_at(d, "undone", 1) < g["recovered_at"],
         "the revert's own times stay, and that users are well is proven anew", f"{recovered} {g}")
    r.reload()
    g = d.wait_state("not_verified", 10, "undone")
    w.equal((g["headline"], g["recovered_at"]), ("Rolled back to blue, and a reload undid it - act now", None),
            "what was verified and undone is not told as not verified")
    w.equal((g["needs_human"], r.weights("undone"), len(r.relay.sets())), (True, w.GREEN, 2 * PLAN),
            "I6 the second reload is not fought: page", g["why"])
    w.equal(states(d, "undone"), ["not_verified"], "I11 none of it is taken for a switch")


def undone_by_human(d, routers):
    """Somebody moves the traffic to green again after the revert: theirs wins, and is a new switch,
    also where green is what HAProxy's file says."""
    for n in ("again", "filed"):
        d.wait_state("aftercare", 12, n)
        w.wait(lambda: d.guard(n)["recovered_at"], 10, "recovered")
        routers[n].set(w.GREEN, n)
    for n in ("again", "filed"):
        g = d.wait_state("advised refused", 12, n, nth=2)
        w.equal(d.guards(n)[1]["state"], "reverted", f"I5 {n}: the first guard ends with what it did")
        w.ok("reverted a short while ago" in str(events(d, g)) and g["needs_human"],
             f"{n}: within the cool-down it only pages", events(d, g))
        w.equal((len(routers[n].relay.sets()), routers[n].weights(n)), (PLAN, w.GREEN),
                f"I5 I6 {n}: a human's second switch is paged, not fought")


def crowd(world):
    """More services on one HAProxy than its stats socket takes at once."""
    names = [f"c{i}" for i in range(60)]
    router, prometheus = w.Router(world, "crowd", names), w.Prometheus()
    text = w.config({n: w.service(router, n) for n in names}, prometheus)
    d = w.Daemon(world, text.replace(router.relay.path, router.sock), "haldane-crowd").start()
    d.wait_read(names)
    time.sleep(3)
    w.ok("cannot read the router" not in d.log(), "60 services on one socket are all read",
         world.tail("haldane-crowd"))
    d.stop()


def main(world):
    names = ("back", "third", "step", "forgets", "cut", "drop", "mute", "garbage", "returns", "gone",
             "undone", "again", "filed", "between", "middle")
    in_file = {"undone": w.GREEN, "filed": w.GREEN}
    routers = {n: w.Router(world, n, (n,), in_file.get(n, w.BLUE)) for n in names}
    for n in in_file:
        routers[n].set(w.BLUE, n)
    prometheus, alertmanager = w.Prometheus(), w.Alertmanager()
    for n in names:
        prometheus.say(n, blue=GOOD, green=GOOD)
    long = ("again", "filed", "undone")
    services = {n: w.service(routers[n], n, guard={"cooldown": "0s" if n == "undone" else "10m"},
                             verify={"timeout": "20s" if n == "returns" else "4s",
                                     "aftercare": "10m" if n in long else "0s"})
                for n in names}
    probe = Probe(lambda: routers["between"].set(HALF, "between"))
    services["between"] = w.service(routers["between"], "between",
                                    target=f'{{probe: {{url: "{probe.url}"}}}}')
    d = w.Daemon(world, w.config(services, prometheus, alertmanager, limits="reverts_per_hour: 100, brake: 100"))
    d.start()
    d.wait_read(names)
    for n in names:
        routers[n].set(HALF if n == "step" else w.GREEN, n)
    for n in names:
        d.wait_state("watching", 6, n)
    time.sleep(1.2)
    for n, fault in (("cut", "cut"), ("drop", "drop"), ("mute", "hang"), ("garbage", "garbage")):
        routers[n].relay.only_sets, routers[n].relay.fault = True, fault
    routers["cut"].relay.times = routers["drop"].relay.times = 1
    human(d, routers, alertmanager)
    reload_while_watching(d, routers)
    for n in ("returns", "gone"):
        routers[n].relay.close()
    relay = routers["middle"].relay
    relay.after = lambda: w.say(relay.target, "; ".join(
        f"set server middle/{s} weight {n}" for s, n in zip(SERVERS, (100, 50, 30, 30))))
    relay.only_sets, relay.fault, relay.times = True, "cut", 1
    turn_bad(prometheus, ("cut", "drop", "mute", "garbage", "returns", "gone", "undone", "again",
                          "filed", "between", "middle"))
    d.wait_state("deciding", 8, "returns")
    time.sleep(1)
    routers["returns"].relay.open()
    lost_answers(d, routers, alertmanager)
    human_in_between(d, routers, alertmanager)
    away(d, routers, alertmanager)
    reload_after_revert(d, routers)
    undone_by_human(d, routers)
    d.stop()
    crowd(world)


w.need("haproxy", "setpriv")
w.run(main, 90)
