# SPDX-License-Identifier: Apache-2.0
"""The demo's world on loopback: HAProxy, Prometheus, Alertmanager, two colours of the shop, users.

Everything is real but small; nothing here knows what haldane decides. Used by scenario.py.
"""
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from procs import Procs, free_port, hold, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
COLOURS = ("blue", "green")
SERVERS = {colour: [f"{colour}{i}" for i in (1, 2, 3)] for colour in COLOURS}
WHOLE = 100  # weight of a server of the colour that has all the traffic


def http_json(url, body=None, seconds=5):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=seconds) as reply:
        return json.load(reply)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return reply.status == 200
    except OSError:
        return False


class Relay:
    """Stands between haldane and HAProxy's socket and passes everything through. Armed, it calls
    `hook` when a new weight is on the wire, before HAProxy has seen it, and drops that one: the
    moment for a kill -9 in the middle of a revert. A rehearsal names no weight."""

    WRITE = re.compile(rb"set server \S+ weight \d")

    def __init__(self, path, target):
        self.target, self.hook = target, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(peer,), daemon=True).start()

    def carry(self, peer):
        with peer, socket.socket(socket.AF_UNIX) as router:
            try:
                router.connect(self.target)
                line = b""
                while not line.endswith(b"\n"):
                    more = peer.recv(65536)
                    if not more:
                        return
                    line += more
                hook = self.hook
                if hook and self.WRITE.search(line):
                    self.hook = None
                    hook()
                    return
                router.sendall(line)
                while True:
                    reply = router.recv(65536)
                    if not reply:
                        return
                    peer.sendall(reply)
            except OSError:
                return

    def close(self):
        self.listener.close()


class Stack:
    def __init__(self, directory, scrape_s, rate):
        self.dir, self.scrape_s, self.rate = directory, scrape_s, rate
        self.procs = Procs(directory)
        self.port = {name: free_port() for name in (
            "web", "exporter", "prometheus", "alertmanager", "dependency", *sum(SERVERS.values(), []))}
        # The page's port is known to Prometheus long before haldane takes it.
        self.page_held = hold(8417)
        self.port["page"] = 8417 if self.page_held else free_port()
        self.relay = None
        self.seconds = []  # what the users' process reported
        self.behaviour = {colour: () for colour in COLOURS}

    def path(self, name):
        return os.path.join(self.dir, name)

    def url(self, name, path=""):
        return f"http://127.0.0.1:{self.port[name]}{path}"

    def fill(self, name, **more):
        """Writes NAME from NAME.in with every @word@ replaced."""
        words = {**self.port, "dir": self.dir, "scrape": self.scrape_s,
                 "alerts": os.path.join(TOP, "dashboards/alerts.yaml"), **more}
        with open(os.path.join(HERE, name + ".in")) as template:
            text = re.sub(r"@(\w+)@", lambda word: str(words[word[1]]), template.read())
        with open(self.path(name), "w") as out:
            out.write(text)
        return self.path(name)

    # --- start and stop ---

    def start(self):
        self.procs.start("dependency", [os.path.join(HERE, "app.py"), "--port",
                                        str(self.port["dependency"])])
        for colour in COLOURS:
            self.run_colour(colour, "v41")
        self.procs.start("haproxy", ["haproxy", "-db", "-f", self.fill("haproxy.cfg")])
        self.procs.start("prometheus", [
            "prometheus", f"--config.file={self.fill('prometheus.yml')}",
            f"--storage.tsdb.path={self.path('tsdb')}",
            f"--web.listen-address=127.0.0.1:{self.port['prometheus']}", "--log.level=warn"])
        self.procs.start("alertmanager", [
            "prometheus-alertmanager", f"--config.file={HERE}/alertmanager.yml",
            f"--storage.path={self.path('alertmanager')}", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.port['alertmanager']}", "--log.level=warn"])
        wait_until(lambda: os.path.exists(self.path("haproxy.sock")), 10, "HAProxy's socket")
        self.relay = Relay(self.path("relay.sock"), self.path("haproxy.sock"))
        wait_until(lambda: answers(self.url("prometheus", "/-/ready")), 30, "Prometheus is ready")
        wait_until(lambda: answers(self.url("alertmanager", "/-/ready")), 30, "Alertmanager is ready")
        wait_until(lambda: answers(self.url("dependency", "/")), 10, "the dependency answers")
        for colour in COLOURS:
            self.wait_ready(colour)
        self.procs.check()
        self.start_users()
        # Prometheus looks for targets every 5 s, so the first scrape is late.
        wait_until(lambda: self.query('min(count_over_time(up{job="shop"}[1m])) >= 2'),
                   20 + 3 * self.scrape_s, "two scrapes of every process", 0.2)

    def start_users(self):
        child = self.procs.start("users", [
            os.path.join(HERE, "load.py"), "--port", str(self.port["web"]), "--rate", str(self.rate)],
            stdout=subprocess.PIPE)

        def read():
            for line in child.stdout:
                self.seconds.append(json.loads(line))

        threading.Thread(target=read, daemon=True).start()
        wait_until(lambda: self.seconds, 5, "the users' first second")

    def release_page(self):
        if self.page_held:
            self.page_held.close()

    def stop(self):
        self.release_page()
        if self.relay:
            self.relay.close()
        self.procs.stop_all()

    # --- the shop ---

    def run_colour(self, colour, release, behaviour=()):
        """Replaces the three processes of a colour, as a deploy does."""
        for server in SERVERS[colour]:
            self.procs.stop(server)
        for server in SERVERS[colour]:
            self.procs.start(server, [
                os.path.join(HERE, "app.py"), "--port", str(self.port[server]), "--colour", colour,
                "--release", release, "--dependency", str(self.port["dependency"]), *behaviour])

    def break_dependency(self, share):
        http_json(self.url("dependency", "/admin"), {"errors": share})

    # --- the router, by plain socat ---

    def socat(self, command):
        return subprocess.run(["socat", "-t5", "stdio", f"unix-connect:{self.path('haproxy.sock')}"],
                              input=command + "\n", capture_output=True, text=True, check=True,
                              timeout=10).stdout

    def switch(self, candidate, share=1.0):
        """Gives `candidate` that share of the traffic, and the other colour the rest."""
        stable = other(candidate)
        words = [f"set server shop/{s} weight {round(WHOLE * share)}" for s in SERVERS[candidate]]
        words += [f"set server shop/{s} weight {round(WHOLE * (1 - share))}" for s in SERVERS[stable]]
        said = self.socat("; ".join(words)).strip()
        if said:
            raise RuntimeError(f"HAProxy: {said}")

    def members(self):
        """{server: (weight, up)} as HAProxy has it now."""
        found = {}
        for line in self.socat("show servers state shop").splitlines():
            word = line.split()
            if len(word) > 7 and word[1] == "shop":
                found[word[3]] = (int(word[7]), word[5] == "2")
        return found

    def weights(self):
        """{colour: sum of weights}"""
        members = self.members()
        return {c: sum(members[s][0] for s in SERVERS[c]) for c in COLOURS}

    def wait_ready(self, colour):
        wait_until(lambda: all(self.members()[s][1] for s in SERVERS[colour]), 20,
                   f"{colour}'s servers are up", 0.2)

    # --- what was measured ---

    def users(self, since, until):
        """The users' own count over whole seconds that began and ended between two wall times."""
        total = {"n": 0, "errors": 0, "slow": 0, "by": dict.fromkeys(COLOURS, 0)}
        for second in list(self.seconds):
            if since <= second["at"] - 1 and second["at"] <= until:
                for key in ("n", "errors", "slow"):
                    total[key] += second[key]
                for colour, n in second["by"].items():
                    total["by"][colour] += n
        total["bad"] = (total["errors"] + total["slow"]) / max(1, total["n"])
        return total

    def last_bad(self, since, until, share=0.02):
        """End of the last second in which more than `share` of the users were served badly."""
        bad = [s["at"] for s in list(self.seconds) if since <= s["at"] <= until and
               s["errors"] + s["slow"] > share * s["n"]]
        return bad[-1] if bad else None

    def query(self, promql):
        """Instant query -> [(labels, number)]"""
        quoted = urllib.parse.quote(promql)
        result = http_json(self.url("prometheus", f"/api/v1/query?query={quoted}"))["data"]["result"]
        return [(row["metric"], float(row["value"][1])) for row in result]

    def alerts(self):
        """Active alerts in Alertmanager; only haldane sends any there."""
        return http_json(self.url("alertmanager", "/api/v2/alerts?active=true"))


def other(colour):
    return COLOURS[1 - COLOURS.index(colour)]


def now():
    return time.time()
