"""Writes huggingface.json: what Hugging Face's tokenizers gives for small vocabularies.

    pip install tokenizers==0.23.3 && python3 huggingface.py

The vocabularies are trained on the text below. Each variant holds the components of a
tokenizer.json, all but its model, and for each of the texts its ids and what they decode to.
"""

import json, random
from tokenizers import Tokenizer, models, trainers, pre_tokenizers, normalizers

TEXT = """
The cat sat on the mat, and the other cats sat there too; they'd rather not have been told that
it's 1234567 or 3.14! "We'll see," HE'S SAID, 'don't' -- DON'T --- they're 12 or 123 or 1999...

  indented   lines\tand tabs\n\n\n  \n(parentheses) == a[0] += 42; // naïve café, Привет мир 你好世界
"""
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
MARK = "\u2581"

# Components of tokenizer.json.


def sequence(key, *parts):
    return dict(type="Sequence", **{key: list(parts)})


def split(regex):
    return dict(type="Split", pattern=dict(Regex=regex), behavior="Isolated", invert=False)


def byte_level(use_regex, add_prefix_space=False):
    return dict(type="ByteLevel", add_prefix_space=add_prefix_space, trim_offsets=True,
                use_regex=use_regex)


def digits(individual):
    return dict(type="Digits", individual_digits=individual)


def metaspace(scheme, split):
    return dict(type="Metaspace", replacement=MARK, prepend_scheme=scheme, split=split)


def template(bos):
    special = dict(SpecialToken=dict(id=bos, type_id=0))
    a, b = (dict(Sequence=dict(id=name, type_id=i)) for i, name in enumerate("AB"))
    return dict(type="TemplateProcessing", single=[special, a], pair=[a, b],
                special_tokens={bos: dict(id=bos, ids=[0], tokens=[bos])})


def added(*names, special=True, first=0):
    return [dict(id=first + i, content=n, single_word=False, lstrip=False, rstrip=False,
                 normalized=False, special=special) for i, n in enumerate(names)]


BYTES = byte_level(True, add_prefix_space=True)  # as decoder: no setting matters
FALLBACK = dict(type="ByteFallback")
PREPEND = sequence("normalizers", dict(type="Prepend", prepend=MARK),
                   dict(type="Replace", pattern=dict(String=" "), content=MARK))
LLAMA = sequence("decoders", dict(type="Replace", pattern=dict(String=MARK), content=" "),
                 FALLBACK, dict(type="Fuse"), dict(type="Strip", content=" ", start=1, stop=0))

# The vocabularies.


def train(size, special, normalizer=None, pre=None, alphabet=()):
    t = Tokenizer(models.BPE())
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    t.train_from_iterator([TEXT] * 3, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=list(alphabet), special_tokens=special,
        show_progress=False))
    return json.loads(t.to_str())["model"]


mark = normalizers.Replace(" ", MARK)
byte_names, spm_names = ["<|begin_of_text|>", "<|end_of_text|>"], ["<s>", "</s>", "<unk>"]
MODELS = {
    "bytes": train(420, byte_names, pre=pre_tokenizers.ByteLevel(add_prefix_space=False),
                   alphabet=pre_tokenizers.ByteLevel.alphabet()),
    "spm": train(420, spm_names + ["<0x%02X>" % b for b in range(256)], normalizer=mark),
    "no bytes": train(160, spm_names, normalizer=mark),
}
MODELS["bytes"].update(ignore_merges=True)
MODELS["spm"].update(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
MODELS["no bytes"].update(unk_token="<unk>", fuse_unk=True)
MODELS["no fuse"] = dict(MODELS["no bytes"], fuse_unk=False)


def tools(model):
    return added("<tool>", "<tool><tool>", special=False, first=len(MODELS[model]["vocab"]))


B, S = added(*byte_names), added(*spm_names)
pre = lambda *parts: sequence("pretokenizers", *parts)
VARIANTS = [
    # name, model, added tokens, normalizer, pre-tokenizer, decoder, post-processor
    ("gpt2", "bytes", B, None, byte_level(True), BYTES, None),
    ("llama3", "bytes", B + tools("bytes"), None, pre(split(LLAMA3), byte_level(False)), BYTES,
     sequence("processors", BYTES, template(byte_names[0]))),
    ("qwen2", "bytes", B, dict(type="NFC"), pre(split(QWEN2), byte_level(False)), BYTES, BYTES),
    ("smollm", "bytes", B, None, pre(digits(True), byte_level(True)), BYTES, None),
    ("digits", "bytes", B, None, pre(digits(False), split(GPT2), byte_level(False)), BYTES, None),
    ("llama2", "spm", S + tools("spm"), PREPEND, None, LLAMA, template("<s>")),
    ("metaspace first", "spm", S + tools("spm"), None, metaspace("first", False), LLAMA,
     template("<s>")),
    ("metaspace always, split", "spm", S, None, metaspace("always", True),
     sequence("decoders", FALLBACK, metaspace("always", True)), None),
    ("metaspace never", "spm", S, None, metaspace("never", False),
     sequence("decoders", FALLBACK, metaspace("never", False)), None),
    ("no bytes", "no bytes", S, PREPEND, None, LLAMA, None),
    ("no fuse", "no fuse", S, PREPEND, None, LLAMA, None),
]

# The texts.

random.seed(7)
ATOMS = (
    ["the", " the", "cat", " sat", "'s", "'S", "'ll", "'RE", "'d", "'", "''", "1", "12", "1234"]
    + [" 7", "²", "½", ".", "...", "!", " --", "(", '"', "=", "+", "$", "\n", "\n\n", "\r\n", "\t"]
    + [" ", "  ", "   ", "\u00a0", "é", "ü", "мир", "Привет", "你好", "世", "😀", "€", "<s", "_"]
    + ["x", "HE", "\x00", "\u2028", "٣", "ª", "Ⅷ"]
)
texts = ["", " ", "\n", "hello", " The cat sat on the mat.", "it's 1234567 or 3.14!", "a  b   c"]
texts += ["  \n  x", "don't DON'T they'll", "<tool>", "<tool> a"]
texts += ["the<tool>cat<tool><tool><tool> x"]
texts += ["".join(random.choices(ATOMS, k=random.randint(1, 14))) for _ in range(60)]

out = dict(models=MODELS, texts=texts, variants=[])
for name, model, tokens, normalizer, pre_tokenizer, decoder, post_processor in VARIANTS:
    file = dict(version="1.0", truncation=None, padding=None, added_tokens=tokens,
                normalizer=normalizer, pre_tokenizer=pre_tokenizer,
                post_processor=post_processor, decoder=decoder)
    t = Tokenizer.from_str(json.dumps(dict(file, model=MODELS[model])))
    ids = [t.encode(text, add_special_tokens=False).ids for text in texts]
    decoded = [t.decode(i, skip_special_tokens=True) for i in ids]
    out["variants"].append(dict(name=name, model=model, file=file, ids=ids, decoded=decoded))
with open("huggingface.json", "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
