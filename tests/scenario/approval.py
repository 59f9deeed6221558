#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A revert that waits for a named human: approved at a terminal, rejected, answered too late or by nobody,
by somebody who was not asked, through a pipe, over a kill, and when the traffic moves meanwhile.

    approval.py HALDANE
"""
import hashlib
import json
import os
import pty
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GREEN = {"green": 100, "blue": 0}  # in this order: never without any traffic
BLUE = {"blue": 100, "green": 0}
TOKENS = {"alice": "hld_alice_0123456789", "bob": "hld_bob_0123456789"}


def post(d, id_, who, decision="approve", reason="because"):
    status, text = d.request("POST", f"/api/v1/approvals/{id_}",
                             json.dumps({"decision": decision, "reason": reason}),
                             {"Authorization": f"Bearer {TOKENS[who]}", "Content-Type": "application/json"})
    return status, json.loads(text)


def asked(d, router, nth, within=20):
    """A bad release is seen, and the human asked -> the guard's id."""
    router.set(GREEN)
    d.wait_state("watching", 15, nth=nth)
    a = w.wait(lambda: d.api("/approvals")["items"], within, "the question")[0]
    return a["id"]


def command(d, *words):
    return [d.world.binary, "approve", *words, "--url", f"http://127.0.0.1:{d.port}"]


def at_a_terminal(d, typed, *words):
    """What a human sees who types this -> (exit status, text)."""
    env = {**os.environ, "HALDANE_TOKEN": TOKENS["alice"]}
    child, fd = pty.fork()
    if not child:
        os.execvpe(d.world.binary, command(d, *words), env)
    seen, sent = b"", False
    while True:
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
        if b"Type the name" in seen and not sent:
            os.write(fd, typed.encode() + b"\n")
            sent = True
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode(errors="replace")


def through_a_pipe(d, *words):
    done = subprocess.run(["setsid", *command(d, *words)], input="yes\nshop\n", text=True, capture_output=True,
                          env={**os.environ, "HALDANE_TOKEN": TOKENS["alice"]}, timeout=20)
    return done.returncode, done.stderr


def approved(d, router):
    id_ = asked(d, router, 1)
    g = d.guard()
    w.equal((g["id"], g["needs_human"], g["verdict"]), (id_, True, "fail"), "the guard asks a human", str(g))
    w.ok("waits for an approval" in g["headline"], "and says so", g["headline"])
    time.sleep(2)
    w.equal((router.weights(), d.intents()), ({"blue": 0, "green": 100}, []), "nothing is moved without one")
    w.equal(d.request("GET", f"/api/v1/approvals/{id_}")[0], 200, "a GET tells of it")
    w.equal(d.request("GET", f"/api/v1/approvals/{id_}?decision=approve")[0], 400, "and decides nothing")
    w.equal(post(d, id_, "bob")[0], 403, "who was not asked may not decide")
    status, text = d.order(f"/approvals/{id_}", decision="approve", reason="x")
    w.equal(status, 403, "nor may the token of the machine, which names nobody", str(text))
    w.equal(post(d, id_, "alice", "yes")[0], 422, "yes is no decision")
    status, text = through_a_pipe(d, "shop", "--reason", "x")
    w.ok(status == 2 and "needs a terminal" in text, "`echo yes |` decides nothing", f"{status} {text}")
    status, text = at_a_terminal(d, "yes", "shop", "--reason", "x")
    w.ok(status == 2 and "not confirmed" in text, "nor does `yes` at a terminal", f"{status} {text}")
    d.kill()
    d.start()
    w.equal(d.api(f"/approvals/{id_}")["outcome"], "open", "it still waits after a kill")
    status, text = at_a_terminal(d, "shop", "shop", "--reason", "I saw it")
    w.equal(status, 0, "the name of the service at a terminal does", text)
    done = d.wait_state("reverted", 30)
    w.equal((done["id"], router.weights()), (id_, w.BLUE), "and the traffic goes back")
    a = d.api(f"/approvals/{id_}")
    w.equal((a["outcome"], a["actor"], a["reason"]), ("approved", "alice", "I saw it"), "with who and why")
    told = d.api(f"/guards/{id_}/timeline")["items"]
    w.ok(any(f"haldane approve {id_} --reason TEXT, by one of: alice" in e["text"] for e in told),
         "who is asked can type what is said", str([e["text"] for e in told]))
    said = next((e for e in told if "alice approved" in e["text"]), {"headline": "nothing"})
    w.equal(said["headline"], "green is failing: the roll-back to blue is approved", "what is approved waits no more")
    w.ok("http-5xx-ratio" in done["why"], "for the reason that the checks gave", done["why"])
    w.equal(post(d, id_, "alice")[0], 409, "once")
    w.equal(d.api("/approvals")["items"], [], "nothing is open any more")
    d.order("/services/shop/rearm", reason="next")


def rejected(d, router):
    id_ = asked(d, router, 2)
    status, text = post(d, id_, "alice", "reject", "known, harmless")
    w.equal(status, 200, "alice rejects the next one", str(text))
    g = d.guard()
    w.equal((g["id"], g["state"], g["verdict"], g["needs_human"]), (id_, "cancelled", "fail", False),
            "the guard ends, its verdict stands", str(g))
    w.equal(router.weights(), {"blue": 0, "green": 100}, "and nothing is moved")
    router.set(BLUE)
    d.wait_state("watching", 10, nth=3)
    d.order(f"/guards/{d.guard()['id']}/cancel", reason="test")


def moved(d, router):
    id_ = asked(d, router, 4)
    router.set(BLUE)
    g = d.wait_state("superseded", 10, nth=4)
    w.equal((g["id"], d.api(f"/approvals/{id_}")["outcome"]), (id_, "withdrawn"),
            "who moves the traffic back answers the question too")
    w.equal(post(d, id_, "alice")[0], 409, "which cannot be answered then")
    d.order("/services/shop/rearm", reason="next")


def ordered(d, router):
    id_ = asked(d, router, 5)
    status, text = d.order("/services/shop/revert", reason="no time to ask")
    w.equal(status, 202, "who orders the revert needs no approval", str(text))
    w.equal(post(d, id_, "alice")[0], 409, "and nobody else is asked any more")
    w.equal(post(d, id_, "alice", "reject")[0], 409, "nor may anybody reject what is on its way")
    g = d.wait_state("aftercare reverted", 20, nth=5)
    w.equal((g["id"], d.api(f"/approvals/{id_}")["outcome"]), (id_, "withdrawn"), "the question is withdrawn")
    w.ok("waits" not in g["headline"], "the headline says what is done", g["headline"])
    g = d.wait_state("reverted", 30, nth=5)
    w.equal((g["verdict"], len(d.intents())), ("fail", 2), "the revert ends well, and was one", str(g))
    d.order("/services/shop/rearm", reason="next")


def late(d, router):
    id_ = asked(d, router, 6)
    g = d.wait_state("advised", 20, nth=6)
    w.equal((g["id"], g["needs_human"]), (id_, True), "nobody answers: it is only advised, and a human needed")
    w.equal(router.weights(), {"blue": 0, "green": 100}, "nothing is moved")
    w.equal(post(d, id_, "alice")[0], 410, "too late is too late")
    router.set(BLUE)
    d.wait_state("watching", 10, nth=7)
    d.order(f"/guards/{d.guard()['id']}/cancel", reason="test")
    d.order("/services/shop/rearm", reason="next")


def between_polls(d, router):
    id_ = asked(d, router, 8, within=40)  # the third poll, wherever in its twelve seconds the first one falls
    time.sleep(6.5)
    w.equal(d.guard()["state"], "watching", "the question has expired, the next poll is still to come")
    w.equal(post(d, id_, "alice")[0], 410, "too late is too late then, too")
    g = d.wait_state("advised", 20, nth=8)
    w.equal((g["id"], router.weights()), (id_, {"blue": 0, "green": 100}), "nothing is moved")


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 25))
    tokens = "auth:\n  tokens:\n"
    for name, token in TOKENS.items():
        with open(world.path(name), "w") as f:
            f.write(hashlib.sha256(token.encode()).hexdigest())
        tokens += f"    {name}: {{role: operator, hash: '${{file:{world.path(name)}}}'}}\n"
    config = lambda within, interval: w.config({"shop": w.service(
        router, approval=f"{{by: [alice], within: {within}}}", guard={"duration": "60s", "interval": interval})},
        prometheus, more=tokens)
    d = w.Daemon(world, config("2m", "1s")).start()
    d.wait_read()
    approved(d, router)
    rejected(d, router)
    moved(d, router)
    ordered(d, router)
    d.write(config("6s", "1s"))
    w.equal(d.order("/config/reload")[0], 200, "from now on a question stands for six seconds")
    late(d, router)
    d.write(config("5s", "12s"))
    w.equal(d.order("/config/reload")[0], 200, "and now for five, with twelve between polls")
    between_polls(d, router)


if __name__ == "__main__":
    w.need("haproxy", "setsid")
    w.run(main, 120)
