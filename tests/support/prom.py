# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus over samples that are made up: blocks written by promtool, the newest sample now."""
import http.client
import os
import subprocess
import time

import procs

STEPS = 700  # seconds of history


class Loaded:
    """with Loaded(folder, series) as p: p.url. A series is (metric, labels, seconds between samples,
    growth per sample), or with a list of values instead of the growth. `newest`: when the newest sample is."""

    def __init__(self, folder, series, newest=None):
        self.port = procs.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        now = newest or int(time.time())
        text, data = os.path.join(folder, "openmetrics"), os.path.join(folder, "data")
        with open(text, "w") as f:
            for metric, labels, step, growth in sorted(series, key=lambda s: s[0]):
                head = metric + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"
                values = growth if isinstance(growth, list) else \
                    [growth * i for i in range(STEPS // step + 1)]
                for i, v in enumerate(values):
                    if v is not None:
                        f.write(f"{head} {v:g} {now - step * (len(values) - 1 - i)}\n")
            f.write("# EOF\n")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, data], check=True,
                       capture_output=True, timeout=60)
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w") as f:
            f.write("{}\n")
        self.log = open(os.path.join(folder, "prometheus.log"), "w")
        self.child = procs.start(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
                                  f"--web.listen-address=127.0.0.1:{self.port}"],
                                 stdout=self.log, stderr=self.log)

    def __enter__(self):
        end = time.monotonic() + 120
        while time.monotonic() < end and self.child.poll() is None:
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                c.request("GET", "/-/ready")
                if c.getresponse().status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        self.__exit__()
        raise SystemExit("prometheus does not start: " + open(self.log.name).read()[-1000:])

    def __exit__(self, *what):
        procs.stop(self.child)
        self.log.close()
