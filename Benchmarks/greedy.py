"""Greedy answers of Motet and of llama.cpp (xllamacpp's wheel) on one GGUF, side by side, and their speed.

    python Benchmarks/greedy.py MODEL.gguf --motet .build/release/motet [--plain] [--tokens 20] [--json]

Both servers get the same ten prompts, one at a time, as chat messages (each renders the file's own template) or, with
--plain, as texts to go on from. Where two answers part, the line says after how many tokens, which two tokens were
chosen, and by how much each of the two preferred its own (log probabilities): a small preference is rounding, a large
one a fault.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import time

PROMPTS = [
    "Name three animals that live in the sea.",
    "What is the capital of Portugal?",
    "Write a Python function that reverses a string.",
    "A farmer has 17 sheep and buys 8 more. How many sheep has he now?",
    "Explain in one sentence why the sky is blue.",
    "Translate 'good morning' to French.",
    "List the first five prime numbers.",
    "Write a short rhyme about a cat and a hat.",
    "Which is heavier, a kilogram of iron or a kilogram of wool?",
    "Give me a recipe for pancakes in three steps.",
]
STARTS = [
    "The three animals that live in the sea are", "The capital of Portugal is", "def reverse(text):",
    "A farmer has 17 sheep and buys 8 more. Now he has", "The sky is blue because", "In French, good morning is",
    "The first five prime numbers are", "The cat in the hat", "A kilogram of iron is", "To make pancakes, first",
]


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = ""
        while "http" not in line and not line.startswith("{"):
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"{command[0]} ended: try it by hand: {' '.join(command)}")
        self.address = line
        port = json.loads(line)["port"] if line.startswith("{") else line.strip().rsplit(":", 1)[1].strip("/")
        self.port = int(port)

    def ask(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {text}")
        return json.loads(text)

    def close(self):
        self.process.kill()
        self.process.wait()


def answer(server, prompt, plain, tokens, model):
    body = {"model": model, "max_tokens": tokens, "temperature": 0, "stream": False}
    if plain:
        reply = server.ask("/v1/completions", body | {"prompt": prompt, "logprobs": 5})
    else:
        reply = server.ask(
            "/v1/chat/completions",
            body | {"messages": [{"role": "user", "content": prompt}], "logprobs": True, "top_logprobs": 5})
    found = reply["choices"][0]["logprobs"]
    if found and found.get("content") is not None:
        steps = [
            (entry["token"], {top["token"]: top["logprob"] for top in entry["top_logprobs"]} | {entry["token"]: entry["logprob"]})
            for entry in found["content"]]
    else:
        steps = [
            (token, dict(top or {}) | {token: logprob})
            for token, logprob, top in zip(found["tokens"], found["token_logprobs"], found["top_logprobs"])]
    # llama.cpp counts the end of the answer as a token without text.
    return steps[:-1] if steps and steps[-1][0] == "" else steps, reply


def speed(server, plain, model, tokens=128):
    """Seconds for `tokens` tokens of one answer, without those of the first: reading the prompt is not counted."""
    best = None
    for _ in range(3):
        body = {"model": model, "temperature": 0, "ignore_eos": True, "stream": False}
        path = "/v1/completions"
        times = []
        for count in (1, tokens + 1):
            start = time.monotonic()
            server.ask(path, body | {"prompt": "Once upon a time there was a fox who", "max_tokens": count})
            times.append(time.monotonic() - start)
        rate = tokens / (times[1] - times[0])
        best = max(best or 0, rate)
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--motet", required=True)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    theirs = Server([sys.executable, os.path.join(here, "serving", "llama_server.py"), options.model])
    reply = {}
    try:
        llama = [answer(theirs, p, options.plain, options.tokens, "x") for p in (STARTS if options.plain else PROMPTS)]
        their_speed = speed(theirs, options.plain, "x")
    finally:
        theirs.close()
    ours = Server([options.motet, "serve", "--base", options.model, "--port", "0", "--json", "--log-level", "error"])
    base = json.loads(ours.address)["base"]
    try:
        motet = [answer(ours, p, options.plain, options.tokens, base) for p in (STARTS if options.plain else PROMPTS)]
        our_speed = speed(ours, options.plain, base)
    finally:
        ours.close()
    equal = 0
    for prompt, (left, _), (right, _) in zip(STARTS if options.plain else PROMPTS, motet, llama):
        place = next((i for i, (a, b) in enumerate(zip(left, right)) if a[0] != b[0]), None)
        if place is None and len(left) == len(right):
            equal += 1
            print(f"equal   {prompt}: {''.join(t for t, _ in left)!r}")
            continue
        if place is None:
            print(f"length  {prompt}: {len(left)} and {len(right)} tokens: {left[-1:]} {right[-1:]}")
            continue
        mine, other = left[place][0], right[place][0]
        gap = lambda tops, a, b: tops[a] - tops[b] if a in tops and b in tops else float("nan")
        print(
            f"differs {prompt}: after {place} tokens Motet {mine!r} by {gap(left[place][1], mine, other):.4f}, "
            f"llama.cpp {other!r} by {gap(right[place][1], other, mine):.4f}")
    print(f"{equal} of {len(motet)} equal over {options.tokens} tokens")
    print(f"decoding: Motet {our_speed:.1f} tokens/s, llama.cpp {their_speed:.1f} tokens/s, ratio {our_speed / their_speed:.2f}")


main()
