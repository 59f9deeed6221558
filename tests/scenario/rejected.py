#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A human moves the traffic back to the side that haldane has just rejected: it is told at once, marked
wherever the traffic is shown, watched again, and not fought while the cool-down lasts (I6, I11).

    rejected.py HALDANE
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
NAMES = ("care", "later", "order", "often", "named")


def texts(d, guard):
    return [e["text"] for e in d.api(f"/guards/{guard['id']}/timeline")["items"]]


def side(d, service, colour):
    sides = d.api(f"/services/{service}")["reading"]["sides"]
    return [s for s in sides if s["colour"] == colour][0]


def first_reverts(d, routers, chat):
    for n in NAMES:
        routers[n].set(w.GREEN, n)
    for n in NAMES:
        d.wait_state("aftercare reverted", 20, n)
    w.wait(lambda: all(d.guard(n)["state"] == "reverted" for n in NAMES if n != "care"), 20, "reverted")
    w.wait(lambda: d.guard("care")["recovered_at"], 20, "care is well")
    g = d.guard("care")
    verified = [a["annotations"]["summary"] for a in chat.alerts if "verified at" in a["annotations"]["summary"] and
                a["labels"].get("service") == "care"]
    w.ok(verified and verified[0].endswith("Z; waiting for users to recover"),
         "what is achieved is said while users recover", verified)
    w.ok("users are well again" in d.get(f"/g/{g['id']}")[1], "and on the page when they have")
    w.ok("haldane is acting" not in d.get(f"/g/{g['id']}")[1], "not that haldane is acting")
    return {n: d.guard(n)["id"] for n in NAMES}


def moved_back(d, routers, first, chat, when):
    """By the router, in aftercare or after it: a guard of its own, marked, told, and only advised."""
    routers[when].set(w.GREEN, when)
    g = d.wait_state("warming watching advised", 8, when, nth=2)
    w.equal((g["candidate"]["colour"], g["stable"]["colour"]), ("green", "blue"), f"{when}: the move is watched")
    said = [t for t in texts(d, g) if f"green, rejected by guard {first[when]} at " in t]
    w.ok(said and "not taken back by haldane: this service was reverted a short while ago" in said[0],
         f"{when}: it is told that green was rejected, by whom, and what haldane will do", texts(d, g))
    w.ok("Not needed: haldane is watching" not in d.get(f"/g/{g['id']}")[1],
         f"{when}: its page does not say that nobody is needed")
    w.ok("All well" not in d.get("/")[1], f"{when}: nor the fleet's that all is well")
    told = lambda: [a for a in chat.alerts if a["labels"].get("service") == when and
                    "again: it was rejected at" in a["annotations"]["summary"]]
    w.wait(told, 8, "the notice")
    mark = side(d, when, "green")["rejected"]
    w.equal((mark["guard"], mark["why"], side(d, when, "blue")["rejected"]),
            (first[when], "reverted by haldane", None), f"{when}: the API marks the live side")
    g = d.wait_state("advised refused reverted aftercare", 12, when, nth=2)
    w.equal((g["state"], g["needs_human"], routers[when].weights(when)), ("advised", True, w.GREEN),
            f"I6 {when}: it is bad again: paged, not fought", g["why"])
    mark = side(d, when, "green")["rejected"]
    w.equal((mark["guard"], mark["why"]), (g["id"], "failed a guard"), f"{when}: and marked by its newest guard")


def taken_over(d):
    old = d.guards("care")[1]
    w.equal((old["state"], old["headline"]),
            ("reverted", "Rolled back to blue, verified and recovered; then someone else moved the traffic again"),
            "a revert that somebody undid does not say that no action is needed")


def ordered(d, routers, first):
    """`revert --to green`: done as ordered, then watched without the power to undo it."""
    status, answer = d.order("/services/order/revert", reason="I mean it", to="green")
    w.equal(status, 202, "an operator may name a rejected side", answer)
    g = d.wait_state("warming watching advised", 10, "order", nth=3)
    w.equal((g["candidate"]["colour"], g["mode"], g["trigger"]), ("green", "advise", "order"),
            "what an order moved is watched, and not undone")
    order = d.guards("order")[1]
    w.equal((order["id"], order["state"], order["headline"]),
            (answer["id"], "reverted", "Moved to green as ordered, verified; a guard of its own watches it"),
            "the order is answered by its own guard")
    g = d.wait_state("advised refused reverted aftercare", 12, "order", nth=3)
    w.equal((g["state"], g["needs_human"], routers["order"].weights("order")), ("advised", True, w.GREEN),
            "I5 it is bad: paged, not undone", g["why"])
    left = side(d, "order", "blue")["rejected"]
    w.equal((left["guard"], left["why"], side(d, "order", "green")["rejected"]["guard"]),
            (answer["id"], "left by an order", g["id"]), "I4 the side that a human left is no target either")
    routers["order"].set(w.BLUE, "order")
    g = d.wait_state("warming watching", 10, "order", nth=4)
    w.equal((g["candidate"]["colour"], g["stable"]["colour"]), ("blue", "green"),
            "who moves the traffic there gets a guard, which may clear it")


def each_release(d, routers):
    """Without a cool-down: blue/green puts every release on the same idle side, and each bad one goes back."""
    for nth in (2, 3, 4):
        routers["often"].set(w.GREEN, "often")
        g = d.wait_state("advised reverted refused", 20, "often", nth=nth)
        w.equal(g["state"], "reverted", f"release {nth} on the same side goes back too", g["why"])
    w.equal(d.order("/services/often/revert", reason="blue smells", to="green")[0], 202, "a human leaves blue")
    d.wait_state("advised", 20, "often", nth=6)
    routers["often"].set(w.BLUE, "often")
    d.wait_state("warming watching", 10, "often", nth=7)
    routers["often"].set(w.GREEN, "often")
    g = d.wait_state("advised reverted refused", 20, "often", nth=8)
    w.equal((g["state"], routers["often"].weights("often")), ("refused", w.GREEN),
            "I11 and haldane does not go there by itself before a guard has cleared it", g["why"])


def shown(world, d):
    out = subprocess.run([world.binary, "status", "later", "--url", f"http://127.0.0.1:{d.port}"], text=True,
                         capture_output=True, timeout=10).stdout
    mark = side(d, "later", "green")["rejected"]
    w.ok(f"green has traffic and was rejected by guard {mark['guard']} at " in out, "haldane status says so", out)
    for path in ("/", "/s/later"):
        page = d.get(path)[1]
        w.ok(f"rejected by <a href=\"/g/{mark['guard']}\">" in page, f"the page {path} says so", page[:3000])


def restarted(d, routers):
    """The mark outlives a restart, with its guard and its time."""
    before = side(d, "later", "green")["rejected"]
    d.kill()
    d.start()
    w.equal(side(d, "later", "green")["rejected"], before, "the mark is there after a restart")
    routers["named"].set(w.GREEN, "named")
    g = d.wait_state("warming watching advised", 8, "named", nth=2)
    w.ok("was rejected at" in str([e["headline"] for e in d.api(f"/guards/{g['id']}/timeline")["items"]]),
         "and is known to the guards that follow")


def main(world):
    routers = {n: w.Router(world, n, (n,)) for n in NAMES}
    prometheus, oncall, chat = w.Prometheus(), w.Alertmanager(), w.Alertmanager()
    for n in NAMES:
        prometheus.say(n, blue=GOOD, green=BAD)
    notifiers = ("notifiers:\n"
                 f'  oncall: {{type: alertmanager, url: "{oncall.url}", timeout: 2s, page: true}}\n'
                 f'  chat: {{type: alertmanager, url: "{chat.url}", timeout: 2s}}')
    text = w.config({n: w.service(routers[n], n, verify={"aftercare": "10m" if n == "care" else "0s"},
                                  guard={"cooldown": "0s" if n == "often" else "10m"}) for n in NAMES},
                    prometheus, limits="brake: 20, reverts_per_hour: 50", more=notifiers)
    d = w.Daemon(world, text).start()
    d.wait_read(NAMES)
    first = first_reverts(d, routers, chat)
    w.wait(lambda: all(side(d, n, "blue")["share"] == 1 for n in NAMES), 10, "a reading of every router after its revert")
    moved_back(d, routers, first, chat, "care")
    taken_over(d)
    moved_back(d, routers, first, chat, "later")
    ordered(d, routers, first)
    each_release(d, routers)
    shown(world, d)
    restarted(d, routers)


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 150)
