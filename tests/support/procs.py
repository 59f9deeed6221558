# SPDX-License-Identifier: Apache-2.0
"""What every server of a test needs: a port that nobody else is given, and an end with the test, however that ends."""
import os
import socket
import subprocess

_given = set()


def free_port():
    """For servers that only take a number. Below the range of outgoing connections: no client is given it between
    now and the moment the server listens, and a server that restarts finds it again. Never the same twice."""
    while True:
        port = 12000 + int.from_bytes(os.urandom(2), "big") % 20000
        if port in _given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def start(argv, **more):
    """A child that the kernel ends with us."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *argv], **more)


def stop(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
