# SPDX-License-Identifier: Apache-2.0
"""The part of Argo Rollouts that asks us: an AnalysisTemplate with a `web` metric, measured and
assessed by Argo's rules (a measurement outside 200-299 is an Error; a body that is no JSON, or a bare
null, is what we must never send; both conditions false is Inconclusive; Error does not count).
Judges nothing itself; scenario programs compare what comes out.
"""
import json
import re
import urllib.error
import urllib.request


def parse(text):
    """The little YAML that our examples are written in: nested block mappings and lists of scalars,
    quoted or plain, and comments."""
    lines = []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if line.strip():
            lines.append((len(line) - len(line.lstrip()), line.strip()))
    value, rest = block(lines, lines[0][0])
    assert not rest, rest
    return value


def scalar(text):
    return text[1:-1] if text[:1] in "\"'" and text[-1:] == text[:1] else text


def block(lines, indent):
    """The block at this indent -> (value, lines after it)."""
    if lines[0][1].startswith("- "):
        items = []
        while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
            text = lines[0][1][2:]
            inner = [(indent + 2, text)] + lines[1:]
            if re.match(r"[\w.-]+:( |$)", text):
                value, lines = block(inner, indent + 2)
            else:
                value, lines = scalar(text), lines[1:]
            items.append(value)
        return items, lines
    found = {}
    while lines and lines[0][0] == indent:
        key, _, text = lines[0][1].partition(":")
        lines = lines[1:]
        if text.strip():
            found[key] = scalar(text.strip())
        elif lines and lines[0][0] > indent or lines and lines[0][1].startswith("- "):
            found[key], lines = block(lines, lines[0][0])
        else:
            found[key] = {}
    return found, lines


def fill(value, args):
    """{{args.x}} in every text; an unknown one is Argo's Error."""
    if isinstance(value, dict):
        return {k: fill(v, args) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, args) for v in value]
    return re.sub(r"{{\s*args\.([\w.-]+)\s*}}", lambda m: args[m[1]], value)


def condition(text, result):
    """`result.KEY == "VALUE"`, the only kind our template has."""
    key, value = re.fullmatch(r'result\.(\w+) == "([^"]*)"', text).groups()
    if not isinstance(result, dict) or key not in result:
        raise ValueError(f"{text}: no {key} in {result!r}")
    return result[key] == value


class Metric:
    """One metric of the template for one run of it."""

    def __init__(self, template, args):
        given = {a["name"]: a["value"] for a in template["spec"]["args"] if "value" in a}
        missing = {a["name"] for a in template["spec"]["args"]} - set(given) - set(args)
        assert not missing, missing
        self.spec = fill(template["spec"]["metrics"][0], {**given, **args})
        self.count = self.failed = self.inconclusive = self.errors = self.successes = 0
        self.phase, self.results, self.message = "Running", [], ""
        limits = {k: int(self.spec[k]) for k in ("count", "failureLimit", "inconclusiveLimit",
                                                 "consecutiveSuccessLimit", "consecutiveErrorLimit")}
        self.limits = limits
        # what Argo's ValidateMetric asks
        assert limits["count"] >= limits["failureLimit"] + limits["consecutiveSuccessLimit"]
        assert limits["count"] >= limits["inconclusiveLimit"]

    def ask(self):
        """The HTTP exchange -> the value of jsonPath {$}; an exception is an Error."""
        web = self.spec["provider"]["web"]
        assert web["jsonPath"] == "{$}" and "body" not in web
        headers = {h["key"]: h["value"] for h in web["headers"]}
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(web["url"], json.dumps(web["jsonBody"]).encode(), headers,
                                         method=web["method"])
        with urllib.request.urlopen(request, timeout=int(web["timeoutSeconds"])) as answer:
            body = answer.read().decode()
        value = json.loads(body)
        assert value is not None, "a bare null would end Argo's controller"
        return value

    def measure(self):
        """One measurement -> its phase; the metric's own phase is in self.phase."""
        try:
            result = self.ask()
            self.results.append(result)
            success = condition(self.spec["successCondition"], result)
            failure = condition(self.spec["failureCondition"], result)
            phase = "Failed" if failure else "Successful" if success else "Inconclusive"
        except (OSError, ValueError, AssertionError) as e:
            phase, self.message = "Error", str(e)
        self.errors = self.errors + 1 if phase == "Error" else 0
        self.successes = self.successes + 1 if phase == "Successful" else 0
        self.failed += phase == "Failed"
        self.inconclusive += phase == "Inconclusive"
        self.count += phase != "Error"
        self.assess()
        return phase

    def assess(self):
        limits = self.limits
        if self.failed > limits["failureLimit"]:
            self.phase = "Failed"
        if self.inconclusive > limits["inconclusiveLimit"]:
            self.phase = "Inconclusive"
        if self.errors > limits["consecutiveErrorLimit"]:
            self.phase = "Error"
        if self.phase != "Running":
            return
        if limits["consecutiveSuccessLimit"] and self.successes >= limits["consecutiveSuccessLimit"]:
            self.phase = "Successful"
        elif self.count >= limits["count"]:
            self.phase = "Inconclusive"
