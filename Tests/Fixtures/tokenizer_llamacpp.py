"""Asks llama.cpp for the ids of random texts under the tokenizer of a GGUF model.

    pip install xllamacpp
    python tokenizer_llamacpp.py MODEL.gguf ROWS.json [--count 3000]
    MOTET_TOKENIZER_GGUF=MODEL.gguf MOTET_TOKENIZER_ROWS=ROWS.json \
        swift test --filter MotetTokenizersTests.GGUFFullCheck

Each row is {"text", "ids", "plain", "full"}: with special tokens parsed, without where that differs, and with the added ones.
"""

import argparse
import json
import os
import urllib.request

import xllamacpp

from tokenizer_texts import random_texts

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("output")
parser.add_argument("--count", type=int, default=3000)
arguments = parser.parse_args()

settings = xllamacpp.CommonParams()
settings.model.path = arguments.model
settings.n_ctx, settings.n_parallel, settings.warmup, settings.n_gpu_layers = 512, 1, False, 0
server = xllamacpp.Server(settings)


def ids(text, special, added=False):
    body = json.dumps({"content": text, "add_special": added, "parse_special": special}).encode()
    request = urllib.request.Request(server.listening_address + "/tokenize", data=body,
                                     headers={"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))["tokens"]


rows = []
# A zero byte ends a text in llama.cpp.
for text in (text.replace("\0", "") for text in random_texts(arguments.count)):
    row = {"text": text, "ids": ids(text, True), "full": ids(text, True, added=True)}
    plain = ids(text, False)
    if plain != row["ids"]:
        row["plain"] = plain
    rows.append(row)
with open(arguments.output, "w", encoding="utf-8") as file:
    json.dump(rows, file)
print(len(rows), "texts")
# The server's threads do not end by themselves.
os._exit(0)
