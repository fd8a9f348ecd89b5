"""Many clients, good and bad, and an operator who changes the adapters under them: every answer has to be the one that
the same prompt gets alone.

    python Benchmarks/serving/soak.py [--motet .build/release/motet] [--minutes 10] [--clients 50] [--json]

The server runs in f32, where greedy answers are the same alone and in any batch, with so little memory for adapters and
for keys and values that adapters are evicted and sequences set aside all the time. Exits with 1 on any miss: a wrong
answer or status, a request that takes too long, rows that stay, memory that grows, an end that is not clean.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time

from motet_server import MotetServer
from raw_http import Connection, Gone
from soak_operator import Operator
from soak_truths import (
    MODELS, PROMPTS, ask_truths, contents, distinct_share, make_folders, model_name, request, text_of)

# What a client does next, by how often.
KINDS = {
    "whole": 30, "stream": 34, "slow stream": 4, "left in a stream": 12, "left before an answer": 6,
    "left in a body": 2, "left waiting": 4, "too long": 3, "unknown": 5}
GROWTH = 1.05


class Misses:
    def __init__(self):
        self.count, self.first = 0, []

    def add(self, text):
        self.count += 1
        if len(self.first) < 20:
            self.first.append(text)
            print(f"miss: {text}", file=sys.stderr, flush=True)


class Soak:
    def __init__(self, server, truths, operator, misses, bound, seed):
        self.server, self.truths, self.operator, self.misses, self.bound = server, truths, operator, misses, bound
        self.random = random.Random(seed)
        self.counts, self.seconds, self.tokens = {}, [], 0

    def count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1

    async def client(self, end):
        connection = None
        while time.monotonic() < end:
            kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
            terms, prompt = self.random.choice(MODELS), self.random.randrange(len(PROMPTS))
            if kind == "slow stream" and connection:
                connection.close()
                connection = None
            try:
                async with asyncio.timeout(self.bound):
                    connection = connection or await Connection.open(
                        self.server.port, 4096 if kind == "slow stream" else None)
                    stays = await self.act(kind, connection, terms, prompt)
            except TimeoutError:
                self.misses.add(f"{kind}: {model_name(terms)}, prompt {prompt}: no end in {self.bound} s")
                stays = False
            except (Gone, OSError) as error:
                self.misses.add(f"{kind}: {model_name(terms)}, prompt {prompt}: the connection broke: {error!r}")
                stays = False
            self.count(kind)
            if connection and (not stays or self.random.random() < 0.3):
                connection.leave()
                connection = None

    async def act(self, kind, connection, terms, prompt):
        """Whether the connection can be used again."""
        path, body = request(prompt, model_name(terms))
        if kind == "too long":
            key = "messages" if "messages" in body else "prompt"
            long = "many words and more of them " * self.random.choice([300, 3000])
            body[key] = [{"role": "user", "content": long}] if key == "messages" else long
            return await self.refused(connection, path, body, 400, "context_length_exceeded")
        if kind == "unknown":
            body["model"] = self.random.choice(["a9", "turn@99999", "a0=0.5+nobody=0.5", "../a0", "A" * 5000])
            return await self.refused(connection, path, body, 404, "model_not_found")
        if kind == "left in a body":
            await connection.send("POST", path, body, share=self.random.random())
            await asyncio.sleep(self.random.uniform(0, 0.1))
            return False
        body["stream"] = "stream" in kind or self.random.random() < 0.5
        if kind.startswith("left"):
            body["max_tokens"] = 200
        if kind == "slow stream":
            body["logprobs"] = True if "messages" in body else 20
            if "messages" in body:
                body["top_logprobs"] = 20
            connection.pause, connection.step = 0.02, 1024
        sent = time.monotonic()
        await connection.send("POST", path, body)
        if kind == "left before an answer":
            await asyncio.sleep(self.random.choice([0, self.random.uniform(0, 0.2)]))
            return False
        if kind == "left waiting":
            await asyncio.sleep(self.random.uniform(0, 3))
            return False
        if kind == "left in a stream":
            status, _ = await connection.head()
            if status == 200:
                left = self.random.randrange(1, 20)
                async for _ in connection.events():
                    left -= 1
                    if not left:
                        break
                return False
            self.judge_refusal(status, await connection.body(), terms, sent)
            return False
        await self.answer(connection, terms, prompt, body["stream"], sent)
        return kind != "slow stream"

    async def refused(self, connection, path, body, right, code):
        status, text = await connection.ask("POST", path, body)
        if status != right or json.loads(text)["error"]["code"] != code:
            self.misses.add(f"{str(body)[:120]}: {status} {text[:200]}, not {right} {code}")
        return True

    async def answer(self, connection, terms, prompt, streams, sent):
        """Reads a whole answer and judges it."""
        status, headers = await connection.head()
        if status != 200:
            self.judge_refusal(status, await connection.body(), terms, sent)
            return
        facts, text, finish, done = None, "", None, not streams
        if streams:
            async for event in connection.events():
                if event == b"[DONE]":
                    done = True
                    continue
                value = json.loads(event)
                if "error" in value:
                    self.misses.add(f"{model_name(terms)}, prompt {prompt}: an error in a stream: {event[:300]}")
                    return
                facts = value.get("motet", facts)
                for choice in value["choices"]:
                    text += text_of(choice)
                    finish = choice["finish_reason"] or finish
        else:
            value = json.loads(await connection.body())
            facts, choice = value["motet"], value["choices"][0]
            text, finish = text_of(choice), choice["finish_reason"]
        now = time.monotonic()
        self.seconds.append(now - sent)
        self.tokens += PROMPTS[prompt][2]
        said = facts["terms"]
        wrong = None
        if not done:
            wrong = "its stream has no [DONE]"
        elif headers.get("x-motet-mix") != facts["mix"]:
            wrong = f"its header names {headers.get('x-motet-mix')} and its body {facts['mix']}"
        elif [(term["name"], term["weight"]) for term in said] != terms:
            wrong = f"it came from {facts['mix']}"
        else:
            wrong = self.judge(prompt, said, text, finish, sent, now)
        if wrong:
            self.misses.add(f"{model_name(terms)}, prompt {prompt}{', a stream' if streams else ''}: {wrong}")

    def judge(self, prompt, said, text, finish, sent, now):
        """What is wrong with an answer from the adapters that it names; None when nothing is."""
        may = []
        for mix in contents([(term["name"], term["weight"]) for term in said]):
            if all(self.could_be(term, content, sent, now) for term, (content, _) in zip(said, mix)):
                may.append(mix)
        if not may:
            return f"{said} was not there between asking and the end"
        if any(self.truths[prompt, mix] == (text, finish) for mix in may):
            return None
        others = [
            model_name(mix) for (asked, mix), truth in self.truths.items()
            if asked == prompt and truth == (text, finish)]
        right = {model_name(mix): self.truths[prompt, mix] for mix in may}
        return f"{(text, finish)!r}, which is {others or 'nobody'}'s, not one of {right!r}"

    def could_be(self, term, content, sent, now):
        operator, name, version = self.operator, term["name"], term["version"]
        if name == "turn":
            return version in operator.turn.between(sent, now) and content == ("x" if version % 2 else "y")
        if name == "swap":
            return version is None and content in operator.swap.between(sent, now)
        return version is None and (name != "guest" or True in operator.guest.between(sent, now))

    def judge_refusal(self, status, body, terms, sent):
        is_guest = any(name == "guest" for name, _ in terms)
        if status == 404 and is_guest and False in self.operator.guest.between(sent, time.monotonic()):
            return self.count("guest not there")
        self.misses.add(f"{model_name(terms)}: {status} {body[:300]}")

    async def refused_soon(self, connection, seconds=5):
        """What comes while the signal is on its way may be taken; then new work gets 503, or nothing any more."""
        path, body = request(2, "base")
        body["max_tokens"] = 1
        start, status = time.monotonic(), 200
        try:
            async with asyncio.timeout(self.bound):
                while status == 200 and time.monotonic() - start < seconds:
                    status, text = await connection.ask("POST", path, body)
        except TimeoutError:
            status, text = "nothing", f"in {self.bound} s"
        except (Gone, OSError):
            return
        if status != 503:
            late = time.monotonic() - start
            self.misses.add(f"{late:.1f} s after SIGTERM new work gets {status} {text[:200]}, not 503")

    async def drain(self):
        """SIGTERM with answers under way: they end, right; nothing new is taken; exit 0."""
        asks = []
        for index in range(12):
            terms, prompt = MODELS[index % len(MODELS)], [0, 5, 7][index % 3]
            path, body = request(prompt, model_name(terms))
            connection = await Connection.open(self.server.port)
            await connection.send("POST", path, body | {"stream": index % 2 == 0})
            asks.append((connection, terms, prompt, index % 2 == 0))
        idle = await Connection.open(self.server.port)
        await asyncio.sleep(0.3)
        before = len(self.seconds)
        self.server.terminate()
        asked = asyncio.create_task(self.refused_soon(idle))
        try:
            async with asyncio.timeout(self.bound):
                await asyncio.gather(*[
                    self.answer(connection, terms, prompt, streams, time.monotonic())
                    for connection, terms, prompt, streams in asks])
        except (TimeoutError, Gone, OSError) as error:
            self.misses.add(f"after SIGTERM an answer under way did not end: {error!r}")
        await asked
        for connection, *_ in asks:
            connection.close()
        code = await asyncio.to_thread(self.server.process.wait, 60)
        if code != 0:
            self.misses.add(f"after SIGTERM the exit status is {code}")
        return {"answers_ended": len(self.seconds) - before, "exit": code}


async def sample(server, samples, start):
    while True:
        samples.append({"at": time.monotonic() - start, **server.resources()})
        await asyncio.sleep(1)


def medians(samples, first, last):
    part = [sample for sample in samples if first <= sample["at"] < last]
    return {key: round(statistics.median(sample[key] for sample in part), 1) for key in part[0]} if part else None


def judge_growth(samples, seconds, misses):
    """The minute after the warm-up of two against the last one."""
    warm = min(120, seconds / 3)
    window = min(60, seconds / 4)
    early, late = medians(samples, warm, warm + window), medians(samples, seconds - window, seconds)
    if seconds >= 300:
        for key, slack in [("resident_mb", 0), ("anonymous_mb", 0), ("threads", 2), ("files", 10)]:
            if late[key] > GROWTH * early[key] + slack:
                misses.add(f"{key} grew from {early[key]} to {late[key]}")
    return {"after_warm_up": early, "last": late, "most": {
        key: round(max(sample[key] for sample in samples), 1) for key in samples[0] if key != "at"}}


def judge_metrics(figures, misses):
    for name in ["motet_running_requests", "motet_waiting_requests", "motet_step_failures_total"]:
        if figures.get(name, 0) != 0:
            misses.add(f"at the end {name} is {figures[name]}")
    for name in ["motet_preemptions_total", "motet_adapter_evictions_total", "motet_prefix_cache_hit_tokens_total"]:
        if not figures.get(name):
            misses.add(f"{name} is 0: the soak did not try it")


async def run(server, truths, root, options, misses):
    operator = Operator(server.port, root, random.Random(options.seed + 1), misses)
    soak = Soak(server, truths, operator, misses, options.bound, options.seed)
    start, used = time.monotonic(), time.process_time()
    seconds = options.minutes * 60
    samples = []
    sampler = asyncio.create_task(sample(server, samples, start))
    await asyncio.gather(
        operator.work(start + seconds, pace=1.0), *[soak.client(start + seconds) for _ in range(options.clients)])
    took = time.monotonic() - start
    cores = (time.process_time() - used) / took
    sampler.cancel()
    # Those who left are known to have left at the next step.
    for _ in range(100):
        ready = json.loads(server.ask("GET", "/ready")[1])
        if ready["running"] == ready["waiting"] == 0:
            break
        await asyncio.sleep(0.1)
    else:
        misses.add(f"10 s after the last client the server says {ready}")
    figures = server.metrics()
    judge_metrics(figures, misses)
    idle = server.resources()
    if figures["motet_connections"] > 2:
        misses.add(f"with no client there are {figures['motet_connections']} connections")
    answers, tokens, waits = len(soak.seconds), soak.tokens, sorted(soak.seconds)
    drained = await soak.drain()
    for text, times in server.errors().items():
        if "the server is shutting down" in text:
            continue
        misses.add(f"the log says {times} times, {text[:300]}")
    return {
        "minutes": options.minutes, "clients": options.clients, "answers_checked": answers, "tokens_asked": tokens,
        "per_second": round(answers / took, 1), "client_cores": round(cores, 2), "kinds": soak.counts,
        "operator": operator.done, "versions": operator.turn.states[-1][0],
        "seconds": {"median": round(statistics.median(waits), 2), "p99": round(waits[int(0.99 * len(waits))], 2),
                    "most": round(waits[-1], 2)},
        "preemptions": figures["motet_preemptions_total"], "evictions": figures["motet_adapter_evictions_total"],
        "loads": figures["motet_adapter_loads_total"],
        "prefix_hit_share": round(
            figures["motet_prefix_cache_hit_tokens_total"] / figures["motet_prefix_cache_lookup_tokens_total"], 2),
        "memory": judge_growth(samples, took, misses), "idle": idle, "drain": drained,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--adapter-memory", default="110MB", help="about five adapters of rank 8")
    parser.add_argument("--kv-memory", default="48MB", help="about a thousand tokens")
    parser.add_argument("--bound", type=float, default=60, help="seconds that a request may take")
    parser.add_argument(
        "--precision", default="f32", help="stored gives a row the same bits in any batch too")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--scale", type=float, default=0.03, help="how much the random adapters change")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    misses = Misses()
    with tempfile.TemporaryDirectory() as folder:
        root = make_folders(folder, options.rank, options.scale)
        truths = ask_truths(options.motet, root, options.precision)
        share = distinct_share(truths)
        with MotetServer(
            options.motet, root / "soak.log", "--precision", options.precision, "--adapters", str(root / "served"),
            "--library", str(root / "library"), "--adapter-memory", options.adapter_memory,
            "--kv-memory", options.kv_memory,
        ) as server:
            found = asyncio.run(run(server, truths, root, options, misses))
    found = {"truths": len(truths), "truths_that_differ": round(share, 2), **found, "misses": misses.count}
    if options.json:
        print(json.dumps(found | {"first_misses": misses.first}))
    else:
        for key, value in found.items():
            print(f"{key:24} {value}")
    sys.exit(1 if misses.count else 0)


if __name__ == "__main__":
    main()
