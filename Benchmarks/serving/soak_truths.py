"""What the soak asks, and what is right: each prompt under each mix, asked once, alone, of a server with room."""

import itertools
import json
import os
import pathlib
import shutil

import adapters
from motet_server import MotetServer

PLAIN = [f"a{index}" for index in range(8)]
# What stands behind the adapters that change under load. `turn` is of the library, its odd versions are x; `swap` is
# of a folder and its file is replaced; `guest` is loaded and unloaded by name.
CHANGING = {"turn": ["x", "y"], "swap": ["x", "y"], "guest": ["a3"]}
CONTENTS = [*PLAIN, "x", "y"]

HEAD = (
    "You work in a harbour town where ships come and go with the tide, and people ask you what they should carry on "
    "board before the long way over the sea. Answer in plain words. ")
# Route, text, new tokens, and whether the end of turn is ignored. Some begin alike for longer than a page.
PROMPTS = [
    ("chat", HEAD + "What do I take along for three days?", 40, False),
    ("chat", HEAD + "How do I keep the bread dry?", 24, True),
    ("chat", "What is the capital of France?", 16, True),
    ("chat", "Write a line about rain.", 32, False),
    ("completions", HEAD + "The first mate wrote:", 36, True),
    ("completions", "The old man went down to the river because", 48, True),
    ("completions", "def add(a, b):", 20, True),
    ("completions", "Once there was a fox who", 56, True),
]

MODELS = [
    [], *([(name, 1.0)] for name in PLAIN), [("a2", 0.5)],
    [("a0", 0.5), ("a1", 0.5)], [("a2", 0.75), ("a5", 0.25)], [("a6", 0.75), ("a7", 0.5)],
    [("turn", 1.0)], [("swap", 1.0)], [("guest", 1.0)],
    [("a4", 0.5), ("swap", 0.5)], [("turn", 0.5), ("guest", 0.5)],
]


def model_name(terms):
    if not terms:
        return "base"
    if len(terms) == 1 and terms[0][1] == 1:
        return terms[0][0]
    return "+".join(f"{name}={weight}" for name, weight in terms)


def contents(terms):
    """Each mix of contents that a mix of names can mean."""
    choices = [[(content, weight) for content in CHANGING.get(name, [name])] for name, weight in terms]
    return [tuple(choice) for choice in itertools.product(*choices)]


def request(prompt, model):
    """Path and body."""
    route, text, tokens, ignores_end = PROMPTS[prompt]
    body = {"model": model, "max_tokens": tokens, "temperature": 0, "ignore_eos": ignores_end}
    if route == "chat":
        return "/v1/chat/completions", body | {"messages": [{"role": "user", "content": text}]}
    return "/v1/completions", body | {"prompt": text}


def text_of(choice):
    """Of a whole answer's choice or a chunk's."""
    if "text" in choice:
        return choice["text"]
    return choice.get("message", choice.get("delta", {})).get("content") or ""


def place(source, folder, hard=True):
    """An adapter's folder with the files of another one; `hard` links the weights instead of copying them."""
    folder.mkdir(parents=True)
    for name in ["adapter_config.json", "adapter_model.safetensors"]:
        (os.link if hard else shutil.copy)(source / name, folder / name)


def make_folders(root, rank, scale):
    """contents/: one of each; served/: those that the server under load knows by its folder."""
    root = pathlib.Path(root)
    for seed, name in enumerate(CONTENTS):
        adapters.write_peft(root / "contents" / name, adapters.factors(100 + seed, rank, scale))
    for name in PLAIN:
        place(root / "contents" / name, root / "served" / name, hard=False)
    place(root / "contents" / "x", root / "served" / "swap", hard=False)
    place(root / "contents" / "x", root / "library" / "turn" / "1")
    (root / "empty").mkdir()
    return root


def ask_truths(binary, root, precision):
    """(prompt, mix of contents) to text and finish reason."""
    mixes = sorted({mix for terms in MODELS for mix in contents(terms)})
    truths = {}
    options = ["--precision", precision, "--adapters", str(root / "contents"), "--library", str(root / "empty")]
    with MotetServer(binary, root / "truths.log", *options) as server:
        for mix in mixes:
            for prompt in range(len(PROMPTS)):
                path, body = request(prompt, model_name(mix))
                status, text = server.ask("POST", path, body)
                assert status == 200, text
                choice = json.loads(text)["choices"][0]
                truths[prompt, mix] = (text_of(choice), choice["finish_reason"])
    return truths


def distinct_share(truths):
    """Of the pairs of mixes, how many answer a prompt differently, as the mean over the prompts.
    Raises where two mixes answer all prompts alike: the soak would not see them taken for each other."""
    mixes = sorted({mix for _, mix in truths})
    shares = []
    for one, other in itertools.combinations(mixes, 2):
        differing = sum(truths[prompt, one] != truths[prompt, other] for prompt in range(len(PROMPTS)))
        if not differing:
            raise SystemExit(f"{model_name(one)} and {model_name(other)} answer all prompts alike; raise --scale")
        shares.append(differing / len(PROMPTS))
    return sum(shares) / len(shares)
