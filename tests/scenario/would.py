#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Would haldane act right now, and if not, why not: while a guard runs, the pages, the API, status, watch, the
drill and the doctor say the very sentence that the decision gives when the release fails a moment later.

    would.py HALDANE
"""
import html
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
# service -> (members, the sentence's beginning, the guard that it is about, how that ends)
CASES = {
    "held": ({}, "automatic reverts are held until ", 1, "advised"),
    "cool": ({}, "this service was reverted a short while ago: cool-down until ", 2, "advised"),
    "rejected": ({}, "green was rejected by a guard or a human before: moved away by someone else", 2, "refused"),
    "advise": ({"mode": "advise"}, "mode advise: haldane says what it would do", 1, "advised"),
}


class Watch:
    """`haldane watch` without a terminal, line by line."""

    def __init__(self, world, d):
        self.lines = []
        self.child = subprocess.Popen([world.binary, "watch", "-c", d.file], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            self.lines.append(line)

    def says(self, *words):
        return w.wait(lambda: any(all(x in line for x in words) for line in list(self.lines)), 8, str(words))

    def end(self):
        self.child.terminate()
        self.child.wait(10)


def cli(world, d, *argv):
    done = subprocess.run([world.binary, *argv, "-c", d.file], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def page(d, path):
    return html.unescape(d.get(path)[1])


def sentence_of(d, n, nth):
    """By the API, for now."""
    w.wait(lambda: len(d.guards(n)) >= nth, 10, f"guard {nth} of {n}")
    return d.guards(n)[0]


def on_every_face(world, d, watch, n, sentence, guard):
    _, status = cli(world, d, "status", n)
    faces = {
        "the guard's page": page(d, f"/g/{guard['id']}"),
        "the service's page": page(d, f"/s/{n}"),
        "the dry run": page(d, "/settings"),
        "the fleet": page(d, "/"),
        "the service in the API": d.api(f"/services/{n}")["would_not_because"],
        "the fleet in the API": str([g["would_not_because"] for g in d.api("/fleet")["live"]]),
        "status": status,
        "doctor": cli(world, d, "doctor")[1],
    }
    code, drilled = cli(world, d, "drill", n)
    faces["drill"] = drilled
    w.equal(code, 1, f"{n}: a drill fails by it", drilled)
    for face, text in faces.items():
        w.ok(sentence in text, f"{n}: {face} says it", f"{sentence}\n{text[-3000:]}")
    w.ok("will NOT take this back" in faces["the guard's page"] and "haldane is watching" not in faces["the guard's page"],
         f"{n}: nobody is told to look away")
    w.ok(watch.says(n, "will NOT take this back: " + sentence), f"{n}: watch says it", watch.lines)


def as_it_was_decided(d, prometheus, n, sentence, nth, state, colour="green"):
    prometheus.say(n, **{colour: BAD})
    g = d.wait_state("advised refused reverted aftercare", 15, n, nth=nth)
    texts = [e["text"] for e in d.api(f"/guards/{g['id']}/timeline")["items"] if e["state"] == state]
    w.equal(g["state"], state, f"{n}: it ends so", g)
    w.ok(any(sentence in t for t in texts), f"{n}: the decision gives the same sentence", f"{sentence}\n{texts}")
    w.equal((g["would_act"], g["would_not_because"]), (None, None), f"{n}: after it there is nothing to ask")
    w.ok("You are needed now" in page(d, f"/s/{n}"), f"{n}: the service's page says who is needed")
    w.ok(f"{colour} has traffic and was rejected by" in page(d, f"/s/{n}"), f"{n}: and what has traffic all the same")
    return g


def held(world, d, router):
    router.set(w.GREEN, "held")
    d.wait_state("warming watching", 10, "held")
    w.equal((d.guard("held")["would_act"], d.guard("held")["would_not_because"]), (True, None), "nothing stands against it")
    w.ok("haldane is watching" in page(d, f"/g/{d.guard('held')['id']}"), "and its page says so")
    for again in (True, False):
        code, said = cli(world, d, "hold", "held", "--for", "10m", "--reason", "freeze")
        w.ok(code == 0 and "automatic reverts of held are held until " in said, "a hold names what and until when", said)
        g = d.guard("held")
        w.equal(g["would_act"], False, "a hold set while a guard runs shows at once", g)
        w.ok("left" in page(d, f"/g/{g['id']}") and g["would_not_until"] > "2020", "and for how long", g["would_not_until"])
        if not again:
            break
        cli(world, d, "release", "held")
        w.equal(d.guard("held")["would_act"], True, "released, it shows at once too")
    answer = d.order("/services/held/hold", reason="freeze", **{"for": "1m"})
    w.ok(answer[1]["service"] == "held" and answer[1]["until"] > "2020", "the API's answer does, too", answer)


def cool(d, router, prometheus):
    prometheus.say("cool", green=BAD)
    router.set(w.GREEN, "cool")
    d.wait_state("reverted", 20, "cool")
    prometheus.say("cool", green=GOOD)
    s = d.api("/services/cool")
    w.ok(s["would_act"] is False and s["would_not_because"].startswith(CASES["cool"][1]),
         "between two releases the service's answer is about the next one", s["would_not_because"])
    w.ok("if the next release fails, haldane will NOT take it back" in page(d, "/s/cool"), "and so is its page's")
    router.set(w.GREEN, "cool")


def rejected(d, router):
    router.set(w.GREEN, "rejected")
    d.wait_state("warming watching", 10, "rejected")
    router.set(w.BLUE, "rejected")
    d.wait_state("superseded", 10, "rejected")
    w.equal(d.order("/guards", service="rejected", to="blue", **{"from": "green"})[0], 201, "CI asks for a guard")


def main(world):
    router, prometheus = w.Router(world, "router", tuple(CASES)), w.Prometheus()
    for n in CASES:
        prometheus.say(n, blue=GOOD, green=GOOD)
    d = w.Daemon(world, w.config({n: w.service(router, n, guard={"cooldown": "10m", "duration": "120s"},
                                               verify={"aftercare": "0s"}, **more)
                                  for n, (more, *_) in CASES.items()},
                                 prometheus, limits="brake: 20, reverts_per_hour: 50")).start()
    d.wait_read(tuple(CASES))
    watch = Watch(world, d)
    held(world, d, router)
    cool(d, router, prometheus)
    rejected(d, router)
    router.set(w.GREEN, "advise")
    for n, (_, words, nth, state) in CASES.items():
        d.wait_state("warming watching", 10, n, nth=nth)
        g = d.guards(n)[0]
        sentence = g["would_not_because"]
        if w.ok(sentence and sentence.startswith(words), f"{n}: the API says why", json.dumps(g)[:600]):
            on_every_face(world, d, watch, n, sentence, g)
            as_it_was_decided(d, prometheus, n, sentence, nth, state, "blue" if n == "rejected" else "green")
    old = d.guards("cool")[1]
    w.ok("You are needed, by a newer release" in page(d, f"/g/{old['id']}"),
         "the page of the last rollback leads to the release that needs somebody")
    watch.end()


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 140)
