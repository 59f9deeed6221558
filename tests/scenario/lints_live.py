#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`check --online` against a real Prometheus: what a check asks for and does not get is named, with what
there is instead; a check that is right gets no word.

    lints_live.py HALDANE

TAP on stdout; skipped without prometheus.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import prom  # noqa: E402
import tap  # noqa: E402

HALDANE = sys.argv[1]
SELECT = 'job="shop", {{match}}'
GOOD = "(sum(rate(http_requests_total{%s, code=~'5..'}[2m])) or 0 * sum(rate(http_requests_total{%s}[2m])))" \
       " / (sum(rate(http_requests_total{%s}[2m])) > 0)" % (SELECT, SELECT, SELECT)

# name, members of the check, words that must stand in one line of lints (None: no line at all)
CASES = [
    ("a library query that is right", {"use": "http-5xx-ratio", "with": {"job": "shop"}, "max": "1%"}, None),
    ("a free query that is right", {"query": GOOD, "max": "1%"}, None),
    ("a metric that is not there", {"use": "http-5xx-ratio", "with": {"metric": "http_request_total"}, "max": "1%"},
     ["metric_absent", "http_request_total", "there are: ", "http_requests_total"]),
    ("a label that is not there", {"query": "sum(rate(http_requests_total{ {{match}}, status='500'}[2m]))", "max": 1},
     ["label_absent", "no label 'status'", "it has: ", "code", "instance"]),
    ("a value that is not there", {"use": "http-5xx-ratio", "with": {"job": "shopp"}, "max": "1%"},
     ["value_absent", 'job="shopp"', "there are: ", "shop", "wide"]),
    ("a regular expression that covers a part", {"query": "sum(rate(http_requests_total{ {{match}}, path=~'/api'}[2m]))",
                                                 "max": 1},
     ["value_absent", 'path=~"/api"', "/api/v1", "covers the whole value"]),
    ("matchers that never meet", {"query": "sum(rate(http_requests_total{ {{match}}, job='wide', code='503'}[2m]))", "max": 1},
     ["no_series", "all of them together none"]),
    ("a window of two scrapes", {"query": "sum(rate(slow_total{ {{match}} }[1m]))", "max": 1},
     ["short_window", "[1m]", "every 30s", "write [2m]"]),
    ("a window of four scrapes", {"query": "sum(rate(slow_total{ {{match}} }[2m]))", "max": 1}, None),
    ("more series than are allowed", {"use": "http-request-rate", "with": {"job": "wide"}, "min": 1},
     ["too_many_series", "60 series", "limits.series is 50"]),
    ("a colour's name that is misspelt", {"use": "http-5xx-ratio", "with": {"job": "shop"}, "max": "1%"},
     ["colour_absent", "colour gren (version=gren)", "there are: blue, green; did you mean 'green'?"],
     ["blue", "gren"]),
    ("the same in a query of one's own", {"query": GOOD, "max": "1%"},
     ["colour_absent", "colour gren (version=gren)", "did you mean 'green'?"], ["blue", "gren"]),
    ("a metric that begins wrong", {"use": "http-5xx-ratio", "with": {"metric": "htp_requests_total"}, "max": "1%"},
     ["metric_absent", "did you mean 'http_requests_total'?"]),
    ("a bound between two buckets", {"use": "http-slower-than", "bound": "300ms", "max": "1%"},
     ["bound_absent", "no bucket at 300ms", "there are: 100ms, 250ms, 1s", "the nearest is 250ms"]),
    ("a bound that is a bucket", {"use": "http-slower-than", "bound": "250ms", "max": "1%"}, None),
    ("no colour's label", {"use": "http-5xx-ratio", "with": {"metric": "plain_total"}, "max": "1%"},
     ["label_absent", "no label 'version'", "it has: ", "job"]),
    ("series of several jobs under one colour", {"use": "http-5xx-ratio", "max": "1%"},
     ["mixed_series", "series of jobs shop, wide in http_requests_total", "add `with: {job: shop}`"]),
    ("the same in a query of one's own", {"query": GOOD.replace('job="shop",', ""), "max": "1%"},
     ["mixed_series", 'write job="shop" into its braces']),
    ("several that were asked for", {"query": GOOD.replace('job="shop"', 'job=~"shop|wide"'), "max": "1%"}, None),
    ("a job for each colour", {"use": "http-5xx-ratio", "with": {"metric": "split_total"}, "max": "1%"}, None),
]


def series():
    """(metric, labels, seconds between samples, growth)"""
    for colour in ("blue", "green"):
        for code in ("200", "503"):
            yield "http_requests_total", {"job": "shop", "instance": "i", "version": colour, "code": code,
                                          "path": "/api/v1"}, 5, 5
        for i in range(30):
            yield "http_requests_total", {"job": "wide", "instance": f"i{i}", "version": colour, "code": "200",
                                          "path": "/"}, 5, 5
        for le in ("0.1", "0.25", "1", "+Inf"):
            yield "http_request_duration_seconds_bucket", {"job": "shop", "instance": "i", "version": colour, "le": le}, 5, 5
        yield "split_total", {"job": colour, "instance": "s", "version": colour, "code": "200"}, 5, 5
        yield "slow_total", {"job": "slow", "instance": "s", "version": colour}, 30, 5
    yield "plain_total", {"job": "plain", "instance": "p", "code": "200"}, 5, 5


def check(folder, url, members, colours):
    file = os.path.join(folder, "haldane.json")
    with open(file, "w") as f:
        json.dump({"version": 1, "limits": {"series": 50},
                   "datasources": {"prom": {"type": "prometheus", "url": url}},
                   "services": {"shop": {"colours": colours, "target": "trust",
                                         "actuator": {"type": "exec", "command": ["/bin/false"]},
                                         "checks": [{"name": "c", **members}]}}}, f)
    done = subprocess.run([HALDANE, "check", "--online", file], capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stdout.splitlines() if line.startswith("shop/c: ")]
    return lines, f"{done.stdout}{done.stderr}exit {done.returncode}", done.stderr


def two_services(out, folder, url):
    """Each of two services that share the label of the colours has the other's series in its own."""
    file = os.path.join(folder, "two.json")
    for told, words in ((False, ["services.wide.checks[0]: warning: asks for the same series as service shop",
                                 "add `with: {job: shop}`", "add `with: {job: wide}`",
                                 "2 of 2 checks count another service too"]), (True, [])):
        name = "each by its job" if told else "nothing tells two services apart"
        services = {s: {"colours": ["blue", "green"], "target": "trust",
                        "actuator": {"type": "exec", "command": ["/bin/false", s]},
                        "checks": [{"use": "http-5xx-ratio", "max": "1%", **({"with": {"job": s}} if told else {})}]}
                    for s in ("shop", "wide")}
        with open(file, "w") as f:
            json.dump({"version": 1, "datasources": {"prom": {"type": "prometheus", "url": url}}, "services": services}, f)
        done = subprocess.run([HALDANE, "check", "--online", file], capture_output=True, text=True, timeout=60)
        said = f"{done.stdout}{done.stderr}exit {done.returncode}"
        bad = all(w in said for w in words) and done.returncode == 2
        out.point(bad if words else "mixed" not in said and "warning" not in said, f"check: {name}", words, said)
        done = subprocess.run([HALDANE, "doctor", file, "-o", "json"], capture_output=True, text=True, timeout=60)
        grades = {f["grade"] for f in json.loads(done.stdout)["findings"] if f["what"].startswith("check ")}
        out.point(grades == {"FAIL" if words else "PASS"}, f"doctor: {name}", grades, done.stdout)


def main():
    out = tap.Tap()
    if not shutil.which("prometheus"):
        print("1..0 # SKIP prometheus is not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="hd") as folder, prom.Loaded(folder, series()) as server:
        for name, members, words, *colours in CASES:
            lines, said, err = check(folder, server.url, members, *(colours or [["blue", "green"]]))
            good = not lines if words is None else any(all(w in line for w in words) for line in lines)
            out.point(good, name, f"want {words}", said)
        two_services(out, folder, server.url)
    return out.done()


sys.exit(main())
