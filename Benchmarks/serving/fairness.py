"""What a key waits while another key's work is under way: the time to its first token and between its tokens, alone and
beside each load, in one run on one server.

    python Benchmarks/serving/fairness.py [--motet .build/release/motet] [--seconds 12]

Loads of the other key: one request of 120 answers of 200 tokens, embeddings of 2,048 texts, prompts of about 3,000
tokens. Each goes on, one request after another, for as long as is measured. The last figure of a line is what went
through the model for both keys, prompts and answers together. Speculation is off, so that a gap is the time of one pass.
"""

import argparse
import asyncio
import os
import pathlib
import tempfile
import time

import neighbours
from motet_server import read_metrics
from neighbours import GOOD, Load, measure, under, words
from raw_http import Connection


def answers(port):
    return Load(port, "/v1/completions", lambda: {
        "prompt": [words(12, next(neighbours.seeds)) for _ in range(120)], "max_tokens": 200, "ignore_eos": True,
        "temperature": 0})


def embeddings(port):
    return Load(port, "/v1/embeddings", lambda: {"input": [words(24, next(neighbours.seeds)) for _ in range(2048)]})


def long_prompts(port):
    return Load(port, "/v1/completions", lambda: {
        "prompt": words(2800, next(neighbours.seeds)), "max_tokens": 4, "ignore_eos": True, "temperature": 0}, count=2)


LOADS = {
    "120 answers of 200 tokens": answers, "embeddings of 2,048 texts": embeddings, "prompts of 3,000 tokens": long_prompts}


def report(name, waits, alone, rate, note=""):
    figures = waits.figures()
    line = f"{name:28}" + "".join(f"{figure:10.1f}" for figure in figures)
    line += f"{max(waits.first, default=0) * 1000:10.0f}" + f"{rate:10.0f}"
    if alone:
        line += "   × " + " ".join(f"{figure / before:.1f}" for figure, before in zip(figures, alone))
    print(f"{line}  {note}{' FAILED ' + waits.failures[0] if waits.failures else ''}", flush=True)


async def passed(port):
    """Tokens that went through the model."""
    connection = await Connection.open(port)
    connection.key = GOOD
    try:
        _, text = await connection.ask("GET", "/metrics")
    finally:
        connection.leave()
    return read_metrics(text).get("motet_step_tokens_sum", 0)


async def case(name, port, seconds, alone, load=None):
    async with under(load.run() if load else asyncio.sleep(0)):
        if load:
            await asyncio.sleep(1)
        before, start = await passed(port), time.monotonic()
        waits = await measure(port, seconds)
        rate = (await passed(port) - before) / (time.monotonic() - start)
    report(name, waits, alone, rate, load.told() if load else "")
    await asyncio.sleep(1)
    return waits.figures()


async def run(options, folder):
    print(f"{'':28}{'first token, ms':>20}{'token gap, ms':>20}{'longest':>10}{'all':>10}")
    print(f"{'load of the other key':28}{'p50':>10}{'p99':>10}{'p50':>10}{'p99':>10}{'first, ms':>10}{'tok/s':>10}")
    with neighbours.server(options, folder, "--no-speculation") as server:
        await case("(warming up)", server.port, 2, None)
        alone = await case("none", server.port, options.seconds, None)
        for name, load in LOADS.items():
            await case(name, server.port, options.seconds, alone, load(server.port))
        await case("none, again", server.port, options.seconds / 2, alone)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--base", default="smollm2-135m-instruct")
    parser.add_argument("--seconds", type=float, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
