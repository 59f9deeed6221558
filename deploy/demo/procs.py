# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive us, free ports, and waiting with a deadline.

Used by the demo and by the tests. Start processes from the main thread only: the kernel kills a
child when the thread that started it ends, which is what cleans up after a kill -9 of ourselves.
"""
import os
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def port_or_free(port):
    """The wished port if nobody has it, else a free one."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return port
        except OSError:
            return free_port()


def wait_until(check, seconds, what, pause=0.05):
    """Calls check until it is true, and returns what it returned; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {seconds} s: {what}")
        time.sleep(pause)


class Procs:
    """A set of named children; their output goes to DIR/NAME.log."""

    def __init__(self, directory):
        self.dir = directory
        self.live = {}
        self.pids = []

    def start(self, name, argv, env=None, stdout=None):
        with open(os.path.join(self.dir, name + ".log"), "ab") as log:
            child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv], stdin=subprocess.DEVNULL,
                stdout=stdout or log, stderr=log, cwd=self.dir, start_new_session=True,
                env={**os.environ, **(env or {})})
        self.live[name] = child
        self.pids.append(child.pid)
        return child

    def signal(self, name, number):
        child = self.live.get(name)
        if child and child.poll() is None:
            child.send_signal(number)

    def stop(self, name, seconds=5):
        """SIGTERM, then SIGKILL after `seconds`; returns the exit status."""
        child = self.live.pop(name, None)
        if child is None:
            return None
        if child.poll() is None:
            child.terminate()
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def stop_all(self):
        for child in self.live.values():
            if child.poll() is None:
                child.terminate()
        for name in list(self.live):
            self.stop(name)

    def left(self):
        """Pids we ever started that still run."""
        return [pid for pid in self.pids if os.path.exists(f"/proc/{pid}")]

    def tail(self, name, lines=20):
        try:
            with open(os.path.join(self.dir, name + ".log"), errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""


def on_signals(handler):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)
