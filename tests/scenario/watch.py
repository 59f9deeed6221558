#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`haldane watch`: on a terminal a screen that follows a release over the daemon's events, in the words of the
page, drawn anew only when something has changed; without one a line for each change. The daemon goes and
comes back in between.

    watch.py HALDANE
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import procs  # noqa: E402
import world as w  # noqa: E402

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A child on a pseudo terminal, and what its screen shows."""

    def __init__(self, argv, size=(30, 100), **env):
        self.master, slave = pty.openpty()
        self.size(*size)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.child = procs.start(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                      env={**os.environ, "TERM": "xterm", **env})
        self.raw = ""
        threading.Thread(target=self.read, daemon=True).start()

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while True:
            try:
                self.raw += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                return

    def lines(self):
        """The last picture."""
        last = self.raw.split("\x1b[H")[-1].split("\x1b[J")[0]
        return [ESCAPE.sub("", line).rstrip() for line in last.split("\r\n")][:-1]

    def shows(self, *words, seconds=10):
        try:
            w.wait(lambda: all(any(x in line for line in self.lines()) for x in words), seconds, str(words))
            return True
        except TimeoutError:
            return False

    def key(self, text):
        os.write(self.master, text.encode())

    def end(self):
        return self.child.wait(40)

    def left(self):
        """Is the screen of before back, with its cursor?"""
        try:
            return w.wait(lambda: "\x1b[?1049l" in self.raw and "\x1b[?25h" in self.raw, 5, "the screen of before")
        except TimeoutError:
            return False


def page_sentence(d):
    _, page = d.get("/")
    page = page.decode() if isinstance(page, bytes) else page
    return re.search(r"<h1[^>]*>(?:<svg.*?</svg>)?(.*?)</h1>", page, re.S)[1].strip()


def on_a_terminal(world, d, router, argv):
    t = Terminal(argv)
    w.ok(t.shows("All well: nothing is being released", "LAST 12 HOURS", "No release ended."), "a quiet fleet", t.lines())
    w.ok("\x1b[?1049h" in t.raw and "\x1b[3" in t.raw, "on a screen of its own, in colour", repr(t.raw[:200]))
    pictures = t.raw.count("\x1b[H")
    time.sleep(2)
    w.equal(t.raw.count("\x1b[H"), pictures, "nothing changes, and nothing is drawn")
    router.set(w.GREEN)
    began = time.monotonic()
    w.ok(t.shows("WATCHING (1)", "shop  w", "blue -> green", "left", seconds=8), "a switch shows by itself", t.lines())
    w.ok(t.shows("Watching green (from blue)"), "in the words of the page", t.lines())
    w.note(f"after {time.monotonic() - began:.1f} s")
    w.ok(t.shows(page_sentence(d)), "so is the first line", (t.lines(), page_sentence(d)))
    t.size(12, 40)
    t.child.send_signal(signal.SIGWINCH)
    w.ok(w.wait(lambda: len(t.lines()) <= 12 and max(map(len, t.lines())) <= 40, 5, "the new size"),
         "a smaller terminal gets what fits", t.lines())
    t.size(30, 100)
    t.child.send_signal(signal.SIGWINCH)
    d.stop()
    w.ok(t.shows("STALE since", "as it was then", seconds=10), "without the daemon it says since when", t.lines())
    d.start()
    w.ok(t.shows("(live; q quits)", seconds=15), "and follows again when it is back", t.lines())
    return t


def is_taken_back(d, t):
    g = d.wait_state("refused", 30)
    w.ok(t.shows("NEEDS YOU (1)", g["headline"], f"haldane show {g['id']}"), "what needs a human stands first", t.lines())
    order = [i for i, line in enumerate(t.lines()) if line.startswith(("NEEDS YOU", "LAST 12"))]
    w.ok(order == sorted(order) and len(order) == 2 and "thing needs you" in t.lines()[0], "and the first line says so",
         t.lines())
    t.key("x")
    time.sleep(0.3)
    w.equal(t.child.poll(), None, "another key does nothing")
    t.key("q")
    w.equal(t.end(), 0, "q quits")
    w.ok(t.left(), "the screen before is back, with its cursor", repr(t.raw[-80:]))
    w.equal(termios.tcgetattr(t.slave)[3], t.before[3], "and the terminal's modes")


def other_ways(argv):
    t = Terminal(argv, NO_COLOR="1")
    w.ok(t.shows("NEEDS YOU (1)") and not re.search(r"\x1b\[[0-9;]*m", t.raw), "NO_COLOR is obeyed", repr(t.raw[:300]))
    t.child.send_signal(signal.SIGINT)
    w.equal(t.end(), 130, "Ctrl-C is an interruption")
    w.equal(termios.tcgetattr(t.slave)[3], t.before[3], "which gives the terminal back, too")
    t = Terminal(argv, TERM="dumb")
    w.ok(w.wait(lambda: "shop  refused" in t.raw, 10, "a line") and "\x1b[" not in t.raw, "a dumb terminal gets lines", t.raw)
    t.child.terminate()
    w.equal(t.end(), 130, "until it is told to end")


class Lines:
    """Without a terminal: what comes, line by line."""

    def __init__(self, argv):
        self.child = procs.start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.text = ""

    def wait(self, word, seconds=120):
        end = time.monotonic() + seconds
        while word not in self.text and time.monotonic() < end:
            if select.select([self.child.stdout], [], [], 0.2)[0]:
                self.text += os.read(self.child.stdout.fileno(), 65536).decode()
        return word in self.text

    def end(self):
        self.child.terminate()
        return self.child.wait(40), self.child.stderr.read().decode()


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    text = w.config({"shop": w.service(router, guard={"duration": "300s"})}, prometheus)
    d = w.Daemon(world, text).start()
    d.wait_read()
    argv = [world.binary, "watch", "--url", f"http://127.0.0.1:{d.port}"]
    wrong = subprocess.run([*argv, "shpo"], capture_output=True, text=True, timeout=20)
    w.ok(wrong.returncode == 2 and "did you mean 'shop'?" in wrong.stderr, "a service misspelt", wrong)
    gone = subprocess.run([world.binary, "watch", "--url", "http://127.0.0.1:9"], capture_output=True, text=True, timeout=20)
    w.ok(gone.returncode == 6 and "is haldane serve running" in gone.stderr, "no daemon at the start", gone)

    t = on_a_terminal(world, d, router, argv)
    plain, objects = Lines([*argv, "shop"]), Lines([*argv, "-o", "json"])
    w.ok(plain.wait("shop  watching      Watching green (from blue)"), "without a terminal what is live is a line", plain.text)
    w.ok(objects.wait("}\n"), "as JSON an object", objects.text)
    router.down("blue")  # nobody is left to go back to
    prometheus.say("shop", green=(25, 25))
    is_taken_back(d, t)
    w.ok(plain.wait("shop  refused       ACT NOW: "), "a line for the change", plain.text)
    w.equal(plain.text.count("\x1b"), 0, "without colour")
    w.ok(objects.wait('"refused"'), "and an object", objects.text)
    told = [json.loads(line) for line in objects.text.splitlines()]
    w.ok(told[-1]["needs_human"] and told[-1]["service"] == "shop", "that says who is needed", told)
    w.equal(len({(x["state"], x["headline"], x["needs_human"], x["would_not_because"]) for x in told}), len(told), "each change once", told)
    w.equal(plain.end(), (130, ""), "told to end, it ends")
    objects.end()
    other_ways(argv)


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 140)
