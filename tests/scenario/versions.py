#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Analyses of versions that are no colours: the service's checks, asked for other values of the label.

    versions.py HALDANE
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BAD = [
    ("one version twice", {"candidate_label": "green", "stable_label": "green"}, "one_version"),
    ("a pattern for a version", {"candidate_label": "gre*", "stable_label": "blue"}, "no_versions"),
    ("a version against nobody", {"candidate_label": "green", "candidate": "none"}, "no_such_colour"),
]


def ended(d, id_):
    def there():
        g = d.api(f"/guards/{id_}")
        return None if g["live"] else g
    return w.wait(there, 30, f"analysis {id_}")


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say(blue=(90, 0), green=(70, 30))
    shop = w.service(router, guard={"duration": "6s"},
                     colours="{old: {servers: [blue1, blue2]}, new: {servers: [green1, green2]}}")
    byname = {**shop, "colours": "{old: {servers: [blue1, blue2], match: 'a=\"b\"'}, new: {servers: [green1, green2]}}"}
    d = w.Daemon(world, w.config({"shop": shop, "byname": byname}, prometheus)).start()
    d.wait_read(("shop",))
    for name, candidate, stable, state, verdict in (("a bad one", "green", "blue", "advised", "fail"),
                                                    ("a good one", "blue", "v0", "passed", "pass"),
                                                    ("colours without series", None, None, "inconclusive", "inconclusive")):
        body = {"candidate_label": candidate, "stable_label": stable} if candidate else {"candidate": "new", "stable": "old"}
        status, said = d.order("/analysis", service="shop", **body)
        g = ended(d, said["id"])
        w.equal((status, g["state"], g["verdict"]), (201, state, verdict), f"an analysis of {name}")
        if candidate:
            w.equal((g["candidate"]["colour"], g["stable"]["colour"], g["candidate"]["version"]), (candidate, stable, candidate),
                    f"{name}: goes by its version")
    status, said = d.order("/analysis", service="shop", candidate_label="green", stable_label="blue", run="once")
    d.kill()
    d.start()
    g = ended(d, said["id"])
    w.equal((g["verdict"], g["candidate"]["colour"]), ("fail", "green"), "after a kill it goes on as it was")
    for name, body, code in BAD:
        status, said = d.order("/analysis", service="shop", **body)
        w.equal((status, said["code"]), (422, code), f"refused: {name}")
    status, said = d.order("/analysis", service="byname", candidate_label="v2", stable_label="v1")
    w.ok(status == 422 and "told by `match`" in said["detail"], "refused: a colour that is told by other means", str(said))
    w.equal(len(d.guards()), 0, "no guard came of it")


if __name__ == "__main__":
    w.run(main, 110)
