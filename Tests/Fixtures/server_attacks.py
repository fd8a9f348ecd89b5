#!/usr/bin/env python3
"""What one key, or one web page, can do to a `motet serve` that others use: each attack is tried while a well-behaved key
reads answers, and its time to the first token and between tokens is told beside the same without the attack.

    python3 Tests/Fixtures/server_attacks.py .build/release/motet [--base B] [--seconds 8] [--bound 1.5]

The standard library alone. Exits with 1 where an attack is not refused as it should be, or, with --bound, where it makes
the median or the 99th percentile of the gaps between tokens longer than so many times.
"""
import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}


class Server:
    def __init__(self, motet, base, *options):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen(
            [motet, "serve", "--base", base, "--port", "0", "--json", *options],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(open(self.log.name).read())
        self.port = json.loads(line)["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body=None, key=None, headers=None, timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            sent["Authorization"] = "Bearer " + key
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        try:
            data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def raw(self, text, wait=1.0):
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as channel:
            channel.sendall(text.encode())
            try:
                return channel.recv(65536).decode()
            except socket.timeout:
                return ""


def well_behaved(server, key, until):
    """Streams of 48 tokens one after another: seconds to each first token, and between tokens."""
    firsts, gaps = [], []
    while time.time() < until:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        body = {"prompt": "Once upon a time", "max_tokens": 48, "ignore_eos": True, "stream": True, "temperature": 0}
        began = last = time.perf_counter()
        connection.request(
            "POST", "/v1/completions", json.dumps(body),
            {"Content-Type": "application/json", "Authorization": "Bearer " + key})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        count = 0
        for line in answer:
            if not line.startswith(b"data: {") or b'"text":""' in line:
                continue
            now = time.perf_counter()
            (firsts if count == 0 else gaps).append(now - (began if count == 0 else last))
            count, last = count + 1, now
        connection.close()
    return firsts, gaps


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def attacks(key):
    """Name, what it sends (again and again), how many at one time, and the status that it should get."""
    def post(path, body):
        data = json.dumps(body).encode()
        return lambda server: server.ask("POST", path, data, key)[0]

    spaces = " " * 7_900_000
    return [
        ("a0+a1+… of 40,000 terms", post("/v1/chat/completions", dict(CHAT, model="+".join(f"a{n}" for n in range(40_000)))), 2, 400),
        ("a=111… of a million digits", post("/v1/chat/completions", dict(CHAT, model="a=" + "1" * 1_000_000)), 2, 400),
        ("20,000 merged_adapters.ids", post("/v1/chat/completions", dict(CHAT, merged_adapters={"ids": [f"a{n}" for n in range(20_000)]})), 2, 400),
        ("8 MB of spaces as a prompt", post("/v1/completions", {"prompt": spaces, "max_tokens": 1}), 2, 400),
        ("8 MB of spaces to tokenize", post("/tokenize", {"prompt": spaces}), 2, 400),
        ("8 MB of spaces to embed", post("/v1/embeddings", {"input": spaces}), 2, 400),
        ("400 kB of spaces to tokenize", post("/tokenize", {"prompt": " " * 400_000}), 2, 200),
        ("100,000 messages", post("/v1/chat/completions", {"messages": [{"role": "user", "content": ""}] * 100_000}), 2, 400),
        ("a logit_bias of 40,000 tokens", post("/v1/chat/completions", dict(CHAT, logit_bias={str(n): 1 for n in range(40_000)})), 2, 400),
        ("100,000 levels of nesting", lambda server: server.ask("POST", "/v1/chat/completions", b"[" * 100_000, key)[0], 2, 400),
    ]


def measure(server, good, bad, options):
    base = None
    failures = []
    print(f"{'attack':34}{'status':>8}{'tries':>7}{'first p50':>11}{'gap p50':>9}{'gap p99':>9}  (ms)")
    for name, send, workers, expected in [("none", None, 0, None)] + attacks(bad):
        until = time.time() + options.seconds
        statuses = []

        def attack():
            while time.time() < until:
                statuses.append(send(server))

        threads = [threading.Thread(target=attack) for _ in range(workers)]
        for thread in threads:
            thread.start()
        firsts, gaps = well_behaved(server, good, until)
        for thread in threads:
            thread.join()
        found = (percentile(firsts, 0.5), percentile(gaps, 0.5), percentile(gaps, 0.99))
        status = "/".join(str(one) for one in sorted(set(statuses))) or "-"
        print(f"{name:34}{status:>8}{len(statuses):>7}" + "".join(f"{value * 1e3:>{width}.1f}" for value, width in zip(found, (11, 9, 9))), flush=True)
        if base is None:
            base = found
        elif set(statuses) != {expected}:
            failures.append(f"{name}: {status} where {expected} was right")
        elif options.bound and any(a > b * options.bound for a, b in zip(found[1:], base[1:])):
            failures.append(f"{name}: gaps of {found[1] * 1e3:.1f} and {found[2] * 1e3:.1f} ms beside {base[1] * 1e3:.1f} and {base[2] * 1e3:.1f}")
    return failures


def pages(motet, base):
    """A web page and a server without keys."""
    failures = []

    def expect(what, found, right):
        print(f"{what:70}{found}")
        if found != right:
            failures.append(f"{what}: {found} where {right} was right")

    with Server(motet, base) as server:
        load = {"name": "evil", "path": "/tmp"}
        expect("POST /adapters of https://evil.example", server.ask("POST", "/adapters", load, headers={"Origin": "https://evil.example"})[0], 403)
        expect("POST /adapters of a page in a sandbox (Origin: null)", server.ask("POST", "/adapters", load, headers={"Origin": "null"})[0], 403)
        expect("POST /adapters by a name that leads here (Host: evil.example)", server.ask("POST", "/adapters", load, headers={"Host": "evil.example"})[0], 403)
        expect("GET /v1/models by such a name", server.ask("GET", "/v1/models", headers={"Host": f"evil.example:{server.port}"})[0], 403)
        expect("POST /adapters as text/plain", server.ask("POST", "/adapters", load, headers={"Content-Type": "text/plain"})[0], 415)
        expect("POST /adapters without a type", server.ask("POST", "/adapters", load, headers={"Content-Type": None})[0], 415)
        expect("OPTIONS /adapters of https://evil.example", server.ask("OPTIONS", "/adapters", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})[0], 403)
        expect("GET /v1/models of localhost", server.ask("GET", "/v1/models", headers={"Host": f"localhost:{server.port}"})[0], 200)
    with Server(motet, base, "--allow-origin", "https://app.example") as server:
        status, headers, _ = server.ask("OPTIONS", "/v1/chat/completions", headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})
        expect("OPTIONS of the site that --allow-origin names", (status, headers.get("Access-Control-Allow-Origin"), headers.get("Access-Control-Allow-Methods"), headers.get("Access-Control-Allow-Credentials")), (204, "https://app.example", "POST", None))
        expect("POST of that site", server.ask("POST", "/v1/chat/completions", CHAT, headers={"Origin": "https://app.example"})[0], 200)
    return failures


def signals(motet, base):
    """Keys that change, connections that stay, bodies that never end."""
    failures = []

    def expect(what, found, right):
        print(f"{what:70}{found}")
        if found != right:
            failures.append(f"{what}: {found} where {right} was right")

    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder, "keys")

        def new(name, *more):
            return subprocess.run([motet, "keys", "new", name, "--file", keys, *more], capture_output=True, text=True, check=True).stdout.strip()

        old = new("old")
        with Server(motet, base, "--api-keys", keys, "--max-connections", "8") as server:
            def status(key):
                return server.ask("GET", "/v1/models", key=key)[0]

            def hang_up():
                server.process.send_signal(signal.SIGHUP)
                time.sleep(0.5)

            expect("a key", status(old), 200)
            kept = open(keys).read()
            open(keys, "w").write("nonsense\n")
            hang_up()
            expect("after SIGHUP with a file that is none: the old key", status(old), 200)
            os.remove(keys)
            fresh = new("fresh", "--answers", "1", "--tokens", "100")
            expect("before SIGHUP: a key of the new file", status(fresh), 401)
            hang_up()
            expect("after SIGHUP: it", status(fresh), 200)
            expect("after SIGHUP: the key that is gone", status(old), 401)
            expect("two answers of a key that may have one", server.ask("POST", "/v1/chat/completions", dict(CHAT, n=2), fresh)[0], 400)
            many = dict(CHAT, max_tokens=64, ignore_eos=True)
            expect("what it may have", server.ask("POST", "/v1/chat/completions", many, fresh)[0], 200)
            code, headers, _ = server.ask("POST", "/v1/chat/completions", many, fresh)
            expect("more tokens than it may use a minute", (code, int(headers["Retry-After"]) > 0), (429, True))
            # 4 of one address, where 8 may be open.
            held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
            time.sleep(0.3)
            expect("a connection more than an address may have", server.ask("GET", "/health")[0], 503)
            for one in held:
                one.close()
            time.sleep(0.3)
            expect("after they have gone", server.ask("GET", "/health")[0], 200)
            half = socket.create_connection(("127.0.0.1", server.port))
            half.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {fresh}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{{".encode())
            time.sleep(0.3)
            began = time.time()
            server.process.send_signal(signal.SIGTERM)
            expect("SIGTERM while a body is half sent", server.process.wait(timeout=90), 0)
            expect("  within 5 s", time.time() - began < 5, True)
            log = open(server.log.name).read()
            expect("the log says what stays and what is new", ("the old keys stay" in log, "read the keys again" in log, "too many connections" in log), (True, True, True))
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motet")
    parser.add_argument("--base", default="smollm2-135m-instruct")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--bound", type=float)
    options = parser.parse_args()
    failures = pages(options.motet, options.base) + signals(options.motet, options.base)
    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder, "keys")
        good, bad = (
            subprocess.run([options.motet, "keys", "new", name, "--file", keys], capture_output=True, text=True, check=True).stdout.strip()
            for name in ("good", "bad"))
        with Server(options.motet, options.base, "--api-keys", keys, "--log-level", "error") as server:
            well_behaved(server, good, time.time() + 2)
            failures += measure(server, good, bad, options)
    for failure in failures:
        print("FAILED", failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
