#!/usr/bin/env python3
# Heterodyne: ONNX Runtime and PyTorch behind the benchmark's line protocol.
# SPDX-License-Identifier: Apache-2.0
"""Times one engine's cases on request, so that a runner can interleave engines. The protocol is in ../README.md.

    peer_server.py --engine onnxruntime --threads 2

Inputs and outputs are allocated before the clock starts. Every case is computed once when it is prepared and compared with
float64 arithmetic on a part of its output, so that no engine is timed on a wrong result.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--engine", choices=["onnxruntime", "torch"], required=True)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)  # Read when the libraries load.

import numpy as np  # noqa: E402

from encoder import EPSILON, HEAD, HEADS, HIDDEN, LAYERS, cache, default_weights, fixture  # noqa: E402

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


def verify_encoder(compute, batch, sequence):
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
    if not difference <= 1e-5:
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


def two_thread_copy(source, destination):
    """Copies with as many threads as the engines have: numpy releases the interpreter's lock while it copies."""
    pool = concurrent.futures.ThreadPoolExecutor(arguments.threads)
    bounds = np.linspace(0, source.size, arguments.threads + 1).astype(int)
    parts = [(destination[a:b], source[a:b]) for a, b in zip(bounds, bounds[1:])]

    def run():
        for future in [pool.submit(np.copyto, *part) for part in parts]:
            future.result()

    return run


class OnnxRuntime:
    def __init__(self, threads):
        import onnxruntime

        self.ort, self.threads = onnxruntime, threads

    def session(self, model, optimize=True):
        """A session of a model in bytes or in a file, and the seconds that it took to make it."""
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        levels = self.ort.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
        start = time.perf_counter()
        session = self.ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return session, time.perf_counter() - start

    def bound(self, model, inputs, shape, optimize=True):
        """Runs with inputs and output bound to memory that exists already: nothing is copied or allocated per run."""
        session, seconds = self.session(model, optimize)
        value = self.ort.OrtValue.ortvalue_from_numpy
        output = self.ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, value(array))
        binding.bind_ortvalue_output(session.get_outputs()[0].name, output)
        return session, lambda: session.run_with_iobinding(binding), output.numpy, seconds

    def encoder_file(self, batch, sequence):
        """The encoder as a file, made by another process, so that building it does not count as this one's memory.

        In the form that ONNX Runtime's transformer optimizer would give: the faster of the two.
        """
        script = pathlib.Path(__file__).resolve().with_name("make_encoder_onnx.py")
        path = cache / "benchmarks" / f"encoder-{batch}x{sequence}.onnx"
        if not path.exists() or path.stat().st_mtime < script.stat().st_mtime:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            subprocess.run(
                [sys.executable, script, "--batch", str(batch), "--sequence", str(sequence), "--form", "fused",
                 "--output", partial], check=True, stdout=sys.stderr)
            partial.replace(path)
        return str(path)

    def model(self, nodes, inputs, shape, constants=()):
        from onnx import TensorProto, helper, numpy_helper

        float32 = TensorProto.FLOAT
        graph = helper.make_graph(
            nodes, "case", [helper.make_tensor_value_info(n, float32, a.shape) for n, a in inputs.items()],
            [helper.make_tensor_value_info("y", float32, shape)],
            [numpy_helper.from_array(np.float32(value), name) for name, value in constants])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()

    def prepare(self, kind, text):
        if kind == "encoder":
            batch, sequence = numbers(text, 2)
            session, run, output, seconds = self.bound(
                self.encoder_file(batch, sequence), encoder_inputs(batch, sequence), (batch, sequence, HIDDEN))
            verify_encoder(lambda inputs: session.run(None, inputs)[0], batch, sequence)
            return Case(run, output, None, 0, seconds)
        arrays, shape, expected, tolerance = problem(kind, text)
        if kind == "copy":
            # One Identity node would copy with one thread; the copy is the yardstick, so it gets them all.
            destination = np.zeros_like(arrays[0])
            return Case(two_thread_copy(arrays[0], destination), lambda: destination, expected, tolerance)
        from onnx.helper import make_node as node

        inputs = {f"x{index}": array for index, array in enumerate(arrays)}
        constants = []
        if kind in ("gemm", "gemm-batched"):
            nodes = [node("MatMul", ["x0", "x1"], ["y"])]
        elif kind == "gelu-fused":
            nodes = [node("Mul", ["x0", "a"], ["t"]), node("Add", ["t", "b"], ["u"]), node("Gelu", ["u"], ["y"])]
            constants = [("a", FACTOR), ("b", OFFSET)]
        elif kind == "softmax":
            nodes = [node("Softmax", ["x0"], ["y"], axis=-1)]
        elif kind == "layernorm":
            nodes = [node("LayerNormalization", ["x0", "x1", "x2"], ["y"], axis=-1, epsilon=1e-5)]
        elif kind == "transpose":
            nodes = [node("Transpose", ["x0"], ["y"], perm=[1, 0])]
        else:
            count = int(text)
            names = ["x0", *(f"t{index}" for index in range(1, count)), "y"]
            nodes = [node("Add", [a, "x1"], [b]) for a, b in zip(names, names[1:])]
        _, run, output, seconds = self.bound(
            self.model(nodes, inputs, shape, constants), inputs, shape, optimize=kind != "adds")
        return Case(run, output, expected, tolerance, seconds)


class Torch:
    def __init__(self, threads):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)

    def prepare(self, kind, text):
        torch = self.torch
        if kind == "encoder":
            batch, sequence = numbers(text, 2)
            model, inputs, box = self.encoder(), encoder_inputs(batch, sequence), {}
            tensors = [torch.from_numpy(array) for array in inputs.values()]

            def run():
                box["y"] = model(*tensors)

            verify_encoder(
                lambda inputs: model(*map(torch.from_numpy, inputs.values())).numpy(), batch, sequence)
            return Case(run, lambda: box["y"].numpy(), None, 0)
        arrays, shape, expected, tolerance = problem(kind, text)
        x, *rest = [torch.from_numpy(array) for array in arrays]
        y = torch.zeros(shape)
        if kind == "gemm":
            run = lambda: torch.mm(x, rest[0], out=y)
        elif kind == "gemm-batched":
            run = lambda: torch.bmm(x, rest[0], out=y)
        elif kind == "gelu-fused":
            # Eager PyTorch has no fused form; into one buffer, so that no memory is taken from the system per run.
            gelu_out = torch.ops.aten.gelu.out

            def run():
                torch.mul(x, FACTOR, out=y)
                y.add_(OFFSET)
                gelu_out(y, out=y)
        elif kind == "copy":
            run = lambda: y.copy_(x)
        elif kind == "softmax":
            run = lambda: torch.softmax(x, -1, out=y)
        elif kind == "layernorm":
            mean, deviation = torch.zeros(shape[0], 1), torch.zeros(shape[0], 1)
            norm_out = torch.ops.aten.native_layer_norm.out
            run = lambda: norm_out(x, shape[-1:], *rest, 1e-5, out0=y, out1=mean, out2=deviation)
        elif kind == "transpose":
            run = lambda: y.copy_(x.t())
        else:
            count, box = int(text), {}

            def run():
                value = x
                for _ in range(count):
                    value = value + rest[0]
                box["y"] = value

            return Case(run, lambda: box["y"].numpy(), expected, tolerance)
        return Case(run, y.numpy, expected, tolerance)

    def encoder(self):
        """The model as one would write it for eager PyTorch: linear, scaled_dot_product_attention, layer_norm, gelu."""
        from safetensors.torch import load_file

        torch, f = self.torch, self.torch.nn.functional
        weights = load_file(default_weights)

        def linear(x, name):
            return f.linear(x, weights[name + ".weight"], weights[name + ".bias"])

        def norm(x, name):
            return f.layer_norm(x, (HIDDEN,), weights[name + ".weight"], weights[name + ".bias"], EPSILON)

        def model(ids, mask, types):
            batch, sequence = ids.shape
            e = "embeddings."
            x = f.embedding(ids, weights[e + "word_embeddings.weight"])
            x = x + f.embedding(types, weights[e + "token_type_embeddings.weight"])
            x = norm(x + weights[e + "position_embeddings.weight"][:sequence], e + "LayerNorm")
            bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
            for layer in range(LAYERS):
                p = f"encoder.layer.{layer}."
                q, k, v = (
                    linear(x, f"{p}attention.self.{name}").view(batch, sequence, HEADS, HEAD).transpose(1, 2)
                    for name in ("query", "key", "value"))
                context = f.scaled_dot_product_attention(q, k, v, attn_mask=bias)
                context = context.transpose(1, 2).reshape(batch, sequence, HIDDEN)
                x = norm(linear(context, p + "attention.output.dense") + x, p + "attention.output.LayerNorm")
                active = f.gelu(linear(x, p + "intermediate.dense"))
                x = norm(linear(active, p + "output.dense") + x, p + "output.LayerNorm")
            return x

        return model


def peak_memory():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM in /proc/self/status")


def serve(engine):
    name, case = None, None
    for line in sys.stdin:
        words = line.split()
        try:
            if words == ["quit"]:
                return
            if words == ["rss"]:
                answer = str(peak_memory())
            elif len(words) == 2 and words[0] == "prepare":
                name, case = None, None  # Frees the case before.
                kind, _, text = words[1].partition(":")
                case = engine.prepare(kind, text)
                case.run()
                case.verify()
                name = words[1]
                answer = "ok" if case.seconds is None else f"ok {round(case.seconds * 1e9)}"
            elif len(words) == 3 and words[0] == "run" and words[2].isdigit() and int(words[2]) > 0:
                if words[1] != name:
                    raise Unknown(f"{words[1]} is not prepared")
                run, count = case.run, int(words[2])
                run()
                start = time.perf_counter_ns()
                for _ in range(count):
                    run()
                answer = str(time.perf_counter_ns() - start)
            else:
                raise Unknown(f"cannot understand {line.strip()!r}")
        except Exception as error:
            answer = "error " + " ".join(f"{type(error).__name__}: {error}".split())
        print(answer, flush=True)


if __name__ == "__main__":
    if arguments.threads < 1:
        parser.error("--threads has to be at least 1")
    server = OnnxRuntime(arguments.threads) if arguments.engine == "onnxruntime" else Torch(arguments.threads)
    print("ready", flush=True)
    serve(server)
