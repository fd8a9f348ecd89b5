"""JSON schemas of promised sizes and schemas that attack, against one server: what their answers are, what a token of
them takes, what a neighbour feels of them, and what memory they leave.

    python Benchmarks/serving/structure_attacks.py [--motet .build/release/motet] [--base smollm2-135m-instruct]
        [--seconds 12] [--schemas 1000] [--json]

Needs `jsonschema`. A neighbour streams plain answers all the while; its token gaps are told alone, beside as many plain
clients as there are attackers, and beside attackers, each of whose requests brings a schema of its own. Exits with 1 on
any miss: an answer that its schema refuses, a 500, a stream cut off, an impossible schema that is not a 400, a token time
over 1.3 times the simple schema's, a gap over 1.5 times that beside plain clients, memory that grows.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time

import jsonschema
from motet_server import MotetServer
from raw_http import Connection, Gone
from structure_schemas import ATTACKS, IMPOSSIBLE, PROMISED, simple

misses = []


def miss(text):
    misses.append(text)
    print(f"miss: {text}", file=sys.stderr, flush=True)


def body(prompt, schema=None, tokens=64, temperature=1.0, seed=0):
    request = {
        "model": "default", "stream": True, "max_tokens": tokens, "temperature": temperature, "seed": seed,
        "messages": [{"role": "user", "content": prompt}]}
    if schema is not None:
        request["response_format"] = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    return request


async def stream(connection, request):
    """Status, text, finish reason, seconds to the first piece and the gaps between pieces."""
    began = time.perf_counter()
    await connection.send("POST", "/v1/chat/completions", request)
    status, _ = await connection.head()
    if status != 200:
        return status, (await connection.body()).decode(), None, 0, []
    text, reason, times = "", None, []
    async for event in connection.events():
        if event == b"[DONE]":
            continue
        event = json.loads(event)
        if "error" in event:
            return 599, json.dumps(event), None, 0, []
        choice = (event.get("choices") or [{}])[0]
        piece = choice.get("delta", {}).get("content")
        if piece:
            text += piece
            times.append(time.perf_counter())
        reason = choice.get("finish_reason") or reason
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    return status, text, reason, (times[0] - began if times else 0), gaps


def percentiles(values):
    values = sorted(values) or [0]
    return {"p50": statistics.median(values) * 1000, "p99": values[int(0.99 * (len(values) - 1))] * 1000}


async def token_times(port):
    """Milliseconds a token, by schema: the mean gap over some answers, one at a time."""
    result = {}
    for name, schema in {"simple": simple(), **PROMISED}.items():
        gaps, firsts, reasons = [], [], []
        connection = await Connection.open(port)
        for seed in range(4):
            status, text, reason, first, own = await stream(
                connection, body("Give an example.", schema, tokens=60, seed=seed))
            if status != 200:
                miss(f"{name}: {status} {text[:200]}")
                break
            gaps += own
            firsts.append(first)
            reasons.append(reason)
            if reason == "stop":
                try:
                    jsonschema.validate(json.loads(text), schema)
                except (ValueError, jsonschema.ValidationError) as error:
                    miss(f"{name}: {text[:200]} does not fit: {str(error)[:200]}")
            elif reason != "length":
                miss(f"{name}: the stream was cut off ({reason})")
        connection.close()
        mean = statistics.mean(gaps) * 1000 if gaps else 0
        result[name] = {
            "token_ms": mean, "first_ms": [round(first * 1000) for first in firsts], "ends": reasons}
        bound = 1.3 * result["simple"]["token_ms"]
        if mean > bound:
            miss(f"{name}: {mean:.1f} ms a token, over {bound:.1f}")
        print(f"{name}: {mean:.1f} ms a token, first after {result[name]['first_ms']} ms, {reasons}", flush=True)
    return result


async def impossible(port):
    for name, schema in IMPOSSIBLE.items():
        connection = await Connection.open(port)
        status, text, *_ = await stream(connection, body("Give an example.", schema))
        print(f"impossible, {name}: {status} {text[:240]}", flush=True)
        if status != 400:
            miss(f"impossible, {name}: {status}")
        connection.close()


class Load:
    """Clients that ask again and again until they are stopped."""

    def __init__(self, port, clients, make):
        self.port, self.make, self.number, self.statuses = port, make, 0, {}
        self.tasks = [asyncio.create_task(self.client()) for _ in range(clients)]

    async def client(self):
        while True:
            connection = await Connection.open(self.port)
            try:
                while True:
                    self.number += 1
                    status, text, reason, *_ = await stream(
                        connection, body("Say something.", self.make(self.number), seed=self.number))
                    self.statuses[status] = self.statuses.get(status, 0) + 1
                    if status >= 500 and status != 503:
                        miss(f"{status} {text[:200]}")
            except (Gone, OSError):
                self.statuses["gone"] = self.statuses.get("gone", 0) + 1
            finally:
                connection.leave()

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def neighbour(port, seconds, schema=None):
    end = time.monotonic() + seconds
    gaps, firsts = [], []
    connection = await Connection.open(port)
    seed = 0
    while time.monotonic() < end:
        seed += 1
        status, text, _, first, own = await stream(
            connection, body("Tell a long story about the sea.", schema, tokens=100, seed=seed))
        if status != 200:
            miss(f"neighbour: {status} {text[:200]}")
        gaps += own
        firsts.append(first)
    connection.close()
    return {**percentiles(gaps), "first_p50": statistics.median(firsts) * 1000, "gaps": len(gaps)}


async def beside(port, seconds, clients, name, make, base=None):
    load = Load(port, clients, make)
    await asyncio.sleep(0.5)
    found = await neighbour(port, seconds)
    await load.stop()
    await asyncio.sleep(0.5)
    found.update(requests=load.number, statuses=load.statuses)
    ratio = found["p99"] / base["p99"] if base else 1
    print(
        f"beside {clients} x {name}: gap p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms ({ratio:.2f}), "
        f"first token {found['first_p50']:.0f} ms; {load.number} requests {load.statuses}", flush=True)
    if base and ratio > 1.5:
        miss(f"{name}: a gap p99 of {found['p99']:.1f} ms beside {base['p99']:.1f}")
    return found


async def many_schemas(server, count):
    """Resident megabytes after a quarter, half and all of so many different schemas."""
    kinds = list(ATTACKS.values())[:-1]
    resident = {}

    async def client(numbers):
        connection = await Connection.open(server.port)
        for number in numbers:
            status, text, *_ = await stream(
                connection, body("Give one.", kinds[number % len(kinds)](number), tokens=4, seed=number))
            if status not in (200, 503):
                miss(f"schema {number}: {status} {text[:200]}")
        connection.close()

    done = 0
    for part in (8, 4, 2, 1):
        upto = count // part
        await asyncio.gather(*[client(range(done + lane, upto, 4)) for lane in range(4)])
        done = upto
        resident[done] = server.resources()["resident_mb"]
        held = server.metrics().get("motet_structure_memory_bytes", 0) / 1e6
        print(f"after {done} schemas: {resident[done]:.0f} MB resident, {held:.0f} MB of schemas", flush=True)
    if resident[count] > 1.15 * resident[count // 4]:
        miss(f"memory grows: {resident}")
    return resident


async def run(server, arguments):
    port = server.port
    await neighbour(port, 2)
    result = {"token_times": await token_times(port)}
    await impossible(port)
    alone = result["alone"] = await neighbour(port, arguments.seconds)
    print(f"alone: gap p50 {alone['p50']:.1f} ms, p99 {alone['p99']:.1f} ms", flush=True)
    plain = result["plain"] = await beside(port, arguments.seconds, arguments.clients, "plain", lambda n: None)
    result["simple"] = await beside(port, arguments.seconds, arguments.clients, "simple schema", lambda n: simple(f"t{n}"), plain)
    result["attacks"] = {}
    for name, make in ATTACKS.items():
        result["attacks"][name] = await beside(
            port, arguments.seconds, arguments.clients, name, make, plain)
    result["alone_after"] = await neighbour(port, arguments.seconds)
    print(f"alone again: gap p99 {result['alone_after']['p99']:.1f} ms", flush=True)
    result["resident"] = await many_schemas(server, arguments.schemas)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--base", dest="model", default="smollm2-135m-instruct")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--schemas", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        with MotetServer(arguments.motet, log.name, "--base", arguments.model, "--model-name", "default") as server:
            result = asyncio.run(run(server, arguments))
    if arguments.json:
        print(json.dumps(result))
    print(f"{len(misses)} misses")
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    main()
