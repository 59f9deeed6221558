#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flagger asks: the webhooks of our published Canary, called as Flagger calls them (POST, no headers but
the credentials of the address, success is a status up to 202), against the real daemon; and the gates of
its load tester, over a kill.

    compat_flagger.py HALDANE CANARY
"""
import base64
import json
import os
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import argo  # noqa: E402
import world as w  # noqa: E402


class Flagger:
    """One canary of the file, and what it asks."""

    def __init__(self, d, canary, token):
        self.d, self.token = d, token
        self.body = {"name": canary["metadata"]["name"], "namespace": canary["metadata"]["namespace"]}
        self.hooks = {h["name"]: h for h in canary["spec"]["analysis"]["webhooks"]}

    def post(self, path, token=None, **body):
        """-> (status, text) of the load tester's way: a body without a type, the token in the path."""
        path = f"/t/{token or self.token}{path}"
        return self.d.request("POST", path, json.dumps({**self.body, **body}),
                              {"Content-Type": "application/x-www-form-urlencoded"})

    def call(self, name, checksum="abc", phase="Progressing", **more):
        """-> (does Flagger take it for a yes, text)"""
        url = urllib.parse.urlsplit(self.hooks[name]["url"].replace("TOKEN", self.token))
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        path = url.path + ("?" + url.query if url.query else "")
        status, text = self.d.request("POST", path, json.dumps(
            {**self.body, "phase": phase, "checksum": checksum, **more}),
            {"Content-Type": "application/json", "Authorization": f"Basic {login}"})
        if status not in (200, 403) or text.count("\n") > 1:
            w.ok(False, f"{name} answers 200 or 403 with one line", f"{status} {text}")
        return status <= 202, text.strip()


def gates(d, f):
    w.equal(f.call("may-begin", phase="Initialized")[0], False, "a gate that nobody opened is closed")
    w.equal(f.post("/gate/check"), (403, "Forbidden: gate podinfo.test is closed\n"), "the load tester's too")
    w.equal(f.post("/gate/open", reason="go"), (202, ""), "a human opens it")
    w.equal(f.post("/gate/check"), (200, "Approved\n"), "it is open")
    w.equal(f.call("may-begin", phase="Initialized")[0], True, "and lets the rollout begin")
    w.equal(f.post("/rollback/check")[0], 403, "the rollback gate is another one")
    d.kill()
    d.start()
    w.equal(f.post("/gate/check")[0], 200, "it is open after a kill")
    w.equal(f.post("/gate/close", reason="no"), (202, ""), "and closed again")
    w.equal(f.post("/gate/check"), (403, "Forbidden: gate podinfo.test was closed by local: no\n"),
            "who closed it, and why, is in the text")
    w.equal(f.post("/gate/open", run="abc", **{"for": "5s"})[0], 202, "opened for one run and five seconds")
    w.equal(f.call("may-begin", checksum="other")[0], False, "not for another run")
    w.equal(f.call("may-begin", checksum="abc")[0], True, "for this one")
    w.wait(lambda: not f.call("may-begin", checksum="abc")[0], 10, "the gate closes by itself", 0.3)
    w.ok(True, "it closes by itself")
    f.post("/gate/open")
    f.post("/rollback/open")
    f.call("told", phase="Succeeded", metadata={"eventMessage": "New revision detected", "eventType": "Normal"})
    w.equal(f.post("/gate/check")[0], 200, "an event closes no gate")
    f.call("ended", phase="Failed")
    w.equal((f.post("/gate/check")[0], f.post("/rollback/check")[0]), (403, 403),
            "the end of a run closes what was opened for it")
    w.equal((f.post("/gate/approve")[0], f.post("/gate/halt")[0]), (200, 403), "approve and halt")
    rows = d.rows("SELECT headline, text FROM event WHERE service = 'podinfo'")
    w.ok(any("opened by local" in r["headline"] for r in rows), "who did it stands in the journal", str(rows))
    w.ok(any(r["text"] == "New revision detected" for r in rows), "and what Flagger told", str(rows))


def refusals(d, f):
    w.equal(f.post("/gate/check", token="hld_wrong")[0], 401, "a token that is not known is no yes")
    for path in ("/gate/check", "/gate/open", "/rollback/check", "/compat/flagger/gate",
                 "/compat/flagger/check", "/compat/flagger/rollback", "/compat/flagger/event"):
        status, text = d.request("POST", f"/t/{f.token}{path}", "{", {})
        w.equal(status, 400, f"{path}: bad JSON is 400", text)
        status, text = d.request("POST", f"/t/{f.token}{path}", '{"name":"podinfo"}', {})
        w.equal(status, 400, f"{path}: no namespace is 400", text)
    f.body["name"] = "nobody"
    for path in ("/compat/flagger/check", "/compat/flagger/rollback"):
        w.equal(f.post(path)[0], 404, f"{path}: a service nobody knows is 404")
    f.body["name"] = "podinfo"
    w.equal(f.post("/compat/flagger/check")[0], 403, "no guard of the service: no")
    w.equal(f.post("/compat/flagger/rollback")[0], 403, "and no rollback")


def verdicts(d, f, prometheus):
    prometheus.say("podinfo", green=(50, 0))
    w.equal(f.call("failed", "good")[0], False, "before anything runs, nothing is rolled back")
    w.equal(f.call("not-failed", "good")[0], True, "the first tick starts the analysis and goes on")
    w.equal(f.call("passed", "good")[0], False, "promotion waits")
    w.equal(f.call("failed", "good")[0], False, "running: no rollback")
    w.wait(lambda: f.call("passed", "good")[0], 30, "the verdict of a good run", 0.3)
    w.ok(True, "a good run is promoted")
    w.equal(f.call("failed", "good")[0], False, "and never rolled back")
    w.equal(len(d.api("/guards?analysis=true")["items"]), 1, "by one analysis")
    for stable, code in (("primary", 200), ("canary", 403)):
        status, text = f.post(f"/compat/flagger/check?candidate=canary&stable={stable}", checksum="good")
        w.equal((status, "use another run name" in text), (code, code == 403),
                f"asked again for canary against {stable}, of one run", text)

    prometheus.say("podinfo", green=(50, 25))
    f.call("not-failed", "bad")
    yes, text = w.wait(lambda: (lambda a: a[0] and a)(f.call("failed", "bad")), 30, "the bad run fails", 0.3)
    w.ok("http-5xx-ratio" in text, "a bad run is rolled back, with the reason", text)
    w.equal((f.call("not-failed", "bad")[0], f.call("passed", "bad")[0]), (False, False), "and never goes on")
    w.equal(f.call("failed", "good")[0], False, "the run before is not touched by it")

    prometheus.say("podinfo", blue=(50, 25), green=(50, 25))
    f.call("not-failed", "shared")
    w.wait(lambda: f.call("not-failed", "shared") and d.api("/guards?analysis=true&state=live")["items"] == [],
           30, "the verdict of an outage of both", 0.3)
    w.equal((f.call("failed", "shared")[0], f.call("passed", "shared")[0]), (False, False),
            "an outage of both sides neither rolls back nor promotes")
    w.equal(f.call("not-failed", "shared")[0], True, "and lets the hook that asks for failures go on")
    w.equal(f.post("/rollback/open", reason="I have seen it")[0], 202, "a human orders the rollback")
    w.equal(f.call("failed", "shared")[0], True, "which is done")


def main(world):
    with open(sys.argv[2]) as f:
        canary = argo.parse(f.read())
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("podinfo", blue=(50, 0), green=(50, 0))
    members = w.service(router, guard={"duration": "5s"}, detect="{every: 1s}",
                        colours="{primary: {servers: [blue1, blue2], label: blue}, "
                                "canary: {servers: [green1, green2], label: green}}",
                        checks="[{use: http-5xx-ratio, with: {job: podinfo}, max: 5%}]")
    d = w.Daemon(world, w.config({"podinfo": members}, prometheus)).start()
    d.wait_read(("podinfo",))
    with open(f"{d.db}.token") as t:
        f = Flagger(d, canary, t.read().strip())
    gates(d, f)
    refusals(d, f)
    verdicts(d, f, prometheus)


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 120)
