#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The golden alerts of the Alertmanager notifier, sent to a real Alertmanager: taken, routed, merged
and resolved as meant. The bytes are those of tests/golden/alertmanager, only the times are moved to
now. TAP on stdout; skips where prometheus-alertmanager is missing.
"""
import datetime
import http.server
import json
import os
import pathlib
import queue
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import procs  # noqa: E402
from tap import Tap  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "alertmanager"
tap = Tap()
ok, equal = tap.point, tap.equal
received = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


START = datetime.datetime.now(datetime.timezone.utc)


def body_of(name):
    """The JSON of the first request of a golden file, with its times moved to the start of the test.
    So a resolved alert carries, as in life, the time at which the condition began."""
    at = lambda s: (START + datetime.timedelta(seconds=s)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    text = (GOLDEN / f"{name}.want").read_text().splitlines()[3]
    assert text.startswith("[{"), text
    return text.replace("2026-11-21T00:00:00.000Z", at(0)).replace("2026-11-21T00:03:00.000Z",
                                                                   at(180))


def call(base, method, path, body=None):
    request = urllib.request.Request(base + path, method=method,
                                     data=body.encode() if body is not None else None,
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def active(base, name):
    alerts = json.loads(call(base, "GET", "/api/v2/alerts?active=true")[1])
    return [a for a in alerts if a["labels"]["alertname"] == name]


def notification(status):
    """The next notification with this status."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        try:
            n = received.get(timeout=0.5)
        except queue.Empty:
            continue
        for a in n["alerts"]:
            if a["status"] == status:
                return a
    return {"labels": {}, "annotations": {}}


def checks(base):
    equal(call(base, "POST", "/api/v2/alerts", body_of("act")), (200, ""), "act is taken")
    told = notification("firing")
    equal(told["labels"], {"alertname": "HaldaneActNow", "severity": "page", "service": "shop",
                           "state": "not_verified", "team": "shop", "env": "prod"},
          "the pager sees the labels")
    ok("socat" in told["annotations"].get("command", ""), "and the command for a human", told)
    equal(told.get("generatorURL"), "https://haldane.example/guards/01JD", "and the link")
    equal(call(base, "POST", "/api/v2/alerts", body_of("act"))[0], 200, "act is sent again")
    equal(len(active(base, "HaldaneActNow")), 1, "a repeat is the same alert")
    resolved = body_of("resolved").replace('"state":"not_verified"}',
                                           '"state":"not_verified","team":"shop","env":"prod"}')
    equal(call(base, "POST", "/api/v2/alerts", resolved)[0], 200, "resolved is taken")
    equal(notification("resolved")["labels"].get("alertname"), "HaldaneActNow",
          "the pager sees the end")
    equal(active(base, "HaldaneActNow"), [], "nothing is active any more")
    for name in ("event", "heartbeat", "hostile"):
        equal(call(base, "POST", "/api/v2/alerts", body_of(name)), (200, ""), f"{name} is taken")
    equal(active(base, "HaldaneHeartbeat")[0]["labels"]["severity"], "none", "the heartbeat is active")
    ends = sorted(a["endsAt"] for a in active(base, "HaldaneEvent"))
    ok(len(ends) == 2 and ends[0] > datetime.datetime.now(datetime.timezone.utc).isoformat(),
       "events without an end stay for the resolve_timeout", ends)
    equal([a["labels"]["service"] for a in active(base, "HaldaneEvent")
           if a["labels"]["severity"] == "warning"], ['a"},{"b'], "a hostile name is only a name")
    code, text = call(base, "POST", "/api/v2/alerts", '[{"labels": {}}]')
    equal(code, 400, "an alert without labels is a 400, as the codec expects")


def main():
    if not shutil.which("prometheus-alertmanager"):
        print("1..0 # SKIP prometheus-alertmanager is not installed")
        return 0
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True).start()
    port = procs.free_port()
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        config = os.path.join(folder, "am.yml")
        with open(config, "w") as f:
            f.write("route: {receiver: pager, group_by: ['...'], group_wait: 100ms, "
                    "group_interval: 200ms}\n"
                    "receivers: [{name: pager, webhook_configs: [{send_resolved: true, "
                    f"url: 'http://127.0.0.1:{receiver.server_address[1]}/'}}]}}]\n")
        with open(os.path.join(folder, "log"), "w") as log:
            am = procs.start(["prometheus-alertmanager", f"--config.file={config}",
                              f"--storage.path={folder}/data", "--cluster.listen-address=",
                              f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            end = time.monotonic() + 80
            while time.monotonic() < end:
                try:
                    if call(base, "GET", "/-/ready")[0] == 200:
                        break
                except OSError:
                    time.sleep(0.1)
            checks(base)
        finally:
            am.terminate()
            am.wait(10)
            receiver.shutdown()
            receiver.server_close()
    return tap.done()


sys.exit(main())
