"""The vocabulary: SentencePiece-style BPE with byte fallback, trained on the corpus, in the three forms that are read elsewhere."""

import json
from pathlib import Path

import gguf
import sentencepiece as spm

VOCAB_SIZE = 2048
UNK, BOS, EOS = 0, 1, 2


def train(text, path):
    """Trains on a text file and writes path.model. Every digit is a token of its own, so that numbers are read digit by digit."""
    spm.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(path), model_type="bpe", vocab_size=VOCAB_SIZE,
        byte_fallback=True, split_digits=True, character_coverage=1.0, max_sentence_length=1 << 20,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True,
        unk_id=UNK, bos_id=BOS, eos_id=EOS, pad_id=-1, num_threads=1, minloglevel=2,
    )  # fmt: skip


def load(path):
    return spm.SentencePieceProcessor(model_file=f"{path}.model")


def add_to_gguf(writer, sp):
    """Adds the vocabulary to a gguf.GGUFWriter, as llama.cpp's `llama` tokenizer."""
    kinds = gguf.TokenType
    types = [
        kinds.UNKNOWN if sp.is_unknown(i) else kinds.CONTROL if sp.is_control(i) else kinds.BYTE if sp.is_byte(i) else kinds.NORMAL
        for i in range(sp.vocab_size())
    ]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([sp.id_to_piece(i) for i in range(sp.vocab_size())])
    writer.add_token_scores([sp.get_score(i) for i in range(sp.vocab_size())])
    writer.add_token_types(types)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(UNK)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


def write_gguf(sp, path):
    """Writes a GGUF file with nothing but the vocabulary: what `keyfold corpus -tokenizer` reads."""
    writer = gguf.GGUFWriter(path, "llama")
    add_to_gguf(writer, sp)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def write_json(sp, path):
    """Writes tokenizer.json for Hugging Face's tokenizers. A merge joins two pieces to a third; the better the score of the third,
    the earlier the merge."""
    vocab = {sp.id_to_piece(i): i for i in range(sp.vocab_size())}
    merges = []
    for piece, i in vocab.items():
        if sp.is_unknown(i) or sp.is_control(i) or sp.is_byte(i):
            continue
        pairs = [(piece[:k], piece[k:]) for k in range(1, len(piece))]
        merges += [(i, vocab[a], vocab[b], a, b) for a, b in pairs if a in vocab and b in vocab]
    special = [
        {"id": i, "content": sp.id_to_piece(i), "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i in (UNK, BOS, EOS)
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab,
            "merges": [f"{a} {b}" for _, _, _, a, b in sorted(merges)],
        },
    }  # fmt: skip
    Path(path).write_text(json.dumps(tokenizer, ensure_ascii=False, indent=1))
