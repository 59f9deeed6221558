#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API against its own description: the document is sound, each operation reaches its 2xx, each
answer has the shape that is promised, and whatever is sent, nothing answers 500.

    openapi.py HALDANE
"""
import json
import os
import random
import sys
import time
import urllib.parse
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

try:
    import jsonschema
    from hypothesis import HealthCheck, given, seed, settings, strategies as st
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.access("/usr/bin/python3", os.X_OK):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])  # Debian's packages are Debian's python's
    w.skip_all("python3-hypothesis and python3-jsonschema are needed")

EXAMPLES = 600  # calls of each kind of nonsense; about 1 ms each
METHODS = ("get", "post", "put", "patch", "delete")


class Api:
    def __init__(self, daemon):
        self.daemon = daemon
        with open(f"{daemon.db}.token") as f:
            self.token = f.read().strip()
        self.doc = json.loads(daemon.get("/api/openapi.json")[1])
        self.reached, self.faults = set(), []
        # Clients must bear with new fields; this test must not: what is answered is described.
        for part in self.doc["components"]["schemas"].values():
            if "properties" in part:
                part["additionalProperties"] = False
        self.operations = {op["operationId"]: (method, path, op) for path, item in self.doc["paths"].items()
                           for method, op in item.items()}

    def schema(self, part):
        return {**part, "components": self.doc["components"]}

    def judge(self, name, status, kind, text):
        """A line when the answer is not what the document promises; None: it is."""
        if status >= 500 and status not in (501, 503):
            return f"{name}: {status} {text[:200]}"
        answers = self.operations[name][2]["responses"]
        said = answers.get(str(status), answers.get("default"))
        if status == 304 or said is None:
            return None if status in (304, 400, 401, 404, 405, 431) else f"{name}: {status} is not described"
        want = next(iter(said["content"]))
        if not kind.startswith(want):
            return f"{name}: {status} has the type {kind}, not {want}"
        if want.endswith("json"):
            try:
                jsonschema.validate(json.loads(text), self.schema(said["content"][want]["schema"]))
            except (jsonschema.ValidationError, ValueError) as e:
                return f"{name}: {status} {str(e)[:300]} in {text[:200]}"
        return None

    def call(self, op, query=None, body=None, headers=None, **path):
        import http.client
        method, pattern, _ = self.operations[op]
        target = pattern
        for key, value in path.items():
            target = target.replace("{" + key + "}", urllib.parse.quote(str(value), safe=""))
        if query:
            target += "?" + urllib.parse.urlencode(query)
        send = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex, **(headers or {})}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body)
            send.setdefault("Content-Type", "application/json")
        c = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=15)
        try:
            c.request(method.upper(), target, data, send)
            r = c.getresponse()
            kind = r.headers.get("Content-Type") or ""
            text = "" if kind.startswith("text/event-stream") else r.read().decode()
        finally:
            c.close()
        if r.status == 400 and not kind and "%00" in target: # libmicrohttpd 1.0.10 refuses it before haldane does
            return r.status, text
        fault = self.judge(op, r.status, kind, text)
        if fault:
            self.faults.append(fault)
        if 200 <= r.status < 300:
            self.reached.add(op)
        return r.status, json.loads(text) if "json" in kind and text else text


def lint(doc):
    """What an OpenAPI linter would find, as lines."""
    found, ids = [], []
    used = set()

    def refs(part):
        if isinstance(part, dict):
            for key, value in part.items():
                if key == "$ref":
                    used.add(value)
                refs(value)
        elif isinstance(part, list):
            for value in part:
                refs(value)

    refs(doc["paths"])
    refs(doc["components"])
    schemas = {f"#/components/schemas/{n}" for n in doc["components"]["schemas"]}
    found += [f"{r} does not exist" for r in used - schemas]
    for path, item in doc["paths"].items():
        for method, op in item.items():
            name = f"{method} {path}"
            ids.append(op["operationId"])
            params = [(p["in"], p["name"]) for p in op["parameters"]]
            in_path = {n for place, n in params if place == "path"}
            found += [f"{name}: {n} is no part of the path" for n in in_path if "{" + n + "}" not in path]
            found += [f"{name}: the path's part is not described" for _ in [0] if path.count("{") != len(in_path)]
            found += [f"{name}: two parameters of one name" for _ in [0] if len(set(params)) != len(params)]
            found += [f"{name}: unknown method" for _ in [0] if method not in METHODS]
            found += [f"{name}: no success" for _ in [0] if not any(s.startswith("2") for s in op["responses"])]
            found += [f"{name}: no summary" for _ in [0] if not op["summary"]]
    found += [f"{i} twice" for i in set(ids) if ids.count(i) > 1]
    for name, schema in doc["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            found.append(f"{name}: {e.message}")
        found += [f"{name}: {r} is required and not there" for r in schema.get("required", [])
                  if r not in schema["properties"]]
    return found


def every_operation(api, d, router, bank):
    """Each operation in an order in which it can work."""
    ask = api.call
    for name in ("alive", "ready", "metrics", "openapi", "listServices", "listHolds", "listTokens", "getConfig",
                 "followEvents", "reloadConfig"):
        ask(name)
    with open(d.file, "rb") as f:
        ask("checkConfig", body=f.read(), headers={"Content-Type": "application/yaml"})
    ask("checkConfig", body=b"version: 2", headers={"Content-Type": "application/yaml"})
    ask("askDoctor", body={})
    ask("getService", service="shop")
    ask("makeToken", body={"name": "ci", "role": "viewer", "services": ["s*"], "for": "1h"})
    ask("revokeToken", name="ci")
    hold = {"reason": "test", "for": "1h"}
    ask("holdService", body=hold, service="shop")
    ask("releaseService", body={}, service="shop")
    ask("holdFleet", body=hold)
    ask("releaseFleet")
    ask("holdFleet", body=hold)
    ask("deleteHold", id=ask("listHolds")[1]["items"][0]["id"])
    ask("drillService", body={}, service="shop")
    w.wait(lambda: ask("getService", service="shop")[1]["drill"], 10, "the drill's finding")
    ask("startAnalysis", body={"service": "cart", "candidate": "green", "stable": "blue"})
    router.switch("green")
    g = d.wait_state("watching", 15)["id"]
    ask("startGuard", body={"service": "shop", "to": "green", "change": {"version": "v2", "actor": "me"},
                            "duration": "2m", "mode": "advise", "rollback_safe": False, "group": "train"})
    ask("getGroup", id="train")
    ask("waitForGroup", query={"timeout": "0s"}, id="train")
    ask("listGuards", query={"state": "all", "limit": 5})
    ask("getFleet", query={"service": "shop"})
    ask("waitForGuard", query={"timeout": "0s"}, id=g)
    ask("changeGuard", body={"note": "x", "extend": "1s"}, headers={"If-Match": "*"}, id=g)
    ask("holdGuard", body=hold, id=g)
    ask("releaseGuard", body={}, id=g)
    w.wait(lambda: ask("listEvidence", id=g)[1]["items"], 15, "evidence")
    for name in ("getGuard", "listGuardEvents", "listVerdicts", "drawChart"):
        ask(name, id=g)
    ask("revertGuard", body={"reason": "test"}, id=g)
    d.wait_state("reverted", 20)
    ask("getGuard", id=g)
    ask("exportGuard", id=g)
    ask("getReceipt", id=g)
    ask("replayGuard", body={"guard": g})
    ask("markGuard", body={"verdict": "false_alarm"}, id=g)
    ask("acknowledgeGuard", body={}, id=g)
    ask("rearmGuard", body={"reason": "test"}, id=g)
    router.switch("green")
    second = w.wait(lambda: d.guard()["id"] != g and d.guard()["state"] == "watching" and d.guard()["id"], 15,
                    "a second guard")
    ask("revertService", body={"reason": "test"}, service="shop")
    d.wait_state("reverted", 20)
    ask("rearmService", body={"reason": "test"}, service="shop")
    w.wait(lambda: ask("getLimits", service="shop")[1]["backtest"], 30, "what other limits would have done")
    ask("drawLimits", service="shop")
    router.switch("green")
    third = w.wait(lambda: d.guard()["id"] != second and d.guard()["live"] and d.guard()["id"], 15, "a third guard")
    ask("cancelGuard", body={"reason": "test"}, id=third)
    approvals(api, d, bank)
    return g


def approvals(api, d, bank):
    """An alert fails a release whose revert waits for whoever holds this token."""
    bank.switch("green")
    g = d.wait_state("watching", 15, service="bank")["id"]
    alert = {"status": "firing", "labels": {"alertname": "Bad"}, "fingerprint": "f",
             "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))}
    d.request("POST", "/compat/alertmanager?service=bank&do=fail", json.dumps({"alerts": [alert]}),
              {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"})
    api.call("listApprovals")
    api.call("getApproval", id=g)
    api.call("decideApproval", body={"decision": "reject", "reason": "test"}, id=g)


def anything():
    return st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                        lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(), s, max_size=3), max_leaves=6)


def of_schema(schema):
    """Values that mostly fit, and sometimes do not."""
    kind = schema.get("type")
    if schema.get("pattern"):
        good = st.sampled_from(["1s", "5m", "1h30m"])
    elif kind == "string":
        good = st.sampled_from(["shop", "green", "test", "viewer", "x" * 600, "\u202e\x00"]) | st.text(max_size=40)
    elif kind == "array":
        good = st.lists(st.text(max_size=8), max_size=3)
    else:
        good = st.dictionaries(st.sampled_from(["version", "url", "actor", "odd"]), st.text(max_size=20))
    return st.one_of(good, good, good, anything())


def bodies(op):
    if "requestBody" not in op:
        return st.none()
    if "application/yaml" in op["requestBody"]["content"]:
        return st.sampled_from([b"version: 1", b"a: [", b"- &a [*a]"]) | st.binary(max_size=60)
    schema = op["requestBody"]["content"]["application/json"]["schema"]
    known = st.fixed_dictionaries({k: of_schema(schema["properties"][k]) for k in schema["required"]},
                                  optional={k: of_schema(v) for k, v in schema["properties"].items()
                                            if k not in schema["required"]})
    return st.one_of(known, known, known, anything(), st.binary(max_size=60))


def nonsense(api, guard):
    """Calls of every operation with what nobody would send; the daemon's own revert and reload are
    among them, and must be as unimpressed."""
    words = st.sampled_from([guard, "shop", "cart", "ci", "1", "0", "x", "%", "a/b", "..", "\u00e9", "*"]) \
        | st.text(min_size=1, max_size=20).filter(lambda t: t not in (".", ".."))
    values = st.sampled_from(["live", "all", "true", "5", "0", "-1", "201", "1s", "99d", guard, "2026-01-01T00:00:00Z"]) \
        | st.text(max_size=20)
    chosen = random.Random(int(os.environ.get("HALDANE_SEED", "1"))).randrange(1 << 30)
    w.note(f"seed {chosen}")

    @seed(chosen)
    @settings(max_examples=EXAMPLES, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def one(data):
        name = data.draw(st.sampled_from(sorted(set(api.operations) - {"askDoctor"})))  # takes its time
        _, _, op = api.operations[name]
        query, path, headers = {}, {}, {}
        for p in op["parameters"]:
            if p["in"] == "path":
                path[p["name"]] = data.draw(words)
            elif p["in"] == "query" and data.draw(st.booleans()):
                query[p["name"]] = data.draw(values)
            elif p["name"] == "If-Match" and data.draw(st.booleans()):
                headers["If-Match"] = data.draw(st.sampled_from(["*", '"v1"', "x", '"' * 80]))
        if name in ("waitForGuard", "waitForGroup"):
            query.setdefault("timeout", "0s")
        if data.draw(st.integers(0, 19)) == 0:
            headers["Authorization"] = data.draw(st.sampled_from(["Bearer x", "Basic eDp5", "Bearer", "x"]))
        api.call(name, query, data.draw(bodies(op)), headers, **path)
        if api.faults:
            raise AssertionError(api.faults.pop())
    try:
        one()
    except AssertionError as e:
        api.faults.append(str(e))


def main(world):
    router = w.Exec(world, "router", "set")
    other, bank = w.Exec(world, "other", "set"), w.Exec(world, "bank", "set")
    smoke = "[{name: smoke, exec: {command: [/bin/echo, '{\"ok\": true}']}}]"
    text = w.config({"shop": router.service(checks=smoke, mode="advise"),
                     "cart": other.service(checks=smoke, mode="advise"),
                     "bank": bank.service(checks=smoke, approval="{by: [local]}")})
    d = w.Daemon(world, text).start()
    d.wait_read(("shop", "cart", "bank"))
    api = Api(d)
    found = lint(api.doc)
    w.ok(api.doc["openapi"] == "3.1.0" and not found, "the document is sound", "\n".join(found))
    guard = every_operation(api, d, router, bank)
    missed = sorted(set(api.operations) - api.reached)
    w.ok(not missed, f"each of {len(api.operations)} operations reaches its 2xx", str(missed))
    w.ok(not api.faults, "each answer has the promised shape", "\n".join(api.faults[:10]))
    api.faults.clear()
    nonsense(api, guard)
    w.ok(not api.faults, f"{EXAMPLES} calls of nonsense are answered as promised, and never by a 500",
         "\n".join(api.faults[:5]))
    w.equal(d.get("/healthz")[0], 200, "the daemon is as it was")


if __name__ == "__main__":
    w.run(main, 110)
