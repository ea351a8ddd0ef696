# Heterodyne: ncnn's Vulkan layers as a peer.
# SPDX-License-Identifier: Apache-2.0
"""Writes each case as a small ncnn network and runs it with `use_vulkan_compute`, in float32 throughout.

ncnn's Python interface takes and gives host arrays, so inputs are `MemoryData` layers, whose values lie in device memory (ncnn
clones them there at each run), and a run extracts a corner of 4 x 4 values that a `Crop` layer cuts out of the result: nothing
but these is downloaded. The encoder takes its ids from the host and gives its result to it; that is 200 kB.

What ncnn's layers are not: its GELU on Vulkan is the tanh form, so the check of it, and of the encoder's embeddings, is against
that form; its product of batches (`MatMul`) has no Vulkan kernel.
"""

import pathlib
import struct
import tempfile
import time

import ncnn
import numpy as np
from safetensors.numpy import load_file

from cases import Case, Unknown, encoder_inputs, numbers, problem, verify_encoder, FACTOR, OFFSET
from encoder import EPSILON, HEADS, HIDDEN, INTERMEDIATE, LAYERS, default_weights

ADD, MULTIPLY = 0, 2  # Of `BinaryOp`.
TANH_EMBEDDING = 1e-3  # How far embeddings with the tanh form of gelu may lie from those with erf.


class Network:
    """Layers and weights in ncnn's two files. Every blob is consumed once: `Split` copies references."""

    def __init__(self):
        self.layers, self.weights, self.blobs = [], [], 0

    def layer(self, kind, inputs, outputs, *weights, **parameters):
        """Adds a layer; a parameter `p3=1` is ncnn's `3=1`."""
        fields = [kind, f"{kind}{len(self.layers)}", len(inputs), len(outputs), *inputs, *outputs]
        fields += [f"{name[1:]}={value}" for name, value in parameters.items()]
        self.layers.append(" ".join(map(str, fields)))
        self.weights += weights
        self.blobs += len(outputs)

    def memory(self, name, values):
        """Values in device memory."""
        sizes = dict(zip(("p0", "p1", "p2"), reversed(values.shape)))
        self.layer("MemoryData", [], [name], self.plain(values), **sizes)

    def corner(self, source, shape):
        """The first values of a result, as the blob `corner`."""
        if len(shape) == 1:
            self.layer("Crop", [source], ["corner"], p0=0, p3=4)
        else:
            self.layer("Crop", [source], ["corner"], p0=0, p1=0, p3=4, p4=4)

    @staticmethod
    def plain(values):
        return np.ascontiguousarray(values, np.float32).tobytes()

    @staticmethod
    def tagged(values):
        """Values after the word that tells ncnn that they are float32."""
        return struct.pack("<I", 0) + Network.plain(values)

    def load(self, threads):
        """The network, and the seconds that loading and making pipelines took."""
        net = ncnn.Net()
        net.opt.use_vulkan_compute = True
        net.opt.num_threads = threads
        for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            setattr(net.opt, f"use_{option}", False)
        with tempfile.TemporaryDirectory() as folder:
            parameters, weights = pathlib.Path(folder, "net.param"), pathlib.Path(folder, "net.bin")
            parameters.write_text("\n".join(["7767517", f"{len(self.layers)} {self.blobs}", *self.layers]) + "\n")
            weights.write_bytes(b"".join(self.weights))
            start = time.perf_counter()
            if net.load_param(str(parameters)) != 0 or net.load_model(str(weights)) != 0:
                raise ValueError("ncnn does not load the network")
            return net, time.perf_counter() - start


def extract(net, name, inputs=()):
    extractor = net.create_extractor()
    for blob, value in inputs:
        extractor.input(blob, value)
    status, result = extractor.extract(name)
    if status != 0:
        raise ValueError(f"ncnn's extract answers {status}")
    return result


def tanh_gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


class NcnnVulkan:
    def __init__(self, threads):
        if ncnn.get_gpu_count() < 1:
            raise SystemExit("ncnn finds no Vulkan device")
        self.threads = threads

    def prepare(self, kind, text):
        if kind == "encoder":
            return self.encoder(*numbers(text, 2))
        if kind == "gemm-batched":
            raise Unknown("ncnn's product of batches has no Vulkan kernel")
        if kind not in ("gemm", "copy", "gelu-fused", "softmax", "layernorm", "transpose"):
            raise Unknown(f"{kind} is not written for ncnn")
        arrays, shape, expected, tolerance = problem(kind, text)
        net = Network()
        net.memory("y" if kind == "copy" else "x", arrays[0])
        if kind == "gemm":
            net.memory("b", arrays[1])
            net.layer("Gemm", ["x", "b"], ["y"])
        elif kind == "gelu-fused":
            net.layer("BinaryOp", ["x"], ["t"], p0=MULTIPLY, p1=1, p2=FACTOR)
            net.layer("BinaryOp", ["t"], ["u"], p0=ADD, p1=1, p2=OFFSET)
            net.layer("GELU", ["u"], ["y"])
            part = arrays[0][expected[0]].astype(np.float64)
            expected = expected[0], tanh_gelu(part * FACTOR + OFFSET)
        elif kind == "softmax":
            net.layer("Softmax", ["x"], ["y"], p0=1, p1=1)
        elif kind == "layernorm":
            net.layer("LayerNorm", ["x"], ["y"], *map(net.plain, arrays[1:]), p0=shape[1], p1=1e-5, p2=1)
        elif kind == "transpose":
            net.layer("Permute", ["x"], ["y"], p0=1)
        net.corner("y", shape)
        loaded, seconds = net.load(self.threads)
        return Case(
            lambda: extract(loaded, "corner"), lambda: np.array(extract(loaded, "y")), expected, tolerance, seconds)

    def encoder(self, batch, sequence):
        if batch != 1:
            raise Unknown("ncnn's arrays have no batch dimension")
        net, weights = Network(), load_file(default_weights)
        inputs = ("input_ids", "token_type_ids", "mask")

        def parameters(name):
            return weights[name + ".weight"], weights[name + ".bias"]

        def norm(source, name, result):
            scale, shift = parameters(name)
            net.layer(
                "LayerNorm", [source], [result], net.plain(scale), net.plain(shift), p0=HIDDEN, p1=EPSILON, p2=1)

        def linear(source, name, result, inner, outer):
            weight, bias = parameters(name)  # `Gemm`, the faster here of the two layers that could do it.
            net.layer(
                "Gemm", [source], [result], net.tagged(weight), net.tagged(bias), p2=0, p3=1, p4=0, p5=1, p6=1, p7=0,
                p8=outer, p9=inner, p10=4)

        for name in inputs:
            net.layer("Input", [], [name])
        net.layer("Split", ["mask"], [f"mask{index}" for index in range(LAYERS)])
        for source, name in (("input_ids", "word"), ("token_type_ids", "token_type")):
            table = weights[f"embeddings.{name}_embeddings.weight"]
            net.layer("Embed", [source], [name], net.tagged(table), p0=HIDDEN, p1=table.shape[0], p2=0, p3=table.size)
        net.memory("position", weights["embeddings.position_embeddings.weight"][:sequence])
        net.layer("BinaryOp", ["word", "token_type"], ["typed"], p0=ADD)
        net.layer("BinaryOp", ["typed", "position"], ["placed"], p0=ADD)
        norm("placed", "embeddings.LayerNorm", "x0")
        for i in range(LAYERS):
            prefix = f"encoder.layer.{i}."
            net.layer("Split", [f"x{i}"], [f"query{i}", f"skip{i}"])
            attention = []
            for name in ("self.query", "self.key", "self.value", "output.dense"):
                weight, bias = parameters(f"{prefix}attention.{name}")
                attention += [net.tagged(weight), net.plain(bias)]
            net.layer(
                "MultiHeadAttention", [f"query{i}", f"mask{i}"], [f"context{i}"], *attention, p0=HIDDEN, p1=HEADS,
                p2=HIDDEN * HIDDEN, p5=1)
            net.layer("BinaryOp", [f"context{i}", f"skip{i}"], [f"attended{i}"], p0=ADD)
            norm(f"attended{i}", prefix + "attention.output.LayerNorm", f"middle{i}")
            net.layer("Split", [f"middle{i}"], [f"narrow{i}", f"through{i}"])
            linear(f"narrow{i}", prefix + "intermediate.dense", f"wide{i}", HIDDEN, INTERMEDIATE)
            net.layer("GELU", [f"wide{i}"], [f"active{i}"], p0=0)
            linear(f"active{i}", prefix + "output.dense", f"back{i}", INTERMEDIATE, HIDDEN)
            net.layer("BinaryOp", [f"back{i}", f"through{i}"], [f"sum{i}"], p0=ADD)
            norm(f"sum{i}", prefix + "output.LayerNorm", f"x{i + 1}")
        loaded, seconds = net.load(self.threads)

        def bound(arrays):
            """ncnn's arrays refer to numpy's memory and do not keep it: a clone has its own."""
            mask = np.where(arrays["attention_mask"][0] != 0, 0, np.finfo(np.float32).min)
            host = {
                "input_ids": arrays["input_ids"][0].astype(np.int32),
                "token_type_ids": arrays["token_type_ids"][0].astype(np.int32),
                "mask": np.tile(mask.astype(np.float32), (sequence, 1)),
            }
            return [(name, ncnn.Mat(host[name]).clone()) for name in inputs]

        result = f"x{LAYERS}"
        verify_encoder(
            lambda arrays: np.array(extract(loaded, result, bound(arrays)))[None], batch, sequence, TANH_EMBEDDING)
        blobs = bound(encoder_inputs(batch, sequence))
        return Case(
            lambda: extract(loaded, result, blobs), lambda: np.array(extract(loaded, result, blobs))[None], None, 0,
            seconds)
