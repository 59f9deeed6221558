#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Routers and checks that are not HAProxy and Prometheus, end to end: a webhook router with
If-Match, exec routers of both kinds, http and exec checks. A router that takes orders once only gets
each order once, whatever happens to the answer, also over a kill -9 (I5, I6).

    adapters.py HALDANE
"""
import http.server
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

class Web:
    """A router behind HTTP that compares If-Match, and a target for http checks."""

    def __init__(self):
        self.live, self.version, self.puts, self.status = "blue", 1, [], {"blue": 200, "green": 200}
        self.race = False  # somebody else changes something between the read and the write
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def send(self, status, body=b"{}"):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", f'"{world.version}"')
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path.startswith("/check/"):
                    self.send(world.status[self.path.split("/")[2]])
                    return
                pools = {c: {"ready": 2, "size": 2} for c in ("blue", "green")}
                self.send(200, json.dumps({"live": world.live, "pools": pools}).encode())

            def do_PUT(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if world.race:
                    world.race = False
                    world.switch("green")  # the same traffic, a newer version
                good = self.headers.get("If-Match") == f'"{world.version}"'
                world.puts.append((good, body["to"]))
                if good:
                    world.switch(body["to"])
                self.send(200 if good else 412)

            def log_message(self, *args):
                pass

        self.server = w.serve(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def switch(self, to):
        self.live = to
        self.version += 1

    def member(self):
        return (f'{{type: webhook, url: "{self.url}", timeout: 2s, read: {{path: /route, value: $.live, '
                'version: etag, ready: "$.pools.{{colour}}.ready", wanted: "$.pools.{{colour}}.size"}, '
                "write: [{method: PUT, path: /route, body: '{\"to\": \"{{value}}\"}', "
                'headers: {If-Match: "{{version}}"}}]}')


def main(world):
    w.program(world, "smoke", w.SMOKE)
    web, race = Web(), Web()
    ok_set, once = w.Exec(world, "set", "set"), w.Exec(world, "once", "once")
    mute, deaf = w.Exec(world, "mute", "once", mute=True), w.Exec(world, "deaf", "once", obeys=False)
    late = w.Exec(world, "late", "once", lag=15)
    routers = {"web": web, "race": race, "set": ok_set, "once": once, "mute": mute, "deaf": deaf,
               "late": late}
    http_check = lambda to: (f'[{{name: up, http: {{url: "{to.url}/check/{{{{colour}}}}", timeout: 1s}}, '
                             "min: 1}]")
    exec_check = lambda n: (f"[{{name: smoke, exec: {{command: [{world.path('smoke')}, "
                            f"{world.path(n)}], timeout: 2s}}, min: 1}}]")
    services = {n: r.service(checks=exec_check(n)) for n, r in routers.items() if isinstance(r, w.Exec)}
    for n in ("web", "race"):
        probe = f'{{probe: {{url: "{routers[n].url}/check/{{{{colour}}}}"}}}}'
        services[n] = w.plain_service(routers[n].member(), checks=http_check(routers[n]), target=probe)
    d = w.Daemon(world, w.config(services, limits="reverts_per_hour: 100, brake: 100")).start()
    d.wait_read(routers)
    for r in routers.values():
        r.switch("green")
    for n in routers:
        d.wait_state("watching", 8, n)
    time.sleep(2.2)
    w.ok(all(d.guard(n)["state"] == "watching" for n in routers), "good checks leave a release alone")
    race.race = True
    web.status["green"] = race.status["green"] = 503
    for n in ("set", "once", "deaf", "late"):
        open(world.path(f"{n}.green"), "w").close()  # SMOKE says no from here on
    g = d.wait_state("reverted", 15, "web")
    w.equal((web.live, web.puts), ("blue", [(True, "blue")]), "webhook: one PUT with the right version",
            g["why"])
    g = d.wait_state("reverted superseded aftercare", 15, "race")
    w.equal((race.live, [good for good, _ in race.puts]), ("blue", [False, True]),
            "I5 webhook: 412 is looked at, and planned anew on what is there", f"{g['state']} {race.puts}")
    d.wait_state("reverted", 15, "set")
    w.equal((ok_set.read()["live"], ok_set.read()["sets"]), ("blue", 1), "exec: set once, and read back")
    d.wait_state("reverted", 15, "once")
    w.equal((once.read()["live"], once.read()["sets"]), ("blue", 1), "exec, once: ordered once")
    g = d.wait_state("not_verified", 15, "deaf")
    w.equal((deaf.read()["sets"], g["needs_human"]), (1, True),
            "I3 I6 exec, once: without effect it is paged, and never repeated", g["why"])
    # The order was taken, its answer is late: a kill -9 in that moment.
    open(world.path("mute.green"), "w").close()
    w.wait(lambda: mute.read()["sets"] == 1, 15, "the order that is not answered", 0.005)
    d.kill()
    d.start()
    d.wait_state("aftercare reverted", 15, "mute")
    w.equal((mute.read()["live"], mute.read()["sets"]), ("blue", 1),
            "I6 exec, once: a lost answer and a kill -9 give no second order")
    w.equal(d.wait_state("not_verified", 15, "late")["needs_human"], True,
            "I3 exec, once: an effect that is too late is not waited for")
    w.wait(lambda: time.time() > late.read()["from"], 20, "its effect")
    time.sleep(2.2)  # readings of it
    w.equal([g["state"] for g in d.guards("late")], ["not_verified"],
            "I11 our own change is no switch, however late it shows")
    for n in routers:
        w.equal(len(d.intents(n)), 1, f"I6 {n}: one intent")
    d.stop()


w.need("setpriv", "haproxy")
w.run(main, 85)
