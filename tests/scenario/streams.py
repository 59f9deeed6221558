#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Five hundred readers of the journal's stream: each gets each event once, and a revert is no slower
for them.

    streams.py HALDANE
"""
import os
import re
import resource
import selectors
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

READERS = 500


class Readers:
    """Clients of /api/v1/events; what they got, by reader."""

    def __init__(self, port, n):
        self.selector, self.stopping, self.got = selectors.DefaultSelector(), False, [b""] * n
        for i in range(n):
            s = socket.create_connection(("127.0.0.1", port), 10)
            s.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: h\r\n\r\n")
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ, i)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                data = key.fileobj.recv(65536)
                if not data:
                    self.selector.unregister(key.fileobj)
                self.got[key.data] += data

    def ids(self, i):
        text = re.sub(rb"\r\n[0-9A-Fa-f]+\r\n", b"", self.got[i].split(b"\r\n\r\n", 1)[1])
        return [int(x) for x in re.findall(rb"^id: ([0-9]+)$", text, re.M)]

    def close(self):
        self.stopping = True
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


def revert(d, router, n):
    """How long n ordered reverts took, from the order to the router's obedience."""
    took = []
    for _ in range(n):
        guards = len(d.guards())
        router.switch("green")
        w.wait(lambda: d.guards() and len(d.guards()) > guards and d.guard()["state"] in ("warming", "watching"),
               15, "the switch to be seen")
        begin = time.monotonic()
        status, answer = d.order("/services/shop/revert", reason="measured")
        if status != 202:
            raise RuntimeError(f"the revert is refused: {answer}")
        w.wait(lambda: router.read()["live"] == "blue", 10, "the revert", 0.01)
        took.append(time.monotonic() - begin)
        d.wait_state("reverted", 15)
        status, answer = d.order("/services/shop/rearm", reason="again")
    return took


def main(world):
    router = w.Exec(world, "router", "set")
    smoke = "[{name: smoke, exec: {command: [/bin/echo, '{\"ok\": true}']}}]"
    text = w.config({"shop": router.service(checks=smoke, mode="advise")})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    d = w.Daemon(world, text).start()
    d.wait_read()
    with open(f"/proc/{d.child.pid}/limits") as f:
        own = int(next(line for line in f if line.startswith("Max open files")).split()[3])
    w.equal(own, min(hard, 65536), "the daemon takes all the descriptors it may have")
    alone = revert(d, router, 3)
    readers = Readers(d.port, READERS)
    w.wait(lambda: all(b"retry: 3000" in g for g in readers.got), 20, "every reader to be greeted")
    w.ok(True, f"{READERS} readers are served")
    first = d.rows("SELECT max(seq) AS n FROM event")[0]["n"]
    beside = revert(d, router, 3)
    last = d.rows("SELECT max(seq) AS n FROM event")[0]["n"]
    want = list(range(first + 1, last + 1))
    w.ok(w.wait(lambda: all(last in readers.ids(i) for i in range(READERS)), 20, "the last event at every reader"),
         "all get what happens")
    w.ok(all([n for n in readers.ids(i) if n <= last] == want for i in range(READERS)), "each of it once, in order")
    w.note(f"revert alone: median {statistics.median(alone) * 1000:.0f} ms; with {READERS} readers: "
           f"{statistics.median(beside) * 1000:.0f} ms")
    # Generous, for a busy machine: a reader costs microseconds, not a place in the loop's queue.
    w.ok(min(beside) < min(alone) + 1, "a revert is no slower for it",
         f"{alone} {beside}")
    readers.close()
    w.equal(d.get("/healthz")[0], 200, "their leaving is survived")
    w.equal(d.stop(), 0, "and so is a stop")


if __name__ == "__main__":
    w.run(main, 100)
