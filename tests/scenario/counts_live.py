#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The counts of a guard against the truth: a real Prometheus scrapes pods whose requests are known
exactly, a daemon guards them through one incident each, and every poll's stored evidence must be what
Prometheus' raw samples say at that instant, and what the pods really served.

    counts_live.py HALDANE

Each row runs at 1 s and 5 s scrapes, all at the same time, polls every 5 s. TAP on stdout, with the
errors of each row; skips where prometheus is missing, and the rows of VictoriaMetrics where that is
(VICTORIA_METRICS names another binary).
"""
import bisect
import os
import shutil
import signal
import sys
import tempfile
import time

from counts_live_rig import (BOUND, Balancer, Daemon, Exporter, Pair, Pod, Prometheus, Router, Victoria,
                             wait_for, wall)

SCRAPES = (1, 5)
POLL = 5
WARM = 12        # seconds of scrapes before the switch
INCIDENT = 12    # after it
AWAY = 8         # how long a daemon or a Prometheus is gone
WATCH = 48       # seconds of guard that are compared
EDGE = 0.06      # a scrape so near to an instant may lie on either side: two clocks are compared
LABEL = {"http-5xx-ratio": "code", "http-slower-than": "le", "http-request-rate": "code"}
results = []


def ok(good, name, detail=""):
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}", flush=True)
    for line in str(detail).splitlines():
        print(f"# {line}")


# --- rows: what happens to the pods of a service ---

def nothing(pods, at):
    pass


def restart(pods, at):
    for p in (pods["blue-1"], pods["green-1"]):
        p.die(at)
        p.start(at + 1.5)


def crash_loop(pods, at):
    p = pods["green-1"]
    for i in range(6): # lives of 3 s, a second apart
        p.die(at + 4 * i)
        p.start(at + 4 * i + 1)


def add(pods, at):
    pods["green-4"].start(at)


def miss(pods, at):
    for p in (pods["blue-1"], pods["green-1"]):
        p.slow = (at, at + 16)


def take_out(pods, at):
    pods["green-1"].out_at = at
    pods["green-1"].die(at + 14)


def kill(pods, at):
    pods["green-1"].die(at)


def reload_balancer(pods, at):
    pods["lb"].die(at)
    pods["lb"].start(at + 0.3)


# name, incident, daemon, Prometheus
ROWS = [
    ("steady", nothing, "d", "p"),
    ("pod restart", restart, "d", "p"),
    ("crash loop", crash_loop, "d", "p"),
    ("pod added", add, "d", "p"),
    ("pod added, start time unknown", add, "d", "p"),
    ("scrapes missed", miss, "d", "p"),
    ("pod taken out", take_out, "d", "p"),
    ("pod killed", kill, "d", "p"),
    ("HAProxy exporter, reloaded", reload_balancer, "d", "p"),
    ("VictoriaMetrics, steady", nothing, "d", "v"),
    ("VictoriaMetrics, pod restart", restart, "d", "v"),
    ("VictoriaMetrics, pod added", add, "d", "v"),
    ("VictoriaMetrics, scrapes missed", miss, "d", "v"),
    ("Prometheus restarted", nothing, "d", "restarted"),
    ("one Prometheus of a pair restarted", nothing, "d", "pair"),
    ("daemon stopped", nothing, "stopped", "p"),
    ("daemon killed", nothing, "killed", "p"),
]


PAIR = {"restarted": ("pair",), "p": ("pair",)} # who else scrapes the targets of a source


class Service:
    def __init__(self, folder, row, scrape):
        self.row, self.incident, self.daemon, self.source = ROWS[row]
        self.name, self.scrape = f"r{row}-{scrape}", scrape
        self.router = Router(folder, self.name)
        self.at = {}
        if self.incident is reload_balancer:
            servers = {"blue1": ("blue", 41, .01), "blue2": ("blue", 37, .01),
                       "green1": ("green", 43, .02), "green2": ("green", 31, .02)}
            self.pods = {"lb": Balancer(servers)}
            return
        self.pods = {f"{c}-{i}": Pod(c, f"{c}-{i}", 27 + 4 * i, .01 if c == "blue" else .02)
                     for c in ("blue", "green") for i in (1, 2, 3)}
        if self.incident is add:
            self.pods["green-4"] = Pod("green", "green-4", 40, .02, "unknown" not in self.row)

    def start(self, now):
        for name, pod in self.pods.items():
            if not name.endswith("-4"):
                pod.start(now - 100 - 7 * len(name))

    def targets(self):
        for name, pod in self.pods.items():
            labels = {"job": self.name, "instance": name}
            if name != "lb":
                labels["version"] = pod.colour
            yield self.scrape, f"/{self.name}/{name}", labels

    def config(self):
        checks = [{"use": "http-5xx-ratio", "max": "50%"}, {"use": "http-request-rate", "min": 1}]
        if "lb" not in self.pods:
            checks.append({"use": "http-slower-than", "bound": "450ms", "max": "50%"})
        for c in checks:
            c["with"] = {"job": self.name}
        return {"colours": ["blue", "green"], "shape": "haproxy" if "lb" in self.pods else "generic",
                "datasource": self.source, "actuator": self.router.actuator(), "checks": checks,
                "detect": {"every": "1s"}, "guard": {"duration": "10m", "interval": f"{POLL}s"},
                "mode": "shadow"}


# --- what must come out ---

class Truth:
    """What Prometheus has of one check of one colour, counted life by life."""

    def __init__(self, service, check, colour, samples, since, source):
        self.since, self.apart = since, source.scrapes_apart * service.scrape
        self.seen_after, self.allowed = source.seen_after + self.apart, source.allowed
        self.pods = {}                      # name -> [(weight in n, in e, times, values, base)]
        self.lost = self.firsts = 0.0       # what died unscraped; what the first scrapes found
        key = LABEL[check]
        for metric, points in samples:
            pod = service.pods[metric["instance"]]
            if metric.get("version", metric.get("server", "")[:len(colour)]) != colour:
                continue
            n, e = self.weights(check, metric[key])
            firsts = [min(t for t, _ in points) for m, points in samples
                      if m["instance"] == metric["instance"]]
            for life, (born, died) in enumerate(pod.lives):
                mine = [(t, v) for t, v in points if born < t + 0.1 and t < died] # t: it was asked
                if not mine:
                    continue
                first = mine[0][1] if mine[0][0] == min(firsts) else 0
                base = 0 if getattr(pod, "start_time", True) else first
                self.pods.setdefault(metric["instance"], []).append(
                    (n, e, [t for t, _ in mine], [v for _, v in mine], base))
                self.firsts += n * first
                if died < time.time() and n:
                    mark = ("http_requests_total", "code", metric[key]) if check != "http-slower-than" \
                        else ("http_request_duration_seconds_bucket", "le", metric[key])
                    if metric.get("server"):
                        mark = (metric["server"], metric[key])
                    self.lost += n * (pod.counters(life, died)[mark] - mine[-1][1])

    @staticmethod
    def weights(check, key):
        if check == "http-slower-than":
            return (1, 1) if key == "+Inf" else (0, -1) if key == BOUND else (0, 0)
        return 1, 1 if check == "http-5xx-ratio" and key in ("500", "5xx") else 0

    @staticmethod
    def counted(lives, since, until):
        """(requests, events) in the scrapes of (since, until]."""
        n = e = 0.0
        for weight_n, weight_e, times, values, base in lives:
            last, first = bisect.bisect_right(times, until), bisect.bisect_right(times, since)
            if last == 0:
                continue
            grown = values[last - 1] - (values[first - 1] if first else base)
            n += weight_n * grown
            e += weight_e * grown
        return n, e

    @staticmethod
    def near(lives, at, early, late):
        """Instants around `at` between which no scrape lies."""
        return [at - early] + sorted({t for life in lives for t in life[2] if at - early < t <= at + late})

    def choices(self, lives, at):
        """What a pod may have counted by a poll: its last scrape may not have been seen yet."""
        return {self.counted(lives, since, until)
                for since in self.near(lives, self.since, EDGE + self.apart, EDGE)
                for until in self.near(lives, at, self.seen_after, EDGE)}

    def error(self, got, at):
        """How far the evidence summed up to the poll at `at` is from the nearest truth."""
        sums = {(0.0, 0.0)}
        for lives in self.pods.values():
            sums = {(n + pod_n, e + pod_e) for n, e in sums for pod_n, pod_e in self.choices(lives, at)}
        return min(((got[0] - n, got[1] - e) for n, e in sums), key=lambda d: abs(d[0]) + abs(d[1]))

    def before(self):
        """Requests in the minutes before the switch, since the first scrape of each pod."""
        every = [life for lives in self.pods.values() for life in lives]
        return {self.counted(every, 0, since)[0] - self.firsts
                for since in self.near(every, self.since, EDGE, EDGE)}

    def allows(self, got, at):
        """Lives that no two scrapes tell apart may be missing, a little; nothing is ever invented."""
        every = [life for lives in self.pods.values() for life in lives]
        most = self.counted(every, self.since - EDGE, at + EDGE)
        least = self.counted(every, self.since + EDGE, at - self.seen_after)
        return got[0] <= most[0] and got[1] <= most[1] and got[0] >= 0.94 * least[0] and \
            got[1] >= 0.85 * least[1] - 5


def real_requests(service, colour, since, until):
    """What the pods served between two instants, whoever looked."""
    total = 0
    for pod in service.pods.values():
        for life, (born, _) in enumerate(pod.lives):
            for when, sign in ((until, 1), (since, -1)):
                if when > born:
                    for key, v in pod.counters(life, when).items():
                        mine = key[0].startswith(colour) if isinstance(pod, Balancer) else \
                            pod.colour == colour and key[0] == "http_requests_total"
                        total += sign * v * mine
    return total


def compare(service, daemon, source):
    guard = daemon.guard(service.name)
    checks = [c["use"] for c in service.config()["checks"]]
    if not guard:
        return ok(False, f"{service.row}, {service.scrape} s", daemon.said()[-2000:])
    items = daemon.evidence(guard["id"])
    since = wall(guard["switch"]["from"])
    said, bad = [], []
    for i, check in enumerate(checks):
        metric = ("haproxy_server_http_responses_total" if "lb" in service.pods else
                  "http_request_duration_seconds_bucket" if check == "http-slower-than" else
                  "http_requests_total")
        samples = source.samples(f'{metric}{{job="{service.name}"}}', since - 300, time.time())
        for role, colour in (("stable", "blue"), ("candidate", "green")):
            truth = Truth(service, check, colour, samples, since, source)
            found = compare_one(service, items, i, role, truth, bad, f"{check} {colour}")
            if found and check == "http-5xx-ratio":
                error, n, at = found
                said.append(f"{colour}: n {n:.0f}, error {error[0]:+.0f} (events {error[1]:+.0f}), "
                            f"died unscraped {truth.lost:.0f}")
                real = real_requests(service, colour, since, at)
                # VictoriaMetrics shows what it took in up to two seconds later.
                slack = 150 * (service.scrape + (2.5 if service.source == "v" else 0.5))
                if abs(n + truth.lost - real) > slack:
                    bad.append(f"{colour}: {real} requests were served, not {n + truth.lost:.0f}")
    backfills = sum(1 for e in items if e["backfill"])
    if backfills != (service.daemon != "d"):
        bad.append(f"{backfills} back-filled polls")
    ok(not bad, f"{service.row}, scraped every {service.scrape} s", "\n".join(said + bad[:12]))


def compare_one(service, items, check, role, truth, bad, name):
    """Adds to `bad` every poll whose sum is not Prometheus'. Returns (error, n, at) of the last."""
    got, before, dark, last = [0.0, 0.0], 0.0, [], None
    for e in items:
        m = next(m for m in e["measurements"] if m["check"] == check and m["role"] == role)
        if e["before"]:
            before += m["exposure"]
            continue
        if m["outcome"] != "ok":
            dark.append(f"{e['poll']} {m['outcome']}/{m['reason']}")
            continue
        got[0] += m["exposure"]
        got[1] += m["events"] if truth_has_events(name) else 0
        at = wall(e["at"])
        error = truth.error(got, at)
        last = (error, got[0], at)
        if service.incident is crash_loop and truth.allows(got, at):
            continue
        if abs(error[0]) + abs(error[1]) > truth.allowed:
            bad.append(f"{name}, poll {e['poll']}: n {got[0]:.0f} off by {error[0]:+.1f}, "
                       f"events {got[1]:.0f} by {error[1]:+.1f}")
    if last and service.incident is not crash_loop and abs(last[0][0]) + abs(last[0][1]) > min(2, truth.allowed):
        bad.append(f"{name}: off by {last[0][0]:+.1f}, events by {last[0][1]:+.1f} in the end")
    if service.incident is nothing and not truth.apart and before not in truth.before():
        bad.append(f"{name}: {before:.0f} requests before the switch, not {truth.before()}")
    if bool(dark) != (service.source == "restarted"):
        bad.append(f"{name}: polls without evidence: {', '.join(dark) or 'none'}")
    if not last or got[0] < 1000:
        bad.append(f"{name}: only {got[0]:.0f} requests in {len(items)} polls")
    return last


def truth_has_events(name):
    return not name.startswith("http-request-rate")


def incidents(services, daemons, sources):
    at = time.time() + 0.4
    for s in services:
        s.incident(s.pods, at)
    daemons["stopped"].stop()
    daemons["killed"].stop(signal.SIGKILL)
    sources["restarted"].stop()
    time.sleep(max(0, at + AWAY - time.time()))
    for p in (daemons["stopped"], daemons["killed"], sources["restarted"]):
        p.start()


def run(haldane, folder, running):
    kinds = {"p": Prometheus, "restarted": Prometheus, "v": Victoria}
    services = [Service(folder, row, s) for s in SCRAPES for row in range(len(ROWS))
                if ROWS[row][3] == "pair" or kinds[ROWS[row][3]].binary]
    exporter = Exporter({f"/{s.name}/{n}": p for s in services for n, p in s.pods.items()})
    running.append(exporter)
    for s in services:
        s.start(time.time())
    sources = {name: kind(folder, name, exporter.port, [t for s in services for t in s.targets()
                                                        if s.source in (name, *PAIR.get(name, ()))])
               for name, kind in kinds.items() if kind.binary}
    urls = {n: [p.url] for n, p in sources.items()}
    pair = Pair(sources["restarted"], sources["p"])
    urls["pair"] = pair.urls
    daemons = {name: Daemon(haldane, folder, name,
                            {n: {"type": "prometheus", "urls": u} for n, u in urls.items()},
                            {s.name: s.config() for s in services if s.daemon == name})
               for name in ("d", "stopped", "killed")}
    for p in (*sources.values(), *daemons.values()):
        running.append(p)
        p.start()
    for p in (*sources.values(), *daemons.values()):
        p.ready()
    time.sleep(WARM)
    for s in services:
        s.router.set("green")
    switched = time.time()
    for s in services:
        wait_for("guard", lambda: daemons[s.daemon].guard(s.name))
    time.sleep(max(0, switched + INCIDENT - time.time()))
    incidents(services, daemons, sources)
    time.sleep(max(0, switched + WATCH - time.time()))
    sources["pair"] = pair
    for s in services:
        compare(s, daemons[s.daemon], sources[s.source])


def main():
    if not Prometheus.binary:
        print("1..0 # SKIP prometheus is not installed")
        return 0
    running = []
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        try:
            run(sys.argv[1], folder, running)
        finally:
            for p in reversed(running):
                p.stop()
            if os.environ.get("KEEP"):
                shutil.copytree(folder, os.environ["KEEP"], dirs_exist_ok=True)
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


sys.exit(main())
