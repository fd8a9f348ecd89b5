"""Makes tokenizer-characters.json: which characters Hugging Face `tokenizers` counts among which.

    pip install tokenizers
    python tokenizer_characters.py

Every character of Unicode is asked about, for each class that its splitters, normalizers and regular expressions know.
A class is written as ranges in hexadecimal: how far each is from the end of the one before, and `+` how much longer it is
than one character. Lowercase and the normal forms are digests over all characters.
"""

import json
import os
import zlib

from tokenizers import Regex, normalizers, pre_tokenizers

ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
PATTERNS = [r"\p{L}", r"\p{Lu}", r"\p{N}", r"\p{Nd}", r"\s", r"\w", r"\d", r"\h", r"\p{P}", r"\p{S}", r"\p{M}", r"\p{Cn}",
            r"\p{Cf}", r"\p{Han}", r"\p{Latin}", r"\p{Arabic}", r"\p{Common}", r"\p{Alphabetic}", r"\p{Lower}",
            r"\p{Emoji}", "[[:punct:]]", "[[:alpha:]]", "[[:alnum:]]", "[[:graph:]]", "[[:print:]]", "[[:blank:]]",
            r"\R", "(?i:s)", "(?i:[sk])", "(?i:é)", "(?i:µ)", "(?i:σ)", "(?i:[a-z])", r"(?i:\p{Lu})", r"[^(\s|[.,!?…。，、।۔،])]",
            r"[\p{L}&&[^\p{Han}]]", r"[^\r\n\p{L}\p{N}]", "[!-/:-~！-／：-～‘-‟　-。]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"]


def encoded(characters):
    ranges = []
    for value in sorted(map(ord, characters)):
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    before, parts = 0, []
    for low, high in ranges:
        parts.append(f"{low - before:X}" + (f"+{high - low:X}" if high > low else ""))
        before = high
    return ",".join(parts)


def count(step, text):
    return len(step.pre_tokenize_str(text))


def digest(normalizer, text="{}"):
    """CRC-32 and length of what all characters become."""
    data = "\0".join(normalizer.normalize_str(text.replace("{}", c)) for c in ALL).encode()
    return [zlib.crc32(data), len(data)]


bert = lambda **options: normalizers.BertNormalizer(
    **{"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False, **options})
classes = {
    "Digits": [c for c in ALL if count(pre_tokenizers.Digits(True), f"a{c}a") == 3],
    "Punctuation": [c for c in ALL if count(pre_tokenizers.Punctuation(), f"a{c}a") == 3],
    "WhitespaceSplit": [c for c in ALL if count(pre_tokenizers.WhitespaceSplit(), f"a{c}a") == 2],
    "Whitespace": [c for c in ALL if count(pre_tokenizers.Whitespace(), f"a{c}a") == 1],
    "BertNormalizer clean": [c for c in ALL if bert(clean_text=True).normalize_str(f"a{c}a") == "aa"],
    "BertNormalizer space": [c for c in ALL if bert(clean_text=True).normalize_str(f"a{c}a") == "a a"],
    "BertNormalizer chinese": [c for c in ALL if bert(handle_chinese_chars=True).normalize_str(c) == f" {c} "],
    "BertNormalizer accents": [c for c in ALL if bert(strip_accents=True).normalize_str(f"a{c}a") == "aa"],
    "StripAccents": [c for c in ALL if normalizers.StripAccents().normalize_str(f"a{c}a") == "aa"],
    "Nmt": [c for c in ALL if normalizers.Nmt().normalize_str(f"a{c}a") == "aa"],
}
for pattern in PATTERNS:
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    classes[pattern] = [c for c in ALL if not split.pre_tokenize_str(c)]
result = {
    "classes": {name: encoded(members) for name, members in classes.items()},
    "digests": {name: digest(getattr(normalizers, name)()) for name in ("Lowercase", "NFC", "NFD", "NFKC", "NFKD")},
}
# The reordering and the composition of marks: each character after two marks and before two.
for name in ("NFC", "NFD"):
    result["digests"][f"{name} between marks"] = digest(getattr(normalizers, name)(), "e\u0301\u0323{}\u0301\u0323")
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer-characters.json")
with open(path, "w", encoding="utf-8") as file:
    json.dump(result, file, ensure_ascii=True, indent=0)
print(os.path.getsize(path), "bytes")
