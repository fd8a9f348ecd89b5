"""Makes tokenizer-files/: small tokenizers as GGUF, SentencePiece and plain vocabulary files hold them, with the ids of texts.

    pip install tokenizers sentencepiece gguf
    python tokenizer_files.py

llama.gguf, bpe.model        SentencePiece byte pairs; ids of `sentencepiece`
t5.gguf, unigram.model       SentencePiece unigram pieces; ids of `tokenizers` with the normalizers of T5's tokenizer.json, where
                             `sentencepiece` itself gives the same
bert.gguf, bert/             word pieces; ids of `tokenizers`
gpt2.gguf, gpt2/             byte pairs; ids of `tokenizers`
expected.json                for each the ids, without special tokens parsed or added, and with both where they are added
"""

import io
import json
import os
import shutil

import gguf
import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tokenizer_precompiled import charsmap
from tokenizer_texts import TEXTS, TRAINING

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "tokenizer-files")
LINES = [line for line in TRAINING.split("\n") if line]
RULES = {"ﬁ": "fi", "ａ": "a", "Ａ": "A", "①": "1", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "…": "...", "½": "1⁄2"}
TYPES = gguf.TokenType


def rules():
    path = "/tmp/tokenizer-rules.tsv"
    code = lambda text: " ".join(f"{ord(c):X}" for c in text)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{code(source)}\t{code(target)}\n" for source, target in RULES.items())
    return path


def train(name, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=model, hard_vocab_limit=False, minloglevel=2, num_threads=1, **options)
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()), model.getvalue()


def piece_type(processor, index):
    if processor.is_unknown(index):
        return TYPES.UNKNOWN
    if processor.is_control(index):
        return TYPES.CONTROL
    if processor.is_byte(index):
        return TYPES.BYTE
    return TYPES.UNUSED if processor.is_unused(index) else TYPES.NORMAL


def writer(name, model, **values):
    out = gguf.GGUFWriter(os.path.join(FOLDER, name), "llama")
    out.add_tokenizer_model(model)
    for method, value in values.items():
        getattr(out, method)(value)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.close()


def pieces(processor):
    size = range(processor.get_piece_size())
    return ([processor.id_to_piece(i) for i in size], [processor.get_score(i) for i in size],
            [piece_type(processor, i) for i in size])


def llama():
    processor, _ = train("bpe.model", model_type="bpe", vocab_size=620, byte_fallback=True, normalization_rule_name="identity",
                         remove_extra_whitespaces=False, add_dummy_prefix=True, split_digits=True, character_coverage=0.98,
                         user_defined_symbols=["<|end|>"], allow_whitespace_only_pieces=True)
    tokens, scores, types = pieces(processor)
    types[tokens.index("<|end|>")] = TYPES.USER_DEFINED
    writer("llama.gguf", "llama", add_token_list=tokens, add_token_scores=scores, add_token_types=types, add_bos_token_id=1,
           add_eos_token_id=2, add_unk_token_id=0, add_add_bos_token=True, add_add_eos_token=False, add_add_space_prefix=True)
    # `sentencepiece` puts no space before what follows a user's token, llama.cpp does.
    keep = lambda text: "<|end|>" not in text
    return {"ids": [processor.encode(t) if keep(t) else None for t in TEXTS],
            "decoded": [processor.decode(processor.encode(t)) for t in TEXTS]}


def t5():
    processor, model = train("unigram.model", model_type="unigram", vocab_size=400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                             normalization_rule_tsv=rules(), add_dummy_prefix=True)
    tokens, scores, types = pieces(processor)
    writer("t5.gguf", "t5", add_token_list=tokens, add_token_scores=scores, add_token_types=types, add_eos_token_id=1,
           add_unk_token_id=2, add_pad_token_id=0, add_add_bos_token=False, add_add_eos_token=True, add_add_space_prefix=True,
           add_remove_extra_whitespaces=True, add_precompiled_charsmap=charsmap(model))
    t = Tokenizer(models.Unigram(list(zip(tokens, scores)), unk_id=2, byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap(model)), normalizers.Strip(left=False, right=True),
                                         normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    ours = [t.encode(text).ids for text in TEXTS]
    same = [i if i == processor.encode(text) else None for i, text in zip(ours, TEXTS)]
    print("t5:", sum(i is None for i in same), "of", len(TEXTS), "texts differ between tokenizers and sentencepiece")
    return {"ids": same, "decoded": [t.decode(i, skip_special_tokens=False) for i in ours]}


def load(kind):
    with open(os.path.join(HERE, "tokenizer-kinds.json"), encoding="utf-8") as file:
        kinds = json.load(file)["kinds"]
    return Tokenizer.from_str(next(k["json"] for k in kinds if k["name"] == kind))


def vocabulary(tokenizer):
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=vocab.get)


def expected(tokenizer):
    tokenizer.encode_special_tokens = True
    plain = [tokenizer.encode(t, add_special_tokens=False).ids for t in TEXTS]
    tokenizer.encode_special_tokens = False
    return {"ids": plain, "full": [tokenizer.encode(t).ids for t in TEXTS],
            "decoded": [tokenizer.decode(i, skip_special_tokens=False) if i else "" for i in plain]}


def write_text(folder, name, text):
    os.makedirs(os.path.join(FOLDER, folder), exist_ok=True)
    with open(os.path.join(FOLDER, folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def bert():
    t = load("bert-uncased")
    tokens = vocabulary(t)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    written = [w if w in special else w[2:] if w.startswith("##") else "▁" + w for w in tokens]
    writer("bert.gguf", "bert", add_token_list=written, add_token_types=[TYPES.CONTROL if w in special else TYPES.NORMAL for w in tokens],
           add_bos_token_id=2, add_sep_token_id=3, add_unk_token_id=1, add_pad_token_id=0, add_mask_token_id=4)
    write_text("bert", "vocab.txt", "".join(w + "\n" for w in tokens))
    return expected(t)


def gpt2():
    t = load("gpt2")
    tokens = vocabulary(t)
    merges = [" ".join(m) for m in json.loads(t.to_str())["model"]["merges"]]
    special = ["<|begin|>", "<|end|>"]
    writer("gpt2.gguf", "gpt2", add_tokenizer_pre="gpt-2", add_token_list=tokens, add_token_merges=merges,
           add_token_types=[TYPES.CONTROL if w in special else TYPES.NORMAL for w in tokens], add_bos_token_id=0, add_eos_token_id=1,
           add_add_bos_token=False)
    write_text("gpt2", "vocab.json", json.dumps({w: i for i, w in enumerate(tokens)}))
    write_text("gpt2", "merges.txt", "#version: 0.2\n" + "".join(m + "\n" for m in merges))
    write_text("gpt2", "tokenizer_config.json", json.dumps({"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>"}}))
    return expected(t)


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
result = {"texts": TEXTS, "llama": llama(), "t5": t5(), "bert": bert(), "gpt2": gpt2()}
with open(os.path.join(FOLDER, "expected.json"), "w", encoding="utf-8") as file:
    json.dump(result, file, ensure_ascii=True, separators=(",", ":"))
for folder, _, names in os.walk(FOLDER):
    for name in names:
        print(name, os.path.getsize(os.path.join(folder, name)), "bytes")
