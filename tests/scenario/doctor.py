#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`haldane doctor` in a world that is right, and in the same world with one thing broken at a time: that
thing is named, with a next step, and the exit status says so. Nothing is ever changed.

    doctor.py HALDANE
"""
import contextlib
import json
import os
import shutil
import sqlite3
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
    for fault, words in (("html", ["is a web page called", "and not Prometheus"]),
                         ("refuse", ["closed without an answer", "speaks something else"]), ("hang", ["is it up"])):
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
    p.online("which is an error for check --online", fresh, 2, "which has traffic", "1 of 1 checks asks for what is not there")
    p.router.set(w.BLUE)
    p.prometheus.fault = "empty"
    p.online("so is a metric that is not there", p.text(), 2, "metric_absent: there is no series http_requests_total")
    p.prometheus.fault = None
    p.online("all is there", p.text(), 0, " ok\n", ": ok, 1 service, 1 check\n")
    down = p.text().replace(p.prometheus.url, "http://127.0.0.1:9")
    p.expect("a source that is not there", "FAIL", "datasource prom", ["connection refused", "nobody listens there"], text=down)
    p.online("which says nothing of the file", down, 3, "nobody listens there", "not everything can be asked now")
    other = p.text().replace(p.prometheus.url, f"http://127.0.0.1:{p.d.port}")
    p.expect("a source that is another program", "FAIL", "datasource prom", ["is haldane itself, and not Prometheus"], text=other)
    p.online("whose address is wrong in the file", other, 2, "is haldane itself, and not Prometheus")


def routers(p):
    p.router.relay.close()
    p.expect("a router that is not there", "FAIL", "router shop", ["there is no such socket",
             f"stats socket {p.router.relay.path} mode 660", "level admin"])
    p.router.relay.open()
    for name, text, words in (
            ("a colour by a name that no server has", p.text(colours='{blue: {servers: "blue*"}, gren: {servers: "gren*"}}'),
             ["colour gren", "the servers there are: blue1, blue2, green1, green2", "did you mean 'green'?"]),
            ("a backend by a wrong name", p.text().replace("backend: shop", "backend: shpo"),
             ["shpo", "the backends there are: ", "did you mean 'shop'?"]),
            ("an address where a web server is", p.text().replace(p.router.relay.path, "tcp:" + p.prometheus.url[7:]),
             ["a web server answers there", "address of the router itself"])):
        p.expect(name, "FAIL", "router shop", words, text=text)
        p.online("it is the file's mistake for check --online, too", text, 2, *words)
    for level in ("user", "operator"): # it lets nobody change a weight
        cfg = p.world.path(level + ".cfg")
        with open(cfg, "w") as f:
            f.write(open(p.world.path("router.cfg")).read().replace("level admin", "level " + level).replace(
                p.router.sock, p.world.path(level + ".sock")).replace("router.front", level + ".front"))
        p.world.start(level, ["haproxy", "-db", "-f", cfg])
        w.wait(lambda: os.path.exists(p.world.path(level + ".sock")), 10, "the second router")
    text = p.text().replace(p.router.relay.path, p.world.path("reader.sock"))
    w.wait(lambda: all(p.router.state("shop")[s][1] for s in ("green1", "green2")), 5, "green is up")
    for level in ("user", "operator"):
        p.expect(f"a socket of level {level} lets us only read", "FAIL", "revert shop/green",
                 ["Permission denied", f"stats socket {p.world.path(level + '.sock')} mode 660 user haproxy group", "level admin"],
                 text=text.replace("reader.sock", level + ".sock"))
        p.online("which check --online sees, too", text.replace("reader.sock", level + ".sock"), 3,
                 "a revert to green would be refused", "level admin", "lets haldane act")
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
    p.expect("a notifier that is not there", "FAIL", "notifier oncall", ["nobody listens there"],
             text=p.text().replace(p.alertmanager.url, "http://127.0.0.1:9"))
    p.expect("a notifier that is another program", "FAIL", "notifier oncall", ["is haldane itself, and not Alertmanager"],
             text=p.text().replace(p.alertmanager.url, f"http://127.0.0.1:{p.d.port}"))
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
    p.expect("a daemon that is well has the store", "PASS", "store", ["the daemon has it open"])
    with contextlib.closing(sqlite3.connect(p.d.db, isolation_level=None)) as old, \
         contextlib.closing(sqlite3.connect(p.d.db, isolation_level=None, timeout=20)) as other:
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM guard").fetchone()
        other.execute("CREATE TABLE filler AS SELECT zeroblob(70000000)")
        p.expect("a log that cannot begin anew", "WARN", "store", ["-wal has", "sqlite3 shell"])
        w.wait(lambda: "haldane.db-wal, has grown to" in p.d.log(), 35, "the daemon's word of it")
        old.execute("ROLLBACK")
        other.execute("DROP TABLE filler")
    p.d.stop()
    for step, next_ in ((-1, "brought up to date"), (1, "or a newer one")):
        with contextlib.closing(sqlite3.connect(p.d.db)) as db:
            known = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute(f"PRAGMA user_version = {known + step}")
            p.expect("a store of another haldane", "FAIL", "store", [next_])
            db.execute(f"PRAGMA user_version = {known}")
    p.expect("without it, whoever asks must be let in", "PASS", "store", ["may be written by user "])
    stranger(p)
    p.expect("no daemon", "WARN", "daemon", ["start it"])
    with open(p.d.db, "r+b") as f:
        f.seek(4096)
        f.write(b"\xff" * 4096)
    p.expect("a store that is damaged", "FAIL", "store", ["last copy"])
    os.remove(p.d.db)
    p.expect("no store yet", "WARN", "store", ["haldane serve"])


def stranger(p):
    """What another user is told: who he is, and what is closed to him. Only root can be somebody else."""
    if os.geteuid():
        w.skip("a store that is another user's", "needs root")
        w.skip("and the daemon says the same", "needs root")
        return
    binary, home = p.world.path("haldane.copy"), p.world.path("")
    shutil.copy(p.world.binary, binary)
    for path, mode in ((binary, 0o755), (p.d.file, 0o644), (home, 0o755)):
        os.chmod(path, mode)
    as_nobody = {"user": 65534, "group": 65534, "extra_groups": [], "capture_output": True, "text": True, "timeout": 60,
                 "cwd": home}
    done = subprocess.run([binary, "doctor", p.d.file], **as_nobody)
    line = [x for x in done.stdout.splitlines() if x.startswith("FAIL  store")]
    w.ok(done.returncode == 1 and line and "user nobody may not write into" in line[0] and "chown" in line[0],
         "a store that is another user's", done.stdout + done.stderr)
    done = subprocess.run([binary, "serve", p.d.file], **as_nobody)
    w.ok(done.returncode == 2 and "permission denied: user nobody may not write into" in done.stderr and "chown" in done.stderr,
         "and the daemon says the same", done.stdout + done.stderr)


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
