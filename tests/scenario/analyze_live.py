#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`haldane analyze` against a real Prometheus: a canary config in Kayenta's JSON over two versions and over
two windows of time, where each figure must be the one that comes out when the values are fetched here, paired
by hand and given to `analyze --pairs`; then a service's own checks over colours and times.

    analyze_live.py HALDANE

TAP on stdout; skipped without prometheus.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import prom  # noqa: E402
import tap  # noqa: E402

HALDANE = sys.argv[1]
STEP, POINTS = 5, 140
EXIT = {"Pass": 0, "Marginal": 3, "Fail": 5}


def noise(i, seed):
    return ((i * 7919 + seed * 104729) % 1009) / 1009


def gauge(level, seed):
    return [level * (1 + 0.2 * (noise(i, seed) - 0.5)) for i in range(POINTS)]


def series():
    """Seconds a request takes, by version and zone; v2 is slow in zone b. v1 got slower half way."""
    for version in ("v1", "v2"):
        for zone in ("a", "b"):
            slow = 2 if (version, zone) == ("v2", "b") else 1
            yield "latency", {"job": "shop", "version": version, "zone": zone}, STEP, gauge(slow, len(zone) + slow)
        yield "errors", {"job": "shop", "version": version}, STEP, gauge(3, 5 if version == "v1" else 11)
    late = [v * (1 if i < POINTS // 2 else 3) for i, v in enumerate(gauge(1, 17))]
    yield "queue", {"job": "shop", "version": "v1"}, STEP, late
    for version in ("v1", "v2", "v3"):
        bad = [5 if version == "v2" or version == "v3" and i > POINTS // 2 else 0 for i in range(POINTS)]
        for code, each in (("200", [100 - b for b in bad]), ("503", bad)):
            yield "http_requests_total", {"job": "web", "instance": version, "version": version, "code": code}, \
                STEP, [sum(each[:i + 1]) for i in range(POINTS)]
    yield "busy", {"job": "shop", "version": "v2"}, STEP, gauge(1, 23)


def metric(name, query, groups=("g",), **options):
    return {"name": name, "groups": list(groups), "scopeName": "default",
            "query": {"type": "prometheus", **query}, "analysisConfigurations": {"canary": options}}


def own(text):
    return {"customInlineTemplate": "PromQL:" + text}


ERRORS = metric("errors", own('sum(errors{version="${scope}"})'))
# What it is, the metrics, the queries of each side by metric, the grade, labels by series
CASES = [
    ("two versions alike", [ERRORS],
     {"errors": ('sum(errors{version="v1"})', 'sum(errors{version="v2"})')}, "Pass", ["Pass"]),
    ("a series for each zone", [metric("latency", own('sum by (zone) (latency{version="${scope}"})'))],
     {"latency": ('sum by (zone) (latency{version="v1"})', 'sum by (zone) (latency{version="v2"})')},
     "Marginal", ["Pass", "High"]),
    ("filters from a template, groups and bindings",
     [metric("latency", {"metricName": "latency", "customFilterTemplate": "one", "labelBindings": ['zone="b"'],
                         "groupByFields": ["zone"]}, direction="increase")],
     {"latency": ('avg(latency{job="shop",version="v1",zone="b"}) by (zone)',
                  'avg(latency{job="shop",version="v2",zone="b"}) by (zone)')}, "Fail", ["High"]),
    ("one side has no data", [metric("busy", own('busy{version="${scope}"}'), mustHaveData=True), ERRORS, ],
     {"busy": (None, 'busy{version="v2"}'),
      "errors": ('sum(errors{version="v1"})', 'sum(errors{version="v2"})')}, "Marginal",
     ["NodataFailMetric", "Pass"]),
    ("an infinity", [metric("ratio", own('sum(errors{version="${scope}"}) / (sum(busy) * 0)')), ERRORS],
     None, "Marginal", ["Error", "Pass"]),
]
REFUSED = [
    ("a query for another kind of source", [{**ERRORS, "query": {"type": "datadog", "metricName": "x"}}],
     "only prometheus"),
    ("an undefined variable", [metric("m", own("x{v='${version}'}"))], "${version}"),
    ("no such template", [metric("m", {"metricName": "x", "customFilterTemplate": "two"})], "no template 'two'"),
    ("neither template nor resource type", [metric("m", {"metricName": "x"})], "resourceType"),
    ("a query that is none", [metric("m", own("sum("))], "metric 'm'"),
    ("another scope", [{**ERRORS, "scopeName": "other"}], "no scope 'other'"),
    ("labels that differ", [metric("m", own('{__name__=~"latency|errors",version="${scope}"}'))],
     "different labels"),
]


class World:
    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.end = int(time.time()) // STEP * STEP
        self.start = self.end - (POINTS - 2) * STEP
        self.write("haldane.json", {"version": 1, "datasources": {"prom": {"type": "prometheus", "url": url}},
                                    "services": {"shop": {
                                        "colours": ["v1", "v2", "v3"], "target": "trust",
                                        "actuator": {"type": "exec", "command": ["/bin/false"]},
                                        "guard": {"interval": "5s", "duration": "3m", "warmup": "0s"},
                                        "checks": [{"use": "http-5xx-ratio", "with": {"job": "web"},
                                                    "max": "1%"}]},
                                        "versions": {
                                        "colours": ["blue", "green"], "target": "trust",
                                        "actuator": {"type": "exec", "command": ["/bin/false"]},
                                        "guard": {"interval": "5s", "duration": "3m", "warmup": "0s"},
                                        "checks": [{"use": "http-5xx-ratio", "with": {"job": "web"},
                                                    "max": "1%"}]},
                                        "proof": {
                                        "colours": ["v1", "v2", "v3"], "target": "trust",
                                        "actuator": {"type": "exec", "command": ["/bin/false"]},
                                        "guard": {"interval": "5s", "duration": "3m", "warmup": "0s",
                                                  "rule": "sequential"},
                                        "checks": [{"use": "http-5xx-ratio", "with": {"job": "web"}}]}}})

    def write(self, name, what):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            json.dump(what, f)
        return path

    def values(self, query, start, end):
        """{labels: values} of a range, as Kayenta fetches it; NaN up to the window's points."""
        if query is None:
            return {}
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?" + urllib.parse.urlencode(
                {"query": query, "start": start, "end": end, "step": STEP}), timeout=10) as r:
            result = json.load(r)["data"]["result"]
        found = {}
        for s in result:
            tags = tuple(sorted((k, v) for k, v in s["metric"].items() if k != "__name__"))
            found[tags] = [float(v) for _, v in s["values"]]
        return found

    def pairs(self, queries, windows):
        pairs = []
        for name, both in queries.items():
            control, experiment = (self.values(q, *w) for q, w in zip(both, windows))
            points = (windows[0][1] - windows[0][0]) // STEP
            for tags in sorted(set(control) | set(experiment)):
                pairs.append({"name": name, "values": {
                    side: [v for v in found.get(tags, [])] + ["NaN"] * (points - len(found.get(tags, [])))
                    for side, found in (("control", control), ("experiment", experiment))}})
        return pairs

    def analyze(self, metrics, *args):
        config = self.write("canary.json", {"name": "shop", "metrics": metrics, "templates": {
            "one": 'job="shop",version="${scope}"'}, "classifier": {"groupWeights": {}}})
        done = subprocess.run([HALDANE, "analyze", "--kayenta-config", config, *args, "--thresholds", "75,50",
                               "-c", os.path.join(self.folder, "haldane.json"), "-o", "json"],
                              capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr

    def request(self, windows, scopes=("v1", "v2")):
        sides = [{"scope": s, "location": "here", "step": STEP, "extendedScopeParams": {},
                  "start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(w[0])),
                  "end": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(w[1]))}
                 for s, w in zip(scopes, windows)]
        return self.write("request.json", {"scopes": {"default": {
            "controlScope": sides[0], "experimentScope": sides[1]}}})

    def ask(self, metrics, windows, scopes=("v1", "v2"), *more):
        return self.analyze(metrics, "--request", self.request(windows, scopes), "--datasource", "prom", *more)


def figures(judged):
    return [(r["name"], r["classification"], r["experimentMetadata"], r["controlMetadata"], r.get("test"))
            for r in judged.get("judgeResult", {}).get("results", [])]


def check_case(out, world, name, metrics, queries, grade, labels):
    whole = (world.start, world.end)
    status, got, said = world.ask(metrics, (whole, whole))
    result = got.get("judgeResult", {})
    found = [r["classification"] for r in result.get("results", [])]
    out.point(found == labels and result["score"]["classification"] == grade and status == EXIT[grade], name,
              f"exit {status}: {json.dumps(got)[:3000]}", said)
    if queries and result:
        path = world.write("pairs.json", world.pairs(queries, (whole, whole)))
        _, again, said = world.analyze(metrics, "--pairs", path)
        out.point(figures(again) and figures(again) == figures(got), f"{name}: the figures are those fetched by hand",
                  json.dumps(again)[:2000], json.dumps(got)[:2000], said)


def check_windows(out, world):
    """One version before and after."""
    half = world.start + (world.end - world.start) // 2 // STEP * STEP
    windows = ((world.start, half - 2 * STEP), (half + 2 * STEP, world.end))
    query = 'queue{version="v1"}'
    metrics = [metric("queue", own('queue{version="${scope}"}'), direction="increase")]
    status, got, said = world.ask(metrics, windows, ("v1", "v1"))
    labels = [r["classification"] for r in got.get("judgeResult", {}).get("results", [])]
    out.point(labels == ["High"] and status == 5, "two windows of one version", json.dumps(got)[:2000], said)
    path = world.write("pairs.json", world.pairs({"queue": (query, query)}, windows))
    _, again, said = world.analyze(metrics, "--pairs", path)
    out.point(figures(again) and figures(again) == figures(got), "two windows: the figures are those fetched by hand", said)


# What it is, the sides, from, to and stable-from as seconds before the last sample, exit, verdict, cause
HALF = POINTS * STEP // 2
SERVICE = [
    ("a bad release beside a good one", "v2", "v1", 300, 60, None, 5, "fail", "release"),
    ("a good release beside a bad one", "v1", "v2", 300, 60, None, 0, "pass", None),
    ("a colour against itself when it was well", "v3", None, HALF - 60, 60, HALF + 300, 5, "fail", "release"),
    ("a colour when it was well against itself now", "v3", "v3", HALF + 300, HALF + 60, HALF - 60, 0, "pass", None),
    ("as bad now as then", "v3", "v3", 150, 10, HALF - 30, 3, "inconclusive", "shared"),
    ("no data at all", "v1", "v2", 7200, 7000, None, 3, "inconclusive", None),
]
VERSIONS_REFUSED = [
    ("of one side it is not said", ["--candidate-label", "v2"], "--stable-label VALUE or --stable COLOUR"),
    ("a version and a colour", ["--candidate-label", "v2", "--candidate", "green", "--stable", "blue"], "one of them"),
    ("a version against itself at one time", ["--candidate-label", "v2", "--stable-label", "v2"], "--stable-from"),
    ("no such colour", ["--candidate-label", "v2", "--stable", "red"], "no colour 'red'"),
]
SERVICE_REFUSED = [
    ("no candidate", [], "--candidate"),
    ("no stable among three", ["--candidate", "v1"], "--stable"),
    ("a colour against itself at one time", ["--candidate", "v1", "--stable", "v1"], "--stable-from"),
    ("no such colour", ["--candidate", "v1", "--stable", "v9"], "no colour 'v9'"),
    ("no such rule", ["--candidate", "v1", "--stable", "v2", "--rule", "sequential"], "--rule is kayenta"),
    ("no time", ["--candidate", "v1", "--stable", "v2", "--from", "yesterday"], "--from"),
    ("an end before the beginning", ["--candidate", "v1", "--stable", "v2", "--from", "2h", "--to", "3h"],
     "--from is not before --to"),
    ("more polls than are judged", ["--candidate", "v1", "--stable", "v2", "--from", "100d"], "polls"),
]


def service(world, *args, name="shop"):
    done = subprocess.run([HALDANE, "analyze", name, *args, "-c", os.path.join(world.folder, "haldane.json"),
                           "-o", "json"], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def check_service(out, world):
    def at(back):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(world.end - back))
    for name, candidate, stable, start, end, then, status, verdict, cause in SERVICE:
        args = ["--candidate", candidate, "--from", at(start), "--to", at(end)]
        args += ["--stable", stable] if stable else []
        args += ["--stable-from", at(then)] if then else []
        code, got, said = service(world, *args)
        good = code == status and got.get("verdict") == verdict and cause in (None, got.get("cause"))
        out.point(good, f"service: {name}", f"exit {code}: {json.dumps(got)[:2000]}", said)
        if verdict == "fail" and got:
            check = got["checks"][0]
            out.point(abs(check["value"] - 0.05) < 0.005 and check["stable"] == 0 and check["limit"] == 0.01 and
                      check["n"] % 100 == 0 and 0 < check["n"] <= 20 * (start - end), f"service: {name}: its numbers", check)
        if stable or then:
            args = [f"{a}-label" if a in ("--candidate", "--stable") else a for a in args]
            as_version = service(world, *args, name="versions")
            out.point(as_version[:2] == (code, {**got, "service": "versions"}), f"service: {name}: as versions that are no colours",
                      json.dumps(as_version)[:2000], json.dumps(got)[:2000])
    for name, candidate, stable, label, status in (("worse", "v2", "v1", "High", 5), ("alike", "v3", "v1", "Pass", 0),
                                                   ("better is not worse", "v1", "v2", "Pass", 0)):
        code, got, said = service(world, "--candidate", candidate, "--stable", stable, "--from", at(HALF + 320),
                                  "--to", at(HALF + 20), "--rule", "kayenta")
        labels = [r["classification"] for r in got.get("judgeResult", {}).get("results", [])]
        out.point(code == status and labels == [label], f"service by Kayenta's test: {name}",
                  f"exit {code}: {json.dumps(got)[:2000]}", said)
    for name, candidate, stable, then, verdict, status in (
            ("worse", "v2", "v1", None, "fail", 5), ("alike", "v1", "v3", None, "pass", 0),
            ("worse than it was", "v3", "v3", HALF + 300, "fail", 5)):
        code, got, said = service(world, "--candidate", candidate, "--stable", stable, "--from",
                                  at(HALF + 300 if not then else HALF - 30), "--to",
                                  at(HALF + 60 if not then else 60),
                                  *(["--stable-from", at(then)] if then else []), name="proof")
        out.point(code == status and got.get("verdict") == verdict, f"service by the sequential rule: {name}",
                  f"exit {code}: {json.dumps(got)[:2000]}", said)
    code, got, said = service(world, "--candidate-label", "v2", "--stable", "v1", "--from", at(300), "--to", at(60))
    out.point(code == 5 and (got["candidate"], got["stable"]) == ("v2", "v1"), "service: a version against a colour", said)
    for name, args, words in VERSIONS_REFUSED:
        code, _, said = service(world, *args, name="versions")
        out.point(code == 2 and words in said, f"versions refused: {name}", f"exit {code}: {said}")
    for name, args, words in SERVICE_REFUSED:
        code, _, said = service(world, *args)
        out.point(code == 2 and words in said, f"service refused: {name}", f"exit {code}: {said}")


def check_every(out, world):
    whole = (world.start, world.start + 600)
    alike = [metric("errors", own('sum(errors{version="${scope}"})'))]
    status, got, said = world.ask(alike, (whole, whole), ("v1", "v2"), "--every", "3m")
    scores = [w["score"] for w in got.get("windows", [])]
    out.point(status == 0 and scores == [100, 100, 100], "three growing windows", json.dumps(got)[:1500], said)
    slow = [metric("latency", own('latency{version="${scope}",zone="b"}'))]
    status, got, said = world.ask(slow, (whole, whole), ("v1", "v2"), "--every", "3m")
    out.point(status == 5 and len(got["windows"]) == 1, "the first bad window ends it", json.dumps(got)[:1500], said)
    for every, words in (("1h", "from 1 to 200 windows"), ("never", "a duration")):
        status, _, said = world.ask(alike, (whole, whole), ("v1", "v2"), "--every", every)
        out.point(status == 2 and words in said, f"refused: --every {every}", said)


def main():
    out = tap.Tap()
    if not shutil.which("prometheus"):
        print("1..0 # SKIP prometheus is not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="hd") as folder, prom.Loaded(folder, series()) as server:
        world = World(folder, server.url)
        for case in CASES:
            check_case(out, world, *case)
        check_windows(out, world)
        whole = (world.start, world.end)
        status, got, said = world.ask(CASES[-1][1], (whole, whole), ("v1", "v2"), "--compat", "upstream")
        out.point(status == 0 and got["judgeResult"]["score"]["score"] == 100, "an infinity passes upstream", said,
                  json.dumps(got)[:1000])
        check_every(out, world)
        check_service(out, world)
        for name, metrics, words in REFUSED:
            status, _, said = world.ask(metrics, (whole, whole))
            out.point(status == 2 and words in said, f"refused: {name}", f"exit {status}: {said}")
    return out.done()


sys.exit(main())
