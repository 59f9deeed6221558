#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP face against clients that nobody would write on purpose: odd frames, addresses and types,
conditions, resumptions out of range, bodies that drip, a thousand silent connections, one key from many
at once, a token that is revoked while it reads.

    attack.py HALDANE
"""
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

HOLD = '{"reason": "test", "for": "1h"}'
H = "/api/v1/services/shop/hold"
LONG = "A" * 5000


class Raw:
    """What is sent is what is written here, byte for byte."""

    def __init__(self, daemon):
        with open(f"{daemon.db}.token") as f:
            self.token = f.read().strip()
        self.port = daemon.port

    def connect(self, seconds=40):
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def send(self, data, seconds=40):
        """(status, headers in lower case, body) of the first answer; status 0: cut off."""
        with self.connect(seconds) as s:
            s.sendall(data.replace(b"@token@", self.token.encode()))
            return read_answer(s)

    def ask(self, line, headers="", body=""):
        head = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
        return self.send(head.encode() + body.encode())

    def order(self, path, body, headers="Content-Type: application/json\r\n", method="POST"):
        return self.ask(f"{method} {path}", f"Authorization: Bearer @token@\r\n{headers}Content-Length: {len(body)}\r\n",
                        body)


def read_answer(s):
    got = b""
    try:
        while b"\r\n\r\n" not in got:
            piece = s.recv(65536)
            if not piece:
                return 0, {}, b""
            got += piece
        head, body = got.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (l.split(":", 1) for l in lines[1:])}
        want = int(headers.get("content-length", "0"))
        while len(body) < want:
            piece = s.recv(65536)
            if not piece:
                break
            body += piece
        return int(lines[0].split()[1]), headers, body
    except (ConnectionError, socket.timeout):
        return 0, {}, b""


AUTH = "Authorization: Bearer @token@\r\n"
JSON = "Content-Type: application/json\r\n"
LEN = f"Content-Length: {len(HOLD)}\r\n"
# name, request line, headers, body, statuses that are right
FRAMES = [
    ("chunks", f"POST {H}", AUTH + JSON + "Transfer-Encoding: chunked\r\n", f"{len(HOLD):x}\r\n{HOLD}\r\n0\r\n\r\n", {411}),
    ("chunks and a length", f"POST {H}", AUTH + JSON + LEN + "Transfer-Encoding: chunked\r\n", HOLD, {400}),
    ("two lengths", f"POST {H}", AUTH + JSON + LEN + "Content-Length: 5\r\n", HOLD, {400}),
    ("the same length twice", f"POST {H}", AUTH + JSON + LEN + LEN, HOLD, {400}),
    ("two tokens", f"POST {H}", AUTH + AUTH + JSON + LEN, HOLD, {400}),
    ("two hosts", f"POST {H}", AUTH + JSON + LEN + "Host: y\r\n", HOLD, {400}),
    ("two keys", f"POST {H}", AUTH + JSON + LEN + "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", HOLD, {400}),
    ("two types", f"POST {H}", AUTH + JSON + JSON + LEN, HOLD, {400}),
    ("a folded header", f"POST {H}", AUTH + JSON + LEN + "X-A: a\r\n b\r\n", HOLD, {201, 400}),
    ("a header without a name", f"POST {H}", AUTH + JSON + LEN + ": x\r\n", HOLD, {400}),
    ("a blank before the colon", f"POST {H}", AUTH + JSON + "Content-Length : 5\r\n", HOLD, {0, 400}),
    ("a negative length", f"POST {H}", AUTH + JSON + "Content-Length: -1\r\n", HOLD, {400}),
    ("a hexadecimal length", f"POST {H}", AUTH + JSON + "Content-Length: 0x10\r\n", HOLD, {400}),
    ("a length with a plus", f"POST {H}", AUTH + JSON + f"Content-Length: +{len(HOLD)}\r\n", HOLD, {400}),
    ("an enormous length", f"POST {H}", AUTH + JSON + "Content-Length: 99999999999999999999\r\n", HOLD, {400, 413}),
    ("no body at all", f"POST {H}", AUTH + JSON + "Content-Length: 0\r\n", "", {422}),
    ("a body on a GET", "GET /api/v1/services", "Content-Length: 5\r\n", "12345", {200, 400}),
    ("another encoding of the body", f"POST {H}", AUTH + JSON + LEN + "Content-Encoding: gzip\r\n", HOLD, {415}),
    ("too many headers", "GET /api/v1/services", "".join(f"X-{i}: {'y' * 500}\r\n" for i in range(100)), "", {431}),
    ("a NUL in a header", f"POST {H}", AUTH + JSON + LEN + "X-A: a\0b\r\n", HOLD, {0, 201, 400}),
]
TYPES = [("text/plain", 415), ("application/json", 201), ("application/json; charset=utf-8", 201), ("APPLICATION/JSON", 201),
         ("application/jsonp", 415), ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=x", 415),
         (";", 415), ("application/json, text/plain", 415)]
PATHS = [
    ("/api/v1/guards/" + LONG, {404, 414}), ("/api/v1/guards/%00", {400}), ("/api/v1/guards/%2e%2e", {400}),
    ("/api/v1/guards/a%2Fb", {400}), ("/api/v1/guards/..", {400}), ("/api/v1//guards", {400}), ("/api/v1/guards/", {404}),
    ("/api/v1/guards/%", {400}), ("/api/v1/guards/%zz", {400}), ("/api/v1/guards/%ff%fe", {404}),
    ("/api/v1/guards/%e2%80%ae", {404}), ("/api/v1/services/sh%6fp", {200}), ("/api/v1/services/%C0%AF", {404}),
    ("/api/v1/guards?limit=5&limit=6", {400}), ("/api/v1/guards?odd=1", {400}), ("/api/v1/guards?limit=99999999999", {400}),
    ("/api/v1/guards?cursor=" + LONG, {400}), ("/api/v1/guards?service=" + LONG, {200}), ("/api/v1/guards?since=" + LONG, {400}),
    ("/api/v1/guards?limit", {200}), ("/api/v1/guards?=1", {400}), ("/api/v1/guards?limit=5%00", {400}),
    ("http://x/api/v1/services", {400}), ("*", {400}), ("/api/v1/services#x", {400}), ("/api/v1/services\\x", {400}),
    ("/t//api/v1/services", {400}), ("/t/hld_x/api/v1/services", {200, 401, 404}),
]


def frames(c):
    for name, line, headers, body, right in FRAMES:
        status, _, text = c.ask(line, headers, body)
        w.ok(status in right, f"{name}: {status}", text[:300])
    for kind, right in TYPES:
        w.equal(c.order(H, HOLD, f"Content-Type: {kind}\r\n")[0], right, f"type {kind}")
    smuggled = (f"POST {H} HTTP/1.1\r\nHost: x\r\n{AUTH}{JSON}Content-Length: 5\r\nContent-Length: {len(HOLD)}\r\n\r\n{HOLD}"
                f"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").encode()
    with c.connect() as s:
        s.sendall(smuggled.replace(b"@token@", c.token.encode()))
        first = read_answer(s)[0]
        w.equal((first, read_answer(s)[0]), (400, 0), "nothing is read behind a doubtful frame")


def addresses(c):
    for path, right in PATHS:
        status, headers, text = c.ask(f"GET {path}")
        w.ok(status in right, f"GET {path[:60]}: {status}", text[:300])
        w.ok(status < 500 and b"Sanitizer" not in text, "and it is no fault of ours")
    w.equal(c.order(f"/api/v1/guards/{LONG}/revert", '{"reason": "x"}', JSON + "Idempotency-Key: k\r\n")[0], 404,
            "an order about an endless id")
    w.equal(c.order("/api/v1/services/%e2%80%ae/hold", HOLD)[0], 404, "an order about an odd name")


def keyless(c):
    for verb in ("revert", "hold", "release", "cancel", "rearm"):
        status, _, text = c.order(f"/api/v1/guards/01M7YDDH0803DA7BMFTBR01FAY/{verb}", HOLD)
        w.ok(status == 400 and b"no_key" in text, f"{verb} of a guard without an Idempotency-Key is refused", text[:200])


def methods(c):
    for path in ("/", "/api/v1/services", "/api/v1/guards", "/healthz", "/metrics", "/api/openapi.json", "/login"):
        get, head = c.ask(f"GET {path}"), c.ask(f"HEAD {path}")
        w.ok(head[0] == get[0] and head[2] == b"", f"HEAD {path} has no body", str(head)[:200])
    status, headers, _ = c.ask("OPTIONS /api/v1/guards")
    w.equal((status, set(headers.get("allow", "").split(", "))), (204, {"GET", "HEAD", "OPTIONS", "POST"}),
            "OPTIONS names what there is")
    for method in ("TRACE", "CONNECT", "PROPFIND", "BREW", "get"):
        status, headers, _ = c.ask(f"{method} /api/v1/guards")
        w.ok(status in (0, 405, 501), f"{method}: {status}")
    w.equal(c.ask("DELETE /api/v1/guards", AUTH)[0], 405, "a method that is not for this address")


def conditions(c):
    for path in ("/api/v1/services", "/api/v1/guards", "/api/v1/config", "/api/openapi.json"):
        status, headers, _ = c.ask(f"GET {path}")
        tag = headers.get("etag", "")
        w.ok(status == 200 and re.fullmatch(r'"[^"]+"', tag), f"{path} has an ETag", tag)
        for said, right in ((tag, 304), (f"W/{tag}", 304), (f'"x", {tag}', 304), ("*", 304), ('"x"', 200), (tag.strip('"'), 200),
                            ("", 200), (f'"{tag.strip(chr(34))}x"', 200), (LONG, 200)):
            got = c.ask(f"GET {path}", f"If-None-Match: {said}\r\n")
            w.ok(got[0] == right and (right == 200 or got[2] == b""), f"{path} If-None-Match {said[:30]}: {got[0]}")


def resumptions(c):
    def first(last, query=""):
        with c.connect() as s:
            s.sendall(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {last}\r\n\r\n".encode())
            got = b""
            end = time.monotonic() + 20
            while time.monotonic() < end and got.count(b"\n\n") < 2 and not (b" 400 " in got[:20] and b"}" in got):
                piece = s.recv(65536)
                if not piece:
                    break
                got += piece
            return got
    for last in ("999999999", "9223372036854775807", "-5", "0"):
        got = first(last)
        w.ok(b" 200 " in got[:20] or b" 400 " in got[:20], f"Last-Event-ID {last} is answered", str(got[:200]))
        w.ok(b" 400 " in got[:20] or b"retry: 3000" in got, "with the pause before another try", str(got[:400]))
    w.ok(b"event: reset" in first("999999999"), "a number that never was is told to read anew")
    for last in ("99999999999999999999", "x", "1 2", LONG):
        got = first(last)
        w.ok(b" 400 " in got[:20] or b"event: reset" in got, f"Last-Event-ID {last[:20]} is refused or reset", str(got[:200]))


def drips(c, d):
    """A body of which a byte comes each second is cut off; others are answered meanwhile."""
    s = c.connect(300)
    s.sendall(f"POST {H} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {c.token}\r\n{JSON}Content-Length: 1000\r\n\r\n".encode())
    ended = []

    def drip():
        started = time.monotonic()
        try:
            while time.monotonic() - started < 180:
                s.sendall(b" ")
                time.sleep(0.5)
        except OSError:
            pass
        ended.append(time.monotonic() - started)
    thread = threading.Thread(target=drip)
    thread.start()
    return thread, ended


def crowd(c, d):
    """More connections than the face takes: those that talk are served as soon as the silent ones are cut off."""
    many = []
    try:
        for _ in range(1000):
            many.append(c.connect(5))
    except OSError as e:
        w.note(f"{len(many)} connections: {e}")
    w.ok(len(many) > 500, f"{len(many)} silent connections stand")
    started = time.monotonic()
    while True:
        try:
            if d.get("/healthz", 5)[0] == 200:
                break
        except OSError:
            pass
        if time.monotonic() - started > 120:
            break
    w.ok(time.monotonic() - started < 120, "somebody who asks is answered once the silent ones are cut off",
         f"{time.monotonic() - started:.1f} s")
    for s in many:
        s.close()
    w.equal(d.get("/healthz")[0], 200, "all is as it was when they have left")


def one_key(c, d):
    before = len(d.rows("SELECT * FROM hold"))
    answers = []

    def order():
        answers.append(c.order(H, HOLD, JSON + "Idempotency-Key: the-same\r\n"))
    threads = [threading.Thread(target=order) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    statuses = sorted({a[0] for a in answers})
    w.ok(set(statuses) <= {201, 409} and 201 in statuses, "sixteen at once with one key", str(statuses))
    w.equal(len({a[2] for a in answers if a[0] == 201}), 1, "have one answer")
    w.equal(len(d.rows("SELECT * FROM hold")), before + 1, "and do one thing")


def revoked(c, d):
    """A reader's token ends while its stream is open; nobody else may read here."""
    status, _, text = c.order("/api/v1/tokens", '{"name": "reader", "role": "viewer"}')
    token = json.loads(text)["token"]
    s = c.connect(80)
    s.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    w.ok(b" 200 " in s.recv(4096)[:20], "a stream by token")
    w.equal(c.order("/api/v1/tokens/reader", "", "", "DELETE")[0], 200, "its token is revoked")
    c.order(H, HOLD)
    seen, end = b"", time.monotonic() + 80
    try:
        while time.monotonic() < end:
            piece = s.recv(65536)
            if not piece:
                break
            seen += piece
            if seen.endswith(b"\r\n0\r\n\r\n"):
                break
        closed = time.monotonic() < end
    except (socket.timeout, ConnectionError) as e:
        closed = isinstance(e, ConnectionError)
    w.ok(closed, "the stream of a revoked token ends", str(seen[-300:]))
    status, _, _ = c.ask("GET /api/v1/events", f"Authorization: Bearer {token}\r\n")
    w.equal(status, 401, "and is not opened again")


def main(world):
    router = w.Exec(world, "router", "set")
    smoke = "[{name: smoke, exec: {command: [/bin/echo, '{\"ok\": true}']}}]"
    text = w.config({"shop": router.service(checks=smoke, mode="advise")})
    d = w.Daemon(world, text).start()
    d.wait_read()
    c = Raw(d)
    thread, ended = drips(c, d)
    frames(c)
    addresses(c)
    keyless(c)
    methods(c)
    conditions(c)
    resumptions(c)
    one_key(c, d)
    revoked(c, d)
    crowd(c, d)
    thread.join()
    w.ok(ended[0] < 150, f"a body that drips is cut off after {ended[0]:.0f} s")
    w.equal(d.get("/healthz")[0], 200, "the daemon is as it was")


if __name__ == "__main__":
    w.run(main, 140)
