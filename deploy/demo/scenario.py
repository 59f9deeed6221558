#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Five releases of a shop, each switched by plain socat, watched by haldane, judged by its users.

haldane is told nothing: it sees the switch, and either lets it pass, takes it back, or calls a
human. Each release is judged by the load generator's own count of what its users got, and by the
router's own weights; haldane's word alone is never enough. Started by deploy/demo/run.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone

import procs
from stack import SERVERS, TOP, Stack, answers, http_json, now, other

sys.path.insert(0, os.path.join(TOP, "dashboards"))
import check as dashboards  # noqa: E402

FINE = 0.01    # share of badly served users that counts as none: the checks' own limit
HURT = 0.05    # share from which a fault counts as seen by users
HURT_MAX_S = 60  # within this after the switch, users of a reverted release must be well again
QUIET_S = 4    # seconds of users that are looked at for "well again"
GUARD_MAX_S = 240


@dataclass
class Release:
    name: str
    story: str
    ends: str                 # state of the guard at its end
    behaviour: tuple = ()     # options of app.py
    share: float = 1.0        # of the traffic that is moved
    dependency: float = 0     # share of failures of the shared dependency, while the guard runs
    kill: bool = False        # kill -9 haldane when the first write of its revert is on the wire


RELEASES = (
    Release("v42", "a good release", "passed"),
    Release("v43", "3 of 10 pages answer 500; haldane is killed in the middle of its revert",
            "reverted", ("--errors", "0.3"), kill=True),
    Release("v44", "3 of 10 pages take 700 ms", "reverted", ("--slow", "0.3")),
    Release("v45", "crashes at start", "reverted", ("--crash",)),
    Release("v46", "a good release; a dependency of both colours fails, a tenth still on the old one",
            "inconclusive", share=0.9, dependency=0.5),
)


class Stop(Exception):
    """Ctrl-C, or a signal."""


class Demo:
    def __init__(self, args, directory):
        self.args = args
        self.stack = Stack(directory, args.scrape, args.rate)
        self.live = "blue"
        self.began = now()
        self.failures = 0
        self.killed = threading.Event()
        self.switches = []  # for backtest: when, to which colour, was it good

    # --- printing ---

    def say(self, text):
        print(f"{now() - self.began:8.1f} s  {text}", flush=True)

    def check(self, good, text):
        self.failures += not good
        print(f"    {'ok     ' if good else 'NOT OK '} {text}", flush=True)
        return good

    # --- haldane ---

    def start_haldane(self):
        stack = self.stack
        stack.procs.stop("haldane")
        stack.release_page()
        stack.procs.start("haldane", [self.args.binary, "serve", stack.path("haldane.yaml")])
        procs.wait_until(self.haldane_answers, 20, "haldane is ready")

    def haldane_answers(self):
        ready = answers(self.stack.url("page", "/readyz"))
        if self.stack.procs.live["haldane"].poll() is not None:
            raise RuntimeError("haldane ended")
        return ready

    def api(self, path):
        """None while haldane does not answer."""
        try:
            return http_json(self.stack.url("page", "/api/v1" + path))
        except OSError:
            return None

    def newest_guard(self):
        page = self.api("/guards?service=shop&limit=1")
        return page["items"][0] if page and page["items"] else None

    def kill_haldane(self):
        self.stack.procs.signal("haldane", signal.SIGKILL)
        self.killed.set()

    # --- one release ---

    def deploy(self, release, colour):
        self.stack.run_colour(colour, release.name, release.behaviour)
        if "--crash" in release.behaviour:
            procs.wait_until(lambda: not any(self.stack.members()[s][1] for s in SERVERS[colour]),
                             20, f"{colour}'s servers are down")
            self.say(f"{release.name} on {colour}: its processes ended at start")
        else:
            self.stack.wait_ready(colour)
            time.sleep(self.args.scrape + 1)  # Prometheus has seen them once
            self.say(f"{release.name} on {colour}: three processes, ready")

    def watch(self, before, dependency):
        """Follows the guard that starts after `before` to its end, and returns it. Soon after its
        start the dependency begins to fail."""
        said = None
        deadline = time.monotonic() + GUARD_MAX_S
        while time.monotonic() < deadline:
            if dependency and now() - self.began > self.args.poll + 1:
                self.stack.break_dependency(dependency)
                self.say(f"the dependency of both colours fails {dependency:.0%} of its requests")
                dependency = 0
            if self.killed.is_set():
                self.killed.clear()
                self.say('kill -9 of haldane: the new weights were on the wire, HAProxy has not seen them')
                time.sleep(1)  # RestartSec of the systemd unit
                self.start_haldane()
                self.say("haldane started again")
            guard = self.newest_guard()
            if guard is None and not self.killed.is_set():
                self.haldane_answers()  # says so if it ended
            if guard and guard["id"] != before:
                word = (guard["state"], guard["headline"])
                if word != said:
                    self.say(f"haldane: {guard['state']:<12} {guard['headline']}")
                    said = word
                if guard["state"] in TERMINAL:
                    return guard
            time.sleep(0.05)
        raise TimeoutError(f"no guard ended within {GUARD_MAX_S} s")

    def release(self, number, release):
        stack, stable = self.stack, self.live
        candidate = other(stable)
        print(f"\nrelease {number}: {release.story}", flush=True)
        self.began = now()
        before = self.newest_guard()
        self.deploy(release, candidate)
        stack.relay.hook = self.kill_haldane if release.kill else None
        self.began = switched = now()
        stack.switch(candidate, release.share)
        self.switches.append(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}={stable}>{candidate},"
                             f"{'bad' if release.ends == 'reverted' else 'good'}")
        self.say(f"socat: {candidate} gets {release.share:.0%} of the traffic")
        guard = self.watch(before and before["id"], release.dependency)
        ended = now()
        if release.dependency:
            self.judge_shared(release, candidate, guard, switched)
            stack.break_dependency(0)
            self.say("the dependency is well again")
            ended = now()
        time.sleep(QUIET_S + 1.5)
        {"passed": self.judge_good, "reverted": self.judge_reverted,
         "inconclusive": self.judge_healed}[release.ends](release, candidate, guard, switched, ended)
        if release.kill:
            self.check(stack.relay.hook is None, "haldane was killed in the middle of the revert")
        if guard["state"] == "passed":
            self.live = candidate
        print(f"    {stack.url('page', '/g/' + guard['id'])}", flush=True)

    # --- judging: the users' count first, then the router, then haldane's word ---

    def judge_state(self, release, guard, needs_human):
        self.check(guard["state"] == release.ends, f"guard {guard['state']}, wanted {release.ends}")
        self.check(guard["needs_human"] == needs_human,
                   "a human is needed" if guard["needs_human"] else "no human is needed")

    def judge_traffic(self, colour, since, until):
        users = self.stack.users(since, until)
        share = users["by"][colour] / max(1, sum(users["by"].values()))
        weights = self.stack.weights()
        self.check(share > 0.99 and weights[other(colour)] == 0,
                   f"{share:.0%} of the answers come from {colour} (weights {weights})")

    def judge_good(self, release, candidate, guard, switched, _ended):
        users = self.stack.users(switched, now())
        self.check(users["bad"] <= FINE, f"users: {count(users)}")
        self.judge_traffic(candidate, now() - QUIET_S, now())
        self.judge_state(release, guard, False)

    def judge_reverted(self, release, candidate, guard, switched, ended):
        stack = self.stack
        hurt = stack.users(switched, switched + 5)
        self.check(hurt["bad"] >= HURT, f"users felt it: {count(hurt)} in the first seconds")
        last = stack.last_bad(switched, now())
        took = (last or now()) - switched
        self.check(took <= HURT_MAX_S, f"well again {took:.0f} s after the switch: "
                   f"{count(stack.users(switched, now()))} in all")
        quiet = stack.users(now() - QUIET_S - 1, now())
        self.check(quiet["bad"] <= FINE, f"users since: {count(quiet)}")
        self.judge_traffic(other(candidate), now() - QUIET_S - 1, now())
        self.judge_state(release, guard, False)

    def judge_shared(self, release, candidate, guard, switched):
        stack = self.stack
        hurt = stack.users(now() - 10, now())
        self.check(hurt["bad"] >= HURT and all(hurt["by"].values()),
                   f"users of both colours felt it: {count(hurt)}")
        weights = stack.weights()
        self.check(weights[candidate] == 9 * weights[other(candidate)] > 0,
                   f"nothing was moved (weights {weights})")
        self.judge_state(release, guard, True)
        try:
            alert = procs.wait_until(self.paged, 10, "an alert of haldane in Alertmanager")
            self.check(True, f"Alertmanager has it: {alert['labels']['alertname']}")
        except TimeoutError as error:
            self.check(False, str(error))

    def paged(self):
        return next((a for a in self.stack.alerts() if a["labels"].get("service") == "shop"), None)

    def judge_healed(self, _release, candidate, _guard, _switched, ended):
        users = self.stack.users(ended + 1, now())
        self.check(users["bad"] <= FINE, f"users after the dependency came back: {count(users)}")
        weights = self.stack.weights()
        self.check(weights[candidate] == 9 * weights[other(candidate)],
                   f"still nothing was moved (weights {weights})")

    def judge_metrics(self, alerts):
        """The real /metrics: fit for a scrape, all that dashboard and alert rules need, the right
        alerts."""
        stack = self.stack
        with urllib.request.urlopen(stack.url("page", "/metrics"), timeout=5) as reply:
            page = reply.read().decode()
        said = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True)
        self.check(said.returncode == 0, f"promtool finds no fault in /metrics {said.stderr.strip()}")
        if not self.args.only:  # a series about reverts is born with the first
            missing = sorted(name for name in dashboards.names() if f"\n{name}" not in page)
            self.check(not missing, f"dashboard and alert rules find all they use {missing or ''}")
        with open(stack.path("rules_test.yaml"), "w") as out:
            json.dump(dashboards.rule_test(page, alerts), out)
        said = subprocess.run(["promtool", "test", "rules", out.name], text=True, capture_output=True)
        self.check(said.returncode == 0, f"alerts on these metrics: {alerts or 'none'} "
                   f"{said.stdout + said.stderr if said.returncode else ''}")
        rules = http_json(stack.url("prometheus", "/api/v1/rules"))["data"]["groups"]
        broken = [r["name"] for g in rules for r in g["rules"] if r["health"] != "ok"]
        self.check(rules and not broken, f"Prometheus evaluates the rules {broken or ''}")

    def judge_past(self, numbers):
        """What the same rules, and others, would have made of the releases that Prometheus remembers."""
        argv = ["backtest", "shop", *self.switches, "--sweep", "http-5xx-ratio=0.1%,1%,10%,40%"]
        print(f"\nhaldane {' '.join(argv)}", flush=True)
        said = subprocess.run([self.args.binary, *argv, "-c", self.stack.path("haldane.yaml")],
                              text=True, capture_output=True)
        print(said.stdout + said.stderr)
        would = [line.split()[6] for line in said.stdout.splitlines() if line[:2] == "20"]
        word = {"passed": "keep", "reverted": "revert"}
        ends = [RELEASES[number - 1].ends for number in numbers]
        wanted = [word.get(end, end) for end in ends]
        self.check(said.returncode == 0 and would == wanted, f"the same rules over the past: {', '.join(would)}")

    # --- all of it ---

    def run(self):
        stack, args = self.stack, self.args
        stack.start()
        if args.stack_only:
            return self.stack_only()
        stack.fill("haldane.yaml", guard=args.guard, poll=args.poll, warmup=args.poll,
                   blind=max(20, 4 * args.poll))
        self.start_haldane()
        print(f"page: {stack.url('page')}   files: {stack.dir}\n"
              f"{args.rate:g} requests a second; scrapes every {args.scrape} s, polls every {args.poll} s, "
              f"guards of {args.guard} s", flush=True)
        time.sleep(5)  # something to compare with
        numbers = args.only or range(1, len(RELEASES) + 1)
        for number in numbers:
            self.release(number, RELEASES[number - 1])
        guards = self.api("/guards?service=shop&limit=50")["items"]
        print()
        self.check(len(guards) == len(numbers), f"{len(guards)} guards for {len(numbers)} switches: "
                   "haldane's own writes started none")
        paged = RELEASES[number - 1].ends == "inconclusive"
        self.judge_metrics(["HaldaneNeedsHuman"] if paged else [])
        self.judge_past(numbers)
        if not args.once:
            print(f"\n{self.result()}\npage: {stack.url('page')}   Ctrl-C ends it", flush=True)
            while True:
                time.sleep(3600)

    def result(self):
        return "all ended as it should" if not self.failures else \
            f"{self.failures} checks failed"

    # --- without haldane: is the world itself right? ---

    def stack_only(self):
        stack, seconds = self.stack, self.args.stack_only
        print("the demo's world, without haldane")
        part = max(4, seconds / 6)
        time.sleep(part)
        users = stack.users(now() - part, now())
        self.check(users["bad"] <= FINE and users["n"] > 0.8 * self.args.rate * (part - 2),
                   f"at rest: {count(users)}")
        for name in ("http_requests_total", "http_request_duration_seconds_bucket",
                     "process_start_time_seconds", "haproxy_server_http_responses_total"):
            rows = stack.query(f'count by (version) ({name}{{job=~"shop|haproxy"}})')
            self.check(rows, f"Prometheus has {name}: {rows}")
        rows = stack.query('sum by (version) (increase(http_requests_total[10s]))')
        self.check(any(m.get("version") == "blue" and n > 0 for m, n in rows), f"blue counts: {rows}")
        for behaviour, what in ((("--errors", "0.3"), "errors"), (("--slow", "0.3"), "slow")):
            stack.run_colour("green", "bad", behaviour)
            stack.wait_ready("green")
            stack.switch("green")
            since = now()
            time.sleep(part)
            users = stack.users(since, now())
            self.check(users[what] > HURT * users["n"], f"green with {what}: {count(users)}")
            self.check(users["by"]["green"] > 0.9 * users["n"], f"socat moved the load: {users['by']}")
            stack.switch("blue")
        stack.run_colour("green", "bad", ("--crash",))
        procs.wait_until(lambda: not stack.members()["green1"][1], 10, "green is down")
        stack.switch("green")
        since = now()
        time.sleep(3)
        users = stack.users(since, now())
        before = users["by"]["blue"]  # asked before the switch
        self.check(users["errors"] == users["n"] - before > 0.9 * users["n"],
                   f"green cannot start: {count(users)}, {before} of them by blue")
        stack.switch("blue")
        stack.run_colour("green", "good")
        stack.wait_ready("green")
        stack.switch("green", 0.9)
        stack.break_dependency(0.5)
        since = now()
        time.sleep(part)
        users = stack.users(since, now())
        self.check(users["bad"] > HURT and users["by"]["blue"] > 0.04 * users["n"],
                   f"dependency fails, blue keeps a tenth: {count(users)} {users['by']}")
        stack.break_dependency(0)


TERMINAL = {"passed", "reverted", "not_verified", "not_recovered", "refused", "advised", "inconclusive",
            "superseded", "cancelled"}


def count(users):
    return f"{users['n']:,} requests, {users['errors']:,} errors, {users['slow']:,} slow"


def options():
    parser = argparse.ArgumentParser(prog="deploy/demo/run", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true",
                        help="no page to look at afterwards; exit 0 only if all ended as they should")
    parser.add_argument("--only", type=int, action="append", metavar="N", choices=range(1, 6),
                        help="only release N (1-5); can be given again")
    parser.add_argument("--stack-only", type=float, metavar="SECONDS",
                        help="no haldane: check the world around it")
    parser.add_argument("--scrape", type=int, default=1, help="seconds between Prometheus' scrapes")
    parser.add_argument("--poll", type=int, default=5, help="seconds between haldane's polls")
    parser.add_argument("--guard", type=int, default=40, help="seconds a guard lasts")
    # A tenth of these in one poll must reach the default min_samples of 200: else the old colour is no
    # witness in release 5.
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--binary", default=os.path.join(TOP, "build-release/src/haldane"))
    parser.add_argument("--keep", action="store_true", help="keep the logs and the database")
    return parser.parse_args()


def interrupted(_number, _frame):
    raise Stop


def main():
    args = options()
    procs.on_signals(interrupted)
    directory = tempfile.mkdtemp(prefix="haldane-demo-")
    demo = Demo(args, directory)
    trouble = None
    try:
        demo.run()
    except Stop:
        trouble = "interrupted"
    except (OSError, RuntimeError, TimeoutError) as error:
        trouble = str(error)
    finally:
        procs.on_signals(signal.SIG_IGN)  # cleaning up takes a second and is not interrupted
        demo.stack.stop()
    left = demo.stack.procs.left()
    demo.check(not left, f"nothing is left running {left or ''}")
    log = demo.stack.procs.tail("haldane")
    if args.keep:
        print(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    looked = trouble == "interrupted" and not args.once
    if trouble and not looked:
        print(f"the demo could not finish: {trouble}\n{log}")
        demo.failures += 1
    print(demo.result())
    return 1 if demo.failures else 0


if __name__ == "__main__":
    sys.exit(main())
