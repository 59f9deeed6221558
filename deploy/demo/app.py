#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's shop: one process of one colour, or the dependency both colours share.

  /         a page for a user: asks the dependency, answers 200 or 500
  /ready    for HAProxy's health check
  /metrics  for Prometheus: http_requests_total, http_request_duration_seconds, start time
  /admin    POST {"errors": share, "slow": share}: changes how it behaves; this is how the demo
            breaks the dependency. A release is broken from its start by --errors, --slow, --crash
"""
import argparse
import asyncio
import json
import random
import sys
import time

import tinyhttp

BOUNDS = (0.05, 0.1, 0.25, 0.45, 1.0)
USUAL_S = 0.015  # mean time of a healthy page
SLOW_S = 0.7


class App:
    def __init__(self, args):
        self.args = args
        self.fault = {"errors": args.errors, "slow": args.slow}
        self.dependency = tinyhttp.Client(args.dependency) if args.dependency else None
        self.codes = {200: 0}
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.started = time.time()

    async def page(self):
        began = time.perf_counter()
        await asyncio.sleep(SLOW_S if random.random() < self.fault["slow"]
                            else min(0.2, random.expovariate(1 / USUAL_S)))
        code = 500 if random.random() < self.fault["errors"] else 200
        if code == 200 and self.dependency:
            try:
                code = 500 if (await self.dependency.get("/", 2))[0] != 200 else 200
            except (OSError, EOFError, asyncio.TimeoutError):
                code = 500
        self.count(code, time.perf_counter() - began)
        return code, {"X-Colour": self.args.colour}, f"{self.args.colour} {self.args.release}\n".encode()

    def count(self, code, took):
        self.codes[code] = self.codes.get(code, 0) + 1
        self.seconds += took
        self.buckets[next((i for i, le in enumerate(BOUNDS) if took <= le), len(BOUNDS))] += 1

    def metrics(self):
        version = f'version="{self.args.colour}"'
        out = ["# TYPE http_requests_total counter"]
        out += [f'http_requests_total{{code="{code}",{version}}} {n}' for code, n in self.codes.items()]
        out.append("# TYPE http_request_duration_seconds histogram")
        total = 0
        for le, n in zip((*map(str, BOUNDS), "+Inf"), self.buckets):
            total += n
            out.append(f'http_request_duration_seconds_bucket{{le="{le}",{version}}} {total}')
        out += [f"http_request_duration_seconds_sum{{{version}}} {self.seconds:.6f}",
                f"http_request_duration_seconds_count{{{version}}} {total}",
                "# TYPE process_start_time_seconds gauge",
                f"process_start_time_seconds {self.started:.3f}"]
        return ("\n".join(out) + "\n").encode()

    async def answer(self, method, path, body):
        if path == "/ready":
            return 200, {}, b"ok\n"
        if path == "/metrics":
            return 200, {"Content-Type": "text/plain; version=0.0.4"}, self.metrics()
        if path == "/admin" and method == "POST":
            self.fault.update(json.loads(body))
            return 200, {}, json.dumps(self.fault).encode()
        if path == "/":
            return await self.page()
        return 404, {}, b""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--colour", default="none")
    parser.add_argument("--release", default="v0")
    parser.add_argument("--dependency", type=int, help="port of the shared dependency")
    parser.add_argument("--errors", type=float, default=0, help="share of pages that fail")
    parser.add_argument("--slow", type=float, default=0, help=f"share of pages that take {SLOW_S} s")
    parser.add_argument("--crash", action="store_true", help="end at once, as a release that cannot start")
    args = parser.parse_args()
    if args.crash:
        sys.exit("cannot start: a required setting is missing")
    asyncio.run(tinyhttp.serve(args.port, App(args).answer))


if __name__ == "__main__":
    main()
