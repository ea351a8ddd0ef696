# Heterodyne: what the peers compute: inputs, expected results, and a case as the server runs it.
# SPDX-License-Identifier: Apache-2.0
"""Every case is computed once when it is prepared and compared with float64 arithmetic on a part of its output, so that no
engine is timed on a wrong result."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np

from encoder import cache, fixture

FACTOR, OFFSET = 1.25, -0.375
ADDS_LENGTH = 16
generator = np.random.default_rng(7)


class Unknown(Exception):
    pass


def normal(*shape):
    return generator.standard_normal(shape, dtype=np.float32)


def numbers(text, count):
    parts = text.split("x")
    if len(parts) != count or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise Unknown(f"expected {count} positive numbers joined by x, got {text!r}")
    return [int(part) for part in parts]


def erf(x):
    """Abramowitz and Stegun 7.1.26, below 1.5e-7 absolute: enough to tell a wrong gelu from a right one."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - p * np.exp(-x * x))


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def encoder_inputs(batch, sequence):
    ids = generator.integers(1000, 29000, (batch, sequence), dtype=np.int64)
    ids[:, 0], ids[:, -1] = 101, 102
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def encoder_file(batch, sequence, form="fused", integers="int64"):
    """The encoder as a file, made by another process, so that building it does not count as this one's memory.

    `fused` is the form that ONNX Runtime's transformer optimizer would give, the faster of the two there; `standard` uses
    only ONNX's own operators.
    """
    script = pathlib.Path(__file__).resolve().with_name("make_encoder_onnx.py")
    path = cache / "benchmarks" / f"encoder-{form}-{integers}-{batch}x{sequence}.onnx"
    if not path.exists() or path.stat().st_mtime < script.stat().st_mtime:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [sys.executable, script, "--batch", str(batch), "--sequence", str(sequence), "--form", form, "--output",
             partial, *(["--int32"] if integers == "int32" else [])], check=True, stdout=sys.stderr)
        partial.replace(path)
    return str(path)


def verify_encoder(compute, batch, sequence, tolerance=1e-5):
    """Embeds a sentence of the test fixture, padded to the case's shape, and compares with what transformers computed."""
    for sentence in json.loads(fixture.read_text())["sentences"]:
        length = len(sentence["ids"])
        if 8 < length <= sequence:
            break
    else:
        return  # The sequence is too short for any sentence.
    inputs = {name: np.zeros((batch, sequence), np.int64) for name in encoder_inputs(1, 2)}
    inputs["input_ids"][:, :length] = sentence["ids"]
    inputs["attention_mask"][:, :length] = 1
    pooled = compute(inputs)[-1, :length].astype(np.float64).mean(0)
    difference = np.abs(pooled / np.linalg.norm(pooled) - sentence["embedding64"]).max()
    if not difference <= tolerance:
        raise ValueError(f"wrong embedding: off by {difference:.3g}")


class Case:
    """What an engine makes of a name: something to run, its output as an array, and what that must be like."""

    def __init__(self, run, output, expected, tolerance, seconds=None):
        self.run = run
        self.output = output
        self.expected = expected  # (index, float64 values)
        self.tolerance = tolerance
        self.seconds = seconds  # to compile or to create a session, where the engine does

    def verify(self):
        if self.expected is None:
            return
        index, values = self.expected
        difference = np.abs(np.asarray(self.output(), dtype=np.float64)[index] - values).max()
        if not difference <= self.tolerance:
            raise ValueError(f"wrong result: off by {difference:.3g}, {self.tolerance:.3g} is allowed")


def problem(kind, text):
    """The inputs of a case and what a part of its output must be."""
    if kind == "gemm":
        m, n, k = numbers(text, 3)
        a, b = normal(m, k), normal(k, n)
        return [a, b], (m, n), (0, a[0].astype(np.float64) @ b.astype(np.float64)), 1e-6 * k
    if kind == "gemm-batched":
        batch, m, k, n = numbers(text, 4)
        a, b = normal(batch, m, k), normal(batch, k, n)
        return [a, b], (batch, m, n), (-1, a[-1].astype(np.float64) @ b[-1].astype(np.float64)), 1e-6 * k
    if kind in ("gelu-fused", "copy"):
        (n,) = numbers(text, 1)
        x = normal(n)
        part = x[: 1 << 16].astype(np.float64)
        expected = part if kind == "copy" else gelu(part * FACTOR + OFFSET)
        return [x], (n,), (slice(0, 1 << 16), expected), 0 if kind == "copy" else 2e-6
    if kind in ("softmax", "layernorm"):
        rows, columns = numbers(text, 2)
        x = normal(rows, columns)
        row = x[-1].astype(np.float64)
        if kind == "softmax":
            values = np.exp(row - row.max())
            return [x], x.shape, (-1, values / values.sum()), 1e-6
        scale, shift = normal(columns), normal(columns)
        values = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * scale + shift
        return [x, scale, shift], x.shape, (-1, values), 1e-4
    if kind == "transpose":
        rows, columns = numbers(text, 2)
        x = normal(rows, columns)
        return [x], (columns, rows), (slice(0, 3), x.T[:3].astype(np.float64)), 0
    if kind == "adds":
        (count,) = numbers(text, 1)
        x, y = normal(ADDS_LENGTH), normal(ADDS_LENGTH)
        value = x
        for _ in range(count):
            value = value + y  # In float32, where every engine has to round alike.
        return [x, y], x.shape, (slice(None), value.astype(np.float64)), 0
    raise Unknown(f"unknown case {kind!r}")
