"""Motet's server with speculation by prompt lookup and without, on texts that repeat themselves and on texts that do not.

    python Benchmarks/serving/speculation.py [--motet .build/release/motet] [--precision stored] [--rounds 5]

Both servers run all the time and are asked in turn, so that what else the machine does meets both. A figure is the
median of the rounds, of which one more goes before them. Answers are the same in f32; in other precisions a pass of
several tokens may round otherwise than one of a single token, so it is told how many are.
"""

import argparse
import concurrent.futures
import json
import statistics
import tempfile
import time

from motet_server import MotetServer

CODE = '''class Inventory:
    def __init__(self, name, capacity=100):
        self.name = name
        self.capacity = capacity
        self.items = {}
        self.history = []

    def add(self, item, count=1):
        if count < 1:
            raise ValueError("count must be at least 1")
        if self.total() + count > self.capacity:
            raise OverflowError("the inventory is full")
        self.items[item] = self.items.get(item, 0) + count
        self.history.append(("add", item, count))

    def remove(self, item, count=1):
        if self.items.get(item, 0) < count:
            raise KeyError("there are not so many of this item")
        self.items[item] -= count
        if self.items[item] == 0:
            del self.items[item]
        self.history.append(("remove", item, count))

    def total(self):
        return sum(self.items.values())
'''
NEW = 160


def copying(round):
    """Code with a number of its own, and its beginning again: the answer is the rest of it."""
    code = CODE.replace("capacity=100", f"capacity={100 + round}")
    head = "\n".join(code.split("\n")[:4]) + "\n"
    return f"# inventory.py\n{code}\n# inventory_copy.py, the same code\n{head}", 0


def editing(round):
    """The same with another name in the second copy, which the answer has to carry on."""
    code = CODE.replace("capacity=100", f"capacity={100 + round}")
    head = "\n".join(code.split("\n")[:14]).replace("Inventory", "Warehouse").replace("item", "box") + "\n"
    return f"# inventory.py\n{code}\n# warehouse.py, the same with boxes\n{head}", 0


def telling(round):
    """A story drawn at random, which does not repeat itself."""
    places = ["harbour", "mountain pass", "library", "railway station", "lighthouse", "market", "desert"]
    return f"It was a cold morning at the {places[round % len(places)]} when", 1


def explaining(round):
    """An answer of the model's most likely words, which small models soon repeat."""
    topics = ["rivers", "bridges", "the moon", "bread", "trains", "bees", "glass"]
    return f"Here is a short introduction to {topics[round % len(topics)]}.", 0


CASES = {
    "copying code, one": (copying, 1), "copying code, four at once": (copying, 4),
    "copying code, eight at once": (copying, 8), "editing code, one": (editing, 1),
    "a story drawn at random, one": (telling, 1), "a story drawn at random, four at once": (telling, 4),
    "a greedy explanation, one": (explaining, 1),
}


def ask(server, make, round):
    prompt, temperature = make(round)
    status, text = server.ask("POST", "/v1/completions", {
        "prompt": prompt, "max_tokens": NEW, "ignore_eos": True, "temperature": temperature, "seed": round})
    assert status == 200, text
    answer = json.loads(text)
    assert answer["usage"]["completion_tokens"] == NEW, answer
    return answer["choices"][0]["text"]


def measure(server, make, count, round):
    """New tokens a second of requests that come together, their prompts' reading included, and the answers."""
    rounds = [round * count + index for index in range(count)]
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        start = time.perf_counter()
        answers = list(pool.map(lambda one: ask(server, make, one), rounds))
        return count * NEW / (time.perf_counter() - start), answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motet", default=".build/release/motet")
    parser.add_argument("--precision", default="stored")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    common = ["--precision", options.precision]
    with tempfile.TemporaryDirectory() as folder, \
            MotetServer(options.motet, f"{folder}/with", *common) as guessing, \
            MotetServer(options.motet, f"{folder}/without", "--no-speculation", *common) as plain:
        print(f"{'case (tokens/s)':40}{'without':>9}{'with':>9}{'ratio':>7}{'tried':>7}{'right':>7}{'same':>7}")
        for name, (make, count) in CASES.items():
            before = guessing.metrics()
            figures, same = {plain: [], guessing: []}, 0
            for round in range(options.rounds + 1):
                answers = {}
                for server in (plain, guessing) if round % 2 else (guessing, plain):
                    speed, answers[server] = measure(server, make, count, round)
                    figures[server].append(speed)
                same += sum(a == b for a, b in zip(answers[plain], answers[guessing]))
            after = guessing.metrics()
            tried, right = (
                after.get(key, 0) - before.get(key, 0)
                for key in ("motet_speculated_tokens_total", "motet_accepted_tokens_total"))
            slow, fast = (statistics.median(figures[server][1:]) for server in (plain, guessing))
            requests = count * (options.rounds + 1)
            share = f"{right / tried:7.0%}" if tried else f"{'-':>7}"
            print(
                f"{name:40}{slow:9.0f}{fast:9.0f}{fast / slow:7.2f}{tried / (requests * NEW):7.2f}{share}"
                f"{same / requests:7.0%}", flush=True)


if __name__ == "__main__":
    main()
