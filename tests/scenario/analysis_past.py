#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An analysis of the past by the daemon and `haldane analyze` over the same time of the same real Prometheus:
one engine, one evidence, the same figures; and a time that a check without history refuses.

    analysis_past.py HALDANE
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.server import BaseHTTPRequestHandler

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import prom  # noqa: E402
import world as w  # noqa: E402

STEP, POINTS = 5, 140


def series():
    """v1 is good, v2 has 5 % of errors, v3 has them in its second half."""
    for version in ("v1", "v2", "v3"):
        bad = [5 if version == "v2" or version == "v3" and i > POINTS // 2 else 0 for i in range(POINTS)]
        for code, each in (("200", [100 - b for b in bad]), ("503", bad)):
            yield "http_requests_total", {"job": "web", "instance": version, "version": version, "code": code}, \
                STEP, [sum(each[:i + 1]) for i in range(POINTS)]


# What it is, candidate, stable, from and to in seconds before the last sample, what comes out
CASES = [
    ("a bad release beside a good one", "v2", "v1", 300, 60, "fail"),
    ("a good release beside a bad one", "v1", "v2", 300, 60, "pass"),
    ("one that turned bad half way", "v3", "v1", POINTS * STEP // 2 + 100, 30, "fail"),
    ("times between two polls", "v1", "v2", 303, 61, "pass"),
    ("no data at all", "v1", "v2", 7200, 7000, "inconclusive"),
]


def slow_clock(url):
    """The same Prometheus, whose answer to "what time is it" is long on its way: it seems to be behind. The samples
    lie at the very instants of the polls."""
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            form = self.rfile.read(int(self.headers["Content-Length"]))
            ask = urllib.request.Request(url + self.path, form, {"Content-Type": self.headers["Content-Type"]})
            with urllib.request.urlopen(ask, timeout=10) as answer:
                body = answer.read()
            if b"time%28%29" in form or b"time()" in form:
                time.sleep(0.1)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return w.serve(Proxy)


def iso(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def analyze(d, *args):
    done = subprocess.run([sys.argv[1], "analyze", "shop", *args, "-c", d.file, "-o", "json"],
                          capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.stdout else {"stderr": done.stderr}


def figures(of):
    """Of either's JSON."""
    check = of["checks"][0]
    polls = check.get("polls", check)
    return {"verdict": of["verdict"], "cause": of["cause"], "score": of["score"],
            "band": "fail" if check["tripped"] else check["band"],
            "value": check["value"], "stable": check["stable"], "judged": polls["judged"], "broken": polls["broken"]}


def caps(d, end):
    """I8: so many of them at once, so many looks of each."""
    long = lambda looks: d.order("/analysis", service="shop", candidate="v1", stable="v2",
                                 **{"from": iso(end - 5 * looks), "to": iso(end)})
    week = lambda **more: d.order("/analysis", service="shop", candidate="v1", stable="v2", **more)
    for name, more in (("an interval of more than an hour", {"interval": "61m", "duration": "4h"}),
                       ("more than seven days", {"interval": "1h", "from": iso(end - 8 * 86400), "to": iso(end)})):
        status, a = week(**more)
        w.equal((status, a.get("code")), (422, "bad_times"), f"I8 {name} is refused: no configuration says that", str(a))
    status, a = long(20001)
    w.equal(status, 422, "I8 20001 looks are refused", str(a))
    live = [long(20000) for _ in range(4)]
    w.equal([status for status, _ in live], [201] * 4, "I8 20000 are taken, and four of these at once", str(live))
    status, a = long(20000)
    w.equal((status, a["code"]), (429, "too_many_analyses"), "I8 the fifth is refused", str(a))
    for _, a in live:
        d.order(f"/guards/{a['id']}/cancel", reason="enough")
    status, a = long(100)
    w.equal(status, 201, "their places are free again", str(a))


def main(world):
    folder = tempfile.TemporaryDirectory(prefix="hd")
    end = int(time.time()) // STEP * STEP
    with folder as path, prom.Loaded(path, series(), end) as server:
        proxy = slow_clock(server.url)
        server.url = f"http://127.0.0.1:{proxy.server_port}"
        service = w.plain_service("{type: exec, command: [/bin/false]}", colours="[v1, v2, v3]", target="trust",
                                  checks="[{use: http-5xx-ratio, with: {job: web}, max: 1%}]",
                                  guard={"interval": "5s", "duration": "3m", "min_samples": "200", "blind_for": "1m"})
        blind = {**service, "checks": "[{use: http-5xx-ratio, with: {job: web}, max: 1%}, "
                 "{name: up, http: {url: 'http://127.0.0.1:1/{{colour}}'}}]"}
        d = w.Daemon(world, w.config({"shop": service, "blind": blind}, server)).start()
        for name, candidate, stable, first, last, verdict in CASES:
            times = {"from": iso(end - first), "to": iso(end - last)}
            status, a = d.order("/analysis", service="shop", candidate=candidate, stable=stable, **times)
            g = w.wait(lambda: (lambda g: not g["live"] and g)(d.api(f"/guards/{a['id']}")), 30, name)
            want = analyze(d, "--candidate", candidate, "--stable", stable, "--from", times["from"], "--to", times["to"])
            w.equal(g["verdict"], verdict, name, str(g["why"]))
            w.equal(figures(g), figures(want) if "checks" in want else want, f"{name}: as haldane analyze says")
        status, a = d.order("/analysis", service="blind", candidate="v2", stable="v1",
                            **{"from": iso(end - 300), "to": iso(end - 60)})
        w.equal((status, a["code"]), (422, "no_past"), "a check that asks how it is now cannot say how it was", str(a))
        w.ok("up" in a["detail"], "the check is named", str(a))
        caps(d, end)


if __name__ == "__main__":
    w.need("prometheus", "promtool")
    w.run(main, 120)
