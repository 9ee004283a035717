#!/usr/bin/env python3
"""Reads what `zobench export` wrote as the readers of those formats do, and says what they would refuse.

usage: check_export.py FOLDER          FOLDER/FORMAT holds the output of zobench export FORMAT, for every format

Needs nothing but Python. google-benchmark's own compare.py is run too where Debian's libbenchmark-tools and SciPy are
installed. Rules of the others: Bencher's adapters (json, cpp_google), the inputs of github-action-benchmark, hyperfine
1.x's fields, hyperfine 2's plotting scripts, and compare-llama-bench.py's required columns, which it joins rows on.
"""
import csv
import json
import math
import os
import sqlite3
import subprocess
import sys

COMPARE = "/usr/share/benchmark/compare.py"

LLAMA_KEYS = """cpu_info gpu_info backends n_gpu_layers tensor_buft_overrides model_filename model_type n_batch n_ubatch
    embeddings cpu_mask cpu_strict poll n_threads type_k type_v use_mmap no_kv_offload split_mode main_gpu tensor_split
    flash_attn n_prompt n_gen n_depth build_commit test_time avg_ts n_cpu_moe load_mode fit_target fit_min_ctx""".split()


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def once(pairs):
    """An object, none of whose keys comes twice."""
    assert len({k for k, _ in pairs}) == len(pairs), [k for k, _ in pairs]
    return dict(pairs)


def load(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return json.load(f, parse_constant=refuse, object_pairs_hook=once)


def number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x)


def google(folder):
    data = load(folder, "google-benchmark")
    assert isinstance(data["context"]["caches"], list)  # Bencher
    for row in data["benchmarks"]:
        assert isinstance(row["name"], str) and row["time_unit"] in ("ns", "us", "ms", "s")
        assert number(row["real_time"]) and number(row["cpu_time"]) and isinstance(row["iterations"], int)
        if row["run_type"] == "aggregate":
            assert row["name"] == f'{row["run_name"]}_{row["aggregate_name"]}'
            assert row["aggregate_unit"] in ("time", "percentage")
        else:
            assert row["run_type"] == "iteration" and row["name"] == row["run_name"]
            assert 0 <= row["repetition_index"] < row["repetitions"]
    if not os.path.exists(COMPARE) or subprocess.run([sys.executable, "-c", "import scipy"], capture_output=True).returncode:
        return "compare.py (libbenchmark-tools, SciPy) is not installed: not run"
    file = os.path.join(folder, "google-benchmark")
    done = subprocess.run([sys.executable, COMPARE, "--no-color", "benchmarks", file, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for row in data["benchmarks"]:
        assert row["name"] in done.stdout, row["name"]
    return "read by compare.py"


def bencher(folder):
    for name, measures in load(folder, "bencher").items():
        assert 0 < len(name) <= 1024 and measures
        for measure, metric in measures.items():
            assert 0 < len(measure) <= 64 and set(metric) <= {"value", "lower_value", "upper_value"}
            assert all(number(x) for x in metric.values()) and "value" in metric
            assert metric.get("lower_value", -math.inf) <= metric["value"] <= metric.get("upper_value", math.inf)


def github(name):
    def check(folder):
        entries = load(folder, name)
        assert len({e["name"] for e in entries}) == len(entries)
        for e in entries:
            assert number(e["value"]) and isinstance(e["unit"], str)
            assert all(isinstance(e.get(k, ""), str) for k in ("range", "extra"))
    return check


def hyperfine(folder):
    for r in load(folder, "hyperfine")["results"]:
        assert isinstance(r["command"], str) and all(number(r[k]) for k in ("mean", "median", "min", "max"))
        assert r["stddev"] is None if len(r["times"]) == 1 else number(r["stddev"])
        assert r["min"] <= r["median"] <= r["max"] and all(number(t) for t in r["times"])
        assert len(r["times"]) == len(r["exit_codes"]) == len(r["memory_usage_byte"])
        assert all(isinstance(v, str) for v in r["parameters"].values())


def hyperfine_2(folder):
    """As hyperfine 2's scripts do: a metric is read from every measurement where the summaries have it."""
    data = load(folder, "hyperfine-2")
    assert data["schema_version"] == 2 and isinstance(data["metadata"]["platform"]["os"], str)
    for r in data["results"]:
        assert isinstance(r["command"], str) and data["primary_metric"] in r["summary"]
        for metric, s in r["summary"].items():
            values = [m[metric]["value"] for m in r["measurements"]]
            assert s["count"] == len(values) and all(number(v) and v >= 0 for v in values)
            assert all(m[metric]["unit"] == s["unit"] for m in r["measurements"])
            assert s["min"] == min(values) and s["max"] == max(values) and s["min"] <= s["median"] <= s["max"]
            assert math.isclose(s["mean"], sum(values) / len(values), rel_tol=1e-12)
            assert s["stddev"] is None if len(values) == 1 else number(s["stddev"])
        assert all(isinstance(p["value"], str) for p in r["parameters"].values())


def llama_bench(folder):
    """As compare-llama-bench.py does: rows into a table, joined with themselves on the key columns."""
    rows = load(folder, "llama-bench")
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE TABLE llama_bench ({', '.join(LLAMA_KEYS)})")
    for row in rows:
        values = [row[k] for k in LLAMA_KEYS]
        db.execute(f"INSERT INTO llama_bench VALUES ({', '.join('?' * len(values))})", values)
    same = " AND ".join(f"a.{k} = b.{k}" for k in LLAMA_KEYS)
    joined = db.execute(f"SELECT COUNT(*) FROM llama_bench a JOIN llama_bench b ON {same}").fetchone()[0]
    assert joined == len(rows), f"{joined} rows meet of {len(rows)}"


def csv_rows(folder):
    with open(os.path.join(folder, "csv"), encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f, strict=True))
    assert all(len(r) == len(rows[0]) for r in rows) and len(set(rows[0])) == len(rows[0])
    assert not any(x.lower() in ("nan", "inf", "-inf", "infinity", "-nan") for r in rows for x in r)
    return rows


def sql(folder):
    """Loads it twice, and holds it against the CSV."""
    with open(os.path.join(folder, "sql"), encoding="utf-8") as f:
        script = f.read()
    db = sqlite3.connect(":memory:")
    db.executescript(script)
    db.executescript(script)
    head, *rows = csv_rows(folder)
    cursor = db.execute(f"SELECT {', '.join(f'{chr(34)}{h}{chr(34)}' for h in head)} FROM zobench ORDER BY rowid")
    stored = cursor.fetchall()
    assert len(stored) == len(rows), f"{len(stored)} rows of {len(rows)}"
    for wanted, got in zip(rows, stored):
        for h, w, g in zip(head, wanted, got):
            fine = w == "" if g is None else float(w) == g if number(g) else w == g
            assert fine, f"{h}: {g!r} in SQL, {w!r} in CSV"


CHECKS = {
    "google-benchmark": google,
    "bencher": bencher,
    "github-smaller": github("github-smaller"),
    "github-bigger": github("github-bigger"),
    "hyperfine": hyperfine,
    "hyperfine-2": hyperfine_2,
    "llama-bench": llama_bench,
    "csv": lambda folder: csv_rows(folder) and None,
    "sql": sql,
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bad = 0
    for name, check in CHECKS.items():
        try:
            said = check(sys.argv[1]) or "fine"
        except Exception as e:  # whatever a reader may stumble over
            said, bad = f"REFUSED: {type(e).__name__}: {e}", bad + 1
        print(f"{name}: {said}")
    sys.exit(1 if bad else 0)


main()
