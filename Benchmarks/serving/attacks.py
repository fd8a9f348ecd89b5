"""What a key waits while a stranger's key tries to take the server for itself: the time to its first token and between
its tokens, with and without each attack, in one run.

    python Benchmarks/serving/attacks.py [--motet .build/release/motet] [--only NAME] [--seconds 7]

Every attack has a server of its own on the loopback interface: first the well-behaved key alone, then the same beside
the attack, which goes on for as long as is measured. All together take less than five minutes. `×` is the time beside
the attack over the time alone; `grew` is what the server's resident memory grew by meanwhile, in MB.
"""

import argparse
import asyncio
import contextlib
import json
import pathlib
import tempfile
import time

import neighbours
from neighbours import BAD, Load, measure, under, words
from raw_http import Connection

COMPLETIONS = "/v1/completions"


def encoded(**fields):
    """Made once: the attack is the server's work, not this process's."""
    return json.dumps({"max_tokens": 8, "temperature": 0} | fields, separators=(",", ":")).encode()


def model(name):
    return lambda port: Load(port, COMPLETIONS, encoded(model=name, prompt="Hello"), 4)


def schema(value, count=2):
    """Another schema each time, so that none is compiled already."""
    def body():
        own = json.loads(json.dumps(value).replace("SEED", str(next(neighbours.seeds))))
        return encoded(prompt="Say:", max_tokens=32, response_format={
            "type": "json_schema", "json_schema": {"name": "s", "schema": own}})
    return lambda port: Load(port, COMPLETIONS, body, count)


def answers(port):
    return Load(port, COMPLETIONS, lambda: encoded(
        prompt=[words(12, next(neighbours.seeds)) for _ in range(120)], max_tokens=200, ignore_eos=True))


def embeddings(port):
    return Load(port, "/v1/embeddings", lambda: json.dumps(
        {"input": [words(24, next(neighbours.seeds)) for _ in range(2048)]}).encode())


class Connections:
    """Connections that are held open: idle, or with a body that comes a byte at a time."""

    def __init__(self, port, count, sends):
        self.port, self.count, self.sends, self.ended, self.open = port, count, sends, 0, 0

    async def run(self):
        async with asyncio.TaskGroup() as group:
            for _ in range(self.count):
                group.create_task(self.hold())

    async def hold(self):
        try:
            connection = await Connection.open(self.port)
        except OSError:
            self.ended += 1
            return
        self.open += 1
        try:
            connection.key = BAD
            if self.sends:
                await connection.send("POST", COMPLETIONS, encoded(prompt="x" * 1_000_000), share=0.5)
            while True:
                if self.sends:
                    connection.writer.write(b"x")
                    await connection.writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        if not await connection.reader.read(1 << 16):
                            break
        except OSError:
            pass
        finally:
            self.open, self.ended = self.open - 1, self.ended + 1
            connection.leave()

    def told(self):
        return f"{self.open} open, {self.ended} ended"


LETTERS = "|".join("abcdefghijklmnopqrstuvwxyz")
ATTACKS = {
    "model of 40,000 terms": model("+".join(f"a{index}" for index in range(40_000))),
    "model a=111… of 1 MB": model("a=" + "1" * 1_000_000),
    "20,000 merged_adapters.ids": lambda port: Load(port, "/generate", json.dumps(
        {"inputs": "Hello", "parameters": {"merged_adapters": {"ids": [f"a{index}" for index in range(20_000)]}}}
    ).encode(), 4),
    "2 prompts of 8 MB of spaces": lambda port: Load(port, COMPLETIONS, encoded(prompt=" " * 7_900_000), 2),
    "oneOf of 3,000 constants": schema({"oneOf": [{"const": f"{index:x}-SEED"} for index in range(3_000)]}),
    "240 long property names": schema({
        "type": "object", "additionalProperties": False, "required": [],
        "properties": {f"{index} SEED " + "n" * 190: {"type": "integer"} for index in range(240)}}),
    "pattern (a|b|…).{14}z": schema({"type": "string", "pattern": f"^({LETTERS}|SEED).{{14}}z$"}),
    "pattern ((a|b|…).{14}z)*": schema({"type": "string", "pattern": f"^(({LETTERS}|SEED).{{14}}z)*$"}),
    "request of 120 answers": answers,
    "embeddings of 2,048 texts": embeddings,
    "50 half-sent bodies": lambda port: Connections(port, 50, True),
    "500 idle connections": lambda port: Connections(port, 500, False),
}


async def case(name, attack, options, folder):
    with neighbours.server(options, folder, "--no-speculation") as server:
        await measure(server.port, 1)
        alone = await measure(server.port, options.seconds / 2)
        before = server.resources()["resident_mb"]
        load = attack(server.port)
        async with under(load.run()):
            await asyncio.sleep(0.5)
            beside = await measure(server.port, options.seconds)
            told, grew = load.told(), server.resources()["resident_mb"] - before
    pairs = list(zip(alone.figures(), beside.figures()))
    line = f"{name:28}" + "".join(f"{first:9.1f}{then:9.1f}{then / first:6.1f}" for first, then in pairs)
    print(f"{line}{grew:8.0f}  {told}{' FAILED: ' + beside.failures[0] if beside.failures else ''}", flush=True)


async def run(options, folder):
    start = time.monotonic()
    heads = ["first p50, ms", "first p99, ms", "gap p50, ms", "gap p99, ms"]
    print(f"{'':28}" + "".join(f"{head:>24}" for head in heads))
    print(f"{'attack':28}" + f"{'alone':>9}{'beside':>9}{'×':>6}" * 4 + f"{'grew':>8}  answers to the attack")
    for name, attack in ATTACKS.items():
        if options.only.lower() in name.lower():
            await case(name, attack, options, folder)
    print(f"in {time.monotonic() - start:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--base", default="smollm2-135m-instruct")
    parser.add_argument("--only", default="", help="a part of an attack's name")
    parser.add_argument("--seconds", type=float, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
