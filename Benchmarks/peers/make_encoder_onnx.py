#!/usr/bin/env python3
# Heterodyne: builds the MiniLM encoder as an ONNX model, straight from the weights.
# SPDX-License-Identifier: Apache-2.0
"""The encoder of all-MiniLM-L6-v2 as ONNX: token ids, mask, type ids -> last hidden state.

    make_encoder_onnx.py --batch 1 --sequence 128 --output encoder.onnx
    make_encoder_onnx.py --check          compares ONNX Runtime's embeddings with the PyTorch fixture

Two forms. `standard` uses only ONNX operators (opset 20) and leaves the fusing to ONNX Runtime. `fused` uses the contrib
operators that ONNX Runtime's own transformer optimizer would put in (Attention, SkipLayerNormalization, BiasGelu).
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from encoder import EPSILON, HEAD, HEADS, HIDDEN, LAYERS, default_weights, fixture


class Builder:
    """Collects nodes and initializers; every method returns the name of the value that it made."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes = []
        self.initializers = {}
        self.count = 0

    def constant(self, name, array):
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def weight(self, name, transposed=False):
        array = self.tensors[name]
        return self.constant(name + (".T" if transposed else ""), array.T if transposed else array)

    def op(self, kind, *inputs, domain="", outputs=1, **attributes):
        self.count += 1
        names = [f"{kind}_{self.count}"] + [""] * (outputs - 1)
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0]

    def linear(self, x, prefix):
        return self.op("Add", self.op("MatMul", x, self.weight(prefix + ".weight", True)), self.weight(prefix + ".bias"))

    def layer_norm(self, x, prefix):
        return self.op(
            "LayerNormalization", x, self.weight(prefix + ".weight"), self.weight(prefix + ".bias"), axis=-1,
            epsilon=EPSILON)

    def skip_layer_norm(self, x, skip, prefix, bias=None):
        inputs = [x, skip, self.weight(prefix + ".weight"), self.weight(prefix + ".bias")]
        return self.op(
            "SkipLayerNormalization", *inputs, *([bias] if bias else []), domain="com.microsoft", epsilon=EPSILON)


def attention_standard(b, x, bias, prefix):
    shape = b.constant("heads", np.array([0, 0, HEADS, HEAD], np.int64))
    merged = b.constant("merged", np.array([0, 0, HIDDEN], np.int64))

    def heads(name, permutation):
        return b.op("Transpose", b.op("Reshape", b.linear(x, f"{prefix}.self.{name}"), shape), perm=permutation)

    query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    scores = b.op("Div", b.op("MatMul", query, key), b.constant("scale", np.float32(np.sqrt(HEAD))))
    weights = b.op("Softmax", b.op("Add", scores, bias), axis=-1)
    context = b.op("Transpose", b.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    return b.op("Reshape", context, merged)


def attention_fused(b, x, mask, prefix):
    parts = [f"{prefix}.self.{name}" for name in ("query", "key", "value")]
    weight = b.constant(prefix + ".qkv.weight", np.concatenate([b.tensors[p + ".weight"].T for p in parts], axis=1))
    bias = b.constant(prefix + ".qkv.bias", np.concatenate([b.tensors[p + ".bias"] for p in parts]))
    return b.op("Attention", x, weight, bias, mask, domain="com.microsoft", num_heads=HEADS)


def build(weights=default_weights, batch="batch", sequence="sequence", form="standard", integers=TensorProto.INT64):
    """The model; batch and sequence are numbers, or names for symbolic dimensions; `integers` is the inputs' type."""
    b = Builder(load_file(weights))
    embeddings = "embeddings."
    words = b.op("Gather", b.weight(embeddings + "word_embeddings.weight"), "input_ids")
    types = b.op("Gather", b.weight(embeddings + "token_type_embeddings.weight"), "token_type_ids")
    positions = b.tensors[embeddings + "position_embeddings.weight"]
    if isinstance(sequence, int):
        position = b.constant("positions", positions[:sequence])
    else:
        length = b.op("Shape", "input_ids", start=1, end=2)
        zero, axis = b.constant("zero", np.zeros(1, np.int64)), b.constant("axis", np.zeros(1, np.int64))
        position = b.op("Slice", b.constant("all_positions", positions), zero, length, axis)
    x = b.layer_norm(b.op("Add", b.op("Add", words, types), position), embeddings + "LayerNorm")

    if form == "fused":
        mask = b.op("Cast", "attention_mask", to=TensorProto.INT32)
    else:
        inverted = b.op("Sub", b.constant("one", np.float32(1)), b.op("Cast", "attention_mask", to=TensorProto.FLOAT))
        wide = b.op("Unsqueeze", inverted, b.constant("mask_axes", np.array([1, 2], np.int64)))
        mask = b.op("Mul", wide, b.constant("lowest", np.float32(np.finfo(np.float32).min)))

    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        attention, output = prefix + ".attention", prefix + ".attention.output"
        if form == "fused":
            context = attention_fused(b, x, mask, attention)
            projected = b.op("MatMul", context, b.weight(output + ".dense.weight", True))
            x = b.skip_layer_norm(projected, x, output + ".LayerNorm", b.weight(output + ".dense.bias"))
            wide = b.op("MatMul", x, b.weight(prefix + ".intermediate.dense.weight", True))
            active = b.op("BiasGelu", wide, b.weight(prefix + ".intermediate.dense.bias"), domain="com.microsoft")
            narrow = b.op("MatMul", active, b.weight(prefix + ".output.dense.weight", True))
            x = b.skip_layer_norm(narrow, x, prefix + ".output.LayerNorm", b.weight(prefix + ".output.dense.bias"))
        else:
            context = attention_standard(b, x, mask, attention)
            x = b.layer_norm(b.op("Add", b.linear(context, output + ".dense"), x), output + ".LayerNorm")
            active = b.op("Gelu", b.linear(x, prefix + ".intermediate.dense"))
            x = b.layer_norm(
                b.op("Add", b.linear(active, prefix + ".output.dense"), x), prefix + ".output.LayerNorm")

    b.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    inputs = [
        helper.make_tensor_value_info(name, integers, [batch, sequence])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    result = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [batch, sequence, HIDDEN])
    graph = helper.make_graph(b.nodes, "encoder", inputs, [result], list(b.initializers.values()))
    opsets = [helper.make_opsetid("", 20)] + ([helper.make_opsetid("com.microsoft", 1)] if form == "fused" else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    if form == "standard":
        onnx.checker.check_model(model)
    return model


def check(weights, form):
    """The lowest cosine and the largest difference to the embeddings that PyTorch computed."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        build(weights, form=form).SerializeToString(), providers=["CPUExecutionProvider"])
    sentences = json.loads(fixture.read_text())["sentences"]
    columns = max(len(sentence["ids"]) for sentence in sentences)
    ids = np.zeros((len(sentences), columns), np.int64)
    mask = np.zeros_like(ids)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence["ids"])] = sentence["ids"]
        mask[row, : len(sentence["ids"])] = 1
    hidden = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})[0]
    pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    expected = np.array([sentence["embedding64"] for sentence in sentences])
    cosine = (pooled * expected).sum(1) / np.linalg.norm(expected, axis=1)
    return cosine.min(), np.abs(pooled - expected).max()


def dimension(text):
    return int(text) if text.isdigit() else text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=pathlib.Path, default=default_weights)
    parser.add_argument("--batch", type=dimension, default="batch", help="a number, or a name to leave it open")
    parser.add_argument("--sequence", type=dimension, default="sequence", help="a number, or a name to leave it open")
    parser.add_argument("--form", choices=["standard", "fused"], default="standard")
    parser.add_argument("--int32", action="store_true", help="ids, mask, type ids of 32 bits, for engines without 64")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if not arguments.weights.exists():
        parser.error(f"{arguments.weights} is missing: run scripts/fetch_weights")
    if arguments.output:
        integers = TensorProto.INT32 if arguments.int32 else TensorProto.INT64
        onnx.save(
            build(arguments.weights, arguments.batch, arguments.sequence, arguments.form, integers), arguments.output)
    if arguments.check:
        for form in ("standard", "fused"):
            cosine, difference = check(arguments.weights, form)
            print(f"{form}: lowest cosine {cosine:.9f}, largest difference {difference:.2e}")
            if cosine < 0.99999:
                raise SystemExit(f"the {form} form differs from the fixture")
    if not arguments.output and not arguments.check:
        parser.error("nothing to do: give --output or --check")
