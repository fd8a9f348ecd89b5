"""Makes small tokenizers of every kind with Hugging Face `tokenizers`, and what they do to texts.

    pip install tokenizers sentencepiece

    # The committed fixtures, tokenizer-kinds.json and tokenizer-steps.json:
    python tokenizer_kinds.py fixtures

    # The full check: a folder of tokenizers, each with 10,000 random texts; then the test that reads it.
    python tokenizer_kinds.py full --output DIR [--count 10000]
    MOTET_TOKENIZER_KINDS=DIR swift test --filter MotetTokenizersTests.TokenizerKindsFullCheck

A tokenizer is trained on a few kilobytes of tokenizer_texts.py in the manner of the family it is named after: the same
normalizers, splitters, post-processors and decoders, a vocabulary of a few hundred tokens. Texts are seeded; trainers that
limit the alphabet are not, so that another run makes other vocabularies (run tokenizer_files.py after it).
"""

import argparse
import base64
import io
import json
import os
import random

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_precompiled import charsmap as charsmap_of
from tokenizer_texts import TEXTS, TRAINING, random_texts, random_text

HERE = os.path.dirname(os.path.abspath(__file__))
N, P, D = normalizers, pre_tokenizers, decoders

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = "|".join([r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + CONTRACTIONS + "?",
                  r"[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER + "*" + CONTRACTIONS + "?",
                  r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK3 = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" \
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
KIMI = "|".join([r"[\p{Han}]+", r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
                 r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+" + CONTRACTIONS + "?",
                 r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
                 + CONTRACTIONS + "?", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
POSSESSIVE = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"

LINES = TRAINING.split("\n")
SPECIAL = ["<|begin|>", "<|end|>"]


def split(pattern, behavior="isolated", invert=False):
    return P.Split(Regex(pattern), behavior, invert)


def byte_level(name, *splitters, normalizer=None, vocabulary=400, special=SPECIAL, prefix=False, regex=True, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    steps = [*splitters, P.ByteLevel(add_prefix_space=prefix, use_regex=regex)]
    tokenizer.pre_tokenizer = steps[0] if len(steps) == 1 else P.Sequence(steps)
    tokenizer.decoder = D.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False,
                                  initial_alphabet=P.ByteLevel.alphabet())
    tokenizer.train_from_iterator(LINES, trainer)
    return name, tokenizer


def template(tokenizer, single, pair):
    names = {t for t in (single + " " + pair).replace(":0", "").replace(":1", "").split() if not t.startswith("$")}
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(n, tokenizer.token_to_id(n)) for n in names])


def gpt2():
    return byte_level("gpt2")


def smollm():
    return byte_level("smollm", P.Digits(individual_digits=True))


def llama3():
    name, t = byte_level("llama3", split(LLAMA3), regex=False, ignore_merges=True)
    # A word of its own that no merge makes.
    state = json.loads(t.to_str())
    state["model"]["vocab"]["ĠfÃ©x"] = len(state["model"]["vocab"])
    state["model"]["vocab"]["world"] = len(state["model"]["vocab"])
    t = Tokenizer.from_str(json.dumps(state))
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template(
        t, "<|begin|>:0 $A:0", "<|begin|>:0 $A:0 <|begin|>:1 $B:1")])
    return name, t


def qwen2():
    return byte_level("qwen2", split(QWEN2), normalizer=N.NFC(), regex=False)


def o200k():
    return byte_level("o200k", split(O200K), regex=False)


def possessive():
    return byte_level("possessive", split(POSSESSIVE), regex=False)


def kimi():
    return byte_level("kimi", split(KIMI), regex=False)


def deepseek3():
    return byte_level("deepseek3", split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK3), regex=False,
                      special=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"])


def deepseek_coder():
    return byte_level("deepseek-coder", split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-\ud7ff]+"),
                      P.Digits(individual_digits=True), regex=False)


def deepseek_llm():
    return byte_level("deepseek-llm", split("[\r\n]"), split(r"\s?[A-Za-zµÀ-ÖØ-öø-ƺА-яΑ-ω]+"), split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
                      split(r"\s+$"), split("[一-龥ࠀ-一가-\ud7ff]+"), P.Digits(individual_digits=True), regex=False)


def falcon():
    name, t = byte_level("falcon", P.Punctuation("contiguous"))
    t.pre_tokenizer = P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(False),
                                  split("[0-9][0-9][0-9]")])
    return name, t


def bloom():
    return byte_level("bloom", split(BLOOM), regex=False)


def tiny_aya():
    return byte_level("tiny-aya", split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(O200K), regex=False)


def superbpe():
    return byte_level("superbpe", split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))"), regex=False)


def roberta():
    name, t = byte_level("roberta", special=["<s>", "<pad>", "</s>", "<unk>"], prefix=True)
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return name, t


def lacking():
    """A byte-level vocabulary without all bytes, whose unknown token stands in."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.pre_tokenizer = P.ByteLevel(add_prefix_space=False)
    t.decoder = D.ByteLevel()
    t.train_from_iterator(LINES[:4], trainers.BpeTrainer(vocab_size=150, special_tokens=["<unk>"], show_progress=False))
    return "lacking-bytes", t


def byte_normalizer():
    t = Tokenizer(models.BPE())
    t.normalizer = N.Sequence([N.NFC(), N.ByteLevel()])
    t.pre_tokenizer = split(r"[^Ġ]+|Ġ+")
    t.decoder = D.ByteLevel()
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=350, special_tokens=SPECIAL, show_progress=False,
                                                     initial_alphabet=P.ByteLevel.alphabet()))
    t.add_tokens([AddedToken("naïf", normalized=True), AddedToken("Straße", normalized=False)])
    return "byte-normalizer", t


BYTES = [f"<0x{b:02X}>" for b in range(256)]


def sentence_pairs(name, normalizer, splitter, decoder, special=("<unk>", "<s>", "</s>"), vocabulary=640):
    """Byte pairs over characters with `▁`, as converted from SentencePiece."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = P.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[*special, *BYTES], show_progress=False, limit_alphabet=90)
    t.train_from_iterator(LINES, trainer)
    state = json.loads(t.to_str())
    state["added_tokens"] = [a for a in state["added_tokens"] if a["content"] not in BYTES]
    state["pre_tokenizer"] = None
    t = Tokenizer.from_str(json.dumps(state))
    if splitter:
        t.pre_tokenizer = splitter
    t.decoder = decoder
    t.post_processor = template(t, "<s>:0 $A:0", "<s>:0 $A:0 <s>:1 $B:1")
    return name, t


LLAMA_DECODER = lambda *more: D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), *more])


def llama2():
    return sentence_pairs("llama2", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, LLAMA_DECODER(D.Strip(" ", 1, 0)))


def mistral():
    return sentence_pairs("mistral", None, P.Metaspace(prepend_scheme="first", split=False), LLAMA_DECODER(D.Strip(" ", 1, 0)))


def gemma():
    name, t = sentence_pairs("gemma", N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), LLAMA_DECODER())
    t.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("▁▁▁", normalized=False), AddedToken("<b>", normalized=False)])
    return name, t


def phi3():
    name, t = sentence_pairs("phi3", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, LLAMA_DECODER(D.Strip(" ", 1, 0)))
    t.add_special_tokens([AddedToken("<|begin|>", rstrip=True, special=True), AddedToken("<|end|>", rstrip=True, special=True)])
    return name, t


def charsmap():
    """A small table of SentencePiece's own making."""
    rules = {"ﬁ": "fi", "ａ": "a", "Ａ": "A", "①": "1", "\u3000": " ", "\t": " ", "\n": " ", "\u00a0": " ", "\u200b": "", "e\u0301": "é",
             "…": "...", "\x07": "", "\r": " ", "ｶ\uff9e": "ガ", "½": "1⁄2", "ß": "ss"}
    path = os.path.join("/tmp", "charsmap.tsv")
    with open(path, "w", encoding="utf-8") as file:
        for source, target in rules.items():
            code = lambda text: " ".join(f"{ord(c):X}" for c in text)
            file.write(f"{code(source)}\t{code(target)}\n")
    return path


def sentencepiece_model(kind, size=420, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in LINES if line), model_writer=model, model_type=kind, vocab_size=size,
        normalization_rule_tsv=charsmap(), hard_vocab_limit=False, minloglevel=2, **options)
    return model.getvalue()


def pieces(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]


def xlmr():
    model = sentencepiece_model("unigram")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces(model)[3:] + [("<mask>", 0.0)]
    t = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    t.normalizer = N.Sequence([N.Precompiled(charsmap_of(model)), N.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="always")])
    t.decoder = D.Metaspace(prepend_scheme="always")
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)])
    t.post_processor = template(t, "<s> $A </s>", "<s> $A </s> </s> $B </s>")
    return "xlm-roberta", t


def t5():
    model = sentencepiece_model("unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    t = Tokenizer(models.Unigram(pieces(model), unk_id=2, byte_fallback=False))
    t.normalizer = N.Sequence([N.Precompiled(charsmap_of(model)), N.Strip(left=False, right=True), N.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = P.Metaspace(prepend_scheme="first")
    t.decoder = D.Metaspace(prepend_scheme="first")
    t.add_special_tokens(["<pad>", "</s>", "<unk>", AddedToken("<extra_id_0>", special=True)])
    t.post_processor = template(t, "$A </s>", "$A </s> $B </s>")
    return "t5", t


def albert():
    model = sentencepiece_model("unigram", size=400)
    t = Tokenizer(models.Unigram(pieces(model), unk_id=0, byte_fallback=False))
    t.normalizer = N.Sequence([N.Replace("``", '"'), N.Replace("''", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(),
                               N.Precompiled(charsmap_of(model)), N.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = P.Metaspace()
    t.decoder = D.Metaspace()
    t.add_special_tokens(["[CLS]", "[SEP]", AddedToken("[MASK]", lstrip=True, special=True)])
    t.post_processor = template(t, "[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")
    return "albert", t


def unigram_bytes():
    model = sentencepiece_model("unigram", size=640, byte_fallback=True, character_coverage=0.98)
    t = Tokenizer(models.Unigram(pieces(model), unk_id=0, byte_fallback=True))
    t.normalizer = N.Replace(" ", "▁")
    t.decoder = LLAMA_DECODER()
    t.add_special_tokens(["<unk>", "<s>", "</s>"])
    return "unigram-bytes", t


def bert(name="bert-uncased", lowercase=True, strip_accents=None, cleanup=True, longest=100):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=longest))
    t.normalizer = N.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    t.pre_tokenizer = P.BertPreTokenizer()
    t.decoder = D.WordPiece(cleanup=cleanup)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return name, t


def bert_cased():
    return bert("bert-cased", lowercase=False, strip_accents=False, cleanup=False, longest=12)


def word_level():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.pre_tokenizer = P.Whitespace()
    t.train_from_iterator(LINES, trainers.WordLevelTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False))
    return "word-level", t


def clip():
    t = Tokenizer(models.BPE(unk_token="<|end|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
    t.normalizer = N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()])
    t.pre_tokenizer = P.Sequence([split(CLIP, "removed", True), P.ByteLevel(add_prefix_space=False)])
    t.decoder = D.ByteLevel()
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=700, special_tokens=SPECIAL, show_progress=False,
                                                     end_of_word_suffix="</w>", initial_alphabet=P.ByteLevel.alphabet()))
    return "clip", t


def openai_gpt():
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = N.BertNormalizer(lowercase=True)
    t.pre_tokenizer = P.BertPreTokenizer()
    t.decoder = D.BPEDecoder(suffix="</w>")
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=350, special_tokens=["<unk>"], show_progress=False,
                                                     end_of_word_suffix="</w>", limit_alphabet=60))
    return "openai-gpt", t


def prefixed():
    t = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"))
    t.normalizer = N.Sequence([N.NFKC(), N.Nmt()])
    t.pre_tokenizer = P.WhitespaceSplit()
    t.decoder = D.WordPiece(prefix="##", cleanup=False)
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=350, special_tokens=["[UNK]"], show_progress=False,
                                                     continuing_subword_prefix="##", limit_alphabet=70))
    return "prefixed", t


def characters(fuse):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse))
    t.normalizer = N.Sequence([N.Strip(), N.NFD(), N.StripAccents()])
    t.pre_tokenizer = P.Sequence([P.UnicodeScripts(), P.Digits(False), P.CharDelimiterSplit(" ")])
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], show_progress=False, limit_alphabet=50))
    return "characters-fused" if fuse else "characters", t


def added():
    """Added tokens of every sort, over a normalizer that changes some of them."""
    name, t = byte_level("added", normalizer=N.Sequence([N.Lowercase(), N.NFKC()]), special=[])
    t.add_tokens([AddedToken("Add1", normalized=True), AddedToken("ADD2", normalized=False, single_word=True),
                  AddedToken("the", normalized=True, single_word=True), AddedToken("ing", normalized=True, lstrip=True, rstrip=True),
                  AddedToken("ﬁ", normalized=True), AddedToken("  ", normalized=False), AddedToken(" quick", normalized=False)])
    t.add_special_tokens([AddedToken("<|begin|>", lstrip=True, special=True), AddedToken("<|end|>", rstrip=True, special=True),
                          AddedToken("<|END|>", normalized=True, special=True), AddedToken("<|end|>x", special=True),
                          AddedToken("<mask>", lstrip=True, rstrip=True, special=True, single_word=True)])
    return name, t


BUILDERS = [gpt2, smollm, llama3, qwen2, o200k, possessive, kimi, deepseek3, deepseek_coder, deepseek_llm, falcon, bloom, tiny_aya,
            superbpe, roberta, lacking, byte_normalizer, llama2, mistral, gemma, phi3, xlmr, t5, albert, unigram_bytes, bert,
            bert_cased, word_level, clip, openai_gpt, prefixed, lambda: characters(False), lambda: characters(True), added]

# MARK: steps by themselves

NORMALIZERS = lambda: [
    N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Lowercase(), N.Strip(), N.Strip(left=True, right=False), N.Strip(left=False, right=True),
    N.StripAccents(), N.Nmt(), N.ByteLevel(), N.Prepend("▁"), N.Replace(" ", "▁"), N.Replace("a", ""), N.Replace(Regex(r"\s+"), " "),
    N.Replace(Regex("[aeiou]"), "<v>"), N.Replace(Regex("$"), "!"), N.Replace(Regex("^(?: )?"), "^"), N.Replace(Regex(r"(?<=[a-z])\d"), "#"),
    N.Replace(Regex(r"(?<!\s)\n"), "⏎"), N.Replace(Regex("x*"), "-"),
    N.BertNormalizer(), N.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=True, lowercase=False),
    N.Sequence([N.NFKD(), N.Lowercase(), N.StripAccents(), N.Prepend(">")]), N.Precompiled(charsmap_of(sentencepiece_model("unigram"))),
]
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
SPLITTERS = lambda: [
    P.ByteLevel(add_prefix_space=True), P.ByteLevel(add_prefix_space=False, use_regex=False), P.Digits(True), P.Digits(False),
    P.Whitespace(), P.WhitespaceSplit(), P.BertPreTokenizer(), P.UnicodeScripts(), P.CharDelimiterSplit("a"), P.FixedLength(3),
    *[P.Punctuation(b) for b in BEHAVIORS], *[P.Split(" ", b) for b in BEHAVIORS],
    *[split(r"\s+|[.,]", b, invert) for b in BEHAVIORS for invert in (False, True)],
    *[P.Metaspace(prepend_scheme=s, split=c) for s in ("always", "first", "never") for c in (True, False)], P.Metaspace("_"),
    *[split(p) for p in (LLAMA3, QWEN2, O200K, POSSESSIVE, KIMI, DEEPSEEK3, BLOOM, r"\s+$", r"^.*$", r"(?m:a.)", r"\b", r"\B.", r"\R",
                         r"(?=(\d{3})+(?!\d))", r"(\w)+?x?", r"(?>a+)b|a", r"(a|ab)(c|bcd)*", r"(?:(?:a*)*)*b?", r"x{2,3}?|y{,2}|z{1}",
                         r"[[:upper:]][[:^space:]]*", r"\p{^L}+", r"[^\P{Lu}]", r"\h+", r"(?i)the|QUICK", r"(?i:é|σ)+", r"[a-c&&[^b]]+",
                         r"\A\s*|\s*\z|\Z", r"\u00e9|\x{1F600}|\x41|\t|\101", r"(?<!\d)\d{2}(?!\d)", r"(?<=a|bc)\w", r"[]a-]+", r"a{|b}|{",
                         r"(?:)", r"(?<name>o)+(?#comment)", r"\p{Hiragana}+|\p{Katakana}+|\p{Cyrillic}+",
                         r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*", r"(?:[a-z]+[A-Z]?)++\s*", r".*?[.!?]")],
    P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]), P.Sequence([P.ByteLevel(), P.Digits(True)]),
]
DECODERS = lambda: [
    D.ByteLevel(), D.Metaspace(), D.Metaspace(prepend_scheme="never"), D.WordPiece(), D.WordPiece(cleanup=False), D.WordPiece("▁", True),
    D.BPEDecoder(), D.BPEDecoder("a"), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0), D.Replace("▁", " "), D.Replace("ab", "-"),
    D.Replace(Regex("[a-c]+"), "x"), LLAMA_DECODER(D.Strip(" ", 1, 0)), D.Sequence([D.Fuse(), D.Replace("aab", "*"), D.Strip("a", 2, 0)]),
    D.Sequence([D.ByteLevel(), D.Replace("aa", "b")]), D.Sequence([D.ByteFallback(), D.Metaspace(), D.Fuse(), D.Replace("  ", "_")]),
    D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Replace(Regex(" +"), " ")]),
]
TOKENS = ["▁", "▁the", "a", "aa", "ab", "b", "aab", "##ing", "##", "un", "low</w>", "</w>", "</w></w>x", "<0x41>", "<0xC3>", "<0xA9>",
          "<0xE4>", "<0xB8>", "<0xAD>", "<0xFF>", "<0x0A>", " ", "  ", " .", ".", "'s", " n't", "n't", "Ġthe", "Ã", "©", "âĤ¬", "é", "日本",
          "<s>", "do not", "▁▁", "a▁b", ",", "<0x4>", "?"]

# MARK: writing


def encoded(tokenizer, text):
    tokenizer.encode_special_tokens = False
    parsed = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = True
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    row = {"ids": parsed}
    if plain != parsed:
        row["plain"] = plain
    for key, skip in (("decoded", False), ("skipped", True)):
        decoded = "" if not parsed else tokenizer.decode(parsed, skip_special_tokens=skip) if has_tokens(tokenizer, parsed, skip) else ""
        if decoded != (text if key == "decoded" else row.get("decoded", text)):
            row[key] = decoded
    return row


def has_tokens(tokenizer, ids, skip):
    """BPEDecoder panics when there is none."""
    if not skip:
        return True
    special = {i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}
    return any(i not in special for i in ids)


def pairs(tokenizer):
    rows = []
    for first, second in (("Hello world", "the dog"), ("", "a"), ("<s> x", None), ("two\nlines", "日本")):
        for special in (True, False):
            encoding = tokenizer.encode(first, second, add_special_tokens=special) if second is not None else \
                tokenizer.encode(first, add_special_tokens=special)
            rows.append({"first": first, "second": second, "special": special, "ids": encoding.ids, "types": encoding.type_ids})
    return rows


def decodings(tokenizer, count, seed=3):
    """Random ids, many of them parts of characters, with the text they decode to."""
    rng = random.Random(seed)
    size = max(tokenizer.get_vocab().values()) + 1
    odd = [i for i in range(size) if "\ufffd" in tokenizer.decode([i], skip_special_tokens=False)
           or (tokenizer.id_to_token(i) or "").startswith("<0x")]
    rows = []
    for _ in range(count):
        ids = [rng.choice(odd) if odd and rng.random() < 0.6 else rng.randrange(size) for _ in range(rng.randrange(1, 12))]
        rows.append({"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
                     "skipping": tokenizer.decode(ids, skip_special_tokens=True) if has_tokens(tokenizer, ids, True) else ""})
    return rows


def write(name, value):
    path = os.path.join(HERE, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
    print(name, os.path.getsize(path), "bytes")


def step_fixtures(texts):
    lists = [[random.Random(seed).choice(TOKENS) for seed in range(n * 20, n * 20 + 1 + n % 9)] for n in range(60)]
    normalized = lambda step: [step.normalize_str(t) for t in texts]
    pieces = lambda step: [[piece for piece, _ in step.pre_tokenize_str(t)] for t in texts]
    return {
        "texts": texts, "tokens": lists,
        "normalizers": [{"step": state(step, "normalizer"), "outputs": normalized(step)} for step in NORMALIZERS()],
        "splitters": [{"step": state(step, "pre_tokenizer"), "outputs": pieces(step)} for step in SPLITTERS()],
        "decoders": [{"step": state(step, "decoder"), "outputs": [step.decode(tokens) for tokens in lists]} for step in DECODERS()],
    }


def state(step, part):
    t = Tokenizer(models.WordLevel({"a": 0}, "a"))
    setattr(t, part, step)
    return json.dumps(json.loads(t.to_str())[part])


def fixtures(arguments):
    write("tokenizer-kinds.json", {"texts": TEXTS, "kinds": [
        {"name": name, "json": t.to_str(), "lines": [encoded(t, text) for text in TEXTS],
         "pairs": pairs(t), "decodings": decodings(t, 20)}
        for name, t in (build() for build in BUILDERS)]})
    write("tokenizer-steps.json", step_fixtures(TEXTS[:38:2] + TEXTS[1:38:4]))


def full(arguments):
    os.makedirs(arguments.output, exist_ok=True)
    texts = random_texts(arguments.count)
    with open(os.path.join(arguments.output, "texts.json"), "w", encoding="utf-8") as file:
        json.dump(texts, file)
    for name, t in (build() for build in BUILDERS):
        folder = os.path.join(arguments.output, name)
        os.makedirs(folder, exist_ok=True)
        t.save(os.path.join(folder, "tokenizer.json"))
        with open(os.path.join(folder, "lines.json"), "w", encoding="utf-8") as file:
            json.dump({"lines": [encoded(t, text) for text in texts], "decodings": decodings(t, arguments.count // 5)}, file)
        print(name, flush=True)
    with open(os.path.join(arguments.output, "steps.json"), "w", encoding="utf-8") as file:
        json.dump(step_fixtures(texts[:arguments.count // 10]), file)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("fixtures")
command.set_defaults(run=fixtures)
command = commands.add_parser("full")
command.set_defaults(run=full)
command.add_argument("--output", required=True)
command.add_argument("--count", type=int, default=10000)
arguments = parser.parse_args()
arguments.run(arguments)
