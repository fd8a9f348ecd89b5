"""Two keys on one server: a well-behaved one, whose waits are measured, and its neighbour."""

import asyncio
import contextlib
import hashlib
import json
import re
import time

from motet_server import MotetServer
from raw_http import Connection, Gone

GOOD, BAD = "mot_" + "b" * 64, "mot_" + "a" * 64


def write_keys(folder):
    """A file of both keys, for `--api-keys`."""
    path = folder / "keys"
    lines = [
        f"{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}{more}"
        for name, key, more in [("good", GOOD, " admin"), ("bad", BAD, "")]]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return str(path)


def server(options, folder, *more):
    (folder / "library").mkdir(exist_ok=True)
    return MotetServer(
        options.motet, folder / "log", "--api-keys", write_keys(folder), "--base", options.base,
        "--library", str(folder / "library"), *more)


def words(count, seed):
    """A prompt that shares no beginning with another's."""
    text = "the fox a river under old stone walls where nobody had been for many years and then".split()
    return f"Story {seed}: " + " ".join(text[(seed * 7 + i * (seed % 5 + 1)) % len(text)] for i in range(count))


def quantile(values, share):
    """In milliseconds; nan of nothing."""
    if not values:
        return float("nan")
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Waits:
    """Seconds to the first token and between tokens."""

    def __init__(self):
        self.first, self.gaps, self.failures = [], [], []

    def figures(self):
        return [quantile(self.first, 0.5), quantile(self.first, 0.99), quantile(self.gaps, 0.5), quantile(self.gaps, 0.99)]


async def ask(port, key, path, body, timeout=120):
    """One request on a connection of its own; leaves when cancelled."""
    connection = await Connection.open(port)
    connection.key = key
    try:
        async with asyncio.timeout(timeout):
            return await connection.ask("POST", path, body)
    finally:
        connection.leave()


async def stream(port, tokens, seed, first, gaps):
    """One streamed answer of the good key."""
    connection = await Connection.open(port)
    connection.key = GOOD
    try:
        start = last = time.monotonic()
        await connection.send("POST", "/v1/completions", {
            "prompt": words(16, seed), "max_tokens": tokens, "ignore_eos": True, "temperature": 0, "stream": True})
        status, _ = await connection.head()
        if status != 200:
            return f"{status} {(await connection.body())[:200]}"
        count = 0
        async for event in connection.events():
            if not event.startswith(b"{") or not json.loads(event)["choices"]:
                continue
            now = time.monotonic()
            (gaps if count else first).append(now - (last if count else start))
            last, count = now, count + 1
    finally:
        connection.leave()


seeds = iter(range(10**9))


async def measure(port, seconds, pause=0.25, tokens=48):
    """The good key's waits: two tokens every `pause` seconds, and one answer of `tokens` after another beside them."""
    waits, end = Waits(), time.monotonic() + seconds

    async def goes_on(tokens, pause, first, gaps):
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                async with asyncio.timeout(max(2.0, end - began + 2)):
                    failure = await stream(port, tokens, next(seeds), first, gaps)
            except (TimeoutError, Gone, OSError) as error:
                failure = type(error).__name__
                # What never came counts for as long as it was waited for.
                (first if tokens == 2 else gaps).append(time.monotonic() - began)
            if failure:
                waits.failures.append(failure)
            await asyncio.sleep(max(0, pause - (time.monotonic() - began)))

    await asyncio.gather(goes_on(2, pause, waits.first, []), goes_on(tokens, 0, [], waits.gaps))
    return waits


@contextlib.asynccontextmanager
async def under(load):
    """Runs `load`, a coroutine, meanwhile; what is left of it at the end is let go."""
    task = asyncio.create_task(load)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(BaseException):
            await task


class Load:
    """A request of the neighbour again and again, `count` at a time; keeps what came back."""

    def __init__(self, port, path, body, count=1, key=BAD):
        self.port, self.path, self.body, self.count, self.key = port, path, body, count, key
        self.statuses, self.refusal = {}, ""

    async def run(self):
        async with asyncio.TaskGroup() as group:
            for _ in range(self.count):
                group.create_task(self.goes_on())

    async def goes_on(self):
        while True:
            try:
                body = self.body() if callable(self.body) else self.body
                status, text = await ask(self.port, self.key, self.path, body)
                if status != 200 and not self.refusal:
                    self.refusal = text
            except (TimeoutError, Gone, OSError) as error:
                status = type(error).__name__
            self.statuses[status] = self.statuses.get(status, 0) + 1
            # One that is refused at once does not turn the load into a test of the loop.
            await asyncio.sleep(0.01)

    def told(self):
        counts = " ".join(f"{status}×{count}" for status, count in sorted(self.statuses.items(), key=str))
        said = re.search(r'"(?:message|error)":\s*"(.{0,70})', self.refusal)
        return (counts or "none came back") + (f" ({said[1]}…)" if said else "")
