#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what: tokens made and revoked by the command line, roles and globs of services, tokens of
the config, a browser's login and its forms, what is told without a token.

    accounts.py HALDANE
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

REASON = {"reason": "test", "for": "1h"}


class Someone:
    """A client with a token of its own."""

    def __init__(self, daemon, token):
        self.daemon, self.headers = daemon, {"Authorization": f"Bearer {token}"}

    def get(self, path):
        return self.daemon.request("GET", path, headers=self.headers)[0]

    def order(self, path, **body):
        status, text = self.daemon.request("POST", f"/api/v1{path}", json.dumps(body), {
            **self.headers, "Content-Type": "application/json"})
        return status, json.loads(text)


def cli(d, *args):
    done = subprocess.run([d.world.binary, "token", *args, "-c", d.file], capture_output=True, text=True,
                          timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


def form(d, path, cookie=None, **fields):
    """POSTs a form as a browser does -> (status, headers, text)."""
    import http.client
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    if cookie:
        headers["Cookie"] = f"theme=dark; {cookie}"
    c.request("POST", path, urllib.parse.urlencode(fields), headers)
    r = c.getresponse()
    found = r.status, dict(r.getheaders()), r.read().decode()
    c.close()
    return found


def tokens(d):
    status, made, said = cli(d, "new", "ci", "--role", "operator", "--services", "shop*,other")
    token = made.strip()
    w.ok(status == 0 and re.fullmatch(r"hld_[A-Za-z0-9_-]{43}", token), "a token is made and printed", said)
    stored = d.rows("SELECT * FROM token WHERE name = 'ci'")
    w.equal(stored[0]["hash"], hashlib.sha256(token.encode()).hexdigest(), "its hash is stored")
    with open(d.db, "rb") as f, open(f"{d.db}-wal", "rb") as log:
        w.ok(token.encode() not in f.read() + log.read(), "the token itself is not")
    w.ok(token not in d.log(), "nor is it in the log")
    w.equal(cli(d, "new", "ci", "--role", "viewer")[0], 2, "no second token of that name")
    w.equal(cli(d, "new", "x", "--role", "king")[0], 2, "no unknown role")
    listed = cli(d, "list")[1]
    w.ok(re.search(r"ci +operator +order .* local +shop\*,other", listed), "it is listed", listed)
    w.ok(re.search(r"fixed +viewer +config", listed), "and so is one of the config", listed)

    ci = Someone(d, token)
    w.equal(ci.order("/services/shop/hold", **REASON)[0], 201, "an operator may order what the globs cover")
    w.equal(d.api("/holds")["items"][0]["actor"], "ci", "and is named as who did it")
    w.equal(ci.order("/services/cart/hold", **REASON)[0], 403, "not what they do not")
    w.equal(ci.order("/holds", **REASON)[0], 403, "nor the whole fleet")
    w.equal(ci.order("/tokens", name="y", role="admin")[0], 403, "nor make tokens")
    w.equal(ci.get("/api/v1/tokens"), 403, "nor see who has one")
    w.equal(Someone(d, "fixed-secret").order("/services/shop/hold", **REASON)[0], 403,
            "a viewer of the config may order nothing")
    w.equal(Someone(d, "hld_" + "a" * 43).order("/services/shop/hold", **REASON)[0], 401, "nor may a stranger")

    short = cli(d, "new", "short", "--role", "operator", "--for", "1s")[1].strip()
    w.ok(w.wait(lambda: Someone(d, short).get("/api/v1/guards") == 401, 10, "the token to end"),
         "a token ends when it was made to")
    return token


def browser(d, token):
    status, headers, _ = form(d, "/login", token="hld_wrong", next="/g/x")
    w.ok(status == 401 and "Set-Cookie" not in headers, "no login with an unknown token")
    status, headers, _ = form(d, "/login", token=token, next="/s/shop")
    cookie = headers["Set-Cookie"].split(";")[0]
    w.equal((status, headers["Location"]), (303, "/s/shop"), "a login leads to where one wanted to go")
    w.ok("HttpOnly" in headers["Set-Cookie"] and "SameSite=Lax" in headers["Set-Cookie"],
         "its cookie is for HTTP only", headers["Set-Cookie"])
    w.ok(cookie.split("=")[1] not in str(d.rows("SELECT * FROM session")), "the store has its hash")
    csrf = hashlib.sha256(f"csrf {cookie.split('=')[1]}".encode()).hexdigest()

    def hold(**headers):
        return d.request("POST", "/api/v1/services/shop/hold", json.dumps(REASON), {
            "Content-Type": "application/json", "Cookie": cookie, **headers})[0]
    w.equal(hold(), 403, "a cookie alone orders nothing")
    w.equal(hold(**{"X-CSRF-Token": csrf}), 201, "with the page's own secret it does")
    w.equal(hold(**{"X-CSRF-Token": csrf, "Origin": "http://evil.example"}), 403, "not from elsewhere")
    w.equal(Someone(d, cookie.split("=")[1]).order("/services/cart/hold", **REASON)[0], 403,
            "a session may no more than its token")
    w.equal(form(d, "/login", token=cookie.split("=")[1])[0], 401, "a session is no token to log in with")

    status, _, page = form(d, "/s/shop/hold", cookie, csrf=csrf, reason="my own words", **{"for": "99d"})
    w.ok(status == 422 and 'value="99d"' in page and 'value="my own words"' in page and "at most 30 days" in page,
         "what the loop refuses is asked again, with all that was typed", page)

    other = form(d, "/login", token=token)[1]["Set-Cookie"].split(";")[0]
    csrf_other = hashlib.sha256(f"csrf {other.split('=')[1]}".encode()).hexdigest()
    w.equal(form(d, "/logout", other, csrf=csrf)[0], 403, "another login's form is refused")
    status, headers, _ = form(d, "/logout", other, csrf=csrf_other)
    w.ok(status == 303 and "Max-Age=0" in headers["Set-Cookie"], "a logout takes the cookie away")
    w.equal(len(d.rows("SELECT * FROM session")), 1, "and ends its session only")

    w.equal(cli(d, "revoke", "ci")[0], 0, "a token is revoked")
    w.equal(hold(**{"X-CSRF-Token": csrf}), 401, "and its logins end")
    w.equal(Someone(d, token).order("/services/shop/hold", **REASON)[0], 401, "with it")
    w.equal(cli(d, "revoke", "fixed")[0], 2, "one of the config is not revoked by an order")


def anonymous(d, text):
    w.equal([d.get(p)[0] for p in ("/", "/api/v1/guards", "/metrics")], [200] * 3, "all may read by default")
    d.write(text.replace("auth:", "auth:\n  anonymous: nothing"))
    w.equal(d.order("/config/reload")[0], 200, "the daemon is told to show nothing without a token")
    w.equal([d.get(p)[0] for p in ("/", "/api/v1/guards", "/metrics")], [303, 401, 401], "it does")
    w.equal([d.get(p)[0] for p in ("/healthz", "/readyz", "/login")], [200] * 3, "but that it is alive")
    fixed = Someone(d, "fixed-secret")
    w.equal([fixed.get(p) for p in ("/", "/api/v1/guards", "/metrics")], [200] * 3, "a viewer reads all")
    done = subprocess.run([d.world.binary, "status", "-c", d.file], capture_output=True, text=True,
                          timeout=20, check=False)
    w.equal(done.returncode, 0, "and the command line on the daemon's machine too", done.stderr)


def tls(world, text):
    """The face over TLS, with a certificate for its own address."""
    import ssl
    import urllib.request
    crt, key = world.path("face.crt"), world.path("face.key")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                           "-nodes", "-keyout", key, "-out", crt, "-subj", "/CN=face", "-addext",
                           "subjectAltName=IP:127.0.0.1", "-days", "2"], capture_output=True, check=False)
    if made.returncode:
        w.skip("TLS", "no openssl program")
        return
    d = w.Daemon(world, text.replace('"@listen@"}', f'"@listen@", certificate: {crt}, key: {key}}}'), "secure")
    d.start(up=False)
    trust = ssl.create_default_context(cafile=crt)

    def ask():
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{d.port}/readyz", timeout=10, context=trust) as r:
                return r.status == 200
        except OSError:
            return False
    w.ok(w.wait(ask, 15, "an answer over TLS"), "the face answers over TLS")
    done = subprocess.run([world.binary, "status", "-c", d.file], capture_output=True, text=True, timeout=20, check=False)
    w.equal(done.returncode, 0, "the command line finds it and trusts its certificate", done.stderr)
    try:
        w.ok(d.get("/readyz", 2)[0] != 200, "nothing without TLS")
    except OSError:
        w.ok(True, "nothing without TLS")
    w.equal(d.stop(), 0, "it stops")
    with open(key, "w") as f:
        f.write("no key")
    d.start(up=False)
    w.ok(d.child.wait(15) != 0 and "no key in PEM" in d.log(), "a key that does not fit is told at the start", d.log()[-500:])


def main(world):
    router = w.Exec(world, "router", "set")
    with open(world.path("hash"), "w") as f:
        f.write(hashlib.sha256(b"fixed-secret").hexdigest() + "\n")
    text = w.config({name: router.service(checks="[{name: smoke, exec: {command: [/bin/true]}}]", mode="advise")
                     for name in ("shop", "cart")},
                    more="auth:\n  tokens:\n    fixed: {role: viewer, hash: \"${file:"
                    + world.path("hash") + "}\"}")
    d = w.Daemon(world, text).start()
    browser(d, tokens(d))
    anonymous(d, text)
    tls(world, text)


if __name__ == "__main__":
    w.run(main, 60)
