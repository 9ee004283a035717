#!/usr/bin/env python3
"""The llama.cpp side of peer_llama_cpp.py, run by the Python that has llama-cpp-python installed.

    peer_llama_cpp_worker.py about                         versions and instruction sets, as JSON
    peer_llama_cpp_worker.py quantize F32.gguf OUT TYPE THREADS
    peer_llama_cpp_worker.py logits MODEL ID...            of the last of the ids, as JSON
    peer_llama_cpp_worker.py serve SETTINGS                a JSON object; says {"ready": true} once the model is loaded,
                                                           then for each line on standard input decodes once, {"ns": ...}

serve: `sequences` prompts of `tokens` random tokens each, decoded in one llama_decode from an empty cache, with logits
for the last token of each. Only that call, to its end, is timed. The line "one" decodes the first prompt alone.
"""
import ctypes
import importlib.metadata
import json
import os
import random
import sys
import time

import llama_cpp as llama

ERROR, F32 = 4, 0  # of ggml_log_level and of ggml_type (ggml.h)
# name: llama_ftype (llama.h)
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7, "q4_k": 14, "bf16": 32}


@llama.llama_log_callback
def quiet(level, text, user_data):
    if level == ERROR:
        sys.stderr.write(text.decode("utf-8", "replace"))


def say(o):
    print(json.dumps(o), flush=True)


def ggml_text(function):
    """The answer of a function of libggml-base that takes nothing and returns a text; None where there is none."""
    lib = os.path.join(os.path.dirname(llama.__file__), "lib", "libggml-base.so")
    try:
        f = getattr(ctypes.CDLL(lib), function)
    except (OSError, AttributeError):
        return None
    f.restype = ctypes.c_char_p
    return f().decode()


def about():
    llama.llama_backend_init()
    libs = os.listdir(os.path.join(os.path.dirname(llama.__file__), "lib"))
    say({"program": "llama.cpp", "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
         "ggml": ggml_text("ggml_version"), "ggml_commit": ggml_text("ggml_commit"),
         "system_info": llama.llama_print_system_info().decode().strip(" |"),
         "blas": any("ggml-blas" in lib for lib in libs)})


def quantize(source, out, type_name, threads):
    p = llama.llama_model_quantize_default_params()
    p.ftype, p.nthread, p.pure = TYPES[type_name], int(threads), True
    if llama.llama_model_quantize(source.encode(), out.encode(), p):
        sys.exit(f"llama.cpp could not quantize {source} to {type_name}")


def open_model(path, repack=True):
    p = llama.llama_model_default_params()
    p.use_extra_bufts = repack
    model = llama.llama_model_load_from_file(path.encode(), p)
    if not model:
        sys.exit(f"llama.cpp could not load {path}")
    return model


def open_context(model, sequences, tokens, threads, ubatch, flash, exact=False):
    p = llama.llama_context_default_params()
    p.n_ctx = p.n_batch = sequences * tokens
    p.n_ubatch = min(ubatch, sequences * tokens)
    p.n_seq_max = sequences
    p.n_threads = p.n_threads_batch = threads
    p.flash_attn_type = 1 if flash else 0
    p.kv_unified = False  # each sequence attends within a cache of its own
    if exact:
        p.type_k = p.type_v = F32  # else llama.cpp's default, f16
    context = llama.llama_init_from_model(model, p)
    if not context:
        sys.exit("llama.cpp could not make a context")
    return context


def make_batch(prompts):
    """All prompts in one batch, each a sequence of its own, logits for the last token of each."""
    total = sum(map(len, prompts))
    batch = llama.llama_batch_init(total, 0, 1)
    batch.n_tokens = total
    at = 0
    for sequence, ids in enumerate(prompts):
        for position, token in enumerate(ids):
            batch.token[at], batch.pos[at], batch.n_seq_id[at] = token, position, 1
            batch.seq_id[at][0] = sequence
            batch.logits[at] = position == len(ids) - 1
            at += 1
    return batch


def decode(context, batch):
    """Nanoseconds of one prefill from an empty cache."""
    llama.llama_memory_clear(llama.llama_get_memory(context), False)
    begin = time.monotonic_ns()
    code = llama.llama_decode(context, batch)
    llama.llama_synchronize(context)
    ns = time.monotonic_ns() - begin
    if code:
        sys.exit(f"llama_decode: {code}")
    return ns


def logits(path, ids):
    model = open_model(path)
    context = open_context(model, 1, len(ids), os.cpu_count(), len(ids), False, exact=True)
    decode(context, make_batch([ids]))
    vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    say(llama.llama_get_logits_ith(context, -1)[:vocab])


def serve(s):
    model = open_model(s["model"], s["repack"])
    context = open_context(model, s["sequences"], s["tokens"], s["threads"], s["ubatch"], s["flash"])
    vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    draw = random.Random(42)
    prompts = [[draw.randrange(3, vocab) for _ in range(s["tokens"])] for _ in range(s["sequences"])]
    every, one = make_batch(prompts), make_batch(prompts[:1])
    say({"ready": True})
    for line in sys.stdin:
        say({"ns": decode(context, one if line.strip() == "one" else every)})


def main():
    llama.llama_log_set(quiet, ctypes.c_void_p(0))
    verb, *rest = sys.argv[1:] or [""]
    if verb == "about" and not rest:
        about()
    elif verb == "quantize" and len(rest) == 4 and rest[2] in TYPES:
        quantize(*rest)
    elif verb == "logits" and len(rest) > 1:
        logits(rest[0], [int(word) for word in rest[1:]])
    elif verb == "serve" and len(rest) == 1:
        serve(json.loads(rest[0]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
