#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a policy forbids is not done, and is said: modes, one-way releases, holds with their expiry,
cool-down, budget, brake, rejected and unready targets, versions that were reverted once, and what an
undecided guard does (I1, I4, I6, I11).

    policies.py HALDANE

One service each, all behind one HAProxy; budget and brake have daemons of their own.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
PLAN = 2

# service -> (members, state, a word of the reason, does it page)
ADVISED = {
    "advise": ({"mode": "advise"}, "advised", "mode advise", True),
    "shadow": ({"mode": "shadow"}, "advised", "mode shadow", False),
    "unsafe": ({"rollback_safe": "false"}, "advised", "rollback_safe", True),
    "unsafe-yet": ({"rollback_safe": '{until: "2099-01-01T00:00:00Z"}'}, "advised", "rollback_safe",
                   True),
    "page": ({"on_fail": "page"}, "advised", "on_fail: page", True),
    "held": ({}, "advised", "Z: freeze", True),
    "down": ({}, "refused", "blue has no ready member", True),
}
REVERTED = {
    "safe-again": {"rollback_safe": '{until: "2020-01-01T00:00:00Z"}'},
    "after-hold": {},
    "versions": {},
    "silent": {},
    "vanished": {"guard": {"blind_for": "2s"}},
}
UNDECIDED = {  # service -> (members, state, traffic, does it page)
    "un-page": ({"on_inconclusive": "page"}, "inconclusive", w.GREEN, True),
    "un-wait": ({"on_inconclusive": "wait"}, "inconclusive", w.GREEN, True),
    "un-pass": ({"on_inconclusive": "pass"}, "passed", w.GREEN, False),
    "un-revert": ({"on_inconclusive": "revert"}, "aftercare", w.BLUE, False),
}


def texts(d, guard):
    return str([e["text"] for e in d.api(f"/guards/{guard['id']}/timeline")["items"]])


def advised(world, d, router, alertmanager):
    for n, (_, state, word, pages) in ADVISED.items():
        g = d.wait_state("advised refused reverted aftercare not_verified", 12, n)
        w.equal((g["state"], g["verdict"], g["needs_human"]), (state, "fail", pages),
                f"{n}: ends as {state}", g["why"])
        w.ok(word in texts(d, g), f"{n}: says why: {word}", texts(d, g))
        w.equal((router.relay.sets(n), d.intents(n), router.weights(n)), ([], [], w.GREEN),
                f"{n}: not a byte was written")
        if state == "refused":
            said = subprocess.run([world.binary, "wait", g["id"], "--url", f"http://127.0.0.1:{d.port}"],
                                  capture_output=True, text=True, timeout=20)
            w.ok(said.returncode == 4 and f"  because    {word}" in said.stdout, f"{n}: who waits is told why", said)
        w.ok("socat" in (g["native"] or ""), f"{n}: the command for a human is there", g["native"])
    time.sleep(0.5)
    told = {a["labels"]["service"] for a in alertmanager.pages()}
    w.equal(told & set(ADVISED), {n for n, row in ADVISED.items() if row[3]},
            "exactly these were paged")


def reverted(d, router, alertmanager):
    for n in REVERTED:
        g = d.wait_state("aftercare reverted", 15, n)
        w.equal((router.weights(n), len(router.relay.sets(n))), (w.BLUE, PLAN), f"{n}: reverted",
                g["why"])
    g = d.guard("silent")
    w.ok("0 of 2 members ready" in g["why"], "silent: a candidate without a ready member is a bad one",
         g["why"])
    g = d.guard("vanished")
    w.ok("gives no samples" in g["why"], "vanished: taken back for what it did not say, not for a check gone blind with it",
         g["why"])
    w.ok("deciding" not in [a["labels"].get("state") for a in alertmanager.pages("vanished")] and not g["needs_human"],
         "vanished: while haldane acts nobody is called", f"{g} {alertmanager.pages('vanished')}")


def undecided(d, router):
    for n, (_, state, traffic, pages) in UNDECIDED.items():
        g = d.wait_state(state, 12, n)
        w.equal((g["needs_human"], router.weights(n)), (pages, traffic), f"I1 {n}: {state}", g["why"])
    w.ok(d.guard("un-wait")["ended_at"] > d.guard("un-page")["ended_at"],
         "un-wait goes on longer before it gives up")


def once_per_version(d, router, prometheus):
    """The same version comes a second time, then after a re-arm."""
    d.wait_state("reverted", 15, "versions")
    prometheus.say("versions", green=GOOD)
    time.sleep(1.5)  # a poll sees no sample of before
    router.set(w.GREEN, "versions")
    d.wait_state("watching", 5, "versions", nth=2)
    status, _ = d.order("/guards", service="versions", to="green", change={"version": "v42"})
    w.equal(status, 200, "I6 CI names the version of the guard that is live")
    prometheus.say("versions", green=BAD)
    g = d.wait_state("advised", 10, "versions", nth=2)
    w.ok("reverted automatically once" in texts(d, g), "I6 one version is reverted once", texts(d, g))
    w.equal(len(router.relay.sets("versions")), PLAN, "I6 and not twice")
    router.set(w.BLUE, "versions")
    d.wait_state("watching", 5, "versions", nth=3)
    status, answer = d.order("/services/versions/rearm", reason="fixed the flag")
    w.equal(status, 200, "a human re-arms it", answer)
    prometheus.say("versions", green=GOOD)
    time.sleep(1.5)
    router.set(w.GREEN, "versions")
    g = d.wait_state("watching", 5, "versions", nth=4)
    w.equal((g["candidate"]["colour"], d.guards("versions")[1]["state"]), ("green", "superseded"),
            "another try after a roll-back is a switch of its own")
    d.order("/guards", service="versions", to="green", change={"version": "v42"})
    prometheus.say("versions", green=BAD)
    w.wait(lambda: router.weights("versions") == w.BLUE, 10, "the revert after the re-arm")
    w.equal(len(router.relay.sets("versions")), 2 * PLAN, "I6 re-armed, it is reverted again")


def newer_version(d):
    """The next version is deployed where the last one is: what that one did is not its own."""
    for version, status in (("v42", 200), ("v43", 201)):
        w.equal(d.order("/guards", service="newer", to="green", change={"version": version})[0], status,
                f"a guard of {version}")
    new, old = d.guards("newer")
    w.equal((old["state"], old["headline"]),
            ("superseded", "Ended: a newer release took its place; haldane wrote nothing"), "who was replaced says so")
    w.ok(new["switch"]["to"] >= old["ended_at"], "who replaces it is not judged by the time before", f"{new} {old}")
    page = d.get(f"/g/{old['id']}")[1]
    w.ok("</b> v42" not in page and "to green v42" in page, "nor is the old version said to have the traffic now")


def rejected_target(d, router, prometheus):
    """A human took green back; the next release on blue fails, and green is no target (I11)."""
    router.set(w.BLUE, "rejected")
    d.wait_state("superseded", 5, "rejected")
    status, answer = d.order("/guards", service="rejected", to="blue", **{"from": "green"})
    w.equal(status, 201, "CI asks for a guard of the release on blue", answer)
    w.wait(lambda: "would not revert by itself right now: green was rejected by a guard or a human before: moved away by someone "
           "else; haldane rearm"
           in texts(d, d.guards("rejected")[0]), 5, "I11 it is said when the guard begins")
    prometheus.say("rejected", blue=BAD)
    g = d.wait_state("advised refused reverted aftercare", 12, "rejected", nth=2)
    w.equal((g["state"], g["needs_human"]), ("refused", True), "I11 a rejected side is no target", g)
    w.ok("rejected by a guard or a human" in texts(d, g), "I11 and it says so", texts(d, g))
    w.equal((router.relay.sets("rejected"), router.weights("rejected")), ([], w.BLUE),
            "I11 nothing was written")


def three(world, name, limits):
    """Three services of a daemon of their own, guarded and well."""
    names = ("a", "b", "c")
    router = w.Router(world, name, names)
    prometheus = w.Prometheus()
    for n in names:
        prometheus.say(n, blue=GOOD, green=GOOD)
    d = w.Daemon(world, w.config({n: w.service(router, n) for n in names}, prometheus, limits=limits),
                 "haldane-" + name).start()
    d.wait_read(names)
    for n in names:
        router.set(w.GREEN, n)
    for n in names:
        d.wait_state("watching", 6, n)
    return names, router, prometheus, d


def fleet(world, name, limits, wanted, word):
    """They turn bad; `wanted` may revert, the others say `word`."""
    names, router, prometheus, d = three(world, name, limits)
    for n in names:
        prometheus.say(n, green=BAD)
        if name == "budget":  # one after the other
            d.wait_state("reverted advised", 15, n)
    for n in names:
        d.wait_state("reverted advised", 15, n)
    ended = [d.guard(n) for n in names]
    back = [g for g in ended if g["state"] == "reverted"]
    kept = [g for g in ended if g["state"] == "advised"]
    w.equal(len(back), wanted, f"I6 {name}: {wanted} of 3 revert", [g["state"] for g in ended])
    w.ok(all(word in texts(d, g) and g["needs_human"] for g in kept), f"I6 {name}: the rest pages",
         [texts(d, g) for g in kept])
    w.equal(len(router.relay.sets()), wanted * PLAN, f"I6 {name}: and exactly so many sets went out")
    d.stop()


def restarted(world):
    """The daemon dies between a change and its answer: the decision behind it counts, and once."""
    names, router, prometheus, d = three(world, "once", "reverts_per_hour: 100, brake: 2")
    router.relay.after = d.kill
    prometheus.say("a", green=BAD)
    w.wait(lambda: d.child.poll() is not None, 15, "it is killed in the middle")
    d.start()
    for n, state in (("a", "reverted"), ("b", "reverted"), ("c", "advised")):
        prometheus.say(n, green=BAD)
        d.wait_state("reverted advised", 15, n)
        w.equal(d.guard(n)["state"], state, f"I6 brake over a restart: {n}", texts(d, d.guard(n)))
    d.stop()


def main(world):
    names = [*ADVISED, *REVERTED, *UNDECIDED, "rejected", "newer"]
    router = w.Router(world, backends=names)
    prometheus, empty, alertmanager = w.Prometheus(), w.Prometheus(), w.Alertmanager()
    empty.fault = "empty"
    services = {}
    for n in names:
        prometheus.say(n, blue=GOOD, green=GOOD)
        more = {**(ADVISED.get(n) or UNDECIDED.get(n) or [{}])[0], **REVERTED.get(n, {})}
        if n in UNDECIDED:
            more.update(guard={"duration": "4s", "blind_for": "30s"}, datasource="empty")
        services[n] = w.service(router, n, **{"datasource": "prom", **more})
    d = w.Daemon(world, w.config(services, {"prom": prometheus, "empty": empty}, alertmanager,
                                 limits="reverts_per_hour: 100, brake: 100")).start()
    d.wait_read(names)
    w.equal(d.order("/services/held/hold", reason="freeze", **{"for": "10m"})[0], 201, "a hold is taken")
    w.equal(d.order("/services/after-hold/hold", reason="short", **{"for": "4s"})[0], 201,
            "a short one too")
    held_at = time.monotonic()
    for n in names:
        router.set(w.GREEN, n)
    for n in (n for n in names if n not in UNDECIDED):  # those watch for seconds only
        d.wait_state("watching", 8, n)
    d.order("/guards", service="versions", to="green", change={"version": "v42"})
    newer_version(d)
    router.down("blue", "down")
    router.down("green", "silent")
    bad = [n for n in (*ADVISED, *REVERTED) if n not in ("after-hold", "silent", "vanished")]
    prometheus.say("vanished", green=None)
    for n in bad:
        prometheus.say(n, green=BAD)
    time.sleep(max(0, 4.2 - (time.monotonic() - held_at)))
    prometheus.say("after-hold", green=BAD)
    advised(world, d, router, alertmanager)
    reverted(d, router, alertmanager)
    undecided(d, router)
    once_per_version(d, router, prometheus)
    rejected_target(d, router, prometheus)
    d.stop()
    fleet(world, "budget", "reverts_per_hour: 2, brake: 100", 2, "reverts_per_hour is used up")
    fleet(world, "brake", "reverts_per_hour: 100, brake: 2", 2, "several services would revert")
    restarted(world)


w.need("haproxy", "setpriv")
w.run(main, 110)
