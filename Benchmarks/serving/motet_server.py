"""Motet's server as a process under test: its start, what it takes of the machine, and what its metrics say."""

import http.client
import json
import os
import re
import signal
import subprocess


class MotetServer:
    """Runs `motet serve` with these options while the context lasts; `log` takes what it writes to stderr."""

    def __init__(self, binary, log, *options):
        self.command = [binary, "serve", "--port", "0", "--json", "--log-level", "error", *options]
        self.log = log

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(open(self.log).read())
        told = json.loads(line)
        self.port, self.base = told["port"], told["base"]
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def ask(self, method, path, body=None):
        """One request on a connection of its own: status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request(
                method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        return read_metrics(self.ask("GET", "/metrics")[1])

    def resources(self):
        """Resident and anonymous megabytes, threads and open files."""
        place = f"/proc/{self.process.pid}"
        fields = dict(re.findall(r"^(\w+):\s+(\d+)", open(f"{place}/status").read(), re.MULTILINE))
        return {
            "resident_mb": int(fields["VmRSS"]) / 1024, "anonymous_mb": int(fields["RssAnon"]) / 1024,
            "threads": int(fields["Threads"]), "files": len(os.listdir(f"{place}/fd"))}

    def errors(self):
        """What its log says of level error or above, with how often: a message and its reason."""
        counts = {}
        for line in open(self.log):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("level") in ("error", "critical"):
                parts = [entry.get(key) for key in ("message", "status", "error", "reason")]
                text = ": ".join(str(part) for part in parts if part is not None)
                counts[text] = counts.get(text, 0) + 1
        return counts


def read_metrics(text):
    """Name to the sum over its labels; a histogram's buckets are left out."""
    sums = {}
    for line in text.splitlines():
        if line and not line.startswith("#") and "_bucket{" not in line:
            name, value = line.split("{")[0].split(" ")[0], float(line.rsplit(" ", 1)[1])
            sums[name] = sums.get(name, 0) + value
    return sums
