#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other limits would have done to the last guards: computed by itself after each guard, shown on a
page, as JSON and as a picture, the same as `haldane backtest --guards` says; once more after a human's
mark, and not while a revert is on its way.

    limits.py HALDANE
"""
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GREEN = {"blue": 0, "green": 100}
BLUE = {"green": 0, "blue": 100}


def limits(d, n, unlike=None):
    """Once it is over so many guards, and another text than `unlike`."""
    def there():
        said = d.api("/services/shop/limits")
        found = said["backtest"]
        return found and len(found["switches"]) == n and found != unlike and said
    return w.wait(there, 30, f"limits over {n} guards")


def sweep(said):
    return {r["value_text"]: r for r in said["backtest"]["sweep"]}


def backtest(d, *words):
    p = subprocess.run([d.world.binary, "backtest", "shop", "--guards", "--store", d.db, *words], text=True,
                       capture_output=True, timeout=60)
    return p.returncode, p.stdout, p.stderr


def children(d):
    """Those that compute."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f, open(f"/proc/{pid}/cmdline") as c:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == d.child.pid and "backtest" in c.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def guards(d, router, prometheus):
    """One that passes with 3 % of errors, and one that is taken back for 30 %: by a stricter limit the old
    one was as bad before it, which makes the check advisory."""
    router.set(GREEN)
    passed = d.wait_state("passed", 30)["id"]
    prometheus.say(blue=(70, 30), green=(100, 0))
    router.set(BLUE)
    return passed, d.wait_state("reverted", 30, nth=2)["id"]


def on_the_page(d, said):
    status, page = d.get("/s/shop/limits")
    own = next(r for r in said["backtest"]["sweep"] if r["own"])
    w.ok(status == 200 and f"{own['value_text']} (in force): {own['text']}" in page, "the page says it in words", page[:3000])
    w.ok(page.count("<svg class=\"chart\"") == 1 and "<rect class=\"rf\"" in page and "<table class=\"list data\">" in page,
         "and draws it, with its table beside", page[:3000])
    service = d.get("/s/shop")[1]
    w.ok("/s/shop/limits" in service and f"{own['value_text']} (in force): {own['text']}" in service,
         "the service's page says the first, and leads there", service[:3000])
    status, svg = d.get("/api/v1/services/shop/limits.svg")
    tree = xml.etree.ElementTree.fromstring(svg)
    w.ok(status == 200 and tree.tag.endswith("svg") and not re.search(r"<script|style=", svg), "a picture by itself", svg[:500])
    w.equal([d.get(p)[0] for p in ("/s/none/limits", "/api/v1/services/none/limits", "/api/v1/services/none/limits.svg")],
            [404] * 3, "of no service there is none")


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say(blue=(97, 0), green=(97, 3))
    text = w.config({"shop": w.service(router, guard={"duration": "8s", "interval": "1s"}),
                     "idle": w.service(router, "shop")}, prometheus)
    d = w.Daemon(world, text).start()
    d.wait_read(("shop",))
    w.ok("Nothing has been computed yet" in d.get("/s/idle/limits")[1] and
         d.api("/services/idle/limits")["backtest"] is None, "before the first guard that is said")
    w.equal(d.get("/api/v1/services/idle/limits.svg")[0], 404, "and there is no picture")
    passed, reverted = guards(d, router, prometheus)
    said = limits(d, 2)
    rows = sweep(said)
    w.equal([(rows[v]["reverts"], rows[v]["false"], rows[v]["unknown"]) for v in ("1.25%", "5%", "20%")],
            [(1, 1, 0), (1, 0, 1), (1, 0, 1)], "a stricter limit would have taken the good one back")
    status, out, err = backtest(d, "-o", "json")
    w.equal(json.loads(out), said["backtest"], "the command says the same")
    status, out, err = backtest(d, "--svg", world.path("x.svg"), "--sweep", "http-5xx-ratio=2%,5%", "--bad", reverted)
    w.ok(status == 0 and "1 revert, false, 1 cut short" in out and "1 revert, real" in out and
         xml.etree.ElementTree.parse(world.path("x.svg")).getroot().tag.endswith("svg"), "and draws it", out + err)
    on_the_page(d, said)
    w.equal(d.order(f"/guards/{reverted}/mark", verdict="right")[0], 200, "a human says that it was right")
    marked = limits(d, 2, said["backtest"])
    w.equal([(r["real"], r["unknown"]) for r in marked["backtest"]["sweep"] if r["own"]], [(1, 0)], "then the revert is real")
    status, out, err = backtest(d, "--sweep", "none=1%")
    w.ok(status == 2 and "what can be swept: http-5xx-ratio" in err, "a wrong name says what there is", err)
    status, out, err = backtest(d, "--polls", "1")
    w.ok(status == 0 and out.count("left out: more polls than --polls") == 2, "what is too long is left out, and said", out)
    d.stop()
    d.start()
    w.equal(limits(d, 2)["computed_at"], marked["computed_at"], "after a restart it is still there")
    seen, end = [], time.monotonic() + 12  # it looks ten seconds after its start
    while time.monotonic() < end:
        seen += children(d)
        time.sleep(.05)
    w.equal((seen, limits(d, 2)["computed_at"]), ([], marked["computed_at"]), "and is not computed anew")


if __name__ == "__main__":
    w.run(main, 110)
