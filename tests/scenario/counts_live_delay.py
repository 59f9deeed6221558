#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long after a switch a bad release is found, with a real Prometheus: a report, no test.

    counts_live_delay.py HALDANE [SWITCHES [ERRORS]]

All traffic moves to three pods that fail half of their requests; scrapes every 1, 5 and 15 s, polls
every 5 s, three polls in a row must break the limit. Prints, for each scrape interval, the time from
the switch to the verdict over SWITCHES switches (12), which lie anywhere between two polls.
"""
import shutil
import statistics
import sys
import tempfile
import time

from counts_live_rig import Daemon, Exporter, Pod, Prometheus, Router, wall, wait_for

SCRAPES = (1, 5, 15)
WARM = 35


class Service:
    def __init__(self, folder, scrape, number, errors):
        self.name, self.scrape = f"s{scrape}-{number}", scrape
        self.router = Router(folder, self.name)
        self.pods = {f"{c}-{i}": Pod(c, f"{c}-{i}", 33, .001 if c == "blue" else errors)
                     for c in ("blue", "green") for i in (1, 2, 3)}
        for p in self.pods.values():
            p.start(time.time() - 100)
            if p.colour == "green":
                p.in_at = float("inf")

    def switch(self):
        self.at = time.time()
        for p in self.pods.values():
            if p.colour == "green":
                p.in_at = self.at
            else:
                p.out_at = self.at
        self.router.set("green")

    def targets(self):
        for name, pod in self.pods.items():
            yield self.scrape, f"/{self.name}/{name}", {"job": self.name, "instance": name,
                                                        "version": pod.colour}

    def config(self):
        return {"colours": ["blue", "green"], "datasource": "p", "actuator": self.router.actuator(),
                "checks": [{"use": "http-5xx-ratio", "with": {"job": self.name}, "max": "1%",
                            "critical": True}],
                "detect": {"every": "1s"}, "guard": {"interval": "5s", "fail_after": 3},
                "mode": "shadow"}

    def found(self, daemon):
        """Seconds from the switch to the decision; None: not yet."""
        guard = daemon.guard(self.name)
        return wall(guard["decided_at"]) - self.at if guard and guard["decided_at"] else None


def run(haldane, folder, running, switches, errors):
    services = [Service(folder, s, n, errors) for n in range(switches) for s in SCRAPES]
    exporter = Exporter({f"/{s.name}/{n}": p for s in services for n, p in s.pods.items()})
    running.append(exporter)
    prometheus = Prometheus(folder, "p", exporter.port, [t for s in services for t in s.targets()])
    daemon = Daemon(haldane, folder, "d", {"p": {"type": "prometheus", "url": prometheus.url}},
                    {s.name: s.config() for s in services})
    for p in (prometheus, daemon):
        running.append(p)
        p.start()
        p.ready()
    time.sleep(WARM)
    for s in services: # spread over ten polls
        s.switch()
        time.sleep(50 / len(services))
    for s in services:
        wait_for("verdict", lambda: s.found(daemon) is not None, 180)
    for scrape in SCRAPES:
        found = sorted(s.found(daemon) for s in services if s.scrape == scrape)
        print(f"scrape {scrape:2} s, poll 5 s, {errors:.0%} errors: found after {statistics.median(found):.1f} s "
              f"(median; {found[0]:.1f} to {found[-1]:.1f} s, n {len(found)})")


def main():
    if not shutil.which("prometheus"):
        raise SystemExit("prometheus is not installed")
    switches = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    errors = float(sys.argv[3]) if len(sys.argv) > 3 else 0.5
    running = []
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        try:
            run(sys.argv[1], folder, running, switches, errors)
        finally:
            for p in reversed(running):
                p.stop()


main()
