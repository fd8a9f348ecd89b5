"""Makes the tokenizer fixtures, and the lines of the full check, with Hugging Face `tokenizers`.

    pip install tokenizers gguf transformers jinja2

    # The committed fixtures (tokenizer-*.json, beside this script):
    python tokenizer.py fixtures --gguf SmolLM2-135M-Instruct.Q4_1.gguf

    # The full check: 20,000 generated lines and those of any text, JSON or JSONL files; then the test that
    # reads them. Prints the tokenizers version and how many lines there are.
    python tokenizer.py full --gguf SmolLM2-135M-Instruct.Q4_1.gguf --json tokenizer.json \
        --output lines.jsonl [--text FILE ...]
    MOTET_TOKENIZER_LINES=lines.jsonl MOTET_TOKENIZER_JSON=tokenizer.json \
        swift test --filter MotetTokenizersTests.TokenizerFullCheck

Each line is {"text", "ids", "plain", "decoded"}: the ids with special tokens parsed (Hugging Face's default)
and, where they differ, without; and what they decode to where that is not the text, which is so only for texts
with a byte that the vocabulary lacks. The generator is seeded: the same lines each time.
"""

import argparse
import json
import os
import random
import unicodedata

import gguf
import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))

WORDS = """the of and a model trains small adapters quickly it's don't we'll they've I'm you'd he're CAN'T IT'S
o'clock 'tis rock'n'roll def return self.weights for i in range(10): print(f"{x:.2f}") std::vector<int>&& != ===
https://example.org/a?b=c&d=%20e user@mail.example naïve façade Ångström coöperate Straße ŒUVRE İstanbul ıǅ
e\u0301te\u0301 n\u0303 a\u0308\u0323 Z\u0351\u036b\u0343 Привет, мир! Ελληνικά Հայերեն ქართული
日本語 のテキスト、 カタカナ 漢字 中文分词测试 한국어 조합 \u1112\u1161\u11ab ภาษาไทย नमस्ते क्षि বাংলা தமிழ் አማርኛ
שלום עולם مرحبا بالعالم ۱۲۳ ١٢٣ १२३ ๑๒๓ ½ ¾ ² ³ Ⅷ ⅻ ① ⑳ 〇 一二三 𝟘𝟙𝟚 𝒜𝓑 𝔘𝔫𝔦 𐌰𐌱 𠀀𠀁 𡃁
😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇨🇿🇩🇪 ❤️ ☺︎ 1️⃣ #️⃣ © ™ € £ ∑∫√∞≠ → ⇒ ░▒▓ ﷺ ﬁ ﬀ ａｂｃ １２３ \ufeff \u200b\u200c\u200d\u2060
\u202e \u202a \u00ad \u034f \ufffd \ue000 \U000f0000 \U0010ffff \x00 \x01 \x07 \x1b[31m \x04\x1d \x7f \x85 \U00040000 \u2028 \u2029
3.14159 1,234,567 2024-11-22 0xDEADBEEF 1e-10 a1b2c3 x² H₂O 10⁶ 50% $9.99 #42 @home ``` """ + "''' \"\"\" --- ...... !!!???"
SPACES = [" ", "  ", "   ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\x0b", "\x0c", "\x85", "\u00a0",
          "\u1680", "\u2003", "\u2009\u200a", "\u202f", "\u3000", "\u2028", "    ", "        ", " \t \n", ""]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<file_sep>", "<filename>", "<empty_output>",
           "<|im_end", "im_end|>", "<|im_end|", "<|IM_END|>", "<| im_end |>", "<<|im_end|>>", "<|im_start|>user\n",
           "<|im_end|><|im_end|>", " <|im_end|> ", "\n<|im_end|>\n", "<|endoftext|", "<jupyter_code>x</jupyter_code>",
           "<reponame><repo_name>", "&lt;|im_end|&gt;", "<|im_end|>5", "a<|im_end|>'s", "<｜im_end｜>", "<\u200b|im_end|>"]
CODE = ["def f(x):\n    return x ** 2  # square\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\r\n",
        "if a and\\\n\t\tb:\n        pass", "let s = \"\\u{1F600}\" ?? nil", "SELECT * FROM t WHERE a='b''c' -- x",
        "<div class=\"a b\">&nbsp;&amp;</div>", "{\"k\": [1, 2.5, null, \"\\n\"]}", "$x = <<<'EOT'\n  y\nEOT;",
        "#include <stdio.h>\n\n\nint main(void) { return 0; }", "a=b;c=d;;;;", "x\t=\t1\n\n\n    y = 2   \n"]


def scalar(rng):
    """A character from anywhere in Unicode, unassigned ones included."""
    top = rng.choice([0x80, 0x250, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
    while True:
        value = rng.randrange(top)
        if not 0xD800 <= value < 0xE000:
            return chr(value)


def line(rng):
    words = WORDS.split(" ")
    kind = rng.randrange(10)
    if kind < 5:
        parts = []
        for _ in range(rng.randrange(1, 14)):
            parts += [rng.choice(words).strip("\n") or " ", rng.choice(SPACES) if rng.random() < 0.5 else " "]
        text = "".join(parts)
    elif kind == 5:
        text = "".join(scalar(rng) for _ in range(rng.randrange(1, 40)))
    elif kind == 6:
        text = "".join(rng.choice(SPACES + ["a", "1", "'s", "!", "é", "中"]) for _ in range(rng.randrange(1, 30)))
    elif kind == 7:
        text = "".join(rng.choice(SPECIAL + words[:40] + SPACES) for _ in range(rng.randrange(1, 10)))
    elif kind == 8:
        text = "".join(rng.choice(CODE) for _ in range(rng.randrange(1, 4)))
    else:
        run = rng.choice(["a", " ", "\n", "1", "=", "é", "中", "😀", "ab", "\u0301", "-", "'", "'s", "th", "\u200d"])
        text = rng.choice(words) + run * rng.randrange(1, 300) + rng.choice(words)
    if rng.random() < 0.1:
        text = unicodedata.normalize(rng.choice(["NFC", "NFD", "NFKD"]), text)
    return text


def finished(tokenizer, special):
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return tokenizer


def smollm2(path):
    """SmolLM2's tokenizer from the GGUF's metadata, and its chat template."""
    field = lambda key: gguf_reader.fields[key].contents()
    gguf_reader = gguf.GGUFReader(path)
    tokens, types = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(m.split(" ")) for m in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    special = [t for t, kind in zip(tokens, types) if kind == 3]
    return finished(tokenizer, special), field("tokenizer.chat_template")


def small():
    """A tokenizer of 700 tokens with all bytes, which needs no model: trained on the texts of this script."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = finished(Tokenizer(models.BPE()), [])
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    with open(__file__, encoding="utf-8") as me:
        tokenizer.train_from_iterator(me.read().split("\n"), trainer)
    return finished(tokenizer, special)


def byte_alphabet():
    """GPT-2's stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(spare)) for b in range(256)]


ALPHABET = byte_alphabet()


def encoded(tokenizer, text):
    tokenizer.encode_special_tokens = False
    row = {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
    tokenizer.encode_special_tokens = True
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    if plain != row["ids"]:
        row["plain"] = plain
    decoded = tokenizer.decode(plain, skip_special_tokens=False)
    assert decoded == tokenizer.decode(row["ids"], skip_special_tokens=False)
    if decoded != text:
        lacking = {b for b in range(256) if tokenizer.token_to_id(ALPHABET[b]) is None}
        assert lacking & set(text.encode()), text
        row["decoded"] = decoded
    return row


def decodings(tokenizer, rng):
    """Random ids, many of them parts of characters, with the text they decode to."""
    partial = [i for i in range(tokenizer.get_vocab_size()) if "\ufffd" in tokenizer.decode([i])]
    rows = []
    for _ in range(120):
        ids = [rng.choice(partial) if rng.random() < 0.8 else rng.randrange(tokenizer.get_vocab_size())
               for _ in range(rng.randrange(1, 12))]
        rows.append({"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
                     "skipping": tokenizer.decode(ids, skip_special_tokens=True)})
    return rows


CONVERSATIONS = [
    [("user", "Hello")],
    [("system", "You answer in one word."), ("user", "What is 12 + 30?"), ("assistant", "42")],
    [("user", "Hi"), ("assistant", "Hello! How can I help?"), ("user", "Tell me\n\nmore."), ("assistant", "No.\n")],
    [("user", "  leading and trailing  "), ("assistant", " spaced ")],
    [("user", ""), ("assistant", "")],
    [("user", "\n\nnewlines\n\n"), ("assistant", "\n\nYes")],
    [("user", "x² + 5x + 6 = 0?\r\n\tdef f(x): return 1"), ("assistant", "```python\nx = -2\n```")],
    [("user", "日本語 👍🏽"), ("assistant", "はい é"), ("tool", "{\"a\": 1}"), ("assistant", "ok")],
    [("assistant", "I start.")],
    [],
]


def labelled_spans(text, messages):
    """Where the responses stand in the text, each with the end of turn after it."""
    spans, position = [], 0
    for message in messages:
        turn = f"<|im_start|>{message['role']}\n"
        start = text.index(turn + message["content"] + "<|im_end|>", position) + len(turn)
        position = start + len(message["content"]) + len("<|im_end|>")
        if message["role"] == "assistant":
            spans.append((start, position))
    return spans


def conversations(tokenizer, template):
    from transformers import PreTrainedTokenizerFast
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    rows = []
    for turns in CONVERSATIONS:
        messages = [{"role": role, "content": content} for role, content in turns]
        for prompt in (False, True):
            text = fast.apply_chat_template(messages, chat_template=template, tokenize=False,
                                            add_generation_prompt=prompt) if messages else \
                ("<|im_start|>assistant\n" if prompt else "")
            encoding = tokenizer.encode(text, add_special_tokens=False)
            assert encoding.ids == fast.encode(text, add_special_tokens=False)
            spans = labelled_spans(text, messages)
            rows.append({"messages": messages, "addGenerationPrompt": prompt, "text": text, "ids": encoding.ids,
                         "labelled": [any(a <= start < b for a, b in spans) for start, _ in encoding.offsets]})
    return {"template": template, "rows": rows}


def write(name, value):
    path = os.path.join(HERE, name)
    with open(path, "w", encoding="utf-8") as file:
        if isinstance(value, dict):
            json.dump(value, file, ensure_ascii=True)
        else:
            file.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "\n]\n")
    print(name, os.path.getsize(path), "bytes")


def fixtures(arguments):
    big, template = smollm2(arguments.gguf)
    little = small()
    little.save(os.path.join(HERE, "tokenizer-small.json"), pretty=False)
    for name, tokenizer in (("small", little), ("smollm2", big)):
        rng = random.Random(2)
        texts = [t for t in (line(rng) for _ in range(500)) if len(t) < 120][:250] + SPECIAL + CODE + [""]
        write(f"tokenizer-{name}-lines.json", [encoded(tokenizer, t) for t in texts])
    write("tokenizer-smollm2-decodings.json", decodings(big, random.Random(3)))
    write("tokenizer-small-decodings.json", decodings(little, random.Random(3)))
    write("tokenizer-smollm2-chat.json", conversations(big, template))
    write("tokenizer-small-chat.json", conversations(little, template))


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def full(arguments):
    tokenizer, _ = smollm2(arguments.gguf)
    tokenizer.save(arguments.json)
    rng = random.Random(1)
    # Every character of Unicode once, then generated lines, then real text.
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = ["".join(f"{c}a" if i % 3 else f"{c} " for i, c in enumerate(every[n:n + 256]))
             for n in range(0, len(every), 256)]
    texts += [line(rng) for _ in range(20000)]
    for path in arguments.text:
        with open(path, encoding="utf-8") as file:
            contents = file.read()
        if path.endswith(".json"):
            texts += strings(json.loads(contents))
        elif path.endswith(".jsonl"):
            texts += [s for row in contents.splitlines() if row for s in strings(json.loads(row))]
        else:
            texts += contents.splitlines()
    with open(arguments.output, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps(encoded(tokenizer, text)) + "\n")
    print(f"tokenizers {tokenizers.__version__}: {len(texts)} lines, {sum(len(t.encode()) for t in texts)} bytes")


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("fixtures")
command.set_defaults(run=fixtures)
command.add_argument("--gguf", required=True)
command = commands.add_parser("full")
command.set_defaults(run=full)
command.add_argument("--gguf", required=True)
command.add_argument("--json", required=True)
command.add_argument("--output", required=True)
command.add_argument("--text", nargs="*", default=[])
arguments = parser.parse_args()
arguments.run(arguments)
