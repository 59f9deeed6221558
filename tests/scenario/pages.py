#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser, over a real daemon in the states on-call meets: every page without a
complaint of the browser, no sideways scroll on a phone, the checks of WCAG AA that a program can
make, every action clicked through with its confirmation, a stale tab, news without a reload, news
that stop, and everything once more without script. Exports and the replay of a receipt.

    pages.py HALDANE [DIR]    with SHOTS=DIR it leaves a picture of each page there

axe-core is read from the wheel of deploy/packages/pip.txt that tests/run put into DIR.
"""
import glob
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import browser  # noqa: E402
import world as w  # noqa: E402

BAD, GOOD = (25, 25), (50, 0)
NAMES = ("bad", "good", "both", "held", "live", "late", "asked", "stale")
ALICE = "hld_alice_0123456789"
FIRST_LOAD = 14 * 1024
ABOUT = {"owner": '"#team-shop"', "runbook": "https://wiki.example/shop", "dashboard": "https://grafana.example/d/shop"}

AUDIT = r"""(() => {
  const bad = [], say = (what, e) => bad.push(what + ': ' + (e.outerHTML || e).slice(0, 90));
  const all = (s) => [...document.querySelectorAll(s)];
  const shown = (e) => e.getClientRects().length > 0;
  if (!document.documentElement.lang) say('no language', 'html');
  for (const mark of ['main', 'header', 'nav'])
    if (all(mark).length !== 1) say('landmark', mark);
  if (all('h1').length !== 1) say('not one h1', document.title);
  let level = 0;
  for (const h of all('h1,h2,h3,h4').filter(shown)) {
    if (+h.tagName[1] > level + 1) say('heading skips a level', h);
    level = +h.tagName[1];
  }
  const ids = all('[id]').map((e) => e.id);
  ids.filter((x, i) => ids.indexOf(x) !== i).forEach((x) => say('id twice', x));
  for (const e of all('input:not([type=hidden]),select,textarea'))
    if (!e.labels || !e.labels.length) say('no label', e);
  for (const e of all('a,button,summary')) if (!e.textContent.trim()) say('no name', e);
  for (const e of all('svg[role=img]')) if (!e.querySelector('title')) say('no title', e);
  for (const e of all('svg:not([role=img]):not([aria-hidden])')) say('drawing without a role', e);
  for (const e of all('th')) if (!e.scope) say('no scope', e);
  for (const e of all('button,.button').filter(shown))
    if (e.getBoundingClientRect().height < 43.5) say('too small to hit', e);
  const rgb = (s) => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const lum = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, k, i) => {
    const v = c[i] / 255; return sum + k * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
  const back = (e) => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255]; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let n = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !shown(e) || e.closest('.skip,noscript,script,desc,title')) continue;
    const s = getComputedStyle(e), ink = e.closest('svg') ? s.fill : s.color;
    const a = lum(rgb(ink)), b = lum(back(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(s.fontSize), large = size >= 24 || (size >= 18.66 && +s.fontWeight >= 700);
    n++;
    if (ratio < (large ? 3 : 4.5)) say('contrast ' + ratio.toFixed(2), e);
  }
  if (n < 5) say('hardly any text', String(n));
  return [...new Set(bad)];
})()"""


# With all that can be opened open. The document's width, the window's, and what sticks out to the right of it.
SIDEWAYS = r"""(() => {
  document.querySelectorAll('details').forEach((d) => d.open = true);
  const e = document.documentElement, out = [...document.body.querySelectorAll('*')].filter((x) =>
    x.getBoundingClientRect().right > e.clientWidth + 0.5 && !x.closest('pre.cmd, thead, .skip'));
  return [e.scrollWidth, e.clientWidth, out.map((x) => x.outerHTML.slice(0, 120))];
})()"""


AXE = """axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
  .then((r) => r.violations.filter((v) => v.impact !== 'minor').map((v) =>
    v.impact + ' ' + v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 90)).join(' | ')))"""


def axe_core():
    """The text of axe-core, or None where it was not fetched."""
    for wheel in glob.glob(os.path.join(sys.argv[2] if len(sys.argv) > 2 else "", "axe_playwright_python-*.whl")):
        with zipfile.ZipFile(wheel) as z:
            return z.read("axe_playwright_python/axe.min.js").decode()
    return None


def audit(page, name):
    w.equal(page.eval(AUDIT), [], f"{name}: nothing against WCAG AA that a program can see")
    if axe_text:
        page.eval(axe_text + ";0")
        w.equal(page.eval(AXE), [], f"{name}: axe-core finds nothing")


def start(world):
    router = w.Router(world, backends=[n for n in NAMES if n != "stale"])
    prometheus, alertmanager = w.Prometheus(), w.Alertmanager()
    services = {}
    for n in NAMES:
        prometheus.say(n, blue=GOOD, green=GOOD)
        if n != "stale":
            guard = {"duration": {"good": "5s", "both": "8s"}.get(n, "15m"), "warmup": "2s" if n == "live" else "0s"}
            more = {"asked": {"approval": "{by: [alice], within: 5m}"}, "live": {"target": "{kept_for: 20m}"},
                    "held": ABOUT, "bad": ABOUT}.get(n, {})
            services[n] = w.service(router, n, guard=guard, **more)
    lame = w.Exec(world, "lame", "set", obeys=False)
    services["stale"] = lame.service(checks="[{use: http-5xx-ratio, with: {job: stale}, max: 5%}]",
                                     verify={"timeout": "2s"})
    with open(world.path("alice"), "w") as f:
        f.write(hashlib.sha256(ALICE.encode()).hexdigest())
    tokens = f"auth:\n  tokens:\n    alice: {{role: operator, hash: '${{file:{world.path('alice')}}}'}}\n"
    d = w.Daemon(world, w.config(services, prometheus, alertmanager, more=tokens,
                                 limits="reverts_per_hour: 100, brake: 100")).start()
    d.wait_read(NAMES)
    d.order("/services/held/hold", reason="a freeze", **{"for": "1h"})
    for n in NAMES[:-1]:
        router.set(w.GREEN, n)
    lame.switch("green")
    for n in NAMES:
        d.wait_state("watching passed", 8, n)
    time.sleep(1.5)
    for n in ("bad", "held", "stale", "asked"):
        prometheus.say(n, green=BAD)
    prometheus.say("both", green=BAD, blue=BAD)
    for n, state in (("bad", "reverted"), ("good", "passed"), ("held", "advised"),
                     ("stale", "not_verified"), ("both", "inconclusive")):
        d.wait_state(state, 25, n)
    w.wait(lambda: d.api("/approvals")["items"], 20, "the question")
    for n in ("live", "late"):
        d.order("/guards", service=n, group="spring sale")
    d.order("/analysis", service="good", candidate="green", stable="blue", run="rollout 7")
    return d, router


def look(page, base, name, path, narrow):
    page.go(base + path)
    w.equal(page.errors(), [], f"{name}: the browser has no complaint")
    audit(page, name)
    if os.environ.get("SHOTS"):
        page.shot(os.path.join(os.environ["SHOTS"], f"{name.replace(' ', '-')}.png"))
    if narrow:
        w.equal(page.eval(SIDEWAYS), [320, 320, []], f"{name}: no sideways scroll, whatever is opened")


def analysis(d):
    return d.api("/guards?analysis=true")["items"][0]["id"]


def every_page(d, b, base):
    wide, phone = b.page(), b.page(width=320, height=640, dark=True)
    paths = {"fleet": "/", "settings": "/settings", "service": "/s/bad", "login": "/login",
             "filtered": "/s/bad?show=passed", "absent": "/g/nothing"}
    paths.update({"approvals": "/approvals", "approval": f"/approvals/{d.guard('asked')['id']}",
                  "analyses": "/analyses", "analysis": f"/g/{analysis(d)}",
                  "group": "/groups/spring%20sale", "start a guard": "/s/good/guard", "validate": "/settings/check", "demo": "/demo",
                  "moment": f"/g/{d.guard('bad')['id']}?at={d.guard('bad')['verified_at']}"})
    w.wait(lambda: d.api("/services/bad/limits")["backtest"], 40, "what other limits would have done")
    paths.update({"limits": "/s/bad/limits", "no limits yet": "/s/asked/limits"})
    paths.update({f"guard {n}": f"/g/{d.guard(n)['id']}" for n in NAMES})
    for name, path in paths.items():
        if name == "absent":
            phone.go(base + path)
            audit(phone, "an error's page")
            phone.eval("document.querySelector('main').innerHTML += '<p><input><p id=pale>pale'")
            phone.eval("Object.assign(document.querySelector('#pale').style, {color: '#ccc', background: '#ddd'})")
            w.equal(len(phone.eval(AUDIT)), 2, "the audit sees a field without a label and pale words")
            if axe_text:
                w.equal(len(phone.eval(AXE)), 2, "and so does axe-core")
            continue
        look(wide, base, name, path, False)
        look(phone, base, f"{name} on a phone", path, True)
    for name, word in (("both", "look first at what both colours share"),
                       ("bad", "there is nothing to take back"), ("stale", "by hand: moves the traffic")):
        text = wide.go(f"{base}/g/{d.guard(name)['id']}").eval("document.body.innerText.toLowerCase()")
        w.ok(word in text, f"{name}: the page says \"{word}\"", text[:1500])
    w.equal(wide.go(f"{base}/g/{d.guard('both')['id']}").eval("!!document.querySelector('details[open]')"),
            False, "a shared outage opens no command that would move users")
    title = d.guard("bad")["headline"]
    got = wide.go(f"{base}/g/{d.guard('bad')['id']}").eval(
        "[document.title, document.querySelector('h1').textContent,"
        " document.querySelector('meta[property=\"og:title\"]').content]")
    w.equal(got, [f"bad: {title}"] * 3, "one sentence in title, heading and preview")
    wide.key("Tab")
    got = wide.eval("[document.activeElement.textContent,"
                    " getComputedStyle(document.activeElement).outlineStyle]")
    w.equal(got, ["to the content", "solid"], "the keyboard's first stop skips to the content, visibly")
    wide.media(kind="print")
    w.equal(wide.eval("getComputedStyle(document.querySelector('header')).display"), "none",
            "printed without what only a screen needs")
    wide.close()
    phone.close()


def first_load(d, base):
    html = ""
    total = 0
    for path in (f"/g/{d.guard('bad')['id']}", "css", "js"):
        if path in ("css", "js"):
            mark = "/assets/style.css?v=" if path == "css" else "/assets/live.js?v="
            path = mark + html.split(mark)[1].split('"')[0]
        r = urllib.request.urlopen(urllib.request.Request(base + path, headers={"Accept-Encoding": "gzip"}))
        body = r.read()
        w.equal(r.headers["Content-Encoding"], "gzip", f"{path[:20]} comes compressed")
        html = html or gzip.decompress(body).decode()
        total += len(body) + len(str(r.headers))
    w.ok(total <= FIRST_LOAD, "the first load of a guard's page fits 14 KB", f"{total} bytes")


def login(page, d, base, path, token=None):
    """From a page that asks, by way of the login, back to it."""
    page.go(base + path)
    w.ok("Log in to do this" in page.eval("document.body.innerText"), "who is not logged in cannot order")
    page.click("section .button")
    if not token:
        with open(f"{d.db}.token") as f:
            token = f.read().strip()
    page.type("#token", token)
    page.click("section button")
    w.equal(page.eval("location.pathname"), path, "the login leads back to the question")


def act(page, base, path, reason=None):
    """Opens the page that asks, and says yes."""
    page.go(base + path)
    audit(page, f"{path.split('/')[-1]} asks")
    text = page.eval("document.body.innerText")
    w.ok("/api/v1/" in text and "haldane " in text, "and says how to do it by API and by the shell", text)
    if reason:
        page.type("#reason", reason)
    page.click("form.ask button")
    return page.eval("document.body.innerText")


def actions(d, page, base):
    live, bad, stale = (d.guard(n)["id"] for n in ("live", "bad", "stale"))
    login(page, d, base, f"/g/{live}/extend")
    before = d.api(f"/guards/{live}")["until"]
    act(page, base, f"/g/{live}/extend", "a slow day")
    w.ok(d.api(f"/guards/{live}")["until"] > before, "extended")
    act(page, base, f"/g/{live}/advise", "I am at the keyboard")
    w.equal(d.api(f"/guards/{live}")["mode"], "advise", "only advises from now on")
    text = act(page, base, "/s/live/hold", "trying something <b>bold</b>")
    w.ok("Automatic reverts are held" in text and "<b>bold</b>" in text, "held, and the page says why", text)
    act(page, base, "/s/live/release")
    w.equal([h["service"] for h in d.api("/holds")["items"]], ["held"], "released")
    act(page, base, "/fleet/hold", "everybody stop")
    w.ok(None in [h["service"] for h in d.api("/holds")["items"]], "the whole fleet is held")
    act(page, base, "/fleet/release")
    text = act(page, base, f"/g/{bad}/false-alarm", "the probe was wrong")
    w.ok("1 of these was marked false" in text, "a false alarm counts in the record", text[-1500:])
    text = act(page, base, f"/g/{d.guard('good')['id']}/missed", "users complained")
    w.ok("1 other was bad and not caught" in text, "a bad release that passed does, too", text[-1500:])
    text = act(page, base, f"/g/{bad}/rearm", "fixed")
    w.ok("was rejected" not in text, "re-armed")
    act(page, base, f"/g/{stale}/acknowledge")
    w.equal(d.api(f"/guards/{stale}")["needs_human"], False, "seen")


def countdown(d, b, base):
    """How long a release can be taken back, and what else the fleet's table says."""
    page = b.page()
    want = d.api("/services/live")["about"]["kept_for_ms"]
    w.equal(want, 1200000, "the service says how long the other side is kept")
    rows = page.go(base + "/").eval("[...document.querySelectorAll('table')[0].rows].map((r) => r.innerText)")
    live = next(r for r in rows if "\tlive\t" in r)
    for path in ("/", "/settings"):
        text = page.go(base + path).eval("document.body.innerText")
        w.ok(re.search(r"newest answer in [\d.]+ m?s, [\d.]+ m?s ago", text),
             f"{path}: how long the source took, and how old its answer is", text[-1500:])
    page.go(base + "/")
    w.ok("green 100%" in live.replace("\n", " ") and "(in " in live and " of 15m 00s" in live and "2 of 2 ready" in live,
         "the fleet: what is served, how far the guard is, until when it can be taken back", live)
    w.ok("\tasked\t" in rows[1], "the worst stands first", str(rows))
    w.ok(page.eval(
        "[...document.querySelectorAll('a[href=\"/groups/spring%20sale\"]')].length") == 1, "what was released together")
    w.ok(" GiB of the disk are free" in page.eval("document.body.innerText"), "and how much room the history has")
    w.ok("8 of 8 read within a minute" in page.eval("document.body.innerText"), "and what all that rests on")
    text = page.go(f"{base}/g/{d.guard('live')['id']}").eval("document.body.innerText")
    w.ok("Can be taken back until" in text, "the guard's page counts down, too", text[:900])
    page.close()


def frozen(d, b, base):
    """The page of a moment: what was known then, and nothing to order."""
    g = d.guard("bad")
    page = b.page().go(f"{base}/g/{g['id']}")
    at = page.eval("[...document.querySelectorAll('.time a')].find((a) =>"
                   " a.nextElementSibling.innerText.includes('checking that blue')).href")
    text = page.go(at).eval("document.body.innerText")
    w.ok("This is how it stood at" in text and "nothing can be ordered" in text, "a banner says which moment", text[:900])
    w.ok(page.eval("document.querySelector('h1').textContent").startswith("bad: green is failing"),
         "its sentence is that of the moment", text[:900])
    proof = page.go(f"{base}/g/{g['id']}?at={g['verified_at']}").eval("document.body.innerText")
    w.ok("blue stable gets 100%" in proof.replace("\n", " "), "a proven revert is what users get then",
         proof[:900])
    w.ok("recovered" not in text and "verified" not in text and "fail" in text.split("Checks")[1][:60],
         "what came later is not there", text)
    w.equal(page.eval("document.querySelectorAll('.do a, form.ask, #do-rearm').length"), 0, "nothing can be ordered")
    w.equal(page.eval("document.body.hasAttribute('data-live')"), False, "and it stays as it is")
    for query, why in (("2020-01-01T00:00:00Z", "began at"), ("2099-01-01T00:00:00Z", "still to come"), ("x", "not a time")):
        status, body = d.get(f"/g/{g['id']}?at={query}")
        w.ok(status == 400 and why in body, f"at={query} is refused", body[-400:])
    live = d.guard("live")
    over = w.wait(lambda: next((e["at"] for e in d.api(f"/guards/{live['id']}/timeline")["items"]
                                if "warm-up over" in e["text"]), None), 10, "the end of the warm-up")
    for at, warm in ((live["started_at"], True), (over, False)):
        text = page.go(f"{base}/g/{live['id']}?at={at}").eval("document.body.innerText")
        w.equal("warming" in text.split("Checks")[0], warm, f"at {at} it is {'' if warm else 'no longer '}warming up")
    page.close()


def links(d, b, base):
    """Whom to ask and where to look, wherever somebody looks at night; and the source's own drawing."""
    page = b.page()
    want = ["https://wiki.example/shop", "https://grafana.example/d/shop"]
    id_ = d.guard("held")["id"]
    for path in ("/", "/s/held", f"/g/{id_}"):
        page.go(base + path)
        got = page.eval("[...document.querySelectorAll('a[rel=noreferrer]')].map((a) => a.href)")
        w.ok(all(u in got for u in want) and "#team-shop" in page.eval("document.body.innerText"),
             f"{path[:3]}: owner, runbook and dashboard", str(got))
    graph = [u for u in got if "/graph?g0.expr=sum%20by%20" in u]
    w.ok(len(graph) == 1 and "http_requests_total" in graph[0] and "g0.end_input=" in graph[0],
         "the query can be opened in Prometheus", str(got))
    md = d.get(f"/api/v1/guards/{id_}/export.md")[1]
    w.ok(f"<{want[0]}>" in md and f"<{want[1]}>" in md and "#team-shop" in md and f"]({graph[0].split('&')[0]}" in md,
         "and all of it is in the post-mortem", md)
    page.close()


KEEP = "navigator.clipboard.writeText = (t) => { window.copied = t; return Promise.resolve(); }"


def number(text):
    return None if text == "-" else float(text.rstrip("%").replace(",", "")) / (100 if text.endswith("%") else 1)


def numbers(d, b, base):
    """The chart's table, its marks and its sentence say what the stored evidence says, for each end."""
    page = b.page()
    for name in ("bad", "good", "held", "stale", "both", "live"):
        page.go(f"{base}/g/{d.guard(name)['id']}")
        rows = page.eval("[...document.querySelectorAll('table.data tbody tr')].map((r) => [r.querySelector('time')"
                         ".dateTime, ...[...r.querySelectorAll('td')].map((c) => c.textContent)])")
        items = d.api(f"/guards/{d.guard(name)['id']}/evidence")["items"]
        wrong, before = [], None
        for at, *cells in rows:  # of a guard that is old enough several polls are a row
            of = [m for e in items if e["at"] == at or before and before < e["at"] < at for m in e["measurements"]
                  if m["fresh"] and m["outcome"] in ("ok", "too_few")]
            before = at
            for role, cell in zip(("candidate", "stable"), cells):
                events, n = (sum(m[key] for m in of if m["role"] == role) for key in ("events", "exposure"))
                shown, *shown_n = cell.split(" n=")
                if n and (abs(number(shown) - events / n) > 0.0006 or number(shown_n[0]) != round(n)):
                    wrong.append((at, role, cell, events, n))
        w.ok(len(rows) > 4 and not wrong, f"{name}: the table has the numbers of the stored evidence", str((wrong, rows)))
        g = d.guard(name)
        marks = page.eval("[...document.querySelectorAll('svg.chart text.c')].map((t) => t.textContent).join('')")
        w.equal(marks, "S" + "".join(letter for letter, at in
                                     (("D", "decided_at"), ("V", "verified_at"), ("R", "recovered_at")) if g[at]),
                f"{name}: switch, decision, verification and recovery are marked as far as they happened")
        said = page.eval("document.querySelector('svg.chart desc').textContent")
        most = max(c for _, c, _ in ((0, number(r[1].split(" n=")[0]) or 0, 0) for r in rows))
        w.ok(f"and {most * 100:.3g}%; blue" in said and "limit 5%" in said, f"{name}: and its sentence the same", said)
    page.close()


def keys(d, b, base):
    page = b.page().go(base + "/")
    page.eval(KEEP)
    first, second = page.eval("[...document.querySelectorAll('main .list a[href^=\"/g/\"], main .need a')].slice(0, 2)"
                              ".map((a) => a.href)")
    at = "document.activeElement.href"
    page.key("j")
    w.equal(page.eval(at), first, "j: the first row")
    page.key("j")
    w.equal(page.eval(at), second, "j: the next one")
    page.key("k")
    w.equal(page.eval(at), first, "k: and back")
    page.click("[data-copy] .do button", load=False)
    copied = w.wait(lambda: page.eval("window.copied"), 5, "the status is copied")
    w.ok(copied.split("\n")[2] == first and "http-5xx-ratio" in copied, "Copy status: sentence, reason, address", copied)
    page.eval(f"document.querySelector('main .list a[href^=\"/g/\"]').focus()")
    page.forget()
    page.key("Enter")
    page.loaded()
    w.ok(page.eval("location.pathname").startswith("/g/"), "Enter opens it")
    live = f"{base}/g/{d.guard('live')['id']}"
    for key, where in (("r", "/revert"), ("h", "/hold")):
        page.go(live)
        page.key(key)
        page.loaded()
        w.ok(page.eval("location.pathname").endswith(where), f"{key} asks for {where}")
    page.go(live).eval(KEEP)
    page.key("c")
    w.ok(page.eval("window.copied").startswith("live: Watching green"), "c copies the status")
    page.go(base + "/s/live")
    page.key("/")
    w.equal(page.eval("document.activeElement.name"), "show", "/ goes to the filter")
    page.key("h")
    time.sleep(0.3)
    w.equal(page.eval("location.pathname"), "/s/live", "no key while typing")
    page.go(live)
    page.key("?")
    w.ok("previous row" in page.eval("document.querySelector('#keys').innerText"), "? tells the keys")
    audit(page, "the help")
    page.eval("document.querySelector('#keys input').click()")
    page.key("?")
    w.equal(page.eval("!!document.querySelector('#keys')"), False, "? once more closes it")
    page.key("r")
    time.sleep(0.3)
    w.equal(page.eval("location.href"), live, "switched off, a key does nothing")
    page.close()


def validate(d, page, base):
    """A pasted configuration: its mistakes at their places; nothing is loaded."""
    before = d.api("/config")["hash"]
    page.go(base + "/settings")
    page.click("a[href='/settings/check']")
    with open(d.file) as f:
        good = f.read()
    page.type("#yaml", good)
    page.click("form.ask button")
    text = page.eval("document.body.innerText")
    w.ok("It would be accepted: 8 services, 8 checks" in text and "Nothing was loaded" in text, "the file in force is good",
         text[:900])
    line = good.split("\n").index(next(x for x in good.split("\n") if "max: 5%" in x)) + 1
    page.eval(f"document.querySelector('#yaml').value = {json.dumps(good.replace('max: 5%', 'max: five', 1))}")
    page.click("form.ask button")
    audit(page, "a validated configuration")
    text = page.eval("document.body.innerText")
    w.ok("1 mistake: this would be refused" in text and f"{line}:" in text and "checks[0].max" in text,
         "a mistake is named at its place", text[:1200])
    w.ok("max: five" in page.eval("document.querySelector('#yaml').value"), "what was pasted is still there")
    w.equal(d.api("/config")["hash"], before, "and what is in force has not changed")
    status, _ = d.request("POST", "/settings/check", "yaml=x", {"Content-Type": "application/x-www-form-urlencoded"})
    w.equal(status, 401, "nobody unknown makes the daemon read a text")


def start_guard(d, page, base):
    """A guard that a human ended, and another one that a human starts."""
    old = d.guard("live")["id"]
    act(page, base, f"/g/{old}/cancel", "too early")
    w.equal(d.guard("live")["state"], "cancelled", "cancelled")
    page.go(base + "/s/live")
    page.click("#do-guard")
    audit(page, "starting a guard")
    w.equal(page.eval("[document.querySelector('#to').value, document.querySelector('#from').value]"),
            ["green", "blue"], "the switch is filled in as the router says")
    page.type("#version", "v43")
    page.click("form.ask button")
    g = d.guard("live")
    w.equal((page.eval("location.pathname"), g["id"] != old, g["live"], g["candidate"]["version"]),
            (f"/g/{g['id']}", True, True, "v43"), "and leads to the guard that was started")


def approve(d, b, base, admin):
    """Only who was asked decides, with a reason, and by POST."""
    id_ = d.guard("asked")["id"]
    admin.go(f"{base}/g/{id_}")
    admin.click("#do-approvals")
    text = admin.eval("document.body.innerText")
    w.ok("only alice may decide" in text and not admin.eval("!!document.querySelector('form.ask')"),
         "the machine's own token names nobody, and sees no form", text[:1200])
    page = b.page()
    page.go(base + "/approvals")
    page.click("table .button")
    login(page, d, base, f"/approvals/{id_}", ALICE)
    text = page.eval("document.body.innerText")
    w.ok("http-5xx-ratio on green" in text and "waits until" in text and "haldane approve" in text,
         "the page says what is asked, until when, and how else to answer", text[:1500])
    page.eval("document.querySelector('form.ask button[value=reject]').click()")
    w.equal(d.api(f"/approvals/{id_}")["outcome"], "open", "nothing is decided without a reason")
    page.type("#reason", "I saw it too")
    page.click("form.ask button[value=approve]")
    w.equal((page.eval("location.pathname"), d.api(f"/approvals/{id_}")["outcome"]), (f"/g/{id_}", "approved"),
            "approved, and back on the guard's page")
    d.wait_state("reverted", 20, "asked")
    text = page.go(f"{base}/approvals/{id_}").eval("document.body.innerText")
    w.ok("approved by alice: I saw it too" in text and not page.eval("!!document.querySelector('form.ask')"),
         "once decided it says by whom and why, and asks no more", text[:1200])
    page.close()


def stale_tab(d, page, base, router):
    live = d.guard("live")["id"]
    page.go(f"{base}/g/{live}/revert")
    page.type("#reason", "they said so")
    router.set({"blue": 40, "green": 60}, "live")
    d.wait_state("superseded", 8, "live")
    page.click("form.ask button")
    text = page.eval("document.body.innerText")
    w.ok("Nothing was done" in text, "a tab that is behind gets a conflict", text[:800])
    w.equal((d.intents("live"), page.eval("document.querySelector('#reason').value")), ([], "they said so"),
            "nothing was sent, and what was typed is still there")


def news(d, b, base, page):
    """The page of a guard follows a revert without a reload."""
    live = d.guard("late")["id"]
    watcher = b.page().go(f"{base}/g/{live}")
    watcher.eval("window.stayed = true; document.querySelector('main details').open = true")
    act(page, base, f"/g/{live}/revert", "customers report wrong prices")
    d.wait_state("reverted", 20, "late")
    w.wait(lambda: "as ordered, users are well" in watcher.eval("document.title"), 30, "the news come")
    w.equal(watcher.eval("[window.stayed, document.querySelector('h1').textContent]"),
            [True, "late: Rolled back to blue as ordered, users are well - no action needed"],
            "a page follows what happens without a reload")
    return watcher


def without_script(d, b, base):
    page = b.page(script=False)
    page.go(f"{base}/g/{d.guard('held')['id']}")
    login(page, d, base, "/s/held/release")
    page.click("form.ask button")
    w.equal(d.api("/holds")["items"], [], "an order without script")
    page.go(f"{base}/s/good?show=passed")
    w.ok("/g/" in page.eval("document.querySelector('table').innerHTML"), "a filter without script")
    page.close()


def exports(d, world):
    env = {**os.environ, "HALDANE_CONFIG": d.file}

    def haldane(*args):
        return subprocess.run([world.binary, *args], capture_output=True, text=True, env=env, timeout=20)

    md = haldane("export", "bad", "--md").stdout
    for word in ("# bad: Rolled back to blue", "- [x] The old version has the traffic", "max(0, errors",
                 "- [ ] The incident ticket", "http_requests_total"):
        w.ok(word in md, f"the post-mortem has: {word}", md)
    svg = haldane("export", "bad", "--svg", "--check", "http-5xx-ratio").stdout
    w.ok(svg.startswith("<svg xmlns=") and svg.endswith("</svg>") and "limit 5%" in svg, "a chart as a drawing", svg[-300:])
    receipt = haldane("export", "bad", "--json").stdout
    file = world.path("receipt.json")

    def replay(text):
        with open(file, "w") as f:
            f.write(text)
        return haldane("replay", file)

    json.loads(receipt)
    good = replay(receipt)
    w.ok(good.returncode == 0 and "equal to the stored verdict" in good.stdout,
         "a receipt is judged again without daemon and store", good)
    lines = receipt.split("\n")
    poll = next(i for i, line in enumerate(lines) if '"evidence"' in line)
    forged = {"a poll changed": receipt.replace('"t_ms":', '"t_ms":9', 1),
              "a poll dropped": "\n".join(lines[:poll] + lines[poll + 1:]),
              "the last part changed": receipt.replace('"outcome":"verified"', '"outcome":"accepted"'),
              "cut short": receipt[:len(receipt) // 2]}
    for name, text in forged.items():
        got = replay(text)
        w.ok(got.returncode == 2 and "equal" not in got.stdout, f"a forged receipt is refused: {name}", got)
    w.ok("bad" in d.get("/handover.md")[1], "the handover names the night's releases")


def main(world):
    d, router = start(world)
    base = f"http://127.0.0.1:{d.port}"
    b = browser.Browser()
    try:
        every_page(d, b, base)
        first_load(d, base)
        countdown(d, b, base)
        links(d, b, base)
        frozen(d, b, base)
        numbers(d, b, base)
        keys(d, b, base)
        exports(d, world)
        page = b.page()
        actions(d, page, base)
        start_guard(d, page, base)
        validate(d, page, base)
        approve(d, b, base, page)
        stale_tab(d, page, base, router)
        watcher = news(d, b, base, page)
        without_script(d, b, base)
        watcher.go(f"{base}/g/{live_guard(d, router)}")
        d.kill()
        w.wait(lambda: "Stale since" in watcher.eval("document.body.innerText"), 30, "the page says that news stopped")
        w.ok(True, "when haldane is gone an open page says since when it is stale")
    finally:
        b.close()


def live_guard(d, router):
    """A guard that is live now: the next release of a service that is well goes the other way."""
    router.set(w.BLUE, "good")
    return d.wait_state("watching", 10, "good", nth=2)["id"]


w.need("haproxy", "setpriv", browser.PROGRAM)
axe_text = axe_core()
if not axe_text:
    w.skip("axe-core finds nothing", "it was not fetched: tests/run does that, from deploy/packages/pip.txt")
w.run(main, 240)
