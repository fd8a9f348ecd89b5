"""Motet's server beside llama.cpp's, in turn on the same machine: the same prompts, greedy, 64 new tokens, the end
ignored.

    python Benchmarks/serving/serving.py [--motet .build/release/motet] [--precision stored] [--rounds 3]

Makes eight random adapters of rank 16 on all linear modules (adapters.py) and gives both servers the same ones. A figure
is the median of the rounds, of which one more goes before them; both are read over HTTP on this machine.
"""

import argparse
import concurrent.futures
import glob
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import adapters

HERE = pathlib.Path(__file__).resolve().parent
NEW = 64


def post(address, path, body):
    request = urllib.request.Request(
        address + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


class Server:
    """A server under test: `adapter` is a place among the eight, or None for the base."""

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.read_address()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(60)

    def resident_megabytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024


class Llama(Server):
    name = "llama.cpp"

    def __init__(self, model, folder):
        self.model, self.folder = model, folder

    def command(self):
        return [sys.executable, str(HERE / "llama_server.py"), self.model, *sorted(glob.glob(f"{self.folder}/gguf/*"))]

    def read_address(self):
        return self.process.stdout.readline().strip()

    def complete(self, prompt, adapter, tokens):
        answer = post(self.address, "/completion", {
            "prompt": prompt, "n_predict": tokens, "ignore_eos": True, "temperature": 0, "cache_prompt": False,
            "lora": [] if adapter is None else [{"id": adapter, "scale": 1.0}]})
        return answer["tokens_predicted"], answer["tokens_evaluated"], answer["content"]


class Motet(Server):
    name = "Motet"

    def __init__(self, binary, precision, folder):
        self.binary, self.precision, self.folder = binary, precision, folder

    def command(self):
        return [
            self.binary, "serve", "--adapters", f"{self.folder}/peft", "--port", "0", "--precision", self.precision,
            "--json", "--log-level", "error"]

    def read_address(self):
        return json.loads(self.process.stdout.readline())["listening"]

    def complete(self, prompt, adapter, tokens):
        answer = post(self.address, "/v1/completions", {
            "model": "smollm2-135m-instruct" if adapter is None else f"a{adapter}", "prompt": prompt,
            "max_tokens": tokens, "ignore_eos": True, "temperature": 0})
        usage = answer["usage"]
        return usage["completion_tokens"], usage["prompt_tokens"], answer["choices"][0]["text"]


def words(count, seed):
    """A prompt that shares no beginning with another's."""
    text = "the fox a river under old stone walls where nobody had been for many years and then".split()
    return f"Story {seed}: " + " ".join(text[(seed * 7 + i * (seed % 5 + 1)) % len(text)] for i in range(count))


def at_once(server, choices, round):
    """New tokens a second of requests that come together."""
    prompts = [words(24, round * 100 + index) for index in range(len(choices))]
    with concurrent.futures.ThreadPoolExecutor(len(choices)) as pool:
        start = time.perf_counter()
        answers = list(pool.map(lambda both: server.complete(*both, NEW), zip(prompts, choices)))
        seconds = time.perf_counter() - start
    assert all(count == NEW for count, _, _ in answers), answers
    return len(choices) * NEW / seconds


def reading(server, round):
    """Prompt tokens a second of one long prompt under one adapter."""
    start = time.perf_counter()
    _, tokens, _ = server.complete(words(505, 1000 + round), 0, 1)
    return tokens / (time.perf_counter() - start)


CASES = {
    "8 at once, each its own adapter": lambda server, round: at_once(server, range(8), round),
    "8 at once, one adapter": lambda server, round: at_once(server, [0] * 8, round),
    "8 at once, base": lambda server, round: at_once(server, [None] * 8, round),
    "one, base": lambda server, round: at_once(server, [None], round),
    "one, one adapter": lambda server, round: at_once(server, [0], round),
    "prompt of about 512 tokens, one adapter": reading,
}
GOALS = dict(zip(CASES, [10, 5, None, 1.5, 2, 3]))


def measure(server, rounds):
    with server:
        found = {}
        for name, case in CASES.items():
            figures = [case(server, round) for round in range(rounds + 1)]
            found[name] = statistics.median(figures[1:])
        found["resident MB"] = server.resident_megabytes()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--precision", default="stored")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["motet", "llama"], help="measure one of the two")
    options = parser.parse_args()
    home = os.environ.get("MOTET_HOME", os.path.expanduser("~/.motet"))
    model = glob.glob(f"{home}/models/smollm2-135m-instruct/*.gguf")[0]
    with tempfile.TemporaryDirectory() as folder:
        for index in range(8):
            adapters.write(pathlib.Path(folder), index)
        servers = [Llama(model, folder), Motet(options.motet, options.precision, folder)]
        if options.only:
            servers = [server for server in servers if server.name.lower().startswith(options.only)]
        found = {server.name: measure(server, options.rounds) for server in servers}
    print(f"{'case (tokens/s)':42}" + "".join(f"{name:>12}" for name in found) + f"{'ratio':>8}{'goal':>6}")
    for case in [*CASES, "resident MB"]:
        figures = [figures[case] for figures in found.values()]
        line = f"{case:42}" + "".join(f"{figure:12.0f}" for figure in figures)
        if len(figures) == 2:
            line += f"{figures[1] / figures[0]:8.2f}"
        print(line + (f"{GOALS[case]:6}" if GOALS.get(case) else ""))


if __name__ == "__main__":
    main()
