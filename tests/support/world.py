# SPDX-License-Identifier: Apache-2.0
"""A small world around one real haldane: a real HAProxy behind a relay that can misbehave, a
scripted Prometheus whose counters follow a timetable, a scripted Alertmanager.

Used by the programs of tests/fault and tests/scenario. Everything is on loopback and in one
temporary directory; every child is killed with us, and only ours. Judges nothing but what a caller
asks with ok() and equal(); prints TAP.
"""
import atexit
import fcntl
import http.client
import http.server
import json
import math
import os
import re
import shutil
import signal
import socket
import socketserver
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import uuid

import procs
from procs import free_port

os.environ["PATH"] += ":/usr/sbin"
PATIENCE = 4  # a busy machine gets so many times the seconds that an idle one needs: no test passes for being quick
SCRAPE = 0.5  # seconds between two samples of the scripted Prometheus
MUTATES = re.compile(r"set server \S+ (weight \d|state )|set map \S+ \S+ \S")

# --- TAP ---

_results = []
_started = time.monotonic()


def ok(good, name, detail=""):
    _results.append(bool(good))
    at = f"{time.monotonic() - _started:.1f} s"
    print(f"{'ok' if good else 'not ok'} {len(_results)} - {name}", flush=True)
    for line in f"{at}\n{detail}".splitlines() if not good else []:
        print(f"# {line}", flush=True)
    return bool(good)


def equal(got, want, name, detail=""):
    return ok(got == want, name, f"got:  {got!r}\nwant: {want!r}\n{detail}")


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def skip(name, why):
    _results.append(True)
    print(f"ok {len(_results)} - {name} # SKIP {why}", flush=True)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            skip_all(f"{tool} is not installed")


def run(main, seconds):
    """Runs main(world) in a fresh world within `seconds` (times PATIENCE), prints the plan and exits."""
    signal.signal(signal.SIGALRM, _too_late)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.alarm(PATIENCE * seconds)
    world = World()
    try:
        main(world)
    except Exception as e:  # a scenario that cannot go on is a failed one
        lines = traceback.format_exc(limit=-4).splitlines()
        ok(False, f"{type(e).__name__}: {lines[-1]}", "\n".join(lines[:-1]) + "\n" + world.tails())
    finally:
        signal.alarm(0)
        world.close()
    note(f"{time.monotonic() - _started:.1f} s")
    print(f"1..{len(_results)}", flush=True)
    sys.exit(0 if _results and all(_results) else 1)


def _too_late(*_):
    raise TimeoutError("the whole program took too long")


def wait(check, seconds, what, pause=0.03):
    """What check() returns as soon as it is true; TimeoutError after `seconds` (times PATIENCE)."""
    end = time.monotonic() + PATIENCE * seconds
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"not in {PATIENCE * seconds} s: {what}")
        time.sleep(pause)


# --- servers in threads ---


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that went away is part of the play


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


# le, and the share of good and bad requests up to there.
BUCKETS = (("0.05", (.3, 0)), ("0.1", (.7, 0)), ("0.25", (.95, 0)), ("0.5", (.995, 0)), ("1.0", (1, 0)), ("+Inf", (1, 1)))


def job_of(query):
    """Which timetable a query is about; one without a job is about the shop's."""
    job = re.search(r'job="([^"]*)"', query)
    return job[1] if job else "shop"


class Prometheus:
    """Answers the queries of the library from a timetable. `job` in a selector picks the timetable.

    say(job, blue=(good, bad), green=(good, bad)) sets requests per second from now on; None: the
    colour's series vanish. A histogram has the same requests in the buckets of BUCKETS; bad ones take
    more than a second. `fault` makes it misbehave: None html 503 garbage truncated hang slow
    nan empty refuse. `hook` is called before samples are sent.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.tables = {}  # job -> [(from, {colour: (good, bad) or None})]
        self.fault, self.delay, self.hook = None, 0.0, None
        self.asked = 0
        self.buckets = {}  # job -> those that were asked for last
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                world.answer(self, {k: v[0] for k, v in urllib.parse.parse_qs(body).items()})

            def log_message(self, *args):
                pass

        self.server = serve(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def say(self, job="shop", **colours):
        with self.lock:
            table = self.tables.setdefault(job, [])
            now = dict(table[-1][1]) if table else {}
            now.update(colours)
            table.append((time.time() - (0 if table else 900), now))

    def counter(self, job, colour, bad, at):
        """The counter's value at a time; None: the series is not there."""
        table = self.tables.get(job, [])
        sum_, there = 0.0, False
        for i, (since, rates) in enumerate(table):
            if since > at:
                break
            until = min(at, table[i + 1][0] if i + 1 < len(table) else at)
            rate = rates.get(colour)
            there = rate is not None
            sum_ += (rate[bad] if rate else 0) * (until - since)
        return math.floor(sum_) if there else None

    def series(self, query):
        """Labels, and the shares of good and bad requests that a counter counts."""
        if "_bucket" not in query:
            return [({"__name__": "http_requests_total", "code": c}, of) for c, of in (("200", (1, 0)), ("500", (0, 1)))]
        le = re.search(r'le=~("(?:[^"\\\\]|\\\\.)*")', query)
        found = [({"__name__": "http_request_duration_seconds_bucket", "le": b}, of) for b, of in BUCKETS
                 if re.fullmatch(json.loads(le[1]), b)]
        self.buckets[job_of(query)] = {labels["le"] for labels, _ in found}
        return found

    def result(self, form):
        query, now = form.get("query", ""), float(form.get("time", time.time()))
        if query == "time()":
            return "scalar", [time.time(), f"{time.time():.3f}"]
        job = job_of(query)
        window = re.search(r"\[(\d+)ms\]$", query)
        rows = []
        with self.lock:
            for colour in ("blue", "green"):
                metric = {"job": job, "instance": colour, "version": colour}
                if not window:
                    if self.counter(job, colour, 0, now) is not None:
                        rows.append({"metric": metric, "value": [now, "1000"]})
                    continue
                for name, of in self.series(query):
                    first = math.floor((now - int(window[1]) / 1000) / SCRAPE) + 1
                    values = []
                    for k in range(first, math.floor(now / SCRAPE) + 1):
                        v = [self.counter(job, colour, bad, k * SCRAPE) for bad in range(2)]
                        if v[0] is not None:
                            n = math.floor(sum(x * y for x, y in zip(v, of)))
                            values.append([k * SCRAPE, "NaN" if self.fault == "nan" else str(n)])
                    if values:
                        rows.append({"metric": {**name, **metric}, "values": values})
        if self.fault == "empty":
            rows = []
        return "matrix" if window else "vector", rows

    def answer(self, to, form):
        self.asked += 1
        fault = self.fault
        if fault == "hang":
            while self.fault == "hang":
                time.sleep(0.1)
            to.close_connection = True
            return
        if fault == "refuse":
            to.close_connection = True
            return
        time.sleep(self.delay)
        kind, result = self.result(form)
        if self.hook and kind == "matrix":
            self.hook()
        data = {"status": "success", "data": {"resultType": kind, "result": result}}
        status, type_, body = 200, "application/json", json.dumps(data).encode()
        if fault == "503":
            status, type_, body = 503, "text/plain", b"Service Unavailable"
        elif fault == "closed" and kind == "matrix":  # as a Prometheus that is being stopped answers for a moment
            status, body = 422, json.dumps({"status": "error", "errorType": "execution", "error":
                                            "open chunk reader: can't read from a closed head"}).encode()
        elif fault == "html":
            type_, body = "text/html", b"<!DOCTYPE html><html><body>Please log in</body></html>"
        elif fault == "garbage":
            body = bytes((i * 37) % 256 for i in range(500))
        to.send_response(status)
        to.send_header("Content-Type", type_)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        if fault == "truncated":
            to.wfile.write(body[:len(body) // 2])
            to.close_connection = True
            return
        if fault == "slow":  # drips: never done before any timeout
            for b in body[:200]:
                if self.fault != "slow":
                    break
                to.wfile.write(bytes([b]))
                to.wfile.flush()
                time.sleep(0.3)
            to.close_connection = True
            return
        to.wfile.write(body)


class Alertmanager:
    """Keeps what it is told. `fault`: None, "hang" or "503"."""

    def __init__(self):
        self.alerts, self.fault = [], None
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                while world.fault == "hang":
                    time.sleep(0.1)
                if world.fault != "503":
                    got = json.loads(body)
                    world.alerts += got if isinstance(got, list) else [got]
                self.send_response(503 if world.fault == "503" else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = serve(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def pages(self, service=None):
        """Acts (HaldaneActNow) that were told, oldest first."""
        return [a for a in self.alerts if a["labels"]["alertname"] == "HaldaneActNow" and
                service in (None, a["labels"].get("service"))]


class Relay:
    """Between haldane and HAProxy's socket. Records every line; `fault` decides what becomes of the
    next ones: None pass, "hang" (accept, never answer), "cut" (HAProxy gets it, the answer is lost),
    "drop" (closed, HAProxy never gets it), "garbage", or a number of seconds to wait first.
    `only_sets` spares the reads; `times` limits how often. `after` is called once, when HAProxy has
    done a change and its answer is not out yet."""

    def __init__(self, path, target):
        self.path, self.target = path, target
        self.lines, self.fault, self.only_sets, self.times = [], None, False, None
        self.after = None
        self.listener = None
        self.open()

    def open(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """As if HAProxy were down: connections are refused."""
        if self.listener:
            self.listener.close()
            self.listener = None
            os.unlink(self.path)

    def accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            if self.listener is not listener:
                peer.close()
                return
            threading.Thread(target=self.carry, args=(peer,), daemon=True).start()

    def carry(self, peer):
        with peer:
            try:
                line = b""
                while not line.endswith(b"\n"):
                    more = peer.recv(65536)
                    if not more:
                        return
                    line += more
                self.pass_on(peer, line)
            except OSError:
                pass

    def pass_on(self, peer, line):
        mutates = MUTATES.search(line.decode())
        fault = self.fault if mutates or not self.only_sets else None
        if fault is not None and self.times is not None:
            self.times -= 1
            if self.times <= 0:
                self.fault, self.times = None, None
        if fault == "drop":
            return
        if fault == "hang":
            peer.settimeout(60)
            peer.recv(1)  # until the other side gives up
            return
        if isinstance(fault, (int, float)):
            time.sleep(fault)
        if fault == "garbage":
            peer.sendall(b"\x00\xff{not an answer}\n")
            return
        self.lines.append(line.decode())
        reply = say(self.target, line)
        if mutates and self.after:
            after, self.after = self.after, None
            after()
        if fault != "cut":
            peer.sendall(reply)

    def sets(self, backend=None):
        """The mutating lines that reached HAProxy."""
        return [l for l in self.lines if MUTATES.search(l) and (not backend or f" {backend}/" in l)]


def say(path, line):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)  # waits for a place, which a connect with a timeout does not
        s.settimeout(10)
        s.sendall(line if isinstance(line, bytes) else line.encode() + b"\n")
        return b"".join(iter(lambda: s.recv(65536), b""))


BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}
SERVERS = {"blue": ("blue1", "blue2"), "green": ("green1", "green2")}


class Router:
    """A real HAProxy with one backend of two colours for each service; its file gives `weights`. Its checks are
    patient, since those of a busy machine are late; a test that wants a member dead says so."""

    def __init__(self, world, name="router", backends=("shop",), weights=BLUE):
        self.world, self.name, self.backends = world, name, backends
        self.sock = world.path(f"{name}.admin")
        self.child = None
        rows = []
        for b in backends:
            rows.append(f"backend {b}\n    balance roundrobin\n")
            for colour, servers in SERVERS.items():
                for s in servers:
                    rows.append(f"    server {s} 127.0.0.1:{world.origin} weight "
                                f"{weights[colour]} check inter 2s fastinter 200ms fall 200 rise 1\n")
        with open(world.path(f"{name}.cfg"), "w") as f:
            f.write(f"global\n    stats socket {self.sock} mode 600 level admin\n    maxconn 200\n"
                    "defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n"
                    "    timeout server 5s\n"
                    f"frontend front\n    bind unix@{world.path(name + '.front')}\n"
                    f"    default_backend {backends[0]}\n" + "".join(rows))
        self.start()
        self.relay = Relay(world.path(f"{name}.sock"), self.sock)

    def start(self):
        self.child = self.world.start(self.name, ["haproxy", "-db", "-f",
                                                  self.world.path(f"{self.name}.cfg")])
        wait(self.ready, 10, f"{self.name} is up")

    def stop(self):
        self.child.terminate()
        self.child.wait(10)

    def reload(self):
        """What a reload comes to: a new process that knows only the file."""
        self.stop()
        self.start()

    def ready(self):
        try:
            return all(self.state(b)[s][1] for b in self.backends for c in SERVERS.values()
                       for s in c)
        except (OSError, KeyError):
            return False

    def state(self, backend):
        """{server: (weight, up and checked)}"""
        found = {}
        for line in say(self.sock, f"show servers state {backend}").decode().splitlines():
            w = line.split()
            if len(w) > 12 and w[1] == backend:
                found[w[3]] = (int(w[7]), w[5] == "2" and w[11] == "3")
        return found

    def weights(self, backend="shop"):
        """{colour: weight of each of its servers, or a tuple when they differ}"""
        state, found = self.state(backend), {}
        for colour, servers in SERVERS.items():
            have = tuple(state[s][0] for s in servers)
            found[colour] = have[0] if len(set(have)) == 1 else have
        return found

    def set(self, weights, backend="shop"):
        """A switch by somebody else, straight to HAProxy."""
        words = [f"set server {backend}/{s} weight {w}" for c, w in weights.items()
                 for s in SERVERS[c]]
        said = say(self.sock, "; ".join(words)).decode().strip()
        if said:
            raise RuntimeError(f"HAProxy: {said}")

    def down(self, colour, backend="shop"):
        """Its members answer no check any more."""
        for s in SERVERS[colour]:
            say(self.sock, f"set server {backend}/{s} addr 127.0.0.1 port 1; set server {backend}/{s} health down")


ROUTE = """#!/usr/bin/python3 -IS
import fcntl, json, sys, time
path = sys.argv[1]
asked = json.loads(sys.stdin.readline())
with open(path, "r+") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    now = json.load(f)
    if asked["do"] == "observe":
        alone = {"blue": "blue", "green": "green"}
        live = now["live"] if time.time() >= now["from"] else now["before"]
        print(json.dumps({"value": live, "sides": {c: {
            "share": float(live == c), "ready": 2, "wanted": 2, "alone": c} for c in alone}}))
        sys.exit(0)
    now["sets"] += 1
    if asked["from"] == now["live"] and now["obeys"]:
        now.update(before=now["live"], live=asked["to"])
        now["from"] = time.time() + now["lag"]
    f.seek(0); f.truncate(); json.dump(now, f); f.flush()
    fcntl.flock(f, fcntl.LOCK_UN)
if now["mute"]:
    time.sleep(30)
print(json.dumps({"answer": "accepted"}))
"""


# A check: well, until there is a file of that name and the colour's.
SMOKE = """#!/usr/bin/python3 -IS
import json, os, sys
asked = json.loads(sys.stdin.readline())
bad = os.path.exists(sys.argv[1] + "." + asked["colour"])
print(json.dumps({"ok": not bad, "text": "smoke"}))
"""


def program(world, name, text):
    with open(world.path(name), "w") as f:
        f.write(text)
    os.chmod(world.path(name), 0o755)


class Exec:
    """A router behind a program; its state is a file. `obeys` false: orders have no effect; `mute`:
    they are not answered; `lag`: their effect shows after so many seconds."""

    def __init__(self, world, name, kind, **state):
        self.file, self.program, self.kind = world.path(f"{name}.json"), world.path("route"), kind
        program(world, "route", ROUTE)
        self.write({"live": "blue", "before": "blue", "from": 0, "sets": 0, "obeys": True,
                    "mute": False, "lag": 0, **state})

    def write(self, state):
        with open(self.file, "a+") as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # as the program does
            f.truncate(0)
            json.dump(state, f)

    def read(self):
        with open(self.file) as f:
            fcntl.flock(f, fcntl.LOCK_SH)
            return json.load(f)

    def switch(self, to):
        self.write({**self.read(), "live": to})

    def member(self):
        return (f"{{type: exec, command: [{self.program}, {self.file}], kind: {self.kind}, "
                "timeout: 2s}")

    def service(self, **change):
        return plain_service(self.member(), **change)


# --- the control page of shim.c ---


class Shim:
    """The page that shim.c maps; see there. Needs the shim's path in the environment of the
    daemon: use `env`."""

    FORMAT = "<IIIIqIi"  # armed count kill_at disk_errno wall_offset_ms last_call denied

    def __init__(self, world, library):
        self.file = world.path("shim.page")
        with open(self.file, "wb") as f:
            f.write(bytes(struct.calcsize(self.FORMAT)))
        self.env = {"LD_PRELOAD": os.path.abspath(library), "SHIM_PAGE": self.file,
                    "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}

    def read(self):
        with open(self.file, "rb") as f:
            names = ("armed", "count", "kill_at", "disk_errno", "wall_offset_ms", "last_call",
                     "denied")
            return dict(zip(names, struct.unpack(self.FORMAT, f.read())))

    def write(self, **what):
        now = {**self.read(), **what}
        with open(self.file, "r+b") as f:
            f.write(struct.pack(self.FORMAT, *now.values()))


# --- the daemon ---


class Daemon:
    def __init__(self, world, text, name="haldane", env=None):
        self.world, self.name, self.env = world, name, env or {}
        self.file, self.db = world.path(f"{name}.yaml"), world.path(f"{name}.db")
        self.port = free_port()
        self.child = None
        self.write(text)

    def write(self, text):
        with open(self.file, "w") as f:
            f.write(text.replace("@listen@", f"127.0.0.1:{self.port}").replace("@db@", self.db))

    def start(self, up=True):
        """Starts it; with `up` waits until its API answers."""
        env = {**os.environ, **self.env}
        self.child = self.world.start(self.name, [self.world.binary, "serve", self.file], env=env)
        if up:
            wait(self.is_up, 15, f"{self.name} answers: {self.world.tail(self.name)}")
        return self

    def is_up(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}: "
                               f"{self.world.tail(self.name)}")
        try:
            return self.get("/readyz", 2)[0] == 200
        except OSError:
            return False

    def kill(self):
        self.child.kill()
        self.child.wait(10)

    def stop(self, seconds=20):
        self.child.terminate()
        return self.child.wait(seconds)

    def connect(self, seconds=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)

    def request(self, method, path, body=None, headers=None, seconds=20):
        c = self.connect(seconds)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, r.read().decode()
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            c.close()

    def get(self, path, seconds=20):
        return self.request("GET", path, seconds=seconds)

    def api(self, path):
        status, text = self.get(f"/api/v1{path}")
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {text}")
        return json.loads(text)

    def order(self, path, **body):
        """POST with the local admin token -> (status, answer)."""
        with open(f"{self.db}.token") as f:
            token = f.read().strip()
        status, text = self.request("POST", f"/api/v1{path}", json.dumps(body), {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex})
        return status, json.loads(text)

    def guards(self, service="shop"):
        """Newest first."""
        return self.api(f"/guards?service={service}")["items"]

    def guard(self, service="shop"):
        found = self.guards(service)
        return found[0] if found else None

    def wait_state(self, states, seconds, service="shop", nth=1):
        """The newest guard of the service as soon as it is in one of these states and there are
        at least `nth` guards."""
        states = states.split()
        last = [None]

        def there():
            try:
                found = self.guards(service)
            except OSError:
                return None
            last[0] = found and (found[0]["state"], found[0]["why"])
            return found[0] if len(found) >= nth and found[0]["state"] in states else None

        try:
            return wait(there, seconds, f"{service}: {' or '.join(states)}")
        except TimeoutError as e:
            raise TimeoutError(f"{e}; it is {last[0]}") from None

    def wait_read(self, services=("shop",), seconds=10):
        """Until each service's router was read once."""
        def read():
            got = {s["name"]: s for s in self.api("/services")["items"]}
            return all(got[s].get("reading") or got[s].get("value") for s in services)
        wait(read, seconds, "the first reading")

    def rows(self, sql, *args):
        db = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True, timeout=5)
        try:
            db.row_factory = sqlite3.Row
            return [dict(r) for r in db.execute(sql, args)]
        finally:
            db.close()

    def intents(self, service="shop"):
        return self.rows("SELECT * FROM intent WHERE service = ? ORDER BY seq", service)

    def log(self):
        with open(self.world.path(f"{self.name}.log"), errors="replace") as f:
            return f.read()


STATES = ("pending", "warming", "watching", "deciding", "reverting", "verifying", "aftercare", "passed",
          "reverted", "not_verified", "not_recovered", "refused", "advised", "inconclusive",
          "superseded", "cancelled")
OUTCOMES = ("journaled", "sent", "accepted", "unknown", "verified", "unverified", "conflict",
            "refused")


def outcome(intent):
    return OUTCOMES[intent["outcome"]]


class World:
    """The temporary directory, the children, and the one address that all servers point at."""

    def __init__(self):
        self.binary = os.path.abspath(sys.argv[1])
        self.dir = tempfile.mkdtemp(prefix="hd")
        self.children = []
        self.logs = {}
        atexit.register(self.close)
        self.origin = free_port()
        with open(self.path("origin.cfg"), "w") as f:
            f.write("global\n    maxconn 500\ndefaults\n    mode http\n    timeout client 5s\n"
                    f"frontend origin\n    bind 127.0.0.1:{self.origin} backlog 4096\n"
                    "    http-request return status 200\n")
        self.start("origin", ["haproxy", "-db", "-f", self.path("origin.cfg")])

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, name, argv, env=None):
        with open(self.path(f"{name}.log"), "ab") as log:
            child = procs.start(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir, env=env,
                                start_new_session=True)
        self.children.append(child)
        return child

    def tail(self, name, lines=15):
        """The end of a log; of a sanitizer's report its beginning."""
        try:
            with open(self.path(f"{name}.log"), errors="replace") as f:
                all_ = [l[:250].rstrip() + "\n" for l in f]
                report = [i for i, l in enumerate(all_) if "ERROR: " in l or "runtime error" in l]
                return "".join(all_[report[0]:report[0] + 40] if report else all_[-lines:])
        except OSError:
            return ""

    def tails(self):
        logs = [n for n in os.listdir(self.dir) if n.startswith("haldane") and n.endswith(".log")]
        return "\n".join(f"--- {n}\n{self.tail(n[:-4], 25)}" for n in logs)[-6000:]

    def close(self):
        for c in self.children:
            if c.poll() is None:
                c.kill()
                c.wait(10)
        self.children.clear()
        if os.environ.get("KEEP_WORLD"):
            note(self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def config(services, prometheus=None, alertmanager=None, storage="", limits="", more=""):
    """A whole file from blocks: services is {name: text of its members}."""
    lines = ["version: 1", 'listen: {http: "@listen@"}',
             f"storage: {{path: @db@, ballast: 1MiB{', ' + storage if storage else ''}}}"]
    if limits:
        lines.append(f"limits: {{{limits}}}")
    sources = prometheus if isinstance(prometheus, dict) else {"prom": prometheus} if prometheus else {}
    if sources:
        lines.append("datasources:")
        for name, p in sources.items():
            text = p if isinstance(p, str) else f'{{type: prometheus, url: "{p.url}", timeout: 1s}}'
            lines.append(f"  {name}: {text}")
    if alertmanager:
        lines.append("notifiers:\n  oncall: {type: alertmanager, "
                     f'url: "{alertmanager.url}", timeout: 2s, page: true}}')
    if more:
        lines.append(more)
    lines.append("services:")
    for name, members in services.items():
        lines.append(f"  {name}:")
        lines += [f"    {key}: {value}" for key, value in members.items()]
    return "\n".join(lines) + "\n"


def plain_service(actuator, **change):
    """Members of a service: quick, so that a scenario takes seconds. `guard` and `verify` are merged
    into the quick ones."""
    guard = {"duration": "10m", "interval": "1s", "fail_after": "2", "warmup": "0s",
             "blind_for": "3s", "min_samples": "1", "cooldown": "0s", **change.pop("guard", {})}
    verify = {"timeout": "5s", "recover_within": "15s", "aftercare": "0s", **change.pop("verify", {})}
    flow = lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
    return {"colours": "[blue, green]", "actuator": actuator, "detect": "{every: 1s}", **change,
            "guard": flow(guard), "verify": flow(verify)}


def service(router, backend="shop", timeout="1s", **change):
    """The same behind a Router; `timeout`: of one exchange with it."""
    members = {
        "colours": "{blue: {servers: [blue1, blue2]}, green: {servers: [green1, green2]}}",
        "checks": f"[{{use: http-5xx-ratio, with: {{job: {backend}}}, max: 5%}}]",
        **change,
    }
    return plain_service(f"{{type: haproxy, socket: {router.relay.path}, backend: {backend}, "
                         f"timeout: {timeout}}}", **members)
