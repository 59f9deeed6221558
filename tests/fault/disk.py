#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk under a guard: full (the ballast pays for the revert), lost for good, where the policy says
whether haldane pages or reverts without a journal, and the store's file taken away (I2, I3).

    disk.py HALDANE SHIM

The full disk is a small tmpfs in a mount namespace of our own; it is skipped where none may be made.
The lost one is the shim's: every change of a file fails.
"""
import errno
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
PLAN = 2
DISK_MB = 12


def namespace():
    """Starts this program anew with mounts of its own; returns whether it has them."""
    if os.environ.get("OWN_MOUNTS"):
        return os.environ["OWN_MOUNTS"] == "yes"
    for flags in ("-m", "-rm"):
        if subprocess.run(["unshare", flags, "sh", "-c", "mount -t tmpfs none /mnt"],
                          capture_output=True, check=False).returncode == 0:
            os.execvpe("unshare", ["unshare", flags, sys.executable, *sys.argv],
                       {**os.environ, "OWN_MOUNTS": "yes"})
    return False


class Shop:
    def __init__(self, world, name, storage, env=None, folder=None):
        self.router = w.Router(world, name)
        self.prometheus, self.alertmanager = w.Prometheus(), w.Alertmanager()
        self.prometheus.say(blue=GOOD, green=GOOD)
        self.d = w.Daemon(world, "", f"haldane-{name}", env)
        if folder:
            self.d.db = os.path.join(folder, "haldane.db")
        self.d.write(w.config({"shop": w.service(self.router)}, self.prometheus, self.alertmanager,
                              storage=storage))
        self.d.start()
        self.d.wait_read()
        self.router.set(w.GREEN)
        self.d.wait_state("watching", 6)
        w.wait(lambda: self.d.rows("SELECT 1 FROM evidence WHERE after = 1"), 6, "a poll")

    def metric(self, name):
        for line in self.d.get("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None


def fill(path):
    """Takes every byte that is left."""
    with open(path, "ab", buffering=0) as f:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError as e:
                assert e.errno == errno.ENOSPC, e


def full(world):
    folder = world.path("disk")
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", folder], check=True)
    s = Shop(world, "full", "max_size: 16MiB", folder=folder)
    d = s.d
    w.ok(os.path.exists(d.db + "-ballast"), "the ballast lies beside the store")
    fill(os.path.join(folder, "filler"))
    time.sleep(2.2)  # polls go on meanwhile
    s.prometheus.say(green=BAD)
    d.wait_state("aftercare reverted", 15)
    i = d.intents()
    w.equal(([w.outcome(x) for x in i], s.router.weights(), len(s.router.relay.sets())),
            (["verified"], w.BLUE, PLAN), "I2 a full disk stops no revert, nor its journal")
    w.ok(not os.path.exists(d.db + "-ballast"), "the ballast paid for it")
    d.wait_state("reverted", 15)
    # Nothing is left to give now: a second full disk is a lost store.
    s.router.set(w.GREEN)
    d.wait_state("watching", 6, nth=2)
    fill(os.path.join(folder, "filler"))
    w.wait(lambda: s.metric("haldane_store_lost") == 1, 15, "the store is lost")
    w.wait(lambda: [p for p in s.alertmanager.pages() if "store" in str(p["annotations"])], 15,
           "a page past the store")
    w.equal((s.router.weights(), len(s.router.relay.sets())), (w.GREEN, PLAN),
            "I2 without room for the intent not a byte is sent")
    os.unlink(os.path.join(folder, "filler"))
    w.wait(lambda: s.metric("haldane_store_lost") == 0, 8, "room again")
    g = d.wait_state("refused", 8, nth=2)
    w.ok(g["needs_human"], "I3 with room again it is on record that a human is needed", g["why"])
    w.equal(d.get("/readyz")[0], 200, "and the daemon goes on")
    d.stop()
    subprocess.run(["umount", "-l", folder], check=False)


def read_only(world):
    """A disk that its system has made read-only, as ext4 does after an error: named, before anything else."""
    folder = world.path("closed")
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", folder], check=True)
    d = w.Daemon(world, "", "haldane-closed")
    d.db = os.path.join(folder, "haldane.db")
    d.write(w.config({"shop": w.service(w.Router(world, "closed"))}, w.Prometheus()))
    d.start()
    d.stop()
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    for words in (["serve", d.file], ["db", "check", "--store", d.db]):
        done = subprocess.run([world.binary, *words], capture_output=True, text=True, timeout=20, check=False)
        w.ok(done.returncode == 2 and f"{folder}: Read-only file system" in done.stderr, f"haldane {words[0]} names it",
             done.stderr)
    subprocess.run(["umount", "-l", folder], check=False)


def lost_pages(world):
    shim = w.Shim(world, sys.argv[2])
    s = Shop(world, "page", "store_lost: page", shim.env)
    shim.write(disk_errno=errno.EIO)
    s.prometheus.say(green=BAD)
    page = w.wait(lambda: s.alertmanager.pages(), 15, "a page past the store")[0]
    w.ok("could NOT be rolled back" in page["annotations"]["summary"] and
         "socat" in page["annotations"].get("command", ""),
         "I3 store lost, page: it says so and gives the command", page)
    time.sleep(1)
    w.equal((s.router.relay.sets(), s.router.weights()), ([], w.GREEN),
            "I2 store lost, page: not a byte was sent")
    w.equal(s.metric("haldane_store_lost"), 1, "the metric says it")
    shown = [s.d.get(path)[1] for path in ("/", "/s/shop", f"/g/{s.d.guard()['id']}")]
    w.ok(all("cannot write its store" in x for x in shown) and "haldane itself needs you" in shown[0],
         "every page says that it may be old", shown[0][:2000])
    w.equal(s.d.get("/healthz")[0], 200, "and nobody restarts the daemon for it")
    status, answer = s.d.order("/services/shop/hold", reason="x", **{"for": "1m"})
    w.equal(status, 503, "I7 no 2xx without a commit", answer)
    status, answer = s.d.order("/services/shop/rearm", reason="x")
    w.equal(status, 503, "I7 nor for an order that waits for the turn's commit", answer)
    shim.write(disk_errno=0)
    g = s.d.wait_state("refused", 10)
    w.equal((g["needs_human"], s.d.intents()), (True, []), "the store heals, and has it on record")
    s.d.stop()


def moved(world):
    """The store's file is taken away under the daemon: what it would write is lost with it."""
    s = Shop(world, "moved", "store_lost: page")
    d, away = s.d, s.d.db + ".away"
    os.rename(d.db, away)
    s.prometheus.say(green=BAD)
    w.wait(lambda: "moved, deleted or replaced" in d.log(), 15, "the log says so")
    page = w.wait(lambda: s.alertmanager.pages(), 15, "a page past the store")[0]
    w.ok("could NOT be rolled back" in page["annotations"]["summary"], "I3 the file is gone: it says so", page)
    time.sleep(1)
    w.equal((s.router.relay.sets(), s.router.weights(), s.metric("haldane_store_lost")), ([], w.GREEN, 1),
            "I2 nothing is sent that would be on no record")
    os.rename(away, d.db)
    g = d.wait_state("refused", 10)
    w.equal((g["needs_human"], d.intents()), (True, []), "put back, it goes on, and has it on record")
    d.stop()


def lost_reverts(world):
    shim = w.Shim(world, sys.argv[2])
    s = Shop(world, "act", "store_lost: revert", shim.env)
    shim.write(disk_errno=errno.EIO)
    s.prometheus.say(green=BAD)
    w.wait(lambda: s.router.weights() == w.BLUE, 15, "the revert without a store")
    time.sleep(1.5)
    w.equal((s.router.weights(), len(s.router.relay.sets())), (w.BLUE, PLAN),
            "I2 store lost, revert: the traffic is taken back, once")
    w.ok(w.wait(lambda: s.alertmanager.pages(), 8, "a page"), "and a human is told")
    shim.write(disk_errno=0)
    g = s.d.wait_state("aftercare reverted not_recovered", 10)
    w.wait(lambda: [w.outcome(x) for x in s.d.intents()] == ["verified"], 5, "its row in the journal")
    w.ok(True, "the store heals, and has it on record")
    s.d.wait_state("reverted", 15)
    s.d.kill()
    s.d.start()
    time.sleep(1.5)
    w.equal((len(s.router.relay.sets()), s.router.weights()), (PLAN, w.BLUE),
            "I6 and it is not repeated after a restart")
    s.d.stop()


def main(world):
    for scenario in (full, read_only, lost_pages, moved, lost_reverts):
        if scenario in (full, read_only) and not OWN:
            w.skip(f"{scenario.__name__}", "no mount namespace may be made here")
            continue
        try:
            scenario(world)
        except (TimeoutError, RuntimeError) as e:
            w.ok(False, f"{scenario.__name__}: {e}", world.tails())


w.need("haproxy", "setpriv", "unshare")
OWN = namespace()
w.run(main, 100)
