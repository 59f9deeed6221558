#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of deploy/ci: what each CI system would run is run, with the variables it sets, on a
good and on a bad release; the reports it would show are read.

    ci.py HALDANE DEPLOY_CI
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}


def github(text):
    job = yaml.safe_load(text)["jobs"]["release"]
    runs = [s["run"] for s in job["steps"] if "run" in s]
    return runs, ["bash", "-e", "-o", "pipefail", "-c"], {
        "COLOUR": "green", "GITHUB_REF_NAME": "v42", "GITHUB_SHA": "abc123", "GITHUB_ACTOR": "jo",
        "GITHUB_SERVER_URL": "http://git", "GITHUB_REPOSITORY": "shop", "GITHUB_RUN_ID": "7"}


def gitlab(text):
    job = yaml.safe_load(text)["release"]
    return job["script"], ["sh", "-e", "-c"], {
        **job["variables"], "CI_COMMIT_REF_NAME": "v42", "CI_COMMIT_SHA": "abc123",
        "GITLAB_USER_LOGIN": "jo", "CI_PIPELINE_URL": "http://git/7"}


def jenkins(text):
    runs = [one or many.replace("\\\\", "\\")
            for one, many in re.findall(r"\bsh '([^'\n]+)'|script: '''(.*?)'''", text, re.S)]
    return runs, ["sh", "-e", "-c"], {"COLOUR": "green", "BUILD_TAG": "v42", "GIT_COMMIT": "abc123",
                                      "BUILD_URL": "http://git/7"}


def release(d, world, folder, example):
    """The exit status of the example's last step, and its two outputs."""
    runs, shell, variables = example
    with open(f"{d.db}.token") as f:
        token = f.read().strip()
    env = {"PATH": f"{os.path.dirname(world.binary)}:{os.environ['PATH']}", "HALDANE_URL": f"http://127.0.0.1:{d.port}",
           "HALDANE_TOKEN": token, **variables}
    for run in runs:
        done = subprocess.run([*shell, run], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode and run is not runs[-1]:
            raise RuntimeError(f"{run}: {done.stderr}")
    return done


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    guard = {"duration": "3s", "interval": "1s"}
    text = w.config({"shop": w.service(router, guard=guard, verify={"aftercare": "2s"})}, prometheus)
    d = w.Daemon(world, text).start()
    d.wait_read()
    for file, read in (("github.yml", github), ("gitlab.yml", gitlab), ("Jenkinsfile", jenkins)):
        with open(os.path.join(sys.argv[2], file)) as f:
            example = read(f.read())
        w.ok(len(example[0]) == 2, f"{file}: a switch and a guard", example[0])
        for bad, status, mark in ((0, 0, None), (25, 1, "failure")):
            folder = world.path(f"{file}.{bad}")
            os.mkdir(folder)
            prometheus.say("shop", blue=(50, 0), green=(50, bad))
            router.set(BLUE)
            w.wait(lambda: d.api("/services/shop")["reading"]["sides"][0]["share"] == 1, 10, "blue is seen")
            w.wait(lambda: not any(g["live"] for g in d.guards()), 30, "blue has passed, if it was a switch")
            with open(os.path.join(folder, "switch"), "w") as f:
                words = "; ".join(f"set server shop/{c}{n} weight {weight}" for c, weight in GREEN.items() for n in (1, 2))
                f.write(f"#!/bin/sh\necho '{words}' | socat - {router.sock}\n")
            os.chmod(os.path.join(folder, "switch"), 0o755)
            done = release(d, world, folder, example)
            w.equal(done.returncode, status, f"{file}: exit status with {bad} of 50 bad", done.stderr)
            case = xml.parse(os.path.join(folder, "guard.xml")).find(".//testcase[@name='guard']")
            w.equal([e.tag for e in case], [mark] if mark else [], f"{file}: the report says so")
            g = d.guards()[0]
            w.equal((g["change"]["version"], g["change"]["commit"]), ("v42", "abc123"),
                    f"{file}: the guard knows the change")
            if read is github:
                w.ok(("::error title=haldane shop" in done.stderr) == bool(bad), f"{file}: annotations", done.stderr)


if __name__ == "__main__":
    w.need("haproxy", "socat")
    w.run(main, 140)
