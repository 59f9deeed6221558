# SPDX-License-Identifier: Apache-2.0
"""A real Chromium, driven over its debugging pipe: the protocol is JSON between NUL bytes on two
descriptors, so nothing but the browser is needed.

Judges nothing. Every wait has an end; the browser lives in a directory of its own and dies with us.
Used by tests/scenario/pages.py.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = "chromium"


def there():
    return shutil.which(PROGRAM) is not None


class Failure(RuntimeError):
    pass


def high(descriptor):
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(descriptor)
    return copy


class Browser:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="hdbrowser")
        to_child, self.to = os.pipe()
        self.out, from_child = os.pipe()
        # The protocol's descriptors are 3 and 4; a shell puts them there, from above both.
        to_child, from_child = high(to_child), high(from_child)
        argv = [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--hide-scrollbars", "--lang=en", "--force-color-profile=srgb",
                f"--user-data-dir={self.home}", "about:blank"]
        self.child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "bash", "-c",
             f'exec "$@" 3<&{to_child} 4>&{from_child}', "bash", *argv],
            pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.home, "TZ": "Europe/Berlin"},
            start_new_session=True)
        os.close(to_child)
        os.close(from_child)
        self.rest, self.id, self.events = b"", 0, []

    def close(self):
        os.close(self.to)
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(5)
        os.close(self.out)
        shutil.rmtree(self.home, ignore_errors=True)

    def read(self, until):
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.out], [], [], left)[0]:
                raise Failure("the browser does not answer")
            more = os.read(self.out, 1 << 20)
            if not more:
                raise Failure("the browser has ended")
            self.rest += more
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, session=None, seconds=20, **params):
        self.id += 1
        message = {"id": self.id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + seconds
        while True:
            got = self.read(until)
            if got.get("id") == self.id:
                if "error" in got:
                    raise Failure(f"{method}: {got['error'].get('message')}")
                return got["result"]
            if "method" in got:
                self.events.append(got)

    def wait_event(self, session, method, seconds=20, accept=lambda p: True):
        until = time.monotonic() + seconds
        while True:
            for i, e in enumerate(self.events):
                if e["method"] == method and e.get("sessionId") == session and accept(e["params"]):
                    del self.events[:i + 1]
                    return e["params"]
            got = self.read(until)
            if "method" in got:
                self.events.append(got)

    def page(self, **how):
        return Page(self, **how)


class Page:
    """One tab, with cookies of its own. `script` False: as if the browser had none."""

    def __init__(self, browser, width=1100, height=900, script=True, dark=False):
        self.browser = browser
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank",
                              browserContextId=self.context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target,
                                    flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")
        self.width, self.height = width, height
        self.size(width, height)
        self.media(dark=dark)
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)
        self.said = []  # errors on the console, refused loads

    def call(self, method, seconds=20, **params):
        return self.browser.call(method, self.session, seconds, **params)

    def size(self, width, height):
        self.width, self.height = width, height
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 500)

    def media(self, dark=False, kind=""):
        self.call("Emulation.setEmulatedMedia", media=kind, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def loaded(self, seconds=20):
        self.browser.wait_event(self.session, "Page.loadEventFired", seconds)

    def forget(self):
        """What was heard before the next thing that is done."""
        self.errors()
        self.browser.events.clear()

    def go(self, url, seconds=20):
        self.forget()
        failed = self.call("Page.navigate", seconds, url=url).get("errorText")
        if failed:
            raise Failure(f"{url}: {failed}")
        self.loaded(seconds)
        return self

    def eval(self, expression, seconds=20):
        """Runs in a world beside the page's own, so that its policy does not concern us."""
        got = self.call("Runtime.evaluate", seconds, expression=expression, returnByValue=True,
                        awaitPromise=True, allowUnsafeEvalBlockedByCSP=False)
        if "exceptionDetails" in got:
            raise Failure(str(got["exceptionDetails"].get("exception", {}).get("description")))
        return got["result"].get("value")

    def click(self, selector, load=True):
        """As a hand would: at the middle of the element."""
        at = self.eval(f"(e => {{ if (!e) return null; e.scrollIntoView({{block: 'center'}});"
                       "const r = e.getBoundingClientRect();"
                       "return [r.x + r.width / 2, r.y + r.height / 2] })"
                       f"(document.querySelector({json.dumps(selector)}))")
        if not at:
            raise Failure(f"nothing to click at {selector}")
        self.forget()
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left",
                      clickCount=1)
        if load:
            self.loaded()

    def type(self, selector, text):
        self.eval(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def key(self, key, code=None, text=None):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        number = codes.get(key, ord(key.upper()) if len(key) == 1 else 0)
        more = {"text": text or key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key,
                      windowsVirtualKeyCode=number, **(more if kind == "keyDown" else {}))

    def errors(self):
        """What the browser complained about since it was asked last: errors of scripts, loads the
        policy refused."""
        kept = []
        for e in self.browser.events:
            p = e.get("params", {})
            if e.get("sessionId") != self.session:
                continue
            if e["method"] == "Runtime.exceptionThrown":
                self.said.append(p["exceptionDetails"].get("exception", {}).get("description", "?"))
            elif e["method"] == "Log.entryAdded" and p["entry"]["level"] == "error":
                self.said.append(p["entry"]["text"])
            else:
                kept.append(e)
        said, self.said = self.said, []
        return said

    def shot(self, file, whole=True):
        height = self.height
        if whole:
            height = self.eval("document.documentElement.scrollHeight")
            self.call("Emulation.setDeviceMetricsOverride", width=self.width,
                      height=min(height, 12000), deviceScaleFactor=1, mobile=self.width < 500)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        self.size(self.width, self.height)
        with open(file, "wb") as f:
            f.write(base64.b64decode(data))

    def tree(self):
        """The accessibility tree as a list of {role, name, ...}, in reading order."""
        rows = []
        for n in self.call("Accessibility.getFullAXTree")["nodes"]:
            if not n.get("ignored"):
                rows.append({"role": n.get("role", {}).get("value"),
                             "name": n.get("name", {}).get("value", ""),
                             **{p["name"]: p["value"].get("value") for p in n.get("properties", [])}})
        return rows

    def close(self):
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)
