#!/usr/bin/env python3
"""Validates the manifest language's JSON Schema and manifests against it.

    check_schema.py SCHEMA GOOD... [--bad BAD...]

SCHEMA is what `zobench check --schema` prints. It must itself be a valid schema of draft 2020-12, every GOOD manifest
must pass it and every BAD one must not. Prints what is not so and exits 1. Needs the package jsonschema (4 or newer).
"""
import json
import sys

from jsonschema import Draft202012Validator


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main(schema_path, *paths):
    schema = load(schema_path)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    wanted, wrong = True, 0
    for path in paths:
        if path == "--bad":
            wanted = False
            continue
        errors = [f"{e.json_path}: {e.message[:200]}" for e in validator.iter_errors(load(path))]
        if wanted != (not errors):
            wrong += 1
            print(f"{path}: {errors[0] if errors else 'passes, but must not'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
