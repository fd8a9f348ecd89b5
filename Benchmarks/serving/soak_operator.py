"""What an operator does to the server under load, and what may therefore be answered at which time."""

import asyncio
import json
import os
import shutil
import time

from raw_http import Connection
from soak_truths import PLAIN, place


class Timeline:
    """States of one thing, each with the first and the last moment at which it may have been seen; they overlap while a
    change is under way."""

    def __init__(self, state):
        self.states = [[state, 0.0, float("inf")]]

    def begin(self, state):
        """From now on it may be in the new state too."""
        self.states.append([state, time.monotonic(), float("inf")])

    def settle(self):
        """By now it has left the state before."""
        self.states[-2][2] = time.monotonic()

    def between(self, start, end):
        return {state for state, first, last in self.states if first <= end and last >= start}


class Operator:
    def __init__(self, port, root, random, misses):
        self.port, self.root, self.random, self.misses = port, root, random, misses
        self.turn, self.swap, self.guest = Timeline(1), Timeline("x"), Timeline(False)
        self.done = {}

    async def work(self, end, pace):
        """Goes on until `end`, with a pause of up to `pace` seconds after each thing done."""
        things = [
            self.reload, self.rewrite, self.toggle_guest, self.replace_swap, self.add_version, self.pin, self.look]
        while time.monotonic() < end:
            thing = self.random.choice(things)
            try:
                async with asyncio.timeout(60):
                    await thing()
                self.done[thing.__name__] = self.done.get(thing.__name__, 0) + 1
            except TimeoutError:
                self.misses.add(f"operator: {thing.__name__} took more than 60 s")
            await asyncio.sleep(self.random.uniform(0, pace))

    async def ask(self, method, path, body=None, right=(200, 201)):
        connection = await Connection.open(self.port)
        try:
            status, text = await connection.ask(method, path, body)
        finally:
            connection.close()
        if status not in right:
            self.misses.add(f"operator: {method} {path} {body}: {status} {text[:300]}")
        return text

    async def reload(self):
        """The same content by name, in both APIs' ways, and back to the folder's."""
        name = self.random.choice(PLAIN)
        if self.random.random() < 0.5:
            await self.ask("POST", "/adapters", {"name": name, "path": name})
            await self.ask("DELETE", f"/adapters/{name}")
        else:
            await self.ask("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": name})
            await self.ask("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def put(self, content, name):
        """Another file in the place of an adapter's weights, at once."""
        target = self.root / "served" / name / "adapter_model.safetensors"
        aside = target.with_name(".new")
        shutil.copy(self.root / "contents" / content / target.name, aside)
        os.replace(aside, target)

    async def rewrite(self):
        """Other files with the same content."""
        name = self.random.choice(PLAIN)
        self.put(name, name)

    async def toggle_guest(self):
        if self.guest.states[-1][0]:
            self.guest.begin(False)
            if self.random.random() < 0.5:
                await self.ask("DELETE", "/adapters/guest")
            else:
                await self.ask("POST", "/v1/unload_lora_adapter", {"lora_name": "guest"})
        else:
            self.guest.begin(True)
            await self.ask("POST", "/adapters", {"name": "guest", "path": "a3"})
        self.guest.settle()

    async def replace_swap(self):
        content = "y" if self.swap.states[-1][0] == "x" else "x"
        self.swap.begin(content)
        self.put(content, "swap")
        self.swap.settle()
        if self.random.random() < 0.3:
            await self.ask("POST", "/adapters", {"name": "swap", "path": "swap"})

    async def add_version(self):
        """The next version of `turn`; all but the last three go."""
        version = self.turn.states[-1][0] + 1
        aside = self.root / "library" / ".new"
        place(self.root / "contents" / ("x" if version % 2 else "y"), aside)
        self.turn.begin(version)
        aside.rename(self.root / "library" / "turn" / str(version))
        self.turn.settle()
        shutil.rmtree(self.root / "library" / "turn" / str(version - 3), ignore_errors=True)

    async def pin(self):
        name = self.random.choice(PLAIN)
        await self.ask("PUT", f"/adapters/{name}/pin")
        await asyncio.sleep(self.random.uniform(0, 1))
        await self.ask("DELETE", f"/adapters/{name}/pin")

    async def look(self):
        known = json.loads(await self.ask("GET", "/adapters"))["adapters"]
        if not set(PLAIN) <= {adapter["name"] for adapter in known}:
            self.misses.add(f"operator: GET /adapters lists {known}")
        for path in ["/v1/models", "/metrics", "/health", "/ready"]:
            await self.ask("GET", path)
