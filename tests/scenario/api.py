#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API as other programs use it: repeated orders, changes of a guard, what a stale client is
told.

    api.py HALDANE
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402


START = time.time()


class Client:
    def __init__(self, daemon):
        with open(f"{daemon.db}.token") as f:
            self.token = f.read().strip()
        self.daemon = daemon

    def send(self, method, path, body=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        status, text = self.daemon.request(method, f"/api/v1{path}", body and json.dumps(body), headers, 15)
        return status, json.loads(text) if text else None


def repeated(d, c):
    body = {"reason": "test", "for": "1h"}
    first = c.send("POST", "/services/shop/hold", body, Idempotency_Key="a")
    w.equal(first[0], 201, "an order with a key is carried out", str(first))
    w.equal(c.send("POST", "/services/shop/hold", body, Idempotency_Key="a"), first, "its repetition is answered")
    w.equal(len(d.rows("SELECT * FROM hold")), 1, "and not carried out")
    w.equal(c.send("POST", "/services/shop/hold", {**body, "reason": "other"}, Idempotency_Key="a")[0], 422,
            "another order with the same key is refused")
    w.equal(c.send("POST", "/services/cart/hold", body, Idempotency_Key="a")[0], 422, "also for another service")
    w.equal(c.send("POST", "/services/shop/rearm", {"reason": "x"}, Idempotency_Key="b")[0], 404, "a refusal")
    w.equal(c.send("POST", "/services/shop/rearm", {"reason": "x"}, Idempotency_Key="b")[0], 404, "is kept too")
    w.wait(lambda: len(d.rows("SELECT * FROM answered")) == 2, 5, "both answers to be stored")
    d.kill()
    d.start()
    w.equal(c.send("POST", "/services/shop/hold", body, Idempotency_Key="a"), first, "and all that over a kill -9")
    w.equal(len(d.rows("SELECT * FROM hold")), 1, "nothing is done twice")
    body = {"name": "robot", "role": "viewer"}
    w.equal(c.send("POST", "/tokens", body, Idempotency_Key="t")[0], 201, "a token is made")
    status, answer = c.send("POST", "/tokens", body, Idempotency_Key="t")
    w.equal((status, answer["code"]), (409, "shown_once"), "and shown once only: secrets are stored nowhere")


def named_well(c):
    for name in ("team/ci", ".", "..", "ci\x01", " ci"):
        status, answer = c.send("POST", "/tokens", {"name": name, "role": "viewer"})[:2]
        w.equal((status, answer.get("code")), (422, "bad_token"), f"a token that no address could name: {name!r}", str(answer))
    w.equal(c.send("POST", "/tokens", {"name": "ann b@c.d", "role": "viewer"})[0], 201, "one with a blank inside")
    w.equal(c.send("DELETE", "/tokens/ann%20b%40c.d")[0], 200, "can be revoked")


def run_again(c):
    def ask(**more):
        return c.send("POST", "/analysis", {"service": "cart", "candidate": "green", "run": "again", **more})[:2]
    end = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + s))
    w.equal(ask(to=end(600))[0], 201, "an analysis up to a time")
    w.equal(ask(to=end(600))[0], 200, "asked for again: the same")
    w.equal(ask()[0], 200, "or by its name alone")
    for more in ({"to": end(900)}, {"from": end(-60)}):
        status, answer = ask(**more)
        w.equal((status, answer["code"]), (409, "other_time"), f"of another time it is not: {more}", str(answer))


def change(d, c, router):
    router.switch("green")
    g = d.wait_state("watching", 15)
    path = f"/guards/{g['id']}"
    w.equal(c.send("PATCH", path, {"note": "x"})[0], 428, "a change needs the ETag")
    status, answer = c.send("PATCH", path, {"note": "x"}, If_Match='"v0"')
    w.equal((status, answer["code"]), (412, "changed"), "and the newest one")
    w.equal(c.send("PATCH", path, {"mode": "enforce"}, If_Match="*")[0], 422, "no mode above the configured one")
    w.equal(c.send("PATCH", path, {"extend": "25h", "mode": "shadow"}, If_Match="*")[0], 422,
            "no guard lasts more than a day")

    def extended():
        seen = d.api(path)
        return c.send("PATCH", path, {"extend": "60s", "note": "slow day"}, If_Match=seen["etag"])[0] == 200 and seen
    before = w.wait(extended, 10, "a change with the newest ETag")
    after = d.api(path)
    w.ok(after["until"] > before["until"], "it watches longer", f"{before['until']} {after['until']}")
    w.equal(after["mode"], "advise", "and of the change that was refused no part was made")
    status, answer = c.send("POST", f"{path}/mark", {"verdict": "missed"})[:2]
    w.equal((status, answer["code"]), (409, "wrong_state"), "no verdict, no mark")
    w.equal(c.send("PATCH", path, {"mode": "shadow"}, If_Match="*")[0], 200, "a mode can be lowered")
    w.equal(d.api(path)["mode"], "shadow", "and is")
    said = [e["text"] for e in d.api(f"{path}/timeline")["items"]]
    w.ok(any("Note: slow day. local" in t for t in said) and any("Extended by 60" in t for t in said),
         "the journal says who and what", str(said))
    w.wait(lambda: d.rows("SELECT 1 FROM evidence e JOIN guard g ON e.guard = g.seq WHERE service = 'shop' AND t_ms > 6000"),
           20, "polls of the time that was added")
    open(d.world.path("bad.green"), "w").close()
    ended = d.wait_state("advised", 20)
    w.equal(ended["verdict"], "fail", "what comes in that time counts")
    w.equal(c.send("PATCH", path, {"extend": "2s"}, If_Match="*")[0], 409, "what has ended is not extended")
    for word in ("odd", "missed", "", "RIGHT"):
        status, answer = c.send("POST", f"{path}/mark", {"verdict": word})[:2]
        w.equal((status, d.api(path)["mark"]), (422, None), f"a verdict fail is not marked '{word}'", str(answer))
    w.equal(c.send("POST", f"{path}/mark", {"verdict": "false_alarm", "reason": "the test"})[0], 200,
            "a verdict is marked as a false alarm")
    mark = d.api(path)["mark"]
    w.equal((mark["verdict"], mark["reason"], mark["actor"]), ("false_alarm", "the test", "local"), "and says so")
    w.equal(c.send("POST", f"{path}/acknowledge", {"reason": "bob looks"})[0], 200, "a human has seen it")
    w.equal(d.api(f"{path}/timeline")["items"][-1]["text"], "Acknowledged. local: bob looks", "and said why")
    w.equal(c.send("POST", f"{path}/cancel", {"reason": "x"}, Idempotency_Key="c")[0], 404, "nothing left to cancel")
    done = subprocess.run([d.world.binary, "replay", ended["id"], "-c", d.file], capture_output=True, text=True,
                          timeout=20, check=False)
    w.equal(done.returncode, 0, "also in a replay", done.stdout + done.stderr)


def named(d, c):
    """A guard by its id in small letters, or by the beginning of it; one that could be two is named."""
    ids = [g["id"] for g in d.api("/guards?analysis=all")["items"]]
    a, b = ids[0], ids[1]
    same = len(os.path.commonprefix([a, b]))
    short, both = a[:same + 1], a[:same]
    for name, word in (("small letters", a.lower()), ("the beginning", short), ("the beginning in small letters", short.lower())):
        w.equal(d.api(f"/guards/{word}")["id"], a, f"{name}: the API")
        status, page = d.get(f"/g/{word}")
        w.ok(status == 200 and a in page, f"{name}: the page", f"{status} {page[:300]}")
        status, text = c.send("POST", f"/guards/{word}/mark", {"verdict": "right"}, Idempotency_Key=word)[:2]
        w.equal(status, 200, f"{name}: an order", str(text))
        for words in (["show", word], ["replay", word], ["export", word, "--json"]):
            done = subprocess.run([d.world.binary, *words, "-c", d.file], capture_output=True, text=True, timeout=20, check=False)
            w.ok(done.returncode == 0 and a in done.stdout, f"{name}: {words[0]}", done.stdout[:500] + done.stderr)
    status, text = d.get(f"/api/v1/guards/{both}")
    w.ok(status == 404 and "ambiguous_id" in text and a in text and b in text, "one that could be two: both are named", text)
    done = subprocess.run([d.world.binary, "revert", both, "--reason", "x", "-c", d.file], capture_output=True, text=True,
                          timeout=20, check=False)
    w.ok(done.returncode == 2 and a in done.stderr and b in done.stderr, "and nothing is ordered", done.stderr)
    w.equal(d.get("/api/v1/guards/0")[0], 404, "a letter is no beginning")


def main(world):
    router = w.Exec(world, "router", "set")
    w.program(world, "smoke", w.SMOKE)
    smoke = f"[{{name: smoke, exec: {{command: [{world.path('smoke')}, {world.path('bad')}]}}, min: 1}}]"
    text = w.config({name: router.service(checks=smoke, mode="advise", guard={"duration": "5s"})
                     for name in ("shop", "cart")})
    d = w.Daemon(world, text).start()
    d.wait_read()
    c = Client(d)
    repeated(d, c)
    named_well(c)
    run_again(c)
    change(d, c, router)
    named(d, c)


if __name__ == "__main__":
    w.run(main, 90)
