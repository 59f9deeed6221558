#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two services released together: their guards carry one name, the API tells them as one verdict, the CLI
waits for both, and the revert of one moves nothing of the other.

    groups.py HALDANE
"""
import json
import os
import subprocess
import sys
import threading
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GREEN = {"green": 100, "blue": 0}  # in this order: never without any traffic


def cli(d, *args):
    with open(f"{d.db}.token") as f:
        env = {**os.environ, "HALDANE_URL": f"http://127.0.0.1:{d.port}", "HALDANE_TOKEN": f.read().strip()}
    return subprocess.run([sys.argv[1], *args], env=env, capture_output=True, text=True, timeout=90)


def group(d, name="train-7"):
    status, text = d.get(f"/api/v1/groups/{name}")
    return status, json.loads(text)


def main(world):
    router, prometheus = w.Router(world, backends=("shop", "cart")), w.Prometheus()
    for job in ("shop", "cart"):
        prometheus.say(job, blue=(50, 0), green=(50, 0))
    service = lambda name: w.service(router, backend=name, guard={"duration": "15s"},
                                     verify={"aftercare": "1s", "recover_within": "15s"})
    d = w.Daemon(world, w.config({"shop": service("shop"), "cart": service("cart")}, prometheus)).start()
    d.wait_read(("shop", "cart"))
    w.equal(group(d)[0], 404, "a group that nobody named: 404")
    w.equal(cli(d, "wait").returncode, 2, "wait wants a guard or a group")

    router.set(GREEN)
    router.set(GREEN, "cart")
    done = cli(d, "guard", "shop", "--to", "green", "--group", "train-7")
    w.equal(done.returncode, 0, "a guard of a group is ordered", done.stderr)
    status, a = d.order("/guards", service="cart", to="green", group="train-7")
    w.ok(status in (200, 201), "and one of another service", str(a))
    w.equal(d.order("/guards", service="cart", to="green", group="other")[0], 409, "which is of no other group")
    status, told = group(d)
    w.equal((status, sorted(g["service"] for g in told["guards"]), told["verdict"], told["terminal"], told["reverted"]),
            (200, ["cart", "shop"], "none", False, False), "the group tells both while they are watched", str(told))
    w.equal({g["group"] for g in told["guards"]}, {"train-7"}, "by its name")
    d.kill()
    d.start()
    w.equal(len(group(d)[1]["guards"]), 2, "also after a kill")

    answers = []
    waits = threading.Thread(target=lambda: answers.append(cli(d, "wait", "--group", "train-7", "--timeout", "60s", "--junit",
                                                               world.path("train.xml"))))
    waits.start()
    prometheus.say("cart", green=(25, 25))
    status, text = d.get("/api/v1/groups/train-7/wait?timeout=50s&until=terminal", 60)
    told = json.loads(text)
    w.equal((status, told["verdict"], told["terminal"], told["reverted"]), (200, "fail", True, True),
            "the wait ends with the last of them, and with the worst verdict", text)
    waits.join(60)
    w.equal([a.returncode for a in answers], [1], "the CLI's exit code is of the worst", str(answers))
    with open(world.path("train.xml")) as f:
        suites = {s.get("name"): s.get("failures") for s in xml.etree.ElementTree.parse(f).getroot()}
    w.equal(suites, {"haldane shop": "0", "haldane cart": "2"}, "its JUnit file tells of each of them")
    w.equal(["because" in a.stdout for a in answers], [False], "that aftercare is over is no reason for a revert",
            answers[0].stdout)
    w.equal({g["service"]: g["state"] for g in told["guards"]}, {"shop": "passed", "cart": "reverted"},
            "each has its own verdict")
    w.equal((router.weights("cart"), router.weights("shop")), (w.BLUE, {"blue": 0, "green": 100}),
            "what the one took back moved nothing of the other")
    w.equal(d.get("/api/v1/groups/train-7/wait?until=change")[0], 400, "a group has no single change to wait for")
    w.equal(d.get("/api/v1/groups/nobody/wait")[0], 404, "and one without guards has no end")
    done = cli(d, "wait", "--group", "nobody")
    w.ok(done.returncode == 2 and "nobody" in done.stderr, "the CLI says so, too", f"{done.returncode} {done.stderr}")


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 120)
