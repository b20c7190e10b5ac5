"""Writes smollm2.json: what transformers makes of the model that "make real" gets.

    pip install torch==2.15.0 transformers==5.24.0 accelerate==1.15.0 gguf==0.19.0
    python smollm2.py ../../../build/real/SmolLM2-135M-Instruct.Q4_1.gguf >smollm2.json

Weights, vocabulary and chat template are those of the file; gguf-py unpacks the matrices to float32.

    text, ids, argmax   a text, its tokens, and the likeliest token after each of them
    logits              after some of these tokens, the logits of some of the vocabulary: the 8 likeliest, and
                        8 that are spread over it
    chats               messages, the prompt that the template makes of them, the prompt's tokens, and those that
                        the model writes behind it, always the likeliest
"""

import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = """The harbour of Ellwick freezes for ninety days a year, and nobody who lives there minds. In 1874 a \
clockmaker, Ida Marrow, came with three crates of brass and one of books; by the spring she had built a bell that rang \
under the ice. "You can't hear it", she told the council, "unless you lie down." They lay down. They heard it.

| day | ships | ice (cm) |
| --- | ----- | -------- |
| Mon | 12    | 7.5      |
| Tue | 9     | 11.25    |

def thaw(ice, days):
    for day in range(days):
        ice -= 0.4 * day
    return max(0, ice)

À l'aube, la glace chantait. 氷は歌う。 🧊 Naïve? Perhaps. The bell still rings, the table is still wrong, and the harbour \
freezes for ninety days a year."""

CHATS = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "You translate into French."}, {"role": "user", "content": "Good morning, my friend."}],
    [{"role": "user", "content": "The key is under the red pot. Where is the key?"}],
    [{"role": "user", "content": "My dog is called Bruno."},
     {"role": "assistant", "content": "Bruno is a fine name!"},
     {"role": "user", "content": "What is my dog called?"}],
]

AT = 24  # positions between those whose logits are written
NEW_TOKENS = 48


def main(path):
    folder, name = os.path.split(os.path.abspath(path))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()

    ids = tokenizer.encode(TEXT, add_special_tokens=False)
    logits = logits_of(model, ids)
    golden = {
        "text": TEXT, "ids": ids, "argmax": logits.argmax(-1).tolist(),
        "logits": [at_position(logits, p) for p in range(0, len(ids), AT)],
        "chats": [chat(model, tokenizer, messages) for messages in CHATS],
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in golden.items()]
    print("{\n" + ",\n".join(lines) + "\n}")


@torch.no_grad()
def logits_of(model, ids):
    """(tokens, vocab)"""
    return model(torch.tensor([ids])).logits[0]


def at_position(logits, position):
    row = logits[position]
    vocab = len(row)
    tokens = sorted({*row.topk(8).indices.tolist(), *range(7, vocab, vocab // 8)})
    return {"position": position, "tokens": tokens, "values": [round(row[i].item(), 5) for i in tokens]}


def chat(model, tokenizer, messages):
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    ends = {tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")}
    wrote = []
    while len(wrote) < NEW_TOKENS and not (wrote and wrote[-1] in ends):
        wrote.append(logits_of(model, ids + wrote)[-1].argmax().item())
    text = tokenizer.decode(wrote, skip_special_tokens=True)
    return {"messages": messages, "prompt": prompt, "ids": ids, "wrote": wrote, "text": text}


if __name__ == "__main__":
    main(*sys.argv[1:])
