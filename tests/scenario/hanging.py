#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything beside the router hangs, and a revert goes through at once (I10): the data source, its
replica, Alertmanager, a webhook, 200 silent clients and a flood of POSTs on our own face.

    hanging.py HALDANE
"""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

CLIENTS = 200
FLOOD = 4  # threads that POST without a pause
HALF = ("[{use: http-5xx-ratio, with: {job: half}, max: 5%, datasource: prom}, "
        "{name: other, use: http-5xx-ratio, with: {job: half}, max: 5%, datasource: ill}]")
HANG_S = 30   # after so long haldane would give up on what hangs
PROMPT_S = 10 # from the decision to the proof, on a busy machine: no time to wait for any of it


def crowd(d):
    """Clients that connect and say nothing, or half a request."""
    sockets = []
    for i in range(CLIENTS):
        s = socket.create_connection(("127.0.0.1", d.port), timeout=20)
        if i % 3 == 0:
            s.sendall(b"POST /api/v1/guards HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n")
        sockets.append(s)
    return sockets


def flood(d, stop, sent):
    """Orders with a wrong token: each crosses to the loop and back."""
    while not stop.is_set():
        try:
            d.request("POST", "/api/v1/guards", '{"service": "shop"}',
                      {"Authorization": "Bearer hld_wrong", "Content-Type": "application/json"})
            sent.append(1)
        except OSError:
            time.sleep(0.01)


def ms(d, service, *columns):
    row = d.rows("SELECT * FROM guard WHERE service = ? ORDER BY seq DESC", service)[0]
    return [row[c] for c in columns]


def main(world):
    router = w.Router(world, backends=("shop", "other", "half"))
    prometheus, ill, alertmanager = w.Prometheus(), w.Prometheus(), w.Alertmanager()
    hook, refuses = w.Alertmanager(), w.Alertmanager()
    for job, p in (("shop", prometheus), ("other", ill), ("half", prometheus), ("half", ill)):
        p.say(job, blue=(50, 0), green=(50, 0))
    services = {"shop": w.service(router, "shop", datasource="prom"),
                "other": w.service(router, "other", datasource="ill"),
                "half": w.service(router, "half", checks=HALF)}
    text = w.config(services, {n: f'{{type: prometheus, url: "{p.url}", timeout: {HANG_S}s}}'
                               for n, p in (("prom", prometheus), ("ill", ill))}, alertmanager)
    text = text.replace("timeout: 2s, page", f"timeout: {HANG_S}s, page")
    with open(world.path("chat-url"), "w") as f:
        f.write(f"{hook.url}\n")
    chat = "${file:%s}" % world.path("chat-url")
    text = text.replace("notifiers:\n", f"notifiers:\n  chat: {{type: webhook, url: \"{chat}\", timeout: {HANG_S}s}}\n"
                        f"  ticket: {{type: webhook, url: \"{refuses.url}\"}}\n")
    d = w.Daemon(world, text).start()
    d.wait_read(services)
    for n in services:
        router.set(w.GREEN, n)
        d.wait_state("watching", 6, n)
    w.wait(lambda: d.rows("SELECT 1 FROM evidence WHERE after = 1"), 8, "a poll")
    # From here on nobody answers but the router, and Prometheus until the bad news is out.
    alertmanager.fault = hook.fault = "hang"
    refuses.fault = "503"
    ill.fault = "hang"
    sockets, stop, sent = crowd(d), threading.Event(), []
    threads = [threading.Thread(target=flood, args=(d, stop, sent), daemon=True) for _ in range(FLOOD)]
    for t in threads:
        t.start()
    time.sleep(1)
    prometheus.say("half", green=(25, 25))
    w.wait(lambda: router.weights("half") == w.BLUE, 8, "a revert by the check whose source answers")
    w.equal(len(router.relay.sets("half")), 2, "I10 a check whose source hangs holds up no other")
    prometheus.say("shop", green=(25, 25))
    w.wait(lambda: d.intents("shop"), 8, "a decision")
    prometheus.fault = "hang"
    w.wait(lambda: [i for i in d.intents("shop") if w.outcome(i) == "verified"], 5, "the proof")
    decided, sent_ms, verified = ms(d, "shop", "decided_ms", "sent_ms", "verified_ms")
    w.ok(verified - decided < PROMPT_S * 1000, f"I10 decided to verified in {verified - decided} ms",
         f"decided to sent: {sent_ms - decided} ms")
    w.equal((router.weights("shop"), len(router.relay.sets("shop"))), (w.BLUE, 2),
            "I10 the traffic is back, by one change")
    w.ok(len(sent) > 20, f"the flood was one: {len(sent)} POSTs", len(sent))
    # An order of a human gets through the crowd too, and the revert of the blind guard with it.
    status, answer = d.order("/services/other/revert", reason="it hangs")
    w.equal(status, 202, "I10 a human's order is taken", answer)
    w.wait(lambda: router.weights("other") == w.BLUE, 5, "the revert that was ordered")
    w.wait(lambda: ms(d, "other", "verified_ms")[0] > 0, 5, "its proof")
    decided, verified = ms(d, "other", "decided_ms", "verified_ms")
    w.ok(verified - decided < PROMPT_S * 1000, f"I10 ordered to verified in {verified - decided} ms")
    w.equal(d.get("/healthz")[0], 200, "the face still answers")
    stop.set()
    for t in threads:
        t.join(5)
    for s in sockets:
        s.close()
    # Nothing was lost: what could not be told is told as soon as they listen.
    refuses.alerts.clear()
    for server in (alertmanager, hook, refuses, prometheus, ill):
        server.fault = None
    w.wait(lambda: hook.alerts or alertmanager.alerts, 20, "the messages that waited")
    w.wait(lambda: "Moving the traffic back" in str(refuses.alerts), 20, "the message that was refused")
    w.ok(True, "the messages that waited are delivered")
    g = d.wait_state("reverted", 20, "shop")
    w.equal(g["needs_human"], False, "and the guard ends by itself", g["why"])
    w.equal(d.stop(), 0, "it stops with status 0")


w.need("haproxy", "setpriv")
w.run(main, 85)
