#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""POSTs that change nothing, against the commands of the same name: is this a configuration, does the
stored evidence give the stored verdict, would it work here? And what a refused reload says.

    tries.py HALDANE
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD = """version: 1
storage: {path: /nowhere/x.db}
services:
  shop:
    colours: [blue]
    chekcs: []
    guard: {duration: soon}
"""


class Client:
    def __init__(self, daemon):
        with open(f"{daemon.db}.token") as f:
            self.token = f.read().strip()
        self.daemon = daemon

    def post(self, path, body, kind="application/json", token=True, seconds=60):
        headers = {"Content-Type": kind}
        if token:
            headers["Authorization"] = f"Bearer {self.token}"
        status, text = self.daemon.request("POST", f"/api/v1{path}", body, headers, seconds)
        return status, json.loads(text)


def command(world, *words):
    done = subprocess.run([world.binary, *words], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def places(world, text):
    """(line, column, detail) as `haldane check` finds them."""
    with open(world.path("bad.yaml"), "w") as f:
        f.write(text)
    said = command(world, "check", world.path("bad.yaml"))[2]
    found = []
    for line in said.splitlines():
        part = line.split(":", 3)
        if len(part) == 4 and part[1].isdigit() and "warning" not in part[3]:
            found.append((int(part[1]), int(part[2]), part[3].split(": ", 1)[1]))
    return found


def check(world, d, c, text):
    status, answer = c.post("/config/check", text, "application/yaml")
    w.equal((status, answer.get("services"), answer.get("errors")), (200, 1, []), "the configuration in force is one",
            str(answer))
    status, answer = c.post("/config/check", BAD, "text/yaml; charset=utf-8")
    w.equal((status, answer["code"]), (422, "bad_config"), "another text is none")
    got = [(e["line"], e["column"], e["detail"]) for e in answer["errors"]]
    want = places(world, BAD)
    w.ok(len(want) >= 3 and got == want, "the mistakes are those that haldane check finds, at their places",
         f"{got}\n{want}")
    pointers = {e["pointer"] for e in answer["errors"]}
    w.ok({"/services/shop", "/services/shop/guard/duration"} <= pointers, "each with a JSON pointer", str(pointers))
    w.equal(c.post("/config/check", "a: [", "application/yaml")[0], 422, "what is no YAML is none either")
    w.equal(c.post("/config/check", text, "application/json")[0], 415, "a body of another type is not looked at")
    w.equal(c.post("/config/check", text, "application/yaml", token=False)[0], 401, "a stranger's is not either")
    deep = "a: " + "[" * 20000
    w.equal(c.post("/config/check", deep, "application/yaml")[0], 422, "nesting does no harm")
    w.equal(d.api("/config")["refused"], None, "the daemon never tried to load any of it")


def reload(d, c, text):
    d.write(BAD)
    status, answer = c.post("/config/reload", "{}")
    w.equal((status, answer["code"]), (422, "bad_config"), "a reload of a bad file is refused")
    w.ok(any(e["line"] == 7 and e["file"] == d.file for e in answer["errors"]), "with each mistake at its place", str(answer))
    w.wait(lambda: d.api("/config")["refused"], 5, "the refusal to be remembered")
    d.write(text)
    w.equal(c.post("/config/reload", "{}")[0], 200, "the mended file is taken")


def replay(world, d, c, router):
    router.switch("green")
    ended = d.wait_state("passed", 30)
    status, answer = c.post("/replay", json.dumps({"guard": ended["id"]}))
    _, said, _ = command(world, "replay", ended["id"], "-o", "json", "-c", d.file)
    w.equal((status, answer), (200, json.loads(said)), "a replay by HTTP says what haldane replay says")
    w.ok(answer["equal"] and answer["evidence"] > 0, "the same verdict", str(answer))
    w.equal(c.post("/replay", '{"guard": "01M7YDDH0803DA7BMFTBR01FAY"}')[0], 404, "no such guard")
    w.equal(c.post("/replay", "{}")[0], 422, "none named")
    w.equal(c.post("/replay", '{"guard": "x", "odd": 1}')[0], 422, "a field too many")


def doctor(world, d, c):
    status, answer = c.post("/doctor", "{}")
    _, said, _ = command(world, "doctor", d.file, "-o", "json")
    rows = lambda a: [(f["grade"], f["what"]) for f in a["findings"]]
    w.equal((status, rows(answer)), (200, rows(json.loads(said))), "the doctor over HTTP finds what it finds here")
    w.equal((answer["PASS"] > 3, answer["FAIL"]), (True, 1), "with the secret of the daemon's environment; one fails",
            str(answer))
    admin = c.token
    for role in ("viewer", "operator"):
        c.token = c.post("/tokens", json.dumps({"name": role, "role": role, "services": ["*"]}))[1]["token"]
        w.equal(c.post("/doctor", "{}")[0], 403, f"it is about the whole daemon: not for {role}s")
        c.token = admin


def main(world):
    router, prometheus = w.Exec(world, "router", "set"), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    sources = {"prom": prometheus, "gone": '{type: prometheus, url: "http://127.0.0.1:1", timeout: 1s}',
               "secret": f'{{type: prometheus, url: "{prometheus.url}", auth: {{type: bearer, token: "${{env:PROM_TOKEN}}"}}}}'}
    service = router.service(checks="[{use: http-5xx-ratio, with: {job: shop}, max: 5%}]", datasource="prom",
                             guard={"duration": "4s"})
    os.environ["PROM_TOKEN"] = "s3cret"
    d = w.Daemon(world, w.config({"shop": service}, sources))
    with open(d.file) as f:
        text = f.read()
    d.start()
    d.wait_read()
    c = Client(d)
    check(world, d, c, text)
    reload(d, c, text)
    replay(world, d, c, router)
    doctor(world, d, c)


if __name__ == "__main__":
    w.run(main, 110)
