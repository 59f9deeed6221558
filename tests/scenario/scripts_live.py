#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seven roll-back scripts as they are handed around, and haldane, on the same real data: a real Prometheus
for each, scraping pods that a real HAProxy's weights put into traffic. The table in README.md says what
comes out; this is the proof.

    scripts_live.py HALDANE README

The deciding lines of the scripts are kept: the PromQL, how its answer is read, the comparison, the trap.
What would hide their mistake is mended first: curl takes {} and [] in a URL for patterns of its own (the
query is handed over as data), promtool prints more than a number (the number is read out), and the waits
are short. `kubectl` only writes down that it was called.
"""
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

RATE = 100  # requests per second

HEAD = r"""
sleep() { command sleep 0.3; }
ask() { curl -sG "$PROM/api/v1/query" --data-urlencode "query=$1"; }
kubectl() {
    echo "$*" >>"$CALLS"
    case "$*" in
    *promtool*) # in the pod of Prometheus
        promtool query instant "$PROM" "${@: -1}" | sed 's/.*=> \([^ ]*\) @.*/\1/' ;;
    *wget*) curl -s "$POD" ;;                    # in the pod of the release
    *"patch service"*) return ${PATCH_STATUS:-0} ;;
    esac
}
"""
# Polls, asks promtool for a rate of errors in percent, compares with bc.
PERCENT = HEAD + r"""
set -euo pipefail
for i in {1..5}; do
    ERROR_RATE=$(kubectl exec deployment/prometheus -- promtool query instant "$QUERY")
    if (( $(echo "$ERROR_RATE > 5" | bc -l) )); then
        kubectl patch service application-service
        exit 0
    fi
    sleep 10
done
"""
# Polls, reads a success ratio with jq, compares with bc.
RATIO = HEAD + r"""
for i in {1..5}; do
    SUCCESS_RATE=$(ask "sum(rate(http_requests_total{status=~\"2.*\"}[5m]))/sum(rate(http_requests_total[5m]))" |
                   jq -r '.data.result[0].value[1]')
    if (( $(echo "$SUCCESS_RATE < 0.95" | bc -l) )); then
        kubectl rollout undo deployment/myapp
        exit 1
    fi
    sleep 60
done
"""
# Reads a counter of one pod, once.
COUNTER = HEAD + r"""
set -euo pipefail
sleep 300
ERRORS=$(kubectl exec deployment/green -- wget -qO- localhost:8080/metrics |
         grep 'http_requests_total{.*status="5.."' | awk '{sum+=$2} END {print sum+0}')
if [[ "${ERRORS:-0}" -gt 10 ]]; then
    kubectl patch service shop -p blue
    exit 1
fi
"""
# A trap that should roll back when a command fails.
TRAP = HEAD + r"""
set -euo pipefail
rollback() { PATCH_STATUS=0; kubectl rollout undo; exit 1; }
main() { kubectl patch service shop -p green; }
trap rollback ERR
main
"""
PER_SERIES = 'rate(http_requests_total{status=~"%s"}[2m])/rate(http_requests_total[2m])*100'


class Case:
    """`codes`: share of green's answers; `old`: what its counters held before the switch; `does`: does the
    script roll back; `state`: how haldane's guard ends; `row`: the first words of its row in README.md."""

    def __init__(self, name, row, script, codes, does, state, query="", label="status", old=None, rate=RATE,
                 patch=0):
        self.name, self.row, self.script, self.codes = name, row, script, codes
        self.does, self.state, self.query, self.label = does, state, query, label
        self.old, self.rate, self.patch = old or {}, rate, patch
        self.since = None  # when green got the traffic


CASES = [
    Case("anchored", "`status=~\"5.\"`", PERCENT, {"200": 0.5, "500": 0.5}, False, "reverted", PER_SERIES % "5."),
    Case("per-series", "the same with `5..`", PERCENT, {"200": 0.995, "500": 0.005}, True, "passed",
         PER_SERIES % "5.."),
    Case("redirects", "`status=~\"2.*\"`", RATIO, {"200": 0.91, "302": 0.09}, True, "passed"),
    Case("empty", "the same, and the label", RATIO, {"200": 1.0}, True, "passed", label="code"),
    Case("idle", "the same, and no traffic", RATIO, {"200": 1.0}, False, "inconclusive", rate=0),
    Case("since-boot", "a counter of one pod", COUNTER, {"200": 1.0}, True, "passed", old={"500": 11}),
    Case("trap", "`trap rollback ERR`", TRAP, {"200": 0.5, "500": 0.5}, False, "not_verified", patch=1),
]


class Pods:
    """/CASE/COLOUR: counters as functions of time. Blue is well, and has the traffic until the switch."""

    def __init__(self, began):
        cases = {c.name: c for c in CASES}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                _, name, colour = self.path.split("/")
                case, now = cases[name], time.time()
                since = case.since or now
                green = colour == "green"
                lasted = max(0, now - since) if green else since - began
                codes = case.codes if green else {"200": 1.0}
                lines = []
                for code in sorted({*codes, *(case.old if green else ())}):
                    n = int(lasted * case.rate * codes.get(code, 0)) + case.old.get(code, 0)
                    if n or case.rate == 0 or code == "200":
                        lines.append(f'http_requests_total{{{case.label}="{code}"}} {n}\n')
                lines.append(f"process_start_time_seconds {began - 3600}\n")
                body = "".join(lines).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.port = w.serve(Handler).server_address[1]


def prometheus(world, case, pods):
    port = w.free_port()
    file = world.path(f"{case.name}.prom.json")
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
        {"job_name": "shop", "static_configs": [
            {"targets": [f"127.0.0.1:{pods.port}"],
             "labels": {"__metrics_path__": f"/{case.name}/{c}", "version": c, "instance": c}}
            for c in ("blue", "green")]}]}
    with open(file, "w") as f:
        json.dump(config, f)
    world.start(f"{case.name}.prom", ["prometheus", f"--config.file={file}",
                                      f"--storage.tsdb.path={world.path(case.name)}",
                                      f"--web.listen-address=127.0.0.1:{port}"])
    return f"http://127.0.0.1:{port}"


def roll_backs(world, case, url, pods):
    """Runs the script to its end -> (did it roll back, what it said)."""
    calls = world.path(f"{case.name}.calls")
    open(calls, "w").close()
    env = {**os.environ, "PROM": url, "CALLS": calls, "QUERY": case.query, "PATCH_STATUS": str(case.patch),
           "POD": f"http://127.0.0.1:{pods.port}/{case.name}/green"}
    done = subprocess.run(["bash", "-c", case.script], env=env, capture_output=True, text=True, timeout=60)
    with open(calls) as f:
        called = f.read()
    rolled = "rollout undo" in called or ("patch service" in called and not case.patch)
    return rolled, f"{called}{done.stdout}{done.stderr}exit {done.returncode}"


def has_samples(url, which=""):
    query = urllib.parse.quote(f"count(rate(http_requests_total{which}[1m]))")
    with urllib.request.urlopen(f"{url}/api/v1/query?query={query}", timeout=5) as r:
        return json.load(r)["data"]["result"]


def service(router, case):
    with_ = "{code: %s}" % case.label
    return w.service(router, case.name, datasource=case.name,
                     checks=f"[{{use: http-5xx-ratio, with: {with_}, max: 5%}}]",
                     guard={"duration": "12s", "min_samples": "20", "blind_for": "30s", "fail_after": "3"})


def table_says(text, case):
    """The row of the README: | what | the script | haldane |."""
    row = next((line for line in text.splitlines() if line.startswith(f"| {case.row}")), "")
    cells = [c.strip() for c in row.strip("|").split("|")]
    if len(cells) != 3:
        return False, row
    words = {"passed": "passes", "reverted": "moves back", "inconclusive": "pages", "not_verified": "pages"}
    script = "rolls back" in cells[1] and "never rolls back" not in cells[1]
    return script == case.does and words[case.state] in cells[2], row


def main(world):
    with open(sys.argv[2]) as f:
        readme = f.read()
    began = time.time()
    pods = Pods(began)
    urls = {c.name: prometheus(world, c, pods) for c in CASES}
    router = w.Router(world, backends=tuple(c.name for c in CASES))
    sources = {c.name: f'{{type: prometheus, url: "{urls[c.name]}", timeout: 2s}}' for c in CASES}
    for c in CASES:
        w.wait(lambda: quiet(has_samples, urls[c.name]), 30, f"samples of {c.name}")
    d = w.Daemon(world, w.config({c.name: service(router, c) for c in CASES}, sources)).start()
    d.wait_read([c.name for c in CASES])
    for c in CASES[:-1]:
        switch(router, c)
    router.relay.only_sets = True
    ends = {"reverted": "aftercare reverted"}
    for c in CASES:
        if c is CASES[-1]: # the router loses what it is told
            router.relay.fault = "drop"
            switch(router, c)
        if "500" in c.codes: # a rare error must have been scraped twice before a rate tells of it
            w.wait(lambda: quiet(has_samples, urls[c.name], '{%s="500"}' % c.label), 30, f"errors of {c.name}")
        rolled, said = roll_backs(world, c, urls[c.name], pods)
        w.equal(rolled, c.does, f"{c.name}: the script {'rolls' if c.does else 'does not roll'} back", said)
        g = d.wait_state(ends.get(c.state, c.state), 40, c.name)
        w.ok(True, f"{c.name}: haldane's guard ends as {g['state']}")
        w.equal(g["needs_human"], c.state in ("inconclusive", "not_verified"), f"{c.name}: is a human called?",
                g["why"])
        good, row = table_says(readme, c)
        w.ok(good, f"{c.name}: README.md says so", row)


def switch(router, case):
    case.since = time.time()
    router.set({"blue": 0, "green": 100}, case.name)


def quiet(f, *args):
    try:
        return f(*args)
    except OSError:
        return None


if __name__ == "__main__":
    w.need("haproxy", "prometheus", "promtool", "bc", "jq", "curl")
    w.run(main, 140)
