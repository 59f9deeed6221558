# SPDX-License-Identifier: Apache-2.0
"""The rig of counts_live.py and counts_live_delay.py: pods whose requests are known exactly at every
moment, a real Prometheus that scrapes them, a daemon that guards them, and what must come out.

A pod's counters are functions of time, so its truth is known at any instant without a log. What was
scraped is read back from Prometheus sample by sample, and counted here with what only this side
knows: when each process began and ended.
"""
import datetime
import http.client
import http.server
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import procs  # noqa: E402

BOUND = "0.45"
SLOW = 0.07  # share of requests above the bound
TIMEOUT = 5  # of a scrape, at most
TOO_LONG = TIMEOUT + 1


def wait_for(what, good, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = good()
            if found:
                return found
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(0.05)
    raise SystemExit(f"no {what} after {seconds} s")


class Pod:
    """One process after the other under one address; lives are [born, died]. Requests run while it
    lives and the router has it in (in_at to out_at)."""

    def __init__(self, colour, name, rate, errors, start_time=True):
        self.colour, self.name, self.rate, self.errors = colour, name, rate, errors
        self.start_time = start_time  # does it export process_start_time_seconds?
        self.lives, self.in_at, self.out_at = [], -math.inf, math.inf # lives, and its time in traffic
        self.slow = (0.0, 0.0)   # when /metrics is too slow

    def start(self, at):
        self.lives.append([at, math.inf])

    def die(self, at):
        self.lives[-1][1] = at

    def life(self, at):
        """Index of the life at this moment, or None."""
        return next((i for i, (born, died) in enumerate(self.lives) if born <= at < died), None)

    def counters(self, life, at):
        """Series of one life and their values at this moment; a code that never came is no series."""
        born, died = self.lives[life]
        total = math.floor(max(0, min(at, died, self.out_at) - max(born, self.in_at)) * self.rate)
        bad = math.floor(total * self.errors)
        slow = math.floor(total * SLOW)
        found = {("http_requests_total", "code", "200"): total - bad,
                 ("http_request_duration_seconds_bucket", "le", "0.1"): (total - slow) // 2,
                 ("http_request_duration_seconds_bucket", "le", BOUND): total - slow,
                 ("http_request_duration_seconds_bucket", "le", "+Inf"): total}
        if bad:
            found["http_requests_total", "code", "500"] = bad
        return found

    def text(self, at):
        life = self.life(at)
        if life is None:
            return None
        lines = [f'{m}{{{k}="{v}"}} {n}' for (m, k, v), n in sorted(self.counters(life, at).items())]
        if self.start_time:
            lines.append(f"process_start_time_seconds {self.lives[life][0]:.2f}")
        return "\n".join(lines) + "\n"


class Balancer:
    """HAProxy's exporter: one target that knows the servers of both colours. It forgets when it is
    reloaded, and it exports every counter from its start."""

    name = "lb"

    def __init__(self, servers):
        self.servers = servers  # name -> (colour, rate, errors)
        self.lives = []
        self.slow = (0.0, 0.0)

    start, die, life = Pod.start, Pod.die, Pod.life

    def counters(self, life, at):
        born, died = self.lives[life]
        found = {}
        for name, (_, rate, errors) in self.servers.items():
            total = math.floor((min(at, died) - born) * rate)
            bad = math.floor(total * errors)
            found[name, "2xx"], found[name, "5xx"] = total - bad, bad
        return found

    def text(self, at):
        life = self.life(at)
        if life is None:
            return None
        lines = [f'haproxy_server_http_responses_total{{proxy="shop",server="{s}",code="{c}"}} {n}'
                 for (s, c), n in sorted(self.counters(life, at).items())]
        lines.append(f"haproxy_process_start_time_seconds {int(self.lives[life][0])}")
        return "\n".join(lines) + "\n"


class Exporter:
    """Every pod of every service under its own path."""

    def __init__(self, pods):  # path -> pod
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                pod = pods[self.path]
                if pod.slow[0] <= time.time() < pod.slow[1]:
                    time.sleep(TOO_LONG)
                body = pod.text(time.time())
                try:
                    self.send_response(200 if body else 503)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.end_headers()
                    self.wfile.write((body or "gone").encode())
                except OSError:
                    pass  # who asked did not wait

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Process:
    """One child, its log, its end."""

    def __init__(self, command, log):
        self.command, self.log, self.child = command, log, None

    def start(self):
        with open(self.log, "a") as log:
            self.child = procs.start(self.command, stdout=log, stderr=log)

    def stop(self, how=signal.SIGTERM):
        if self.child and self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()


class Prometheus(Process):
    """`targets`: (scrape seconds, path, labels)."""

    binary = shutil.which("prometheus")
    seen_after = 0.5    # seconds from a scrape until every query finds it
    scrapes_apart = 0   # does a query find only a part of all scrapes?
    allowed = 0         # requests and errors that a poll may be off, in all

    @staticmethod
    def arguments(file, data, port):
        return [f"--config.file={file}", f"--storage.tsdb.path={data}", f"--web.listen-address={port}"]

    def __init__(self, folder, name, exporter_port, targets):
        self.port = procs.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        jobs = {}
        for scrape, path, labels in targets:
            jobs.setdefault(scrape, []).append(
                {"targets": [f"127.0.0.1:{exporter_port}"],
                 "labels": {"__metrics_path__": path, **labels}})
        config = {"scrape_configs": [
            {"job_name": f"s{s}", "scrape_interval": f"{s}s", "scrape_timeout": f"{min(s, TIMEOUT)}s",
             "static_configs": found} for s, found in sorted(jobs.items())]}
        file = os.path.join(folder, name + ".yml")
        with open(file, "w") as f:
            json.dump(config, f)  # JSON is YAML
        command = self.arguments(file, os.path.join(folder, name + "-data"), f"127.0.0.1:{self.port}")
        super().__init__([self.binary, *command], os.path.join(folder, name + ".log"))

    def query(self, query, at=None):
        form = {"query": query, **({"time": f"{at:.3f}"} if at else {})}
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("POST", "/api/v1/query", urllib.parse.urlencode(form),
                  {"Content-Type": "application/x-www-form-urlencoded"})
        answer = json.loads(c.getresponse().read())
        c.close()
        if answer["status"] != "success":
            raise ValueError(answer)
        return answer["data"]["result"]

    def samples(self, selector, start, end):
        """[(labels, [(time, value)])]; no marks of a series' end."""
        found = self.query(f"{selector}[{math.ceil(end - start)}s]", end)
        return [(s["metric"], [(float(t), float(v)) for t, v in s["values"] if v != "NaN"])
                for s in found]

    def ready(self):
        wait_for("Prometheus", lambda: self.query("1"))


class Victoria(Prometheus):
    binary = shutil.which(os.environ.get("VICTORIA_METRICS", "victoria-metrics"))
    seen_after = 6.0  # buffers are flushed each second, and a new series takes some more to be found
    allowed = 12      # one scrape of one pod: not every order in which they are found is tried; the end must be exact

    @staticmethod
    def arguments(file, data, port):
        return [f"-promscrape.config={file}", f"-storageDataPath={data}", f"-httpListenAddr={port}",
                "-search.latencyOffset=0s"]


class Pair:
    """Two replicas behind one data source: each has scrapes of its own, of the same counters."""

    seen_after = 0.5
    scrapes_apart = 1
    allowed = 2

    def __init__(self, *replicas):
        self.replicas = replicas
        self.urls = [r.url for r in replicas]

    def samples(self, selector, start, end):
        merged = {}
        for r in self.replicas:
            for metric, points in r.samples(selector, start, end):
                merged.setdefault(json.dumps(metric, sort_keys=True), []).extend(points)
        return [(json.loads(metric), sorted(points)) for metric, points in merged.items()]


class Daemon(Process):
    def __init__(self, haldane, folder, name, datasources, services):
        self.port = procs.free_port()
        config = {"version": 1, "listen": {"http": f"127.0.0.1:{self.port}"},
                  "storage": {"path": os.path.join(folder, name + ".db"), "ballast": "1MiB"},
                  "datasources": datasources, "services": services}
        file = os.path.join(folder, name + ".yaml")
        with open(file, "w") as f:
            json.dump(config, f)
        super().__init__([haldane, "serve", file], os.path.join(folder, name + ".log"))

    def get(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("GET", "/api/v1" + path)
        answer = c.getresponse()
        body = answer.read()
        c.close()
        if answer.status != 200:
            raise ValueError(f"{path}: {answer.status} {body[:300]!r}")
        return json.loads(body)

    def guard(self, service):
        """The newest guard of a service, or None."""
        found = self.get(f"/guards?service={service}&state=all")["items"]
        return found[0] if found else None

    def evidence(self, guard):
        items, after = [], "0"
        while after is not None:
            page = self.get(f"/guards/{guard}/evidence?cursor={after}")
            items += page["items"]
            after = page["next"]
        return items

    def ready(self):
        wait_for("daemon", lambda: self.get("/services")["items"])


class Router:
    """A file that the exec actuator reads with cat: the whole router. Nothing ever writes it but the
    test: the guards only watch (mode shadow)."""

    def __init__(self, folder, service):
        self.file = os.path.join(folder, service + ".router")
        self.set("blue")

    def set(self, live):
        side = lambda c: {"share": 1.0 if c == live else 0.0, "ready": 3, "wanted": 3,
                          "alone": f"{c}=100"}
        with open(self.file + ".new", "w") as f:
            json.dump({"value": f"{live}=100", "sides": {c: side(c) for c in ("blue", "green")}}, f)
        os.rename(self.file + ".new", self.file)

    def actuator(self):
        return {"type": "exec", "command": ["/bin/cat", self.file]}


def wall(text):
    """Seconds of an RFC 3339 time of the API."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
