#!/usr/bin/env python3
"""zobench's step against llama.cpp's prefill: same weights, same shape, same rows, same threads, in one run.

    scripts/peer_llama_cpp.py NAME [OPTIONS]         measure; writes results/peers/NAME.json, prints the table
    scripts/peer_llama_cpp.py --table FILE...        print the table of earlier runs again

Per precision, llama.cpp is first tuned (ubatch, flash attention, repacking, and for 4 bits the format), then both are
measured in turns, round by round; the ratio is that of the two neighbours in a round. The file is written anew after
every sample: a run that was cut off has kept what it had. What is compared and how to build the peer:
results/peers/README.md. Needs NumPy; llama-cpp-python only in the peer's own Python.
"""
import argparse
import datetime
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile

import random_gguf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCHEMA = "zobench/peer/1"
# precision: zobench's weights and compute, llama.cpp's formats of as many bits
PRECISIONS = {
    "f32": ("f32", "f32", ["f32"]),
    "bf16": ("bf16", "bf16", ["bf16"]),
    "f16": ("f16", "f32", ["f16"]),
    "f16-bf16": ("f16", "bf16", ["f16"]),
    "int8": ("int8", "bf16", ["q8_0"]),
    "int8-int8": ("int8", "int8", ["q8_0"]),
    "nf4": ("nf4", "bf16", ["q4_0", "q4_k"]),
    "nf4-int8": ("nf4", "int8", ["q4_0", "q4_k"]),
}
# what llama.cpp multiplies in, by the names of the peaks: f16 is widened to f32, quantized formats meet 8-bit integers
PEER_PEAK = {"f32": "f32", "bf16": "bf16", "f16": "f32", "q8_0": "int8", "q4_0": "int8", "q4_k": "int8"}
# llama.cpp's own defaults, then what is tried one after the other and kept where it is faster
BASE = {"ubatch": 512, "flash": True, "repack": True}
CHANGES = [{"ubatch": 2048}, {"flash": False}]
QUANTIZED_CHANGES = [{"repack": False}]
CONFIDENCE = 0.95


class Failed(Exception):
    pass


def finish(argv, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options)
    if done.returncode:
        why = done.stderr.strip().splitlines() or ["no message"]
        raise Failed(f"{os.path.basename(argv[0])}: exit {done.returncode}: {why[-1]}")
    return done.stdout


# --- statistics ---

def median_interval(x):
    """(low, high, coverage): samples of rank k and n + 1 - k, as in bench/base/stats.h."""
    x, n = sorted(x), len(x)
    tail, k = 0.5 ** n, 0  # tail: P(Binomial(n, 1/2) <= k), summed for as long as the interval still covers enough
    while k + 1 <= (n - 1) // 2 and 1 - 2 * (tail + math.comb(n, k + 1) * 0.5 ** n) >= CONFIDENCE:
        k += 1
        tail += math.comb(n, k) * 0.5 ** n
    return x[k], x[n - 1 - k], 1 - 2 * tail


def summary(x):
    if not x:
        return None
    low, high, coverage = median_interval(x) if len(x) > 1 else (None, None, None)
    return {"median": statistics.median(x), "low": low, "high": high, "coverage": coverage, "n": len(x)}


# --- the peer ---

class Worker:
    """One llama.cpp process with a model loaded; idle between samples."""

    def __init__(self, build, settings):
        self.process = subprocess.Popen([build["python"], worker_script(), "serve", json.dumps(settings)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.hear()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Failed("llama.cpp: " + (self.process.stderr.read().strip().splitlines() or ["ended"])[-1])
        return json.loads(line)

    def sample(self, which="all"):
        self.process.stdin.write(which + "\n")
        self.process.stdin.flush()
        return self.hear()["ns"]

    def close(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def worker_script():
    return os.path.join(ROOT, "scripts", "peer_llama_cpp_worker.py")


def find_builds(args):
    """[{"name", "python", ...what the build says of itself}]"""
    folder = os.path.join(args.work, "builds")
    names = args.builds or (sorted(os.listdir(folder)) if os.path.isdir(folder) else [])
    if not names:
        sys.exit(f"no build of llama-cpp-python in {folder}; results/peers/README.md says how to make one")
    builds = []
    for name in names:
        python = os.path.join(folder, name, "bin", "python")
        if not os.path.exists(python):
            sys.exit(f"{python} is not there; results/peers/README.md says how to make it")
        builds.append({"name": name, "python": python, **json.loads(finish([python, worker_script(), "about"]))})
    return builds


def tune(args, build, work, types, model_of, log):
    """The fastest settings of one build over formats and options; every trial goes into log."""
    best, best_ns = None, None

    def attempt(settings):
        nonlocal best, best_ns
        with Worker(build, {**work, "model": model_of(settings["type"]),
                            **{k: v for k, v in settings.items() if k != "type"}}) as w:
            w.sample("one")  # brings the weights into memory
            ns = w.sample()
        log.append({**settings, "ns": ns})
        if best_ns is None or ns < best_ns:
            best, best_ns = settings, ns

    for kind in types:
        attempt({"type": kind, **BASE})
        for change in [] if args.no_tune else CHANGES + (QUANTIZED_CHANGES if kind.startswith("q") else []):
            mine = min((t for t in log if t["type"] == kind), key=lambda t: t["ns"])
            attempt({**{k: v for k, v in mine.items() if k != "ns"}, **change})
    return best


# --- zobench ---

def zobench_cell(args, model, precision):
    weights, compute, _ = PRECISIONS[precision]
    cell = {"model": model, "task": "polarity", "method": "prge", "peft": "lora-fa", "queries": args.queries,
            "batch": args.batch, "seq_len": args.tokens, "parallel": "both", "weights": weights,
            "steps": 1 + args.steps, "eval_every": None, "threads": args.threads}
    if compute != "f32":  # which is the default
        cell["compute"] = compute
    return cell


def zobench_sample(args, cell):
    """The record of a fresh zobench process: one step that is not counted, then args.steps."""
    with tempfile.TemporaryDirectory(prefix="zobench-peer-") as folder:
        manifest = os.path.join(folder, "peer.json")
        with open(manifest, "w") as f:
            json.dump({"schema": "zobench/1", "name": "peer", "defaults": cell,
                       "measure": {"warmup": 1, "min_runs": 1, "max_runs": 1, "timeout": "1h"}}, f)
        records = os.path.join(folder, "peer", "cells.jsonl")
        try:
            finish([args.zobench, "run", manifest, "--results", folder, "--quiet"])
        except Failed as e:
            if not os.path.exists(records):
                raise Failed(str(e).replace(manifest, "the manifest")) from None
        with open(records) as f:
            record = json.loads(f.readlines()[-1])
    if record["status"] != "ok":
        raise Failed(f"zobench: {record['status']}: {record['reason']}")
    return record


def measured_peaks(args):
    """What doctor finds just now: operations per second of the processor; None where it could not."""
    try:
        peaks = json.loads(finish([args.zobench, "doctor", "--json"],
                                  env={**os.environ, "OMP_NUM_THREADS": str(args.threads)})).get("peaks")
    except (Failed, ValueError):
        return None
    return peaks if peaks and peaks.get("threads") == args.threads else None


def same_function(args, build, model):
    """Both programs on one prompt: the largest difference of their logits, and the largest logit, in f32."""
    theirs_says = json.loads(finish([args.zobench, "logits", "--model", model, "--top", "0", "--json",
                                     "the same model in both programs is great"]))
    ours = [x["logit"] for x in theirs_says["logits"]]
    theirs = json.loads(finish([build["python"], worker_script(), "logits", model, *map(str, theirs_says["ids"])]))
    if len(ours) != len(theirs):
        raise Failed(f"{len(ours)} logits from zobench, {len(theirs)} from llama.cpp")
    return {"largest_difference": max(abs(a - b) for a, b in zip(ours, theirs)),
            "largest_logit": max(map(abs, ours)), "tolerance": 1e-3}


# --- a run ---

def write_json(path, o):
    temporary = f"{path}.tmp-{os.getpid()}"
    with open(temporary, "w") as f:
        json.dump(o, f, indent=1)
        f.write("\n")
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)


def prepare_models(args, builds):
    """Makes the files that are missing; returns type -> path, from the repository's root."""
    base = f"{args.shape}-{args.layers or 'all'}"
    path = lambda kind: os.path.relpath(os.path.join(args.work, f"{base}-{kind}.gguf"), ROOT)
    os.makedirs(args.work, exist_ok=True)
    if not os.path.exists(os.path.join(ROOT, path("f32"))):
        print(f"writing {path('f32')}", file=sys.stderr)
        random_gguf.write(os.path.join(ROOT, path("f32")), args.shape, args.layers)
    for kind in {t for p in args.precisions for t in PRECISIONS[p][2]}:
        if not os.path.exists(os.path.join(ROOT, path(kind))):
            print(f"writing {path(kind)}", file=sys.stderr)
            finish([builds[0]["python"], worker_script(), "quantize", path("f32"), path(kind) + ".part", kind,
                    str(args.threads)])
            os.replace(os.path.join(ROOT, path(kind) + ".part"), os.path.join(ROOT, path(kind)))
    return path


def measure(args, builds, model_of, part, result, save):
    """Fills part, the entry of one precision."""
    precision, types = part["precision"], PRECISIONS[part["precision"]][2]
    work = {k: result["work"][k] for k in ("sequences", "tokens", "threads")}
    cell = zobench_cell(args, model_of("f32"), precision)
    record = zobench_sample(args, cell)  # also warms the file cache; not counted
    part["cell"], part["roofline"], part["peaks"] = record["cell"], record["roofline"], measured_peaks(args)
    result.setdefault("zobench", {"build": record["build"], "machine": record["machine"]})
    for build in builds:
        peer = {"build": build["name"], "trials": [], "settings": None}
        part["peers"].append(peer)
        peer["settings"] = tune(args, build, work, types, model_of, peer["trials"])
        save()
    workers = []
    try:
        for build, peer in zip(builds, part["peers"]):
            settings = {k: v for k, v in peer["settings"].items() if k != "type"}
            workers.append(Worker(build, {**work, "model": model_of(peer["settings"]["type"]), **settings}))
            workers[-1].sample()  # warm-up
        for number in range(args.rounds):
            sides = [None, *range(len(workers))]  # None: zobench; every other round the other way round
            turn = {"zobench": None, "peers": [None] * len(workers)}
            for side in sides if number % 2 == 0 else sides[::-1]:
                if side is None:
                    record = zobench_sample(args, cell)
                    turn["zobench"] = {"step_ns": record["time"]["step_ns"],
                                       "rows": record["time"]["padded_tokens_per_step"],
                                       "peak_rss_bytes": record["memory"]["peak_rss_bytes"]}
                else:
                    turn["peers"][side] = {"ns": [workers[side].sample() for _ in range(args.steps)]}
            part["rounds"].append(turn)
            summarize(part, result["work"]["rows"])
            save()
            print(f"{precision}: round {number + 1} of {args.rounds}: " + ", ".join(
                f"{p['ratio']['median']:.2f} x {p['build']}" for p in part["peers"]), file=sys.stderr)
    finally:
        for w in workers:
            w.close()


def summarize(part, rows):
    """Medians, intervals and ratios from the samples of the rounds."""
    ours = [t["zobench"]["rows"] * 1e9 / statistics.median(t["zobench"]["step_ns"]) for t in part["rounds"]]
    part["tokens_per_s"] = summary(ours)
    for i, peer in enumerate(part["peers"]):
        theirs = [rows * 1e9 / statistics.median(t["peers"][i]["ns"]) for t in part["rounds"]]
        peer["tokens_per_s"] = summary(theirs)
        peer["ratio"] = summary([a / b for a, b in zip(ours, theirs)])


def run(args):
    builds = find_builds(args)
    out = os.path.join(ROOT, "results", "peers", f"{args.name}.json")
    if os.path.exists(out) and not args.force:
        sys.exit(f"{out} is there already; --force replaces it")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    model_of = prepare_models(args, builds)
    sequences = 2 * args.queries * args.batch
    shape = random_gguf.configuration(args.shape, args.layers)
    result = {"schema": SCHEMA, "name": args.name,
              "started": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
              "shape": {"name": args.shape, **shape},
              "work": {"sequences": sequences, "tokens": args.tokens, "rows": sequences * args.tokens,
                       "threads": args.threads, "queries": args.queries, "batch": args.batch},
              "environment": {k: v for k, v in os.environ.items() if k.startswith(("OMP_", "OPENBLAS_", "GOMP_"))},
              "builds": [{k: v for k, v in b.items() if k != "python"} for b in builds],
              "check": None, "precisions": []}
    save = lambda: write_json(out, result)
    failed = 0
    result["check"] = same_function(args, builds[0], model_of("f32"))
    if not result["check"]["largest_difference"] < result["check"]["tolerance"]:
        sys.exit(f"the two programs do not compute the same: {result['check']}")
    for precision in args.precisions:
        part = {"precision": precision, "status": "incomplete", "reason": None, "tokens_per_s": None, "peers": [],
                "rounds": []}
        result["precisions"].append(part)
        try:
            measure(args, builds, model_of, part, result, save)
            part["status"] = "ok"
        except Failed as e:
            part["status"], part["reason"] = "failed", str(e)
            print(f"{precision}: {e}", file=sys.stderr)
            failed += 1
        save()
    print_table(result)
    return 3 if failed else 0


# --- the table ---

def matrix_flops(shape, work):
    """Of one step or prefill in products with frozen weights: what both must do. Behind the last layer's attention, and in
    the head, a row for each sequence."""
    d, kv = shape["dim"], shape["kv_heads"] * shape["head"]
    qkv, rest = d * d + 2 * d * kv, d * d + 3 * d * shape["ffn"]
    rows = work["rows"] * (shape["layers"] - 1) + work["sequences"]
    return 2 * (work["rows"] * shape["layers"] * qkv + rows * rest + work["sequences"] * d * shape["vocab"])


def peer_peak(result, peer):
    """The name of the peak that bounds llama.cpp; None where it depends on the shape which kernel ran."""
    kind = peer["settings"]["type"]
    if not any(b["blas"] for b in result["builds"] if b["name"] == peer["build"]):
        return PEER_PEAK[kind]
    return None if kind.startswith("q") else "f32"


def our_peak(part, compute):
    """The name of the peak that bounds zobench, which multiplies bf16 as f32 where that is faster."""
    peaks = part.get("peaks") or {}
    slow = compute == "bf16" and (peaks.get("bf16_flops_per_s") or 0) < (peaks.get("f32_flops_per_s") or 0)
    return "f32" if slow else compute


def rate_text(result, part, rate, name):
    """Tokens per second, and the share of the measured peak that the products with weights alone reach."""
    peaks, key = part.get("peaks") or {}, f"{name}_{'ops' if name == 'int8' else 'flops'}_per_s"
    if not peaks.get(key):
        return f"{rate:.1f}"
    reached = matrix_flops(result["shape"], result["work"]) * rate / result["work"]["rows"]
    return f"{rate:.1f} ({100 * reached / peaks[key]:.0f}% of {name})"


def setting_text(s):
    if not s:
        return "-"
    words = [s["type"], f"ubatch {s['ubatch']}", "flash attention" if s["flash"] else "no flash attention"]
    return ", ".join(words + ([] if s["repack"] else ["not repacked"]))


def print_table(result):
    s, w = result["shape"], result["work"]
    print(f"\n{s['name']}, {s['layers']} layers; {w['sequences']} sequences of {w['tokens']} tokens, "
          f"{w['threads']} threads. In brackets: products with weights, of the peak that doctor measured then.\n")
    print("| precision | compute | zobench (tokens/s) | llama.cpp build | its settings | llama.cpp (tokens/s) "
          "| ratio | interval |")
    print("| --- | --- | ---: | --- | --- | ---: | ---: | --- |")
    for part in result["precisions"]:
        lead = f"| {part['precision']} | {PRECISIONS[part['precision']][1]} "
        measured = [p for p in part["peers"] if p.get("ratio")]
        if not measured:
            print(lead + f"| - | - | {part['reason'] or part['status']} | - | - | - |")
        for p in measured:
            r = p["ratio"]
            interval = f"{r['low']:.2f} to {r['high']:.2f} ({100 * r['coverage']:.0f}%)" if r["coverage"] else "-"
            ours = rate_text(result, part, part["tokens_per_s"]["median"],
                             our_peak(part, PRECISIONS[part["precision"]][1]))
            theirs = rate_text(result, part, p["tokens_per_s"]["median"], peer_peak(result, p))
            print(lead + f"| {ours} | {p['build']} | {setting_text(p['settings'])} | {theirs} | {r['median']:.2f} "
                  f"| {interval} |")


def show(paths):
    for path in paths:
        try:
            with open(path) as f:
                result = json.load(f)
        except (OSError, ValueError) as e:
            sys.exit(f"{path}: {e}")
        if result.get("schema") != SCHEMA:
            sys.exit(f"{path}: not of schema {SCHEMA}")
        print_table(result)


def positive(text):
    n = int(text)
    if n < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return n


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="Exit: 0 fine, 2 usage, 3 a precision was not measured.")
    parser.add_argument("name", nargs="?", help="of the file in results/peers")
    parser.add_argument("--table", nargs="+", metavar="FILE", help="print tables of earlier runs, measure nothing")
    parser.add_argument("--shape", choices=random_gguf.SHAPES, default="tinyllama-1.1b")
    parser.add_argument("--layers", type=positive, help="only so many layers (default: all)")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), metavar="P",
                        help=f"of {', '.join(PRECISIONS)} (default: all)")
    parser.add_argument("--queries", type=positive, default=4, help="q (4)")
    parser.add_argument("--batch", type=positive, default=4, help="B (4); a step has 2 q B sequences")
    parser.add_argument("--tokens", type=positive, default=64, help="T, of each sequence (64)")
    parser.add_argument("--threads", type=positive, default=len(os.sched_getaffinity(0)), help="of both (all cores)")
    parser.add_argument("--rounds", type=positive, default=6, help="samples of each side (6; fewer leave the interval "
                        "below 95%%)")
    parser.add_argument("--steps", type=positive, default=1, help="steps and prefills in a sample (1), of which the "
                        "median counts")
    parser.add_argument("--no-tune", action="store_true", help="leave llama.cpp at its defaults")
    parser.add_argument("--builds", nargs="+", metavar="NAME", help="of llama.cpp (default: all in WORK/builds)")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "peer"), help="folder of builds and models "
                        "(build/peer)")
    parser.add_argument("--zobench", default=os.path.join(ROOT, "zobench"), help="the program (./zobench)")
    parser.add_argument("--force", action="store_true", help="replace an earlier file of this name")
    args = parser.parse_args()
    args.work, args.zobench = os.path.abspath(args.work), os.path.abspath(args.zobench)
    if args.table:
        return show(args.table)
    if not args.name or os.sep in args.name:
        parser.error("give the run a name")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    try:
        return run(args)
    except KeyboardInterrupt:
        return 130
    except (Failed, OSError) as e:
        sys.exit(str(e))


if __name__ == "__main__":
    sys.exit(main())
