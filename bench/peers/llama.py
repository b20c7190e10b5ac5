"""llama.py: llama.cpp through xllamacpp, whose server reports its own times, for peers.mjs.

    python3 llama.py MODEL.gguf CONTEXT

It speaks as llama.mjs does, a line in and a line out.
"""

import json
import os
import sys


def say(message):
    print(json.dumps(message), flush=True)


def main():
    path, size = sys.argv[1], int(sys.argv[2])
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = size
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.warmup = True
    threads = len(os.sched_getaffinity(0))
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    say({"ready": f"{threads} threads"})
    for line in sys.stdin:
        ask = json.loads(line)
        answer = server.handle_completions({
            "prompt": ask["ids"], "n_predict": ask["decode"] + 1, "temperature": 0,
            "ignore_eos": True, "cache_prompt": False,
        })
        if not isinstance(answer, dict):
            answer = json.loads(answer)
        times = answer["timings"]
        if times["prompt_n"] != len(ask["ids"]):
            raise ValueError(f"the server read {times['prompt_n']} tokens, want {len(ask['ids'])}")
        say({"read": times["prompt_ms"] / 1e3, "write": times["predicted_ms"] / 1e3 / times["predicted_n"] * ask["decode"]})


try:
    main()
except Exception as error:  # what an engine cannot do is told to the one who asked
    say({"missing": str(error)})
    sys.exit(1)
