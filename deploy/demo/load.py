#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The users: a steady stream of requests, and their own count of what went wrong.

Open loop: requests start at a fixed rate whatever the answers do, at most IN_FLIGHT_MAX at once (one
more counts as an error). Every second one JSON line on stdout: {"at": second it ended, "n", "errors"
(no answer, or 5xx), "slow" (a good answer, later than the limit), "by": {colour: answers}}. This is
the ground truth the demo is judged by: it never asks Prometheus or haldane anything.
"""
import argparse
import asyncio
import json
import time

import tinyhttp

IN_FLIGHT_MAX = 500
GIVE_UP_S = 5


class Users:
    def __init__(self, args):
        self.args = args
        self.client = tinyhttp.Client(args.port)
        self.in_flight = 0
        self.reset()

    def reset(self):
        self.seen = {"n": 0, "errors": 0, "slow": 0, "by": {}}

    async def visit(self):
        self.in_flight += 1
        began = time.perf_counter()
        status, colour = 0, None
        try:
            status, headers, _ = await self.client.get("/", GIVE_UP_S)
            colour = headers.get("x-colour")
        except (OSError, EOFError, asyncio.TimeoutError):
            pass
        self.in_flight -= 1
        seen = self.seen
        seen["n"] += 1
        if colour:
            seen["by"][colour] = seen["by"].get(colour, 0) + 1
        if status == 0 or status >= 500:
            seen["errors"] += 1
        elif time.perf_counter() - began > self.args.slow:
            seen["slow"] += 1

    async def arrive(self):
        tasks = set()
        due = time.perf_counter()
        while True:
            due += 1 / self.args.rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            if self.in_flight >= IN_FLIGHT_MAX:
                self.seen["n"] += 1
                self.seen["errors"] += 1
                continue
            task = asyncio.create_task(self.visit())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def report(self):
        while True:
            now = time.time()
            await asyncio.sleep(1 - now % 1)
            print(json.dumps({"at": round(time.time(), 3), **self.seen}), flush=True)
            self.reset()

    async def run(self):
        await asyncio.gather(self.arrive(), self.report())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--slow", type=float, default=0.45, help="seconds after which a user is unhappy")
    asyncio.run(Users(parser.parse_args()).run())


if __name__ == "__main__":
    main()
