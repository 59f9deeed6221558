# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive us, free ports, and waiting with a deadline.

Used by the demo and by the tests. Start processes from the main thread only: the kernel kills a
child when the thread that started it ends, which is what cleans up after a kill -9 of ourselves.
"""
import os
import random
import signal
import socket
import subprocess
import time


def hold(port):
    """A socket that keeps the port for us until it is closed; None: somebody has it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections do not count
    try:
        held.bind(("127.0.0.1", port))
        held.listen(1)  # with SO_REUSEADDR only a listener keeps others out
        return held
    except OSError:
        held.close()
        return None


_given = set()


def free_port():
    """Below the range the kernel takes ports of outgoing connections from (32768): a server that is
    being restarted must find its port again. Never the same twice: it is free until it is used."""
    while True:
        port = random.randrange(12000, 32768)
        held = hold(port) if port not in _given else None
        if held:
            held.close()
            _given.add(port)
            return port


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

    def start(self, name, argv, stdout=None):
        with open(os.path.join(self.dir, name + ".log"), "ab") as log:
            child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv], stdin=subprocess.DEVNULL,
                stdout=stdout or log, stderr=log, cwd=self.dir, start_new_session=True)
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

    def check(self):
        """RuntimeError, with the end of its output, if one has ended by itself."""
        for name, child in self.live.items():
            if child.poll() is not None:
                raise RuntimeError(f"{name} ended ({child.returncode}):\n{self.tail(name)}")

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
