"""Texts on which the tokenizers of every kind are trained and compared (see tokenizer_kinds.py)."""

import random
import unicodedata

TRAINING = """The tokenizer cuts a text into words, and every word into pieces that it knows. It's quick, isn't it? They've done it!
A quick brown fox jumps over the lazy dog; the dog doesn't care. We'll see what he'd say: "I'm not sure that you're right."
The adapter trains on a small machine. Training takes an hour, answering takes a second. 1 2 3 10 42 100 1,234.56 2024-11-22
def encode(text, special=False):\n    return [self.vocab[t] for t in self.split(text)]  # the ids\n
for (int i = 0; i < n; ++i) {\n\tsum += values[i] * weights[i];\n}\nlet x = \"a b\"; if (x != null && y >= 0) { return x; }
SELECT name, count(*) FROM words WHERE name LIKE '%ing' GROUP BY name; https://example.org/path?query=1&other=two
Übergrößenträger fahren schöne Straßen entlang. Où est l'élève? Le garçon naïf a mangé une crème brûlée à Noël.
El niño comió una piña en la montaña. Příliš žluťoučký kůň úpěl ďábelské ódy. Żółć, łódź, İstanbul, Ångström.
Привет, мир! Быстрая лисица прыгает через ленивую собаку. Ελληνικά γράμματα και λέξεις. שלום עולם مرحبا بالعالم
日本語のテキストを単語に分ける。カタカナとひらがなと漢字。 中文没有空格，所以分词很难。 한국어 문장도 있습니다. ภาษาไทย नमस्ते दुनिया
😀 👍🏽 👨‍👩‍👧 🇨🇿 ❤️ © ™ € £ x² ½ Ⅷ ① ﬁ ﬀ ａｂｃ １２３ ... !!! ??? --- === ``quoted'' “curly” ‘single’ «guillemets»
the of and a to in is that it was for on are with as his they at be this from have or by one had not but what all were when
""".replace("\\n", "\n").replace("\\t", "\t")

TEXTS = [
    "", " ", "  ", "\n", "a", "Hello world", "hello  world", " leading", "trailing ", "   three   spaces   ",
    "The quick brown fox doesn't jump. IT'S, we'LL, they'Ve", "line one\nline two\r\n\r\n\tline three\n\n\n",
    "0 1 12 123 1234 12345 1,234.56 3.14 2024-11-22 ½ ² Ⅷ ١٢٣ ๑๒",
    "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n\tpass", "a=b;c=d;;;; {\"k\": [1, null]} <b>&amp;</b>",
    "Übergrößen crème brûlée niño Ångström İstanbul ǅ ß ẞ ŉ", "e\u0301te\u0301 a\u0308\u0323 n\u0303 \u0301x Z\u0351\u036b",
    "Привет, мир! Ελληνικά ΣΟΦΟΣ שלום مرحبا", "日本語のテキスト、カタカナ。 中文分词，测试！ 한국어 조합 \u1112\u1161\u11ab",
    "ภาษาไทย नमस्ते क्षि বাংলা தமிழ் አማርኛ", "😀 👍🏽 👨‍👩‍👧 🇨🇿🇩🇪 ❤️ 1️⃣ ☃", "ﬁ ﬀ ａｂｃ １２３ ﷺ ㎏ ① ℌ x² H₂O",
    "\x00\x01\x07\x1b[31m\x7f\x85\u200b\u200d\u2060\ufeff\u00ad\u034f\ufffd\ue000\U0010ffff", "\u00a0\u1680\u2003\u2028\u3000x\u202fy",
    "``quoted'' and “curly” ‘single’ «guillemets» … — –", "<s>text</s> <unk> <pad> <mask> [CLS] [SEP] [MASK]",
    "<|begin|>system<|end|>\nuser<|end|> <|begin|><|end|>x", "x<|end|>y <|end|> z  <|end|>  \n w", "add1add2 ADD1 Add1x xAdd1 Add1. (Add1)",
    "don't DON'T don’t 'tis ''s 's's 'S 'ſ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab" * 40,
    "https://example.org/a?b=c&d=%20e user@mail.example #tag @home $9.99 50%", "▁ ▁▁ a▁b ▁c", "Ġ Ċ Ġa â", "</w> ab</w>c ## ##ing a##b",
    "<0x41> <0xC3><0xA9> <0x0A>", "unbelievable antidisestablishmentarianism", "\t\t \t \n \t", "a\u3000b c\u2003d", "ＡＢＣ　ｱｲｳ ｶﾞ", "𠀀𠀁 𝒜𝓑 𝟘𝟙 𐌰𐌱",
    "I can not do not go, is n't it ? yes ! a , b . ' c ' we 've they 're it 's I 'm", "x" * 120 + " y",
]

WORDS = TRAINING.split(" ") + ["<|begin|>", "<|end|>", "<s>", "</s>", "<mask>", "[MASK]", "Add1", "add2", "▁", "Ġ", "##", "</w>", "<0xE4>"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " \n", "\x0b", "\x85", "\u00a0", "\u2003", "\u3000", "\u200b", ""]


def scalar(rng):
    """A character from anywhere in Unicode, unassigned ones included."""
    top = rng.choice([0x80, 0x250, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
    while True:
        value = rng.randrange(top)
        if not 0xD800 <= value < 0xE000:
            return chr(value)


def random_text(rng):
    """A text of words, of any characters, of runs or of white space."""
    kind = rng.randrange(10)
    if kind < 5:
        text = "".join(rng.choice(WORDS) + (rng.choice(SPACES) if rng.random() < 0.5 else " ") for _ in range(rng.randrange(1, 14)))
    elif kind < 7:
        text = "".join(scalar(rng) for _ in range(rng.randrange(1, 40)))
    elif kind == 7:
        text = "".join(rng.choice(SPACES + ["a", "1", "'s", "!", "é", "中", "\u0301", "▁"]) for _ in range(rng.randrange(1, 30)))
    elif kind == 8:
        text = rng.choice(WORDS) + rng.choice(["a", " ", "\n", "1", "=", "é", "中", "😀", "\u0301", "'s", "th", "\u200d", "▁"]) \
            * rng.randrange(1, 120) + rng.choice(WORDS)
    else:
        text = "".join(rng.choice(TEXTS) for _ in range(rng.randrange(1, 4)))
    if rng.random() < 0.1:
        text = unicodedata.normalize(rng.choice(["NFC", "NFD", "NFKD"]), text)
    return text


def random_texts(count, seed=1):
    rng = random.Random(seed)
    return [random_text(rng) for _ in range(count)]
