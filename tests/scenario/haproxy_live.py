#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HAProxy actuator against a real HAProxy: what it reads, writes, rehearses and prints for a
human is compared with what HAProxy then says and with where requests really go.

    haproxy_live.py DRIVE [GOLDEN_DIR]

DRIVE is the helper program of tests/unit/actuators. With GOLDEN_DIR the raw answers that the
conformance table uses are recorded there anew. TAP on stdout; skips where haproxy or socat is
missing. Needs no privilege; everything lives in a temporary directory and on loopback.
"""
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import procs  # noqa: E402
from tap import Tap  # noqa: E402

DRIVE = sys.argv[1]
GOLDEN = sys.argv[2] if len(sys.argv) > 2 else None
BLUE = "blue1=100 blue2=100 green1=0 green2=0"
GREEN = "blue1=0 blue2=0 green1=100 green2=100"
tap = Tap()
ok, equal = tap.point, tap.equal


class Origin:
    """One server behind HAProxy; answers with its own name."""

    def __init__(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Haproxy:
    def __init__(self, folder, name, origins, tcp_port=None, backup=(), master=False):
        self.folder, self.name = folder, name
        self.master = f"{folder}/{name}-master.sock" if master else None
        self.sock, self.user = f"{folder}/{name}.sock", f"{folder}/{name}-user.sock"
        self.front, self.map = f"{folder}/{name}-front.sock", f"{folder}/{name}.map"
        with open(self.map, "w") as f:
            f.write("shop blue\n")
        tcp = f"    stats socket ipv4@127.0.0.1:{tcp_port} level admin\n" if tcp_port else ""
        weight = lambda n: 100 if n.startswith("blue") else 0
        rows = "".join(f"    server {n} 127.0.0.1:{o.port} weight {weight(n)} check inter 1s fastinter 100ms "
                       f"fall 3 rise 1{' backup' if n in backup else ''}\n" for n, o in origins.items())
        pools = "".join(f"backend {c}\n" + "".join(
            f"    server {n} 127.0.0.1:{o.port} check inter 1s fastinter 100ms fall 3 rise 1\n"
            for n, o in origins.items() if n.startswith(c)) for c in ("blue", "green"))
        self.config = f"{folder}/{name}.cfg"
        with open(self.config, "w") as f:
            f.write(f"global\n    node golden\n    stats socket {self.sock} mode 600 level admin\n"
                    f"    stats socket {self.user} mode 600 level user\n{tcp}"
                    "defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n"
                    "    timeout server 5s\n"
                    f"frontend front\n    bind unix@{self.front}\n"
                    f"    use_backend %[str(shop),map({self.map})] if {{ path -m beg /map }}\n"
                    "    default_backend shop\n"
                    f"backend shop\n    balance roundrobin\n{rows}"
                    f"    server spare 127.0.0.1:{origins['blue1'].port} weight 7 disabled\n"
                    f"{pools}")
        self.start()

    def start(self):
        self.log = open(f"{self.folder}/{self.name}.log", "a")
        self.process = procs.start(["haproxy", *(["-W", "-S", self.master] if self.master else []), "-db", "-f",
                                    self.config], cwd=self.folder, stdout=self.log, stderr=self.log)
        wait(lambda: "Pid:" in self.say("show info"), f"{self.name} answers")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def say(self, line):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(self.sock)
                s.sendall(line.encode() + b"\n")
                return b"".join(iter(lambda: s.recv(65536), b"")).decode()
        except OSError as e:
            return str(e)

    def ask_front(self, path):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.front)
            s.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: s.recv(4096), b"")).decode().split("\r\n\r\n")[1]

    def served(self, path="/"):
        return sorted({self.ask_front(path) for _ in range(20)})


def wait(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"timed out: {what}")
        time.sleep(0.05)


def drive(sockets, backend, *words):
    p = subprocess.run([DRIVE, sockets, backend, *words], capture_output=True, text=True,
                       timeout=60, check=False)
    return p.returncode, p.stdout, p.stderr


def look(sockets, backend="shop"):
    code, out, err = drive(sockets, backend, "observe")
    if code:
        raise RuntimeError(err)
    return dict(line.split(": ", 1) for line in out.splitlines())


def record(name, sockets, backend="shop"):
    if GOLDEN:
        with open(f"{GOLDEN}/{name}.txt", "w") as f:
            f.write(drive(sockets, backend, "record")[1])


def switch(h, to):
    """What a switch script does."""
    a, b = ("100", "0") if to == "blue" else ("0", "100")
    for n, w in (("blue1", a), ("blue2", a), ("green1", b), ("green2", b)):
        h.say(f"set server shop/{n} weight {w}")


def one_instance(h):
    wait(lambda: look(h.sock)["blue.ready"] == "2" and look(h.sock)["green.ready"] == "2", "checks")
    live = look(h.sock)
    record("blue_live", h.sock)
    equal(live["value"], BLUE, "the weights of both colours are the value, spare is not in it")
    equal((live["blue.share"], live["green.share"]), ("1000000", "0"), "blue has everything")
    equal((live["blue.wanted"], live["green.wanted"]), ("2", "2"), "two members each")
    equal((live["blue.alone"], live["green.alone"]), (BLUE, GREEN), "what gives a side everything")
    equal(live["forgets_to"], BLUE, "a restart would bring back the weights of the file")
    equal(h.served(), ["blue1", "blue2"], "requests go to blue")
    switch(h, "green")
    live = look(h.sock)
    record("green_live", h.sock)
    equal(live["value"], GREEN, "a switch by someone else is seen")
    equal((live["blue.share"], live["green.share"]), ("0", "1000000"), "green has everything")
    equal(h.served(), ["green1", "green2"], "requests go to green")


def reverts(h):
    equal(drive(h.sock, "shop", "rehearse", BLUE)[1], "rehearse: accepted\n", "rehearsal: allowed")
    equal(look(h.sock)["value"], GREEN, "the rehearsal changed nothing")
    code, out, _ = drive(h.user, "shop", "rehearse", BLUE)
    equal((code, out), (1, "rehearse: refused: Permission denied: its `stats socket` line needs `level admin`\n"), "rehearsal as a mere user")
    code, out, _ = drive(h.user, "shop", "set", BLUE)
    equal((code, "refused: Permission denied" in out), (1, True), "a change as a mere user")
    equal(look(h.sock)["value"], GREEN, "the refused change changed nothing")
    native = drive(h.sock, "shop", "plan", BLUE)[1]
    equal(drive(h.sock, "shop", "set", BLUE)[0], 0, "the revert is accepted")
    equal(look(h.sock)["value"], BLUE, "the read-back shows the goal")
    equal(h.served(), ["blue1", "blue2"], "requests go to blue again")
    equal(drive(h.sock, "shop", "plan", BLUE)[1], "\n", "the plan of a reached goal is empty")
    switch(h, "green")
    p = subprocess.run(["sh", "-c", native], capture_output=True, text=True, timeout=60, check=False)
    equal((p.returncode, p.stdout.strip()), (0, ""), "the native command runs without a word")
    equal(look(h.sock)["value"], BLUE, "the native command ends in the same state")


def holds(h, origins):
    goal = "blue1=100 blue2=100/drain green1=0 green2=40/maint"
    equal(drive(h.sock, "shop", "set", goal)[0], 0, "drain and maint are written")
    live = look(h.sock)
    record("held", h.sock)
    equal(live["value"], goal, "drain and maint are read back")
    equal((live["blue.share"], live["green.share"]), ("1000000", "0"), "held servers have no share")
    equal(live["green.alone"], "blue1=0 blue2=0/drain green1=100 green2=100/maint",
          "one held server of a colour stays out")
    drive(h.sock, "shop", "set", BLUE)
    equal(look(h.sock)["value"], BLUE, "and is brought back when the goal says so")
    h.say("disable server shop/blue1;disable server shop/blue2")
    equal(look(h.sock)["blue.alone"], BLUE, "a colour that is wholly held is brought back")
    h.say("enable server shop/blue1;enable server shop/blue2")
    wait(lambda: look(h.sock)["blue.ready"] == "2", "blue is back")
    origins.pop("green2").stop()
    wait(lambda: look(h.sock)["green.ready"] == "1", "green2 is seen down")
    live = look(h.sock)
    record("one_down", h.sock)
    equal((live["green.ready"], live["green.wanted"]), ("1", "2"), "a dead member is not ready")


def two_instances(a, b):
    both = f"{a.sock}|{b.sock}"
    equal(look(both)["value"], BLUE, "two instances that agree have one value")
    switch(a, "green")
    live = look(both)
    equal(live["value"], f"unix:{a.sock}: {GREEN} | unix:{b.sock}: {BLUE}", "a joint value")
    equal(live["green.share"], "500000", "half of the instances, half of the share")
    equal(live["note"], "the 2 instances disagree", "the note says so")
    code, out, _ = drive(both, "shop", "set", GREEN)
    equal((code, out.count("accepted")), (0, 2), "only the instance that differs is told")
    equal(look(both)["value"], GREEN, "both agree on the goal")
    drive(both, "shop", "set", live["value"])
    equal(look(both)["value"], live["value"], "a joint value can be restored")
    drive(both, "shop", "set", BLUE)
    equal(look(both)["value"], BLUE, "and left again")


def forgets(a):
    switch(a, "green")
    before = look(a.sock)
    a.stop()
    a.start()
    after = look(a.sock)
    ok(after["memory"] != before["memory"], "a restart shows in the memory", after["memory"])
    equal(after["value"], before["forgets_to"], "it forgot what was set at run time")


def maps(h):
    backend = f"{h.map} shop"
    wait(lambda: look(h.sock, backend)["blue.ready"] == "2", "checks of the pools")
    live = look(h.sock, backend)
    record("map_blue", h.sock, backend)
    equal(live["value"], "shop=blue", "the map's entry is the value")
    equal(h.served("/map"), ["blue1", "blue2"], "requests go where the map says")
    equal(drive(h.sock, backend, "rehearse", "shop=green")[1], "rehearse: accepted\n",
          "rehearsal of a map")
    equal(drive(h.sock, backend, "set", "shop=green")[0], 0, "the entry is set")
    live = look(h.sock, backend)
    equal((live["value"], live["green.share"]), ("shop=green", "1000000"), "and read back")
    wait(lambda: "503" not in str(h.served("/map")), "the pool has taken the dead green2 out by its own checks")
    equal(h.served("/map"), ["green1"], "requests go to green")


def backups(h):
    wait(lambda: look(h.sock)["blue.ready"] == "2", "checks")
    equal(h.served(), ["blue1"], "a backup server gets nothing while another one is up")
    code, out, _ = drive(h.sock, "shop", "rehearse", GREEN)
    equal((code, out), (1, "rehearse: refused: blue2 is a `backup` server, which gets no traffic while others are "
                           "up: its weight moves nothing\n"), "the rehearsal refuses it")
    equal(drive(h.sock, f"{h.map} shop", "rehearse", "shop=green")[1], "rehearse: accepted\n",
          "a pool that is switched as a whole may have one")


def master(h):
    code, _, err = drive(h.master, "shop", "observe")
    ok(code and "the socket of HAProxy's master" in err and "give the `stats socket`" in err,
       "the master's socket is refused with the reason", err)
    equal(look(h.sock)["value"], BLUE, "the worker's own socket is read as ever")


def failures(h, tcp_port):
    equal(look(f"tcp:127.0.0.1:{tcp_port}")["blue.wanted"], "2", "a TCP socket reads the same")
    for name, what, words in (
            ("no such backend", "shopp", ["shopp: HAProxy says 'Can't find backend", "the backends there are: ",
                                          "did you mean 'shop'?"]),
            ("no such map", "/nope shop", ["Unknown map", f"the maps there are: {h.map}"]),
            ("no such map, but nearly", f"{h.map}s shop", [f"did you mean '{h.map}'?"]),
            ("no such key of a map", f"{h.map} shpo", ["no key 'shpo'", "the keys there are: ", "did you mean 'shop'?"]),
            ("a colour without servers", "blue", ["no server of the colour green", "the servers there are: "])):
        said = drive(h.sock, what, "observe")[2]
        ok(all(w in said for w in words), f"{name}: it is named, and what there is", said)
    line = h.say("set server shop/green1 weight 300")
    ok("between 0 and 256" in line, "HAProxy refuses with words, as the codec expects", line)


def main():
    for tool in ("haproxy", "socat"):
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin"):
            print(f"1..0 # SKIP {tool} is not installed")
            return 0
    os.environ["PATH"] += ":/usr/sbin"
    tcp_port = procs.free_port()
    origins = {n: Origin(n) for n in ("blue1", "blue2", "green1", "green2")}
    running = []
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        try:
            a = Haproxy(folder, "a", origins, tcp_port)
            running.append(a)
            b = Haproxy(folder, "b", origins)
            running.append(b)
            c = Haproxy(folder, "c", origins, backup=("blue2",), master=True)
            running.append(c)
            one_instance(a)
            backups(c)
            master(c)
            reverts(a)
            two_instances(a, b)
            holds(a, origins)
            forgets(a)
            maps(b)
            failures(a, tcp_port)
        finally:
            for h in running:
                h.stop()
    for o in origins.values():
        o.stop()
    return tap.done()


sys.exit(main())
