#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A certificate renewed under a daemon that serves: whoever connects sees the new one, whoever is
connected goes on, the port never closes, and files that are no pair change nothing.

    tls.py HALDANE
"""
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402


def make(world, name):
    """(certificate, key) for 127.0.0.1, signed by itself."""
    crt, key = world.path(f"{name}.crt"), world.path(f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", crt], check=True, capture_output=True)
    return crt, key


class Tls(w.Daemon):
    """Trusts whatever the daemon shows, and looks at it."""

    def connect(self, seconds=5):
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=seconds, context=context)

    def shown(self):
        c = self.connect()
        try:
            c.connect()
            return c.sock.getpeercert(True)
        finally:
            c.close()


def der(crt):
    with open(crt) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def install(pair, crt, key):
    shutil.copy(pair[0], crt)
    shutil.copy(pair[1], key)


def main(world):
    if not shutil.which("openssl"):
        w.skip_all("openssl is not installed")
    old, new, other = make(world, "old"), make(world, "new"), make(world, "other")
    crt, key = world.path("live.crt"), world.path("live.key")
    install(old, crt, key)
    text = w.config({"shop": w.Exec(world, "router", "set").service(
        checks="[{name: smoke, exec: {command: [/bin/echo, '{\"ok\": true}']}}]")})
    d = Tls(world, text.replace('"@listen@"}', f'"@listen@", certificate: {crt}, key: {key}}}')).start()
    w.equal(d.shown(), der(old[0]), "the certificate of the file is shown")

    kept, stream = d.connect(), d.connect()
    kept.request("GET", "/healthz")
    kept.getresponse().read()
    stream.request("GET", "/api/v1/events")
    events = stream.getresponse()
    w.equal(events.status, 200, "a stream is open")

    install(new, crt, key)
    w.equal(d.shown(), der(old[0]), "a new file alone changes nothing")
    os.kill(d.child.pid, signal.SIGHUP)
    w.wait(lambda: d.shown() == der(new[0]), 10, "the new certificate, after a SIGHUP")
    w.ok(True, "after a SIGHUP the new one is shown")
    socket = kept.sock
    kept.request("GET", "/healthz")
    w.equal((kept.getresponse().status, kept.sock is socket), (200, True), "a connection of before goes on")
    w.equal(d.order("/holds", reason="test", **{"for": "1h"})[0], 201, "an order over the new one works")
    line = b""
    while not line.startswith(b"id:"):
        line = events.fp.readline()
        if not line:
            break
    w.ok(line, "and the stream of before tells of it")

    bad = {"a key of another certificate": (new[0], other[1]), "no PEM": (d.file, new[1]), "an empty file": (new[0], "/dev/null"),
           "a half-written file": (world.path("half"), new[1])}
    with open(new[0], "rb") as f, open(world.path("half"), "wb") as half:
        half.write(f.read()[:300])
    for what, pair in bad.items():
        install(pair, crt, key)
        status, answer = d.order("/config/reload")
        w.equal((status, answer.get("errors", [{}])[0].get("pointer")), (422, "/listen/certificate"),
                f"{what} is refused, at its place", json.dumps(answer))
        w.equal(d.shown(), der(new[0]), "and the pair of before is shown")
    os.remove(key)
    w.equal(d.order("/config/reload")[0], 422, "a file that is gone is refused too")
    w.ok(d.api("/config")["refused"], "the page of settings says so")
    install(other, crt, key)
    w.equal(d.order("/config/reload")[0], 200, "a good pair is taken by order")
    w.equal(d.shown(), der(other[0]), "and shown at once")
    for i in range(40):
        install((old, new)[i % 2], crt, key)
        os.kill(d.child.pid, signal.SIGHUP)
        d.shown()
    w.wait(lambda: d.shown() == der(new[0]), 10, "the last of forty")
    w.equal((d.child.poll(), d.get("/healthz")[0]), (None, 200), "forty renewals in a row do no harm")
    stream.close()
    kept.close()
    w.equal(d.stop(), 0, "it stops in order")


if __name__ == "__main__":
    w.run(main, 90)
