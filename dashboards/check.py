#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the dashboard and the alert rules need of haldane's /metrics.

check.py names             the metrics they use, one a line
check.py rules             the dashboard's queries as a rules file, for promtool check rules
check.py test ALERT...     /metrics on stdin -> a file for promtool test rules: with these series,
                           unchanged for 20 minutes, exactly the named alerts fire

Called by tests/sync/dashboards, and by the demo with the real /metrics.
"""
import json
import math
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SERIES = re.compile(r"(haldane_\w+(?:\{.*\})?) (\S+)$")


def names():
    found = set()
    for name in ("alerts.yaml", "haldane.json"):
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            found.update(re.findall(r"\bhaldane_[a-z_]+\b", file.read()))
    return found


def rules():
    with open(os.path.join(HERE, "haldane.json"), encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    queries = [t["expr"].replace("$service", ".*") for p in panels for t in p["targets"]]
    return {"groups": [{"name": "dashboard", "rules": [
        {"record": f"dashboard:query{i}", "expr": query} for i, query in enumerate(queries)]}]}


def rule_test(metrics, alerts):
    series = [{"series": 'up{job="haldane"}', "values": "1x80"}]
    for line in metrics.splitlines():
        found = SERIES.match(line)
        if found and math.isfinite(float(found[2])):
            series.append({"series": found[1], "values": f"{float(found[2]):.17g}x80"})
    fired = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts]
    return {"rule_files": [os.path.join(HERE, "alerts.yaml")], "evaluation_interval": "15s", "tests": [
        {"interval": "15s", "input_series": series, "promql_expr_test": [
            {"expr": 'sort(group by (alertname) (ALERTS{alertstate="firing"}))', "eval_time": "20m",
             "exp_samples": fired}]}]}


def main():
    what, *alerts = sys.argv[1:] or ["help"]
    if what == "names":
        print("\n".join(sorted(names())))
    elif what == "rules":
        print(json.dumps(rules()))
    elif what == "test":
        print(json.dumps(rule_test(sys.stdin.read(), alerts)))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
