#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The query library against real servers: the `tests` of every file in queries/ are loaded into a real
Prometheus and a real VictoriaMetrics, asked for by `haldane query run`, and the value and the number of
requests of every colour must be what the file and its series say.

    queries_live.py HALDANE JSON QUERY_DIR

JSON is the helper of queries_live_json.c. TAP on stdout; a server that is not installed is skipped
(PROMETHEUS, PROMTOOL, VICTORIA_METRICS name other binaries).
"""
import fnmatch
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import procs  # noqa: E402
from tap import Tap  # noqa: E402

HALDANE, JSON, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
STEP = 5  # seconds between samples
SERIES = re.compile(r'(\w+)\{(.*)\}$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
VALUES = re.compile(r'(-?[\d.]+)(?:([+-][\d.]+))?(?:x(\d+))?$|_(?:x(\d+))?$')
tap = Tap()


# --- what the files say ---

def samples(notation):
    """promtool's notation: `0+99x60` is 61 samples, `_x3` three gaps, several separated by spaces."""
    found = []
    for word in notation.split():
        m = VALUES.match(word)
        if not m:
            raise SystemExit(f"no series values: {word!r}")
        start, step, times, gaps = m.groups()
        if start is None:
            found += [None] * int(gaps or 1)
        else:
            found += [float(start) + float(step or 0) * i for i in range(int(times or 0) + 1)]
    return found


def grown(values):
    """Requests counted after the first sample, through restarts."""
    total, last = 0.0, None
    for v in values:
        if v is None:
            continue
        if last is not None:
            total += v - last if v >= last else v
        last = v
    return total


class Test:
    def __init__(self, query, test):
        self.query, self.test = query, test
        self.name = f"{query['id']}: {test['name']}"
        self.shape = query["shapes"][test["shape"]]
        self.params = self.shape.get("params", {})
        self.series = []
        for s in test["series"]:
            metric, labels = SERIES.match(s["series"]).groups()
            self.series.append((metric, dict(LABEL.findall(labels)), samples(s["values"])))

    def metrics(self):
        return {metric for metric, _, _ in self.series}

    def fill(self, text, **more):
        given = {**{k: p.get("default") for k, p in self.params.items()}, **self.test.get("with", {}), **more}
        return re.sub(r"\{\{(\w+)\}\}", lambda m: given[m[1]], text)

    def is_side(self, colour, labels):
        """Is this series of that colour? Written apart from haldane's own way, on purpose."""
        sides, test = self.shape.get("sides", "label"), self.test
        pattern = next((k for k, p in self.params.items() if p["kind"] == "side"), None)
        if colour in test.get("match", {}):
            name, no, value = re.fullmatch(r'(\w+)(!?)="(.*)"', test["match"][colour]).groups()
            return (labels.get(name, "") == value) != bool(no)
        label = self.fill(self.shape.get("label", "version"))
        value = labels.get(label, "")
        if sides == "servers":
            return re.fullmatch(colour + "[0-9]{0,3}", value)
        if sides == "pattern" and "by" not in test:
            glob = test.get("with", {}).get(pattern, self.params[pattern].get("default"))
            return fnmatch.fnmatchcase(value, self.fill(glob, service="shop", colour=colour))
        value = labels.get(test.get("by", label), "")
        return fnmatch.fnmatchcase(value, test.get("label", {}).get(colour, colour))

    def requests(self, colour):
        """The n of a colour: the growth of all its series that the check's `with` names and that are
        exposure. Kept to what the tests use: parameters are labels, or names of metric and labels."""
        if self.query["kind"] == "gauge":
            return None
        key = self.fill(self.shape["key"])
        given = self.test.get("with", {})
        narrow = {p.get("label", k): given[k] for k, p in self.params.items()
                  if k in given and p["kind"] == "matcher"}
        # Matchers of the shape's own: name="value", name=~"regular expression".
        own = re.findall(r'(\w+)(=~?)("[^"]*"|\{\{\w+\}\})', self.shape["query"])
        total = 0.0
        for _, labels, values in self.series:
            if any(labels.get(k) != v for k, v in narrow.items()) or not self.is_side(colour, labels):
                continue
            if any(not re.fullmatch(self.fill(v).strip('"') if op == "=~" else re.escape(v.strip('"')),
                                    labels.get(k, "")) for k, op, v in own if "{{le}}" not in v):
                continue
            if self.query.get("classify") == "bucket":
                exposure = labels[key] == "+Inf"
            else:
                exposure = any(fnmatch.fnmatchcase(labels.get(key, ""), g)
                               for g in self.shape.get("exposure", ["*"]))
            total += grown(values) * exposure
        return total

    def config(self, url):
        check = {"name": "c", "use": self.query["id"], "with": self.test.get("with", {}),
                 "min" if self.query["better"] == "higher" else "max": 0.5}
        if "bound" in self.test:
            check["bound"] = self.test["bound"]
        colours = {c: {k: self.test[k][c] for k in ("label", "match") if c in self.test.get(k, {})}
                   for c in ("blue", "green")}
        service = {"colours": colours, "actuator": {"type": "exec", "command": ["/bin/false"]},
                   "target": "trust", "checks": [check]}
        if self.test["shape"] != "any":
            service["shape"] = self.test["shape"]
        if "by" in self.test:
            service["label"] = self.test["by"]
        return {"version": 1, "datasources": {"source": {"type": "prometheus", "url": url}},
                "services": {"shop": service}}

    def lines(self, end_ms):
        """The samples in the text format, the last of the longest series at `end_ms`."""
        longest = max(len(values) for _, _, values in self.series)
        for metric, labels, values in self.series:
            head = metric + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"
            for i, v in enumerate(values):
                if v is not None:
                    yield metric, head, v, end_ms - 1000 * STEP * (longest - 1 - i)


def load_tests():
    queries = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        text = subprocess.run([JSON, file], capture_output=True, check=True, timeout=10).stdout
        query = json.loads(text)
        queries[query["id"]] = query
    for query in queries.values():
        query["shapes"] = query.get("shapes") or queries[query["shapes_of"]]["shapes"]
    return [Test(query, t) for query in queries.values() for t in query["tests"]]


def batches(tests):
    """Tests that name no metric in common may share a server."""
    found = []
    for t in tests:
        home = next((b for b in found if not t.metrics() & set().union(*(o.metrics() for o in b))), None)
        if home is None:
            found.append(home := [])
        home.append(t)
    return found


# --- servers ---

def call(port, method, path, body=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request(method, path, body, headers or {})
    answer = c.getresponse()
    text = answer.read()
    c.close()
    return answer.status, text


class Still(http.server.BaseHTTPRequestHandler):
    """In front of a server: its clock stands at the newest sample, however long a busy machine takes to ask."""

    protocol_version = "HTTP/1.1"
    port = now = None  # of the server that answers all else; seconds

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if urllib.parse.parse_qs(body.decode()).get("query") == ["time()"]:
            data = {"resultType": "scalar", "result": [self.now, f"{self.now:.3f}"]}
            status, text = 200, json.dumps({"status": "success", "data": data}).encode()
        else:
            status, text = call(self.port, "POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def stand_still(port, now_ms):
    """-> the port at which the time of that server stands still."""
    handler = type("Of", (Still,), {"port": port, "now": now_ms / 1000})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server.server_address[1]


class Server:
    def __init__(self, folder, command, port, ready):
        self.port = port
        self.log = os.path.join(folder, "log")
        with open(self.log, "w") as log:
            self.child = procs.start(command, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while True:
            try:
                if call(port, "GET", ready)[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > end or self.child.poll() is not None:
                self.stop()
                raise SystemExit(f"{command[0]} does not start: {open(self.log).read()[-1000:]}")
            time.sleep(0.05)

    def stop(self):
        procs.stop(self.child)


def last_step():
    return int(time.time()) // STEP * STEP * 1000


def prometheus(binary, folder, batch, now_ms):
    promtool = shutil.which(os.environ.get("PROMTOOL", "promtool"))
    text = os.path.join(folder, "openmetrics")
    lines = sorted((line for t in batch for line in t.lines(now_ms)), key=lambda l: l[:2])
    with open(text, "w") as f:
        for metric, head, v, at_ms in lines: # each metric in one piece, each series in order of time
            f.write(f"{head} {v:g} {at_ms / 1000:.3f}\n")
        f.write("# EOF\n")
    data = os.path.join(folder, "data")
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", text, data], check=True,
                   capture_output=True, timeout=120)
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w") as f:
        f.write("{}\n")
    port = procs.free_port()
    return Server(folder, [binary, f"--config.file={config}", f"--storage.tsdb.path={data}",
                           f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready")


def victoria(binary, folder, batch, now_ms):
    port = procs.free_port()
    server = Server(folder, [binary, f"-storageDataPath={folder}/data", "-search.latencyOffset=0s",
                             f"-httpListenAddr=127.0.0.1:{port}"], port, "/health")
    text = "".join(f"{head} {v:g} {at_ms}\n" for t in batch for _, head, v, at_ms in t.lines(now_ms))
    status = call(port, "POST", "/api/v1/import/prometheus", text)[0]
    call(port, "GET", "/internal/force_flush")
    if status != 204:
        raise SystemExit(f"import: {status}")
    return server


# --- asking ---

def ask(folder, test, port):
    """{colour: (n, value)} as `haldane query run` prints them."""
    file = os.path.join(folder, "haldane.json")
    with open(file, "w") as f:
        json.dump(test.config(f"http://127.0.0.1:{port}"), f) # JSON is YAML
    done = subprocess.run([HALDANE, "query", "run", "shop", "c", "--window", "10m", "--queries", FOLDER,
                           "--config", file], capture_output=True, text=True, timeout=120)
    found = {}
    lines = done.stdout.splitlines()
    for line in lines[1:]:
        cells = dict(zip(lines[0].split(), re.split(r"\s{2,}", line.strip())))
        found[cells.get("SIDE")] = cells
    return found, f"{done.stdout}{done.stderr}exit {done.returncode}"


def number(text):
    """`1 %`, `12.5/s`, `1 234`: as a plain number; shares as shares."""
    m = re.match(r"([\d ,]*\.?\d+(?:e[+-]?\d+)?)\s*(%?)", text or "")
    if not m:
        return None
    value = float(re.sub("[ ,]", "", m[1]))
    return value / 100 if m[2] else value


def check(folder, who, test, port):
    found, said = ask(folder, test, port)
    for colour, want in test.test["expect"].items():
        cells = found.get(colour, {})
        value, n, want = number(cells.get("VALUE")), number(cells.get("N")), float(want)
        requests = test.requests(colour)
        good = value is not None and abs(value - want) <= 5e-4 * max(want, 1e-3) and n == requests
        tap.point(good, f"{who}: {test.name}: {colour}", f"want {want:g} of {requests} requests\n{said}")


def main():
    servers = [("prometheus", "PROMETHEUS", prometheus), ("victoria-metrics", "VICTORIA_METRICS", victoria)]
    found = [(name, shutil.which(os.environ.get(variable, name)), start)
             for name, variable, start in servers]
    if not any(binary for _, binary, _ in found):
        print("1..0 # SKIP neither prometheus nor victoria-metrics is installed")
        return 0
    tests = load_tests()
    for name, binary, start in found:
        if not binary:
            tap.skip(name, "not installed")
            continue
        for batch in batches(tests):
            with tempfile.TemporaryDirectory(prefix="hd") as folder:
                server = start(binary, folder, batch, now := last_step())
                port = stand_still(server.port, now)
                try:
                    for t in batch:
                        check(folder, name, t, port)
                finally:
                    server.stop()
    return tap.done()


sys.exit(main())
