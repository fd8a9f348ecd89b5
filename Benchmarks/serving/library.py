"""A thousand adapters behind one base: what it costs that requests spread over them, and that they are not in memory.

    python Benchmarks/serving/library.py [--motet .build/release/motet] [--adapters 1000] [--precision stored] [--json]

Makes as many adapters of rank 16 on all linear modules of SmolLM2-135M, in f32 as PEFT leaves them (20 MB each, so
20 GB of disk, deleted at the end). Twelve are drawn; the others are copies with some values drawn anew. A server
reads, keeps and evicts each as its own. Three things are measured:

- total tokens/s of requests by a Zipf law (s = 1), eight at once, beside the same requests to one adapter;
- resident memory, beside that of the same load on the base alone;
- the time to load an adapter that is not in memory, with its file in the system's page cache and without, and what
  loading one after another does to the gaps between the tokens of four other answers.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import re
import statistics
import sys
import tempfile
import time

import adapters
import numpy
from motet_server import MotetServer
from raw_http import Connection
from serving import words

NEW, AT_ONCE = 64, 8
PERIOD = 0.25
GOALS = {"throughput_share": 0.70, "load_seconds": 0.050, "gap_ratio": 1.5}


def make_library(folder, count, distinct=12):
    """a0, a1, ...: each is one of `distinct`, with its first values, of which there are 9,216, drawn anew."""
    seeds = []
    for seed in range(min(distinct, count)):
        adapters.write_peft(folder / f"a{seed}", adapters.factors(seed))
        seeds.append(bytearray((folder / f"a{seed}" / "adapter_model.safetensors").read_bytes()))
    configuration = (folder / "a0" / "adapter_config.json").read_text()
    generator = numpy.random.default_rng(count)
    for index in range(distinct, count):
        data = seeds[index % distinct]
        start = 8 + int.from_bytes(data[:8], "little")
        values = generator.normal(0, 0.01, 9216).astype(numpy.float32).tobytes()
        data[start : start + len(values)] = values
        place = folder / f"a{index}"
        place.mkdir()
        (place / "adapter_config.json").write_text(configuration)
        (place / "adapter_model.safetensors").write_bytes(data)
    # Writing them out would go on beside the first measurements.
    os.sync()


def forget(folder, names):
    """Has the system forget the files' pages, so that the next reading is from the disk."""
    for name in names:
        file = os.open(folder / name / "adapter_model.safetensors", os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def zipf(count, draws, seed, exponent=1.0):
    """Places among `count`, the first the likeliest."""
    weights = [1 / (rank + 1) ** exponent for rank in range(count)]
    return random.Random(seed).choices(range(count), weights, k=draws)


def completion(model, prompt, tokens):
    return {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}


async def complete(connection, model, prompt, tokens):
    status, text = await connection.ask("POST", "/v1/completions", completion(model, prompt, tokens))
    assert status == 200, text
    return json.loads(text)["usage"]["completion_tokens"]


async def load_of(server, models, seed):
    """Tokens a second of these requests, eight at once."""
    queue = list(enumerate(models))[::-1]
    tokens = 0

    async def worker():
        nonlocal tokens
        connection = await Connection.open(server.port)
        while queue:
            index, model = queue.pop()
            new = await complete(connection, model, words(24, seed * 10_000 + index), NEW)
            tokens += new
        connection.close()

    start = time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(AT_ONCE)])
    return tokens / (time.perf_counter() - start)


class ResidentPeak:
    """The most resident megabytes while the context lasts, as the system counts them."""

    def __init__(self, server):
        self.place = pathlib.Path(f"/proc/{server.process.pid}")

    def __enter__(self):
        # Has the system begin to count anew.
        (self.place / "clear_refs").write_text("5")
        return self

    def __exit__(self, *_):
        status = (self.place / "status").read_text()
        self.most = int(re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[1]) / 1024


def loads(server):
    figures = server.metrics()
    return figures.get("motet_adapter_load_seconds_sum", 0.0), figures.get("motet_adapter_load_seconds_count", 0)


def measure_throughput(server, folder, options):
    """Rounds of one adapter and of many in turn, the same prompts in both."""
    count, draws = options.adapters, options.requests
    # Peaks of memory: first the base alone under the same load, then everything.
    with ResidentPeak(server) as base:
        for turn in range(options.rounds):
            asyncio.run(load_of(server, ["base"] * draws, seed=10 + turn))
    # What the law asks for most comes into memory first, as after a while of service.
    asyncio.run(load_of(server, [f"a{place}" for place in zipf(count, draws, seed=2)], seed=2))
    before = loads(server)
    shares, ones, manies = [], [], []
    with ResidentPeak(server) as all_of_them:
        for turn in range(options.rounds):
            ones.append(asyncio.run(load_of(server, ["a0"] * draws, seed=10 + turn)))
            models = [f"a{place}" for place in zipf(count, draws, seed=10 + turn)]
            manies.append(asyncio.run(load_of(server, models, seed=10 + turn)))
            shares.append(manies[-1] / ones[-1])
    after = loads(server)
    figures = server.metrics()
    loaded = after[1] - before[1]
    return {
        "one_adapter_tokens_per_second": round(statistics.median(ones)),
        "zipf_tokens_per_second": round(statistics.median(manies)),
        "throughput_share": round(statistics.median(shares), 3),
        "cold_share_of_requests": round(loaded / (draws * options.rounds), 2),
        "load_seconds_under_load": round((after[0] - before[0]) / max(1, loaded), 4),
        "base_mb": round(base.most, 1), "resident_mb": round(all_of_them.most, 1),
        "adapter_memory_mb": round(figures["motet_adapter_memory_bytes"] / (1 << 20), 1),
        "evictions": figures["motet_adapter_evictions_total"],
    }


def measure_loads(server, folder, names):
    """Seconds of each load, alone on a server that does nothing else."""
    seconds = []
    for name in names:
        before = loads(server)
        asyncio.run(once(server, name))
        after = loads(server)
        assert after[1] == before[1] + 1, f"{name} was in memory"
        seconds.append(after[0] - before[0])
    return seconds


async def once(server, name):
    connection = await Connection.open(server.port)
    await complete(connection, name, "One", 1)
    connection.close()


async def gaps(server, fifth, tokens):
    """Seconds between the tokens of four answers, while a fifth client asks for these adapters in a steady rhythm."""
    found, ended = [], asyncio.Event()

    async def stream(index):
        connection = await Connection.open(server.port)
        body = completion(f"a{index}", words(24, 77 + index), tokens) | {"stream": True}
        await connection.send("POST", "/v1/completions", body)
        status, _ = await connection.head()
        assert status == 200
        last, seen = None, 0
        async for event in connection.events():
            now = time.perf_counter()
            seen += 1
            # The first are read beside the other prompts; when one has ended, the others go faster.
            if seen > 16 and not ended.is_set():
                found.append(now - last)
            last = now
        ended.set()
        connection.close()

    async def asker():
        connection = await Connection.open(server.port)
        start, asked = time.perf_counter(), 0
        for name in fifth:
            asked += 1
            await asyncio.sleep(max(0, start + asked * PERIOD - time.perf_counter()))
            if ended.is_set():
                break
            await complete(connection, name, "One", 1)
        connection.close()
        return asked

    results = await asyncio.gather(asker(), *[stream(index) for index in range(4)])
    return found, results[0]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure_gaps(server, folder, options, first):
    """p99 of the gaps while the fifth asks a warm adapter, and while it asks one after another from the disk."""
    asyncio.run(once(server, "a4"))
    rounds, cold_from = [], first
    for turn in range(options.rounds + 1):
        warm, _ = asyncio.run(gaps(server, ["a4"] * 1000, options.stream_tokens))
        names = [f"a{index}" for index in range(cold_from, options.adapters)]
        forget(folder, names[:100])
        before = loads(server)
        cold, asked = asyncio.run(gaps(server, names, options.stream_tokens))
        after = loads(server)
        assert after[1] - before[1] >= asked - 1, (before, after, asked)
        cold_from += asked
        seconds = (after[0] - before[0]) / (after[1] - before[1])
        rounds.append((percentile(warm, 0.99), percentile(cold, 0.99), max(warm), max(cold), seconds))
    # One more goes before those that count.
    warm, cold, warm_most, cold_most, seconds = zip(*rounds[1:])
    return {
        "gap_p99_warm_ms": round(1000 * statistics.median(warm), 2),
        "gap_p99_cold_ms": round(1000 * statistics.median(cold), 2),
        "gap_ratio": round(statistics.median(c / w for w, c in zip(warm, cold)), 3),
        "gap_most_warm_ms": round(1000 * max(warm_most), 1), "gap_most_cold_ms": round(1000 * max(cold_most), 1),
        "load_seconds_beside_streams": round(statistics.mean(seconds), 4),
        "cold_loads_beside_streams": cold_from - first,
    }


def measure(folder, options, log):
    def server():
        return MotetServer(
            options.motet, log, "--precision", options.precision, "--adapters", str(folder),
            "--adapter-memory", options.adapter_memory, "--kv-memory", options.kv_memory)

    with server() as one:
        found = measure_throughput(one, folder, options)
    with server() as other:
        asyncio.run(once(other, "a5"))
        cached = [f"a{index}" for index in range(20, 60)]
        for name in cached:
            (folder / name / "adapter_model.safetensors").read_bytes()
        from_cache = measure_loads(other, folder, cached)
        from_disk = [f"a{index}" for index in range(60, 100)]
        forget(folder, from_disk)
        from_disk = measure_loads(other, folder, from_disk)
        found |= {
            "load_seconds": round(statistics.median(from_cache), 4), "load_seconds_most": round(max(from_cache), 4),
            "load_seconds_from_disk": round(statistics.median(from_disk), 4),
            "load_seconds_from_disk_most": round(max(from_disk), 4)}
        found |= measure_gaps(other, folder, options, first=100)
    return found


def budget_megabytes(text):
    units = {"GB": 1000, "MB": 1, "GiB": 1073.74, "MiB": 1.048576}
    for unit, factor in sorted(units.items(), key=lambda item: -len(item[0])):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise SystemExit(f"--adapter-memory {text}: give a number with MB or GB")


def judge(found, options):
    """What misses its goal."""
    misses = []
    if found["throughput_share"] < GOALS["throughput_share"]:
        misses.append(f"throughput is {found['throughput_share']} of one adapter's")
    allowed = found["base_mb"] + budget_megabytes(options.adapter_memory) * 1e6 / (1 << 20)
    if found["resident_mb"] > allowed:
        misses.append(f"{found['resident_mb']} MB resident are more than base and budget, {allowed:.0f}")
    for key in ["load_seconds", "load_seconds_from_disk"]:
        if found[key] >= GOALS["load_seconds"]:
            misses.append(f"{key} is {found[key]}")
    if found["gap_ratio"] > GOALS["gap_ratio"]:
        misses.append(f"p99 gap is {found['gap_ratio']} of that without loading")
    return misses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--adapters", type=int, default=1000)
    parser.add_argument("--precision", default="stored")
    parser.add_argument("--adapter-memory", default="512MB")
    parser.add_argument("--kv-memory", default="64MB", help="so little that the base alone fills it")
    parser.add_argument("--requests", type=int, default=160, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stream-tokens", type=int, default=800)
    parser.add_argument("--folder", help="keep the adapters here and use those that are there")
    parser.add_argument("--only-make", action="store_true", help="make the adapters of --folder and end")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.adapters < 300:
        parser.error("--adapters: at least 300 are needed, so that enough are cold")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.folder or temporary) / "library"
        start = time.perf_counter()
        if not folder.exists():
            make_library(folder, options.adapters)
        made = time.perf_counter() - start
        if options.only_make:
            return
        found = measure(folder, options, pathlib.Path(temporary) / "server.log")
    misses = judge(found, options)
    found = {
        "adapters": options.adapters, "precision": options.precision, "made_in_seconds": round(made, 1), **found,
        "misses": misses}
    if options.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key:34} {value}")
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    main()
