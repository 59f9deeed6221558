#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: backtest.py HALDANE VERDICT_BENCH

Services of verdict-bench with restarting pods, written as OpenMetrics, loaded into a real Prometheus
and looked at by `haldane backtest`: it finds their switches, judges them through the provider, and
sweeps limits. TAP; skips without prometheus.
"""
import datetime
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import procs  # noqa: E402
from tap import Tap  # noqa: E402

HALDANE, BENCH = sys.argv[1:3]
AT = 1700000000  # the switch of every service
WHEN = "2023-11-14T22:13:20Z"
# job, cell
CELLS = (("bad", ["--poll", "5", "--scrape", "5", "err .1->5%", "guard", "100", "1", "1"]),
         ("good", ["--poll", "5", "--scrape", "15", "healthy", "guard", "100", "1", "1"]))


# One engine: cells that are decided twice, from the counts and through Prometheus. Scrape, cell.
PROOF = ((5, "err .1->5%", "guard"), (5, "err .1->1%", "guard"), (5, "p99 x2", "canary"), (5, "late .1->50% @30min", "guard"),
         (15, "err .1->5%", "canary"), (15, "err .1->1%", "guard"), (15, "healthy", "guard"), (15, "p99 +50%", "canary"),
         (30, "p99 x2", "guard"), (30, "err .1->5%", "canary"), (30, "healthy", "canary"), (30, "err .1->50%", "guard"))


# Quick switches: (job, scrape, requests a second, [(second, share of green, share of errors on green)]) and what
# is to be found: (second, back after, by the rules, cut short).
QUICK = (
    ("quick5", 5, 60, [(0, 1, .3), (60, 0, 0), (180, 1, .3), (192, 0, 0), (300, 1, 0)],
     [(0, 60, "revert", False), (180, 12, "undecided", True), (300, None, "keep", False)]),
    ("quick15", 15, 40, [(0, 1, .3), (40, 0, 0), (200, .1, 0), (290, 0, 0)],
     [(0, 40, "revert", False), (200, 90, "undecided", True)]),
)
# Green crashes at its start and is never scraped; after two minutes somebody takes the traffic back.
CRASH = ("crash", 5, 60, [(0, 1, 0), (120, 0, 0)])
QUICK_FROM, QUICK_TO = AT - 900, AT + 4500
# The same with a share of errors on blue: green is bad for a minute, then good for long; then blue is bad.
AGAIN = ("again", 5, 60, [(0, 1, .3), (60, 0, 0), (300, 1, .001), (2400, 0, .001, .05)])


def quick_metrics(om, job, scrape, rps, steps, colours=("blue", "green")):
    """Three pods a colour, scraped at their own moments, counting to the request."""
    for colour in colours:
        for pod in range(3):
            labels = f'job="{job}",instance="{colour}-{pod}",version="{colour}"'
            offset = (pod * .31 + (colour == "green") * .17) * scrape
            start, good, bad, sent = QUICK_FROM - 600, [], [], [0., 0.]
            for second in range(QUICK_FROM, QUICK_TO):
                _, share, errors, *blue = next((s for s in reversed(steps) if second >= AT + s[0]), (0, 0, 0))
                part = rps * (share if colour == "green" else 1 - share) / 3
                rate = errors if colour == "green" else blue[0] if blue else .001
                sent = [sent[0] + part * (1 - rate), sent[1] + part * rate]
                at = second + 1 + offset % 1
                if (second + 1 - QUICK_FROM) % scrape == int(offset):
                    good.append((int(sent[0]), at))
                    bad.append((int(sent[1]), at))
            for name, label, points in (("process_start_time_seconds", "", [(start, at) for _, at in good]),
                                        ("http_requests_total", ',code="200"', good),
                                        ("http_requests_total", ',code="500"', bad)):
                om.writelines(f"{name}{{{labels}{label}}} {value} {at:.3f}\n" for value, at in points)


def quick_service(job):
    return (f"  {job}:\n"
            "    colours: [blue, green]\n"
            f"    actuator: {{type: haproxy, socket: /nonexistent.sock, backend: {job}}}\n"
            "    guard: {duration: 15m, interval: 5s, warmup: 0s, fail_after: 6, min_samples: 20}\n"
            f"    checks: [{{use: http-5xx-ratio, with: {{job: {job}}}, max: 2%}}]\n")


def rejected(tap, config):
    """What a side showed under a release that failed is no norm for the next release; said to be good, it is."""
    switches = [(0, "green"), (300, "green"), (2400, "blue")]

    def last(first):
        words = [f"{AT_TEXT(second)}={to}{first if second == 0 else ''}" for second, to in reversed(switches)]
        found = judged(config, "again", *words)["switches"]
        return found[-1] if len(found) == 3 and found[-1]["candidate"] == "blue" else {"would": None, "found": found}
    for label in ("", ",bad"):
        s = last(label)
        tap.point(s["would"] == "revert" and s["after_s"] <= 60, f"a minute of a bad release is left out of the past{label}", str(s))
    s = last(",good")
    tap.point(s["would"] in ("keep", "inconclusive") or (s["would"] == "revert" and s["after_s"] > 60),
              "and counts when that release is said to have been good", str(s))


def quick(tap, config, job, scrape, found):
    """Every switch that can be seen at these scrapes, and where each ended."""
    span = ("--from", "2023-11-14T22:10:00Z", "--to", "2023-11-14T23:20:00Z")
    said = judged(config, job, *span)
    rows, seconds = [], lambda t: datetime.datetime.fromisoformat(t.replace("Z", "+00:00")).timestamp() - AT
    for s in said["switches"]:
        rows.append((seconds(s["switch_at"]), seconds(s["moved_on_at"]) if s["moved_on_at"] else None, s["would"], s["cut_short"]))
    right = len(rows) == len(found) and all(
        abs(r[0] - w[0]) <= scrape + 1 and (r[1] is None) == (w[1] is None) and
        (w[1] is None or 0 <= r[1] - w[0] - w[1] <= scrape + 1) and r[2:] == w[2:] for r, w in zip(rows, found))
    tap.point(right, f"switches that move back soon are found, and end there: scrapes of {scrape} s", f"{rows} {said}"[:1500])
    tap.point(judged(config, job, *span) == said, "twice the same")
    names = [f"{AT_TEXT(w[0])}=green" for w in found]
    named = judged(config, job, *names)
    ends = [(s["would"], s["cut_short"], s["moved_on_to"]) for s in named["switches"]]
    tap.point(ends == [(w[2], w[3], "blue" if w[1] else None) for w in found], "and those that are named too", str(named)[:1500])
    kept = f"{os.path.dirname(config)}/{job}.db"
    status, out, err = backtest(config, job, *span, "--save", kept, "--bad", AT_TEXT(found[0][0]))
    proof = subprocess.run([HALDANE, "replay", "--service", job, "--store", kept], capture_output=True, text=True, timeout=60)
    tap.point(status == 0 and proof.returncode == 0 and ("different" in proof.stdout) and "DIFFERENT" not in proof.stdout and
              "without evidence" not in proof.stdout, "what was judged is kept, and proved again without the source",
              err, proof.stdout, proof.stderr)
    once = judged(config, job, *span, "--bad", AT_TEXT(found[0][0]))
    again = subprocess.run([HALDANE, "backtest", job, "--guards", "--store", kept, "-o", "json"], capture_output=True, text=True,
                           timeout=60)
    same = ("switch_at", "candidate", "was", "would", "after_s", "score", "reason", "polls", "cut_short")
    offline = json.loads(again.stdout) if again.returncode == 0 else {"switches": [], "sweep": []}
    tap.point(len(once["switches"]) == len(offline["switches"]) and offline["sweep"] == once["sweep"] and
              all(a[key] == b[key] for a, b in zip(once["switches"], offline["switches"]) for key in same),
              "and swept again without it", again.stderr, str(offline)[:900], str(once)[:900])
    status, _, err = backtest(config, job, *span, "--save", kept)
    tap.point(status == 2 and "the file exists" in err, "a store that is there is not touched", err)
    bar = at_a_terminal("backtest", "-c", config, job, *span)
    tap.point(re.search(r"looking for switches \[#+ +\] \d+%", bar) and re.search(r"switch 1 of \d \[ +\] 0%", bar) and
              bar.endswith("\r\x1b[K"), "a terminal sees how far it is, and at the end nothing of it", repr(bar[-300:]))
    _, out, _ = backtest(config, job, *span)
    tap.point("cut short: traffic moved back to blue" in out, "the table says so", out)
    labelled = judged(config, job, *span, "--bad", AT_TEXT(found[0][0]), "--good", AT_TEXT(found[-1][0]))
    was = [s["was"] for s in labelled["switches"]]
    tap.point(len(was) == len(found) and (was[0], was[-1]) == ("bad", "good"), "what followed can be said of switches that are found", str(was))


def crashed(tap, config):
    """A release that never served: seen by what the other side no longer got."""
    for name, words, reason, uncounted, to in (
            ("found", ("--from", "2023-11-14T22:10:00Z", "--to", "2023-11-14T23:20:00Z"), "candidate_silent", True, "blue"),
            ("named", (f"{WHEN}=green",), "candidate_no_samples", None, None)):
        said = judged(config, "crash", *words)
        s = said["switches"]
        tap.point(len(s) == 1 and s[0]["candidate"] == "green" and s[0]["would"] == "revert" and s[0]["after_s"] <= 90 and
                  (s[0]["reason"], s[0].get("uncounted"), s[0]["moved_on_to"]) == (reason, uncounted, to),
                  f"a release that crashed at its start is {name}, and would have been taken back", str(said)[:1500])


def at_a_terminal(*words):
    """What such a command writes to stderr there."""
    seen, (ours, theirs) = b"", pty.openpty()
    child = subprocess.Popen([HALDANE, *words], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(ours)
    child.wait(60)
    return seen.decode()


def AT_TEXT(second):
    return datetime.datetime.fromtimestamp(AT + second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def service(job):
    return (f"  {job}:\n"
            "    colours: [blue, green]\n"
            f"    actuator: {{type: haproxy, socket: /nonexistent.sock, backend: {job}}}\n"
            "    guard: {duration: 1h, interval: 5s, fail_after: 3, min_samples: 20}\n"
            "    checks:\n"
            f"      - {{use: http-5xx-ratio, with: {{job: {job}}}, max: 2%}}\n"
            f"      - {{use: http-slower-than, with: {{job: {job}}}, bound: 250ms, max: 5%}}\n")


def sequential(job):
    """The same, without a limit."""
    return (service(job).replace(f"  {job}:", f"  {job}-seq:").replace("fail_after: 3", "rule: sequential")
            .replace(", max: 2%", "").replace(", max: 5%", ""))


def proof(number):
    return (f"  p{number}:\n"
            "    colours: [blue, green]\n"
            f"    actuator: {{type: haproxy, socket: /nonexistent.sock, backend: p{number}}}\n"
            "    guard: {duration: 1h, interval: 5s, rule: sequential, min_samples: 1}\n"
            "    checks:\n"
            f"      - {{use: http-5xx-ratio, with: {{job: p{number}}}, weight: 3}}\n"
            + "".join(f"      - {{name: slower-{b}, use: http-slower-than, with: {{job: p{number}}}, bound: {b}}}\n"
                      for b in ("50ms", "100ms", "250ms")))


class Source:
    """A Prometheus that holds the runs."""

    def __init__(self, folder):
        self.dir, self.port, self.server = folder, procs.free_port(), None

    def __enter__(self):
        with open(f"{self.dir}/runs.om", "w") as om:
            for job, argv in CELLS:
                subprocess.run([BENCH, "metrics", "--job", job, "--at", str(AT), *argv], stdout=om, check=True,
                               stderr=subprocess.DEVNULL)
            for i, (scrape, scenario, mode) in enumerate(PROOF):
                with open(f"{self.dir}/p{i}.jsonl", "w") as counts:
                    subprocess.run([BENCH, "metrics", "--job", f"p{i}", "--at", str(AT), "--poll", "5", "--scrape",
                                    str(scrape), scenario, mode, "100", "1", "1"], stdout=om, stderr=counts, check=True)
            for job, scrape, rps, steps, *_ in (*QUICK, AGAIN):
                quick_metrics(om, job, scrape, rps, steps)
            quick_metrics(om, *CRASH, ("blue",))
            om.write("# EOF\n")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", f"{self.dir}/runs.om",
                        f"{self.dir}/data"], check=True, stdout=subprocess.DEVNULL)
        with open(f"{self.dir}/prometheus.yml", "w") as f:
            f.write("global: {}\n")
        self.server = procs.start(
            ["prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
             "--storage.tsdb.retention.time=50y", f"--web.listen-address=127.0.0.1:{self.port}"],
            stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5)
                return self
            except OSError:
                time.sleep(0.05)
        raise SystemExit("prometheus did not start")

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()


def backtest(config, *words):
    p = subprocess.run([HALDANE, "backtest", "-c", config, *words], capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout, p.stderr


def judged(config, *words):
    status, out, err = backtest(config, "-o", "json", *words)
    return json.loads(out) if status == 0 else {"status": status, "err": err, "switches": [], "sweep": []}


def main():
    tap = Tap()
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        print("1..0 # SKIP prometheus is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="hb-") as folder, Source(folder) as source:
        config = f"{folder}/haldane.yaml"
        with open(config, "w") as f:
            f.write(f'version: 1\nstorage: {{path: {folder}/h.db}}\ndatasources:\n'
                    f'  prom: {{type: prometheus, url: "http://127.0.0.1:{source.port}"}}\nservices:\n'
                    + "".join(service(job) + sequential(job) for job, _ in CELLS)
                    + "".join(quick_service(q[0]) for q in QUICK)
                    + quick_service(CRASH[0])
                    + quick_service(AGAIN[0]).replace("fail_after: 6", "rule: sequential").replace(", max: 2%", "")
                    + "".join(proof(i) for i in range(len(PROOF))))
        bad = judged(config, "bad", f"{WHEN}=green,bad")
        s = bad["switches"]
        tap.point(len(s) == 1 and s[0]["would"] == "revert" and s[0]["after_s"] <= 90, "a bad switch would be reverted",
                  str(bad)[:900])
        rows = [r for r in bad["sweep"] if r["check"] == "http-5xx-ratio"]
        tap.point([r["own"] for r in rows] == [False, False, True, False, False] and rows[2]["real"] == 1 and
                  rows[4]["missed"] == 1, "the sweep knows what is real and what is missed", str(rows))
        good = judged(config, "good", f"{WHEN}=blue>green,good", "--sweep", "http-5xx-ratio=0.15%,2%")
        s = good["switches"]
        tap.point(len(s) == 1 and s[0]["would"] == "keep", "a good switch would be kept", str(good)[:900])
        tap.point([(r["reverts"], r["false"]) for r in good["sweep"]] == [(1, 1), (0, 0)],
                  "a limit too low would be a false revert", str(good["sweep"]))
        late = judged(config, "good", f"{WHEN[:-3]}22Z=blue>green,good")["switches"]
        tap.point(len(late) == 1 and late[0]["would"] == "keep", "also when it lies between two polls", str(late)[:900])
        again = judged(config, "good", f"{WHEN}=blue>green,good", "--sweep", "http-5xx-ratio=0.15%,2%")
        tap.point(again == good, "twice the same")
        found = judged(config, "bad", "--from", "2023-11-14T21:40:00Z", "--to", "2023-11-14T23:00:00Z")
        s = found["switches"]
        tap.point(len(s) == 1 and s[0]["candidate"] == "green" and s[0]["would"] == "revert" and
                  WHEN[:17] <= s[0]["switch_at"] <= "2023-11-14T22:13:40Z", "the switch is found in the traffic", str(found)[:900])
        for job, want in (("bad", "revert"), ("good", "keep")):
            s = judged(config, job + "-seq", f"{WHEN}=green,{job}")["switches"]
            tap.point(len(s) == 1 and s[0]["would"] == want and (want == "keep" or s[0]["after_s"] <= 60),
                      f"by evidence, with the hours before: {want}", str(s)[:900])
        status, out, _ = backtest(config, "bad", f"{WHEN}=green,bad", "--sweep", "http-5xx-ratio=1%,9%")
        tap.point(status == 0 and "1 revert, real" in out and "no revert, 1 missed" in out, "the table says the same", out)
        for words, want in ((["bad", "x"], "is not TIME=COLOUR"), (["bad", f"{WHEN}=red"], "no colour 'red'"),
                            (["bad", f"{WHEN}=green,ugly"], "good or bad"), (["bad"], "say --from"),
                            (["bad", f"{WHEN}=green", "--bad", "2023-11-14T22:30:00Z"], "none of these 1 switches"),
                            (["bad", f"{WHEN}=green", "--sweep", "none=1%"],
                             "no check 'none' with a limit; what can be swept: http-5xx-ratio, http-slower-than")):
            status, out, err = backtest(config, *words)
            tap.point(status == 2 and want in err, f"refused: {' '.join(words)}", out + err)
        with open(f"{folder}/dead.yaml", "w") as f:
            f.write(open(config).read().replace(f":{source.port}", f":{procs.free_port()}"))
        status, _, err = backtest(f"{folder}/dead.yaml", "bad", "--from", "2023-11-14T21:40:00Z", "--sweep", "none=1%")
        tap.point(status == 2 and "no check 'none'" in err, "a name that is wrong is said before anything is asked", err)
        for job, scrape, _, _, found in QUICK:
            quick(tap, config, job, scrape, found)
        rejected(tap, config)
        crashed(tap, config)
        rows = judged(config, "bad-seq", f"{WHEN}=green,bad", "--sweep", "false_rollbacks=0.01%,1%,10%")["sweep"]
        tap.point([(r["limit"], r["own"], r["real"]) for r in rows] == [("false_rollbacks", own, 1) for own in (False, True, False)],
                  "the chance of a false rollback is swept", str(rows))
        said = judged(config, "good-seq", f"{WHEN}=green,good")
        tap.point([(r["limit"], r["own"]) for r in said["sweep"] if r["own"]] == [("false_rollbacks", True), ("tolerance", True)] and
                  not any(r["reverts"] for r in said["sweep"] if r["own"]), "by default with the tolerance beside it", str(said["sweep"]))
        for i, (scrape, scenario, mode) in enumerate(PROOF):
            counts = subprocess.run([HALDANE, "bench", "decide", f"{folder}/p{i}.jsonl"], capture_output=True, text=True,
                                    check=True).stdout.splitlines()[1].split(",")[1]
            past = judged(config, f"p{i}", f"{WHEN}=green")["switches"]
            reverts = bool(past) and past[0]["would"] == "revert"
            same = abs(past[0]["after_s"] - float(counts)) <= scrape if reverts and counts else past and not reverts and not counts
            tap.point(same, f"decided alike from counts ({counts or 'kept'}) and through Prometheus "
                      f"({past[0]['after_s'] if reverts else 'kept'}): {scenario}, {mode}, scrapes {scrape} s", str(past))
    tap.done()


main()
