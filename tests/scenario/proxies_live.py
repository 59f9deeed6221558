#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shapes of HAProxy and nginx against the real programs: requests that are counted by who sends them,
scraped by a real Prometheus, and asked for by `haldane query run`. And what nginx cannot say is refused
with the reason.

    proxies_live.py HALDANE
"""
import http.client
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

SENT = {"blue": (57, 3), "green": (20, 20)} # well, and answered with 500

HAPROXY = """
global
    maxconn 100
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend origin
    bind 127.0.0.1:{origin}
    http-request return status 500 if {{ path /bad }}
    http-request return status 200
frontend front
    bind 127.0.0.1:{front}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    default_backend shop
backend shop
    use-server blue1 if {{ req.hdr(colour) blue }}
    use-server green1 if {{ req.hdr(colour) green }}
    server blue1 127.0.0.1:{origin}
    server green1 127.0.0.1:{origin}
"""
NGINX = """
daemon off;
master_process off;
pid {dir}/{name}.pid;
error_log {dir}/{name}.error;
events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/{name}.b; proxy_temp_path {dir}/{name}.p; fastcgi_temp_path {dir}/{name}.f;
    uwsgi_temp_path {dir}/{name}.u; scgi_temp_path {dir}/{name}.s;
    server {{
        listen 127.0.0.1:{port};
        location /status {{ stub_status; }}
        location /bad {{ return 500; }}
        location / {{ return 200; }}
    }}
}}
"""


def get(port, path, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    c.request("GET", path, headers=headers or {})
    r = c.getresponse()
    body = r.read().decode()
    c.close()
    return r.status, body


def answers(port, path="/"):
    def check():
        try:
            return get(port, path)[0] == 200
        except OSError:
            return False
    return check


def start_haproxy(world):
    front = w.free_port()
    with open(world.path("proxy.cfg"), "w") as f:
        f.write(HAPROXY.format(origin=w.free_port(), front=front))
    world.start("proxy", ["haproxy", "-db", "-f", world.path("proxy.cfg")])
    w.wait(answers(front, "/metrics"), 10, "HAProxy's exporter")
    return front


def start_nginx(world, name):
    """-> (port of nginx, port of its exporter)"""
    port, exporter = w.free_port(), w.free_port()
    with open(world.path(f"{name}.conf"), "w") as f:
        f.write(NGINX.format(dir=world.dir, name=name, port=port))
    world.start(f"nginx.{name}", ["nginx", "-c", world.path(f"{name}.conf"), "-p", world.dir])
    w.wait(answers(port), 10, f"nginx: {world.tail('nginx.' + name)}")
    world.start(f"exporter.{name}", ["prometheus-nginx-exporter", f"-nginx.scrape-uri=http://127.0.0.1:{port}/status",
                                     f"-web.listen-address=127.0.0.1:{exporter}"])
    w.wait(answers(exporter, "/metrics"), 10, f"the exporter of nginx: {world.tail('exporter.' + name)}")
    return port, exporter


def start_prometheus(world, targets):
    """targets: (job, port, labels)"""
    port = w.free_port()
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{p}"], "labels": labels}
                                             for j, p, labels in targets if j == job]}
        for job in dict.fromkeys(j for j, _, _ in targets)]}
    with open(world.path("prom.json"), "w") as f:
        json.dump(config, f)
    world.start("prom", ["prometheus", f"--config.file={world.path('prom.json')}",
                         f"--storage.tsdb.path={world.path('tsdb')}", f"--web.listen-address=127.0.0.1:{port}"])
    return port


def number(port, query):
    """The value of a PromQL expression, or None."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?" +
                                    urllib.parse.urlencode({"query": query}), timeout=5) as r:
            result = json.load(r)["data"]["result"]
    except OSError:
        return None
    return float(result[0]["value"][1]) if result else None


def haldane(world, *words):
    done = subprocess.run([world.binary, *words, "-c", world.path("haldane.json")], capture_output=True, text=True,
                          timeout=30)
    return done.returncode, done.stdout + done.stderr


def configure(world, prometheus, shape, check, **service):
    with open(world.path("haldane.json"), "w") as f:
        json.dump({"version": 1,
                   "datasources": {"prom": {"type": "prometheus", "url": f"http://127.0.0.1:{prometheus}"}},
                   "services": {"shop": {"colours": ["blue", "green"], "target": "trust", "shape": shape,
                                         "actuator": {"type": "exec", "command": ["/bin/false"]},
                                         "checks": [{"name": "c", **check}], **service}}}, f)


def asked(world, window="1m"):
    """{colour: (n, value as text)}"""
    code, text = haldane(world, "query", "run", "shop", "c", "--window", window)
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()[1:] if line.startswith("shop")]
    return {r[2]: (float(re.sub("[ ,]", "", r[4])) if r[4] != "-" else None, r[5]) for r in rows}, text


def check_haproxy(world, prometheus, front):
    w.wait(lambda: number(prometheus, 'haproxy_server_http_responses_total{server="green1",code="5xx"}') is not None,
           15, "the first scrape of HAProxy")
    for colour, (well, bad) in SENT.items():
        for i in range(well + bad):
            get(front, "/bad" if i < bad else "/", {"colour": colour})
    for colour, (well, bad) in SENT.items():
        query = f'sum(haproxy_server_http_responses_total{{server="{colour}1"}})'
        w.wait(lambda: number(prometheus, query) == well + bad, 15, f"the scrape of {colour}'s requests")
    configure(world, prometheus, "haproxy", {"use": "http-5xx-ratio", "with": {"proxy": "shop"}, "max": "1%"})
    found, text = asked(world)
    w.equal(found, {"blue": (60, "5%"), "green": (40, "50%")}, "HAProxy: requests and errors of each colour", text)
    configure(world, prometheus, "haproxy", {"use": "http-slower-than", "bound": "1s", "max": "1%"})
    code, text = haldane(world, "check")
    w.ok(code == 2 and "no latency histogram" in text, "HAProxy: latency is refused, and why", text)


def check_nginx(world, prometheus, ports):
    up = 'sum(nginx_http_requests_total{version="%s"})'
    for colour in SENT:
        w.wait(lambda: number(prometheus, up % colour), 15, "the first scrape of nginx")
    first = {c: number(prometheus, up % c) for c in SENT}
    for colour, (well, bad) in SENT.items():
        for i in range(well + bad):
            get(ports[colour][0], "/bad" if i < bad else "/")
    for colour, (well, bad) in SENT.items():
        w.wait(lambda: number(prometheus, up % colour) >= first[colour] + well + bad, 15, "the scrape after them")
    configure(world, prometheus, "generic",
              {"use": "http-request-rate", "with": {"metric": "nginx_http_requests_total"}, "min": 1})
    found, text = asked(world)
    scrapes = max(number(prometheus, f'count_over_time(nginx_http_requests_total{{version="{c}"}}[5m])') for c in SENT)
    # Every scrape is a request of nginx too, and so are the two that saw that nginx and its exporter are up: an
    # exporter that says when it started has counted them since then.
    for colour, (well, bad) in SENT.items():
        n = found[colour][0]
        w.ok(well + bad <= n <= well + bad + scrapes + 2, f"nginx: requests of {colour}, and scrapes",
             f"{n} of {well + bad} and {scrapes}\n{text}")
    body = get(ports["blue"][1], "/metrics")[1]
    w.ok(not re.search(r"^nginx_http_requests_total\{[^}]*(code|status|upstream)", body, re.M),
         "nginx: its exporter knows no status and no upstream", body)
    for use, more in (("http-5xx-ratio", {}), ("http-slower-than", {"bound": "1s"})):
        configure(world, prometheus, "nginx", {"use": use, "max": "1%", **more})
        code, text = haldane(world, "check")
        w.ok(code == 2 and "stub_status" in text, f"nginx: {use} is refused, and why", text)


def main(world):
    front = start_haproxy(world)
    ports = {colour: start_nginx(world, colour) for colour in SENT}
    prometheus = start_prometheus(world, [("haproxy", front, {})] + [
        ("nginx", ports[c][1], {"version": c}) for c in SENT])
    check_haproxy(world, prometheus, front)
    check_nginx(world, prometheus, ports)


if __name__ == "__main__":
    w.need("haproxy", "prometheus", "nginx", "prometheus-nginx-exporter")
    w.run(main, 100)
