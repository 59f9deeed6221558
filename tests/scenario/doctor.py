#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`haldane doctor` in a world that is right, and in the same world with one thing broken at a time: that
thing is named, with a next step, and the exit status says so. Nothing is ever changed.

    doctor.py HALDANE
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402


class Place:
    """One daemon's world, and what the doctor says of it."""

    def __init__(self, world):
        self.world = world
        self.router, self.prometheus, self.alertmanager = w.Router(world), w.Prometheus(), w.Alertmanager()
        self.prometheus.say("shop", blue=(50, 0), green=(50, 0))
        self.d = w.Daemon(world, self.text())
        self.d.start()
        self.d.wait_read()

    def text(self, **change):
        return w.config({"shop": w.service(self.router, **change)}, self.prometheus, self.alertmanager)

    def ask(self, *words, text=None):
        if text is not None:
            self.d.write(text)
        done = subprocess.run([self.world.binary, "doctor", self.d.file, "-o", "json", *words],
                              capture_output=True, text=True, timeout=60)
        if text is not None:
            self.d.write(self.text())
        found = json.loads(done.stdout)["findings"]
        return done.returncode, found, done.stdout + done.stderr

    def expect(self, name, grade, what, words, *more, text=None):
        """The finding about `what` has this grade, these words, and a next step unless it passed."""
        code, found, said = self.ask(*more, text=text)
        mine = [f for f in found if f["what"] == what and f["grade"] == grade]
        good = any(all(x in f["text"] + " " + f.get("next", "") for x in words) for f in mine)
        good = good and all("next" in f or f["grade"] == "PASS" for f in mine if f["grade"] == "FAIL")
        failed = any(f["grade"] == "FAIL" for f in found)
        w.ok(good and code == (1 if failed else 0), name, said)


    def online(self, name, text, status, *words):
        """What `check --online` of a configuration says, and its exit status."""
        self.d.write(text)
        done = subprocess.run([self.world.binary, "check", "--online", self.d.file], capture_output=True, text=True,
                              timeout=60)
        self.d.write(self.text())
        w.ok(done.returncode == status and all(x in done.stdout + done.stderr for x in words), name,
             f"exit {done.returncode}\n{done.stdout}{done.stderr}")


def all_well(p):
    code, found, said = p.ask()
    w.equal([f for f in found if f["grade"] != "PASS"], [], "all is well", said)
    w.equal(code, 0, "and the exit status is 0")
    whats = {f["what"] for f in found}
    w.ok({"config", "store", "daemon", "disk", "datasource prom", "clock", "router shop", "target shop/green",
          "revert shop/green", "check shop/http-5xx-ratio", "notifier oncall"} <= whats,
         "everything it leans on is looked at", whats)
    text = subprocess.run([p.world.binary, "doctor", p.d.file], capture_output=True, text=True, timeout=60).stdout
    w.ok(text.splitlines()[-1].endswith(" passed, 0 warnings, 0 failed"), "for people it ends with the sum", text)
    told = [a for a in p.alertmanager.alerts if a["labels"]["alertname"] != "HaldaneHeartbeat"]
    w.equal(told, [], "nobody was told of it")


def sources(p):
    for fault, words in (("html", ["something else answers"]), ("refuse", ["is it up"]), ("hang", ["is it up"])):
        p.prometheus.fault = fault
        p.expect(f"a source that does: {fault}", "FAIL", "datasource prom", words)
        p.prometheus.fault = None
    result = p.prometheus.result
    for skew, grade in ((10, "WARN"), (-1000, "FAIL")):
        p.prometheus.result = lambda form: ("scalar", [0, f"{w.time.time() + skew:.3f}"]) \
            if form.get("query") == "time()" else result(form)
        p.expect(f"its clock is off by {skew} s", grade, "clock", ["behind" if skew < 0 else "ahead", "keep time"])
        p.prometheus.result = result
    p.prometheus.fault = "empty"
    p.expect("a check that finds nothing", "FAIL", "check shop/http-5xx-ratio",
             ["no_data", "there is no series http_requests_total", "name that is there"])
    p.prometheus.fault = None
    p.expect("a colour by a wrong name", "FAIL", "check shop/http-5xx-ratio",
             ["colour gren", "there are: blue, green; did you mean 'green'?"],
             text=p.text(colours='{blue: {servers: "blue*"}, gren: {servers: "green*"}}'))
    p.prometheus.say("fresh", blue=(50, 0))
    fresh = p.text(checks="[{use: http-5xx-ratio, with: {job: fresh}, max: 5%}]")
    p.expect("a colour that was never deployed", "PASS", "check shop/http-5xx-ratio", ["green no_data"], text=fresh)
    p.online("it is named by check --online, too", fresh, 0, "colour green", "never deployed")
    p.router.set(w.GREEN)
    p.expect("a colour with traffic, and no samples", "FAIL", "check shop/http-5xx-ratio",
             ["colour green", "which has traffic"], text=fresh)
    p.online("which is an error for check --online", fresh, 3, "which has traffic", "1 of 1 checks asks for what is not there")
    p.router.set(w.BLUE)
    p.prometheus.fault = "empty"
    p.online("so is a metric that is not there", p.text(), 3, "metric_absent: there is no series http_requests_total")
    p.prometheus.fault = None
    p.online("all is there", p.text(), 0, " ok\n")


def routers(p):
    p.router.relay.close()
    p.expect("a router that is not there", "FAIL", "router shop", ["is it up"])
    p.router.relay.open()
    with open(p.world.path("reader.cfg"), "w") as f: # the socket's level lets nobody change a weight
        f.write(open(p.world.path("router.cfg")).read().replace("level admin", "level user").replace(
            p.router.sock, p.world.path("reader.sock")).replace("router.front", "reader.front"))
    p.world.start("reader", ["haproxy", "-db", "-f", p.world.path("reader.cfg")])
    w.wait(lambda: os.path.exists(p.world.path("reader.sock")), 10, "the second router")
    text = p.text().replace(p.router.relay.path, p.world.path("reader.sock"))
    p.expect("a router that lets us only read", "FAIL", "revert shop/green", ["Permission denied", "right to write"], text=text)
    for s in ("green1", "green2"):
        w.say(p.router.sock, f"set server shop/{s} state maint; set server shop/{s} health down")
    w.wait(lambda: not any(p.router.state("shop")[s][1] for s in ("green1", "green2")), 5, "green is down")
    p.expect("a target without a ready member", "FAIL", "target shop/green", ["refused", "start it"])
    for s in ("green1", "green2"):
        w.say(p.router.sock, f"set server shop/{s} state ready")
    w.wait(lambda: all(p.router.state("shop")[s][1] for s in ("green1", "green2")), 5, "green is up")
    probe = '{probe: {url: "http://127.0.0.1:%d/ready"}}'
    p.expect("a probe that answers", "PASS", "target shop/green", ["200"],
             text=p.text(target=probe % p.world.origin))
    p.expect("a probe that nobody answers", "FAIL", "target shop/green", ["is it up"], text=p.text(target=probe % 9))


def notifiers(p):
    p.expect("nobody to call", "WARN", "notifiers", ["nobody is called"],
             text=w.config({"shop": w.service(p.router)}, p.prometheus))
    p.expect("a notifier that is not there", "FAIL", "notifier oncall", ["is it up"],
             text=p.text().replace(p.alertmanager.url, "http://127.0.0.1:9"))
    p.expect("a test message", "PASS", "notifier oncall", ["took a test message"], "--notify")
    w.ok(any("test of haldane doctor" in str(a) for a in p.alertmanager.alerts), "which arrives", p.alertmanager.alerts)
    p.alertmanager.fault = "503"
    p.expect("a notifier that refuses it", "FAIL", "notifier oncall", ["nobody is told"], "--notify")
    p.alertmanager.fault = None


def here(p):
    p.expect("a mistake in the file", "FAIL", "config", ["checks", "all 2 mistakes"],
             text=p.text().replace("checks:", "chekcs:"))
    p.expect("a warning in the file", "WARN", "config", ["1 warning"],
             text=p.text(target="{kept_for: 10s}"))
    p.expect("a folder that is not there", "FAIL", "disk", ["No such file", "install -d"],
             text=p.text().replace("@db@", "/nowhere/haldane.db"))
    p.expect("less room than the store may take", "WARN", "disk", ["storage.max_size"],
             text=p.text().replace("ballast: 1MiB", "max_size: 1024GiB"))
    p.d.stop()
    p.expect("no daemon", "WARN", "daemon", ["start it"])
    with open(p.d.db, "r+b") as f:
        f.seek(4096)
        f.write(b"\xff" * 4096)
    p.expect("a store that is damaged", "FAIL", "store", ["last copy"])
    os.remove(p.d.db)
    p.expect("no store yet", "WARN", "store", ["haldane serve"])


def main(world):
    p = Place(world)
    weights = p.router.weights()
    all_well(p)
    sources(p)
    routers(p)
    notifiers(p)
    w.equal(p.router.weights(), weights, "nothing was changed in the router")
    w.ok(not any(w.MUTATES.search(line) for line in map(str, p.router.relay.lines)), "or ordered of it", p.router.relay.lines)
    here(p)


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 140)
