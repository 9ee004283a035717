#!/usr/bin/env python3
"""Computes the steps of a `zobench trace` again, independently, and compares everything it recorded.

    zobench trace --out t.safetensors model=stories260k task=polarity steps=3 queries=4 batch=4 rank=4
    scripts/replay_trace.py t.safetensors [--model MODEL.gguf | --model synth:tiny]

Shares no code with the program: NumPy in double precision, its own Philox, Box-Muller by the math library, the forward
of reference_forward.py one sequence at a time and without padding. Every step starts from the adapter recorded before
it and must arrive at the one recorded after it, so that errors don't add up and the whole run is checked by induction.

Compared, with the tolerance of each (f32 against double):
  data order      exactly       shuffled epochs of the seed, B rows a step
  labels          exactly       a label is the token after its row, and rows lie in real positions
  adapter A       1e-7          Kaiming uniform from the seed (not where the cell names an adapter)
  noise           1e-5          per value
  losses          1e-5          relative to the loss or to 1, whichever is more
  projected       of the losses', divided by eps
  updates         the recorded adapter moved by the recorded projected gradients: the roundings of q + 2
                  single-precision operations (MeZO, which moves the adapter by eps in place and back: 4 q + 2), and
                  1e-6 (noise) of the step's size
  next adapter    the same by the replay's own gradients: that, and lr times their tolerance times 6.8 (the largest
                  normal)
  frozen          exactly       what is not trained stays
Exit: 0 all within, 1 a deviation is larger, 2 the trace can't be replayed. --json prints the table as JSON.

Source of the method: MobiZO, arXiv:2409.15520; Malladi et al. 2023, arXiv:2305.17333. Philox: Salmon et al. 2011.
"""
import argparse
import json
import struct
import sys

import numpy as np

sys.dont_write_bytecode = True
import reference_forward as reference  # noqa: E402

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MASK = (1 << 32) - 1
LARGEST = 6.8  # no normal is further from 0


def give_up(why):
    print(f"replay_trace: {why}", file=sys.stderr)
    sys.exit(2)


# --- random numbers, as core/kernel/rng.h defines them ---

def philox(counter, key):
    """Philox4x32-10 over arrays: four counter words, two key words, all uint64 holding 32 bits."""
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) & np.uint64(MASK) for c in counter)
    k0, k1 = int(key) & MASK, int(key) >> 32
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = ((p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0), p1 & np.uint64(MASK),
                          (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1), p0 & np.uint64(MASK))
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def normals(seed, step, query, tensor, n):
    x0, x1, x2, x3 = philox((np.arange((n + 3) // 4), tensor, query, step), seed)
    out = np.empty(((n + 3) // 4, 4))
    for k, (a, b) in enumerate(((x0, x1), (x2, x3))):
        u = ((a.astype(np.float64) + 0.5) / 2.0 ** 32).astype(np.float32).astype(np.float64)
        r, v = np.sqrt(-2 * np.log(u)), 2 * np.pi * b.astype(np.float64) / 2.0 ** 32
        out[:, 2 * k], out[:, 2 * k + 1] = r * np.cos(v), r * np.sin(v)
    return out.reshape(-1)[:n]


def bits(seed, a, b, purpose=0x73746962):
    a = np.asarray(a, np.uint64)
    words = philox((a, a >> np.uint64(32), b, purpose), seed)
    return words[0] | words[1] << np.uint64(32)


def seed_for(seed, purpose):
    h = 0xCBF29CE484222325
    for byte in purpose.encode():
        h = (h ^ byte) * 0x100000001B3 & ((1 << 64) - 1)
    return int(bits(seed, h, 0, 0x64656573))


def shuffled(seed, epoch, n):
    order = list(range(n))
    draws = bits(seed, epoch, np.arange(n))
    for i in range(n - 1, 0, -1):
        j = int(draws[i]) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


# --- models that zobench makes up ---

class Synth(reference.Llama):
    """synth:NAME: matrices uniform with variance 1 / in, norms 1, rows in Hugging Face order."""

    # L, D, H, K, F, V, RoPE base, tied: the public configurations of these models
    SHAPES = {"tiny": (2, 64, 4, 2, 176, 512, 1e4, False),
              "smollm2-135m": (30, 576, 9, 3, 1536, 49152, 1e5, True)}
    # The number of a matrix within its layer names its values.
    ROWS = {"attn_q": 1, "attn_k": 2, "attn_v": 3, "attn_output": 4, "ffn_gate": 9, "ffn_up": 10, "ffn_down": 11}

    def __init__(self, name):
        if name not in self.SHAPES:
            give_up(f"synth:{name}: known here are {', '.join(self.SHAPES)}")
        self.layers, self.width, self.heads, self.kv_heads, self.ffn, self.vocab, base, tied = self.SHAPES[name]
        self.head_dim, self.eps, self.interleaved = self.width // self.heads, np.float64(np.float32(1e-5)), False
        self.frequency = base ** (-2.0 * np.arange(self.head_dim // 2) / self.head_dim)
        query, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes = {"attn_q": (query, self.width), "attn_k": (kv, self.width), "attn_v": (kv, self.width),
                  "attn_output": (self.width, query), "ffn_gate": (self.ffn, self.width),
                  "ffn_up": (self.ffn, self.width), "ffn_down": (self.width, self.ffn)}
        ones = np.ones(self.width)
        self.embedding = self.matrix(0, (self.vocab, self.width))
        self.head = self.embedding if tied else self.matrix(2, (self.vocab, self.width))
        self.final_norm = ones
        self.blocks = [{"attn_norm": ones, "ffn_norm": ones,
                        **{n: self.matrix(64 * (i + 1) + self.ROWS[n], s) for n, s in shapes.items()}}
                       for i in range(self.layers)]

    @staticmethod
    def matrix(stream, shape):
        """Eight 16-bit values a counter, low halves first, scaled in single precision."""
        words = philox((np.arange(shape[0] * shape[1] // 8), 0, stream, 0), 0x6E7468317A6F7379)
        values = np.stack([h for w in words for h in (w & np.uint64(0xFFFF), w >> np.uint64(16))], axis=1)
        reach = np.sqrt(np.float32(3) / np.float32(shape[1]))
        scale, shift = reach / np.float32(32768), reach * (np.float32(0.5) / np.float32(32768) - np.float32(1))
        return (values.astype(np.float32) * scale + shift).astype(np.float64).reshape(shape)


# --- the trace ---

def read_safetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    n, = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + n])
    meta = header.pop("__metadata__", {})
    kinds = {"F32": "<f4", "F64": "<f8", "I32": "<i4"}
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        kind = np.dtype(kinds[t["dtype"]])
        tensors[name] = np.frombuffer(raw, kind, (end - begin) // kind.itemsize, 8 + n + begin).reshape(t["shape"])
    return meta, tensors


class Table:
    """Deviations by name: the largest, where, and its tolerance there."""

    def __init__(self):
        self.rows = {}

    def see(self, name, deviation, tolerance, where, count=1):
        worst = self.rows.get(name, (-1.0, 1.0, "", 0))
        n = worst[3] + count
        ratio = lambda d, t: d / t if t else (0.0 if d == 0 else np.inf)
        if not deviation == deviation:
            deviation = np.inf
        if worst[0] < 0 or ratio(deviation, tolerance) > ratio(worst[0], worst[1]):
            worst = (float(deviation), float(tolerance), where)
        self.rows[name] = (*worst[:3], n)

    def arrays(self, name, got, want, tolerance, where):
        if got.shape != want.shape:
            give_up(f"{where}: shape {got.shape}, expected {want.shape}")
        self.see(name, np.abs(got.astype(np.float64) - want).max(initial=0), tolerance, where, got.size)

    def passed(self):
        return all(d <= t for d, t, _, _ in self.rows.values())


class Replay:
    def __init__(self, path, model):
        self.meta, self.t = read_safetensors(path)
        self.cell = json.loads(self.meta["cell"])
        if self.cell.get("weights", "f32") != "f32" or self.cell.get("compute", "f32") != "f32":
            give_up("only weights f32 are replayed")
        if self.cell["peft"] not in ("lora", "lora-fa"):
            give_up(f"peft {self.cell['peft']}: only lora and lora-fa are replayed")
        name = model or self.meta["model"]
        self.model = Synth(name[6:]) if name.startswith("synth:") else reference.Llama(name)
        self.q, self.batch, self.eps, self.lr = (self.cell[k] for k in ("queries", "batch", "eps", "lr"))
        self.rank, self.steps = self.cell["rank"], self.cell["steps"]
        self.train_a = self.cell["peft"] == "lora"
        self.scale = self.cell["alpha"] / self.rank
        self.noise_seed = seed_for(self.cell["seed"], "noise")
        self.modules = sorted(n[len("adapter.0."):-len(".lora_B")] for n in self.t
                              if n.startswith("adapter.0.") and n.endswith(".lora_B"))
        if not self.modules:
            give_up("the trace holds no adapter")
        self.table = Table()

    def place(self, module):
        """model.layers.3.mlp.up_proj -> (3, "up_proj"), and the number that names its noise (for B)."""
        parts = module.split(".")
        layer, target = int(parts[2]), parts[4]
        return (layer, target), 2 * (layer * len(TARGETS) + TARGETS.index(target))

    def trained(self):
        """(module, half, number of its noise) of every trained matrix."""
        for m in self.modules:
            _, number = self.place(m)
            yield m, "lora_B", number
            if self.train_a:
                yield m, "lora_A", number + 1

    def check_start(self):
        if int(self.meta["noise_seed"]) != self.noise_seed:
            give_up(f"noise_seed is {self.meta['noise_seed']}, derived {self.noise_seed}")
        if abs(float(self.meta["scale"]) - self.scale) > 1e-6 * self.scale:
            give_up(f"scale is {self.meta['scale']}, expected alpha / rank = {self.scale}")
        if self.cell["adapter"] is not None:
            return
        seed = seed_for(self.cell["seed"], "adapter init")
        for m in self.modules:
            a, b = self.t[f"adapter.0.{m}.lora_A"], self.t[f"adapter.0.{m}.lora_B"]
            bound = 1 / np.sqrt(a.shape[1])
            u = (bits(seed, np.arange(a.size), self.place(m)[1] + 1) >> np.uint64(40)).astype(np.float64) + 0.5
            self.table.arrays("adapter A drawn", a, ((u / 2 ** 23 - 1) * bound).reshape(a.shape), 1e-7, m)
            self.table.arrays("adapter B zero", b, np.zeros(b.shape), 0, m)

    def check_order(self, s):
        n = int(self.meta["examples"])
        seed = seed_for(self.cell["seed"], "data order")
        places = range(s * self.batch, (s + 1) * self.batch)
        want = np.array([shuffled(seed, p // n, n)[p % n] for p in places])
        self.table.arrays("data order", self.t[f"step.{s}.example"], want, 0, f"step {s}")

    def label_rows(self, s):
        """[(ids of one sequence, its label rows, its label ids)], padding taken off."""
        ids, start = self.t[f"step.{s}.ids"], self.t[f"step.{s}.start"]
        row, label = self.t[f"step.{s}.label_row"], self.t[f"step.{s}.label_id"]
        b, t = row // ids.shape[1], row % ids.shape[1]
        inside = (t >= start[b]) & (t + 1 < ids.shape[1])
        wrong = np.sum(~inside) + np.sum(ids[b[inside], t[inside] + 1] != label[inside])
        self.table.see("labels", wrong, 0, f"step {s}", len(row))
        return [(ids[i, start[i]:], t[b == i] - start[i], label[b == i]) for i in range(len(ids))]

    def loss(self, theta, sequences):
        lora = {self.place(m)[0]: (self.scale, theta[m, "lora_A"], theta[m, "lora_B"]) for m in self.modules}
        total, count = 0.0, 0
        for ids, rows, labels in sequences:
            logits = self.model.logits(ids, rows=rows, lora=lora)
            total += sum(reference.logsumexp(x) - x[y] for x, y in zip(logits, labels))
            count += len(rows)
        return total / count

    def step(self, s):
        theta = {(m, half): self.t[f"adapter.{s}.{m}.{half}"].astype(np.float64)
                 for m in self.modules for half in ("lora_A", "lora_B")}
        self.check_order(s)
        sequences = self.label_rows(s)
        trained = list(self.trained())
        move, recorded = ({(m, half): np.zeros(theta[m, half].shape) for m, half, _ in trained} for _ in range(2))
        worst = 0.0
        for i in range(self.q):
            noise = {}
            for m, half, number in trained:
                z = normals(self.noise_seed, s, i, number, theta[m, half].size).reshape(theta[m, half].shape)
                self.table.arrays("noise", self.t[f"noise.{s}.{m}.{half}"][i], z, 1e-5, f"step {s}, query {i}, {m}")
                noise[m, half] = z
            losses = []
            for sign, name in ((1, "plus"), (-1, "minus")):
                moved = {key: x + sign * self.eps * noise[key] if key in noise else x for key, x in theta.items()}
                losses.append(self.loss(moved, sequences))
                got = self.t[f"step.{s}.{name}"][i]
                self.table.see("losses", abs(got - losses[-1]), 1e-5 * max(losses[-1], 1),
                               f"step {s}, query {i}, {name}")
            g = (losses[0] - losses[1]) / (2 * self.eps)
            allowed = 1e-5 * max(*losses, 1) / self.eps
            worst = max(worst, allowed)
            self.table.see("projected", abs(self.t[f"step.{s}.projected"][i] - g), allowed, f"step {s}, query {i}")
            for key, z in noise.items():
                move[key] += g / self.q * z
                recorded[key] += self.t[f"step.{s}.projected"][i] / self.q * z
        self.check_update(s, "updates", recorded, 0)
        self.check_update(s, "next adapter", move, LARGEST * self.lr * worst)
        for key in theta.keys() - move.keys():
            self.table.arrays("frozen", self.t["adapter.%d.%s.%s" % (s + 1, *key)], theta[key], 0, f"step {s}, {key[0]}")

    def check_update(self, s, name, move, slack):
        """The adapter after step s against the one before it, moved."""
        size = self.lr * np.abs(self.t[f"step.{s}.projected"]).mean()
        in_place = self.cell["method"] == "mezo"
        roundings = (4 * self.q if in_place else self.q) + 2
        reach = LARGEST * (size + self.eps if in_place else size)
        for (m, half), x in move.items():
            before, after = (self.t[f"adapter.{k}.{m}.{half}"].astype(np.float64) for k in (s, s + 1))
            tolerance = roundings * 2.0 ** -24 * (np.abs(before).max() + reach) + 1e-6 * size + slack
            self.table.arrays(name, after, before - self.lr * x, tolerance, f"step {s}, {m}.{half}")

    def run(self):
        self.check_start()
        for s in range(self.steps):
            self.step(s)
        return self.table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace")
    parser.add_argument("--model", help="the GGUF file or synth:NAME, where it isn't the trace's own")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    table = Replay(args.trace, args.model).run()
    if args.json:
        keys = ("deviation", "tolerance", "where", "values")
        print(json.dumps({name: dict(zip(keys, row)) for name, row in table.rows.items()}, indent=2))
    else:
        print(f"{'':16} {'values':>9} {'deviation':>11} {'tolerance':>11}")
        for name, (d, t, where, n) in table.rows.items():
            print(f"{name:16} {n:9} {d:11.3g} {t:11.3g}  {'ok' if d <= t else 'TOO LARGE: ' + where}")
    sys.exit(0 if table.passed() else 1)


if __name__ == "__main__":
    main()
