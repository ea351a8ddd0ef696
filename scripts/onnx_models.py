# Heterodyne: models of common architectures, exported to ONNX by PyTorch, and what PyTorch computes with them.
# SPDX-License-Identifier: Apache-2.0
"""Called by scripts/onnx_models, which says how. Every model has random weights from a fixed seed.

A model NAME becomes NAME.script.onnx (the exporter that traces TorchScript) and NAME.dynamo.onnx (the one that captures
the graph). NAME.values.onnx holds inputs and outputs: a model without nodes, whose initializers are named
CASE/INPUT and CASE/OUTPUT. The last words of a GPT-2 case are given one by one in the tests.
"""

import argparse
import io
import logging
import math
import pathlib
import warnings

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.nn import functional as F

SCRIPT_OPSET = 17
# The first that has an operator for the whole attention.
DYNAMO_OPSET = 23


class Sizes:
    """What makes an architecture small or large."""

    def __init__(self, hidden, layers, heads, intermediate, words, positions):
        self.hidden, self.layers, self.heads = hidden, layers, heads
        self.intermediate, self.words, self.positions = intermediate, words, positions


SMALL = Sizes(hidden=32, layers=2, heads=4, intermediate=64, words=64, positions=32)
MINILM = Sizes(hidden=384, layers=6, heads=12, intermediate=1536, words=30522, positions=512)


# BERT (Devlin et al. 2018): embeddings, layers with normalization behind, a pooled first word.


class BertAttention(nn.Module):
    def __init__(self, sizes, fused):
        super().__init__()
        self.heads, self.fused = sizes.heads, fused
        self.query, self.key, self.value = (nn.Linear(sizes.hidden, sizes.hidden) for _ in range(3))
        self.output = nn.Linear(sizes.hidden, sizes.hidden)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, -1).transpose(1, 2)

    def forward(self, x, mask):
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        if self.fused:
            context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.size(-1))
            context = torch.matmul(torch.softmax(scores + mask, dim=-1), value)
        return self.output(context.transpose(1, 2).reshape(x.shape))


class BertLayer(nn.Module):
    def __init__(self, sizes, fused):
        super().__init__()
        self.attention = BertAttention(sizes, fused)
        self.attention_norm = nn.LayerNorm(sizes.hidden, eps=1e-12)
        self.wide = nn.Linear(sizes.hidden, sizes.intermediate)
        self.narrow = nn.Linear(sizes.intermediate, sizes.hidden)
        self.norm = nn.LayerNorm(sizes.hidden, eps=1e-12)

    def forward(self, x, mask):
        x = self.attention_norm(x + self.attention(x, mask))
        return self.norm(x + self.narrow(F.gelu(self.wide(x))))


class Bert(nn.Module):
    def __init__(self, sizes=SMALL, fused=False):
        super().__init__()
        self.words = nn.Embedding(sizes.words, sizes.hidden)
        self.positions = nn.Embedding(sizes.positions, sizes.hidden)
        self.types = nn.Embedding(2, sizes.hidden)
        self.norm = nn.LayerNorm(sizes.hidden, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(sizes, fused) for _ in range(sizes.layers))
        self.pooler = nn.Linear(sizes.hidden, sizes.hidden)
        self.register_buffer("position_ids", torch.arange(sizes.positions)[None], persistent=False)

    def forward(self, input_ids, attention_mask, token_type_ids):
        positions = self.position_ids[:, : input_ids.size(1)]
        x = self.norm(self.words(input_ids) + self.types(token_type_ids) + self.positions(positions))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


# GPT-2 (Radford et al. 2019): normalization in front, causal, with the keys and values of past words as inputs.


class GPT2Attention(nn.Module):
    def __init__(self, sizes, fused):
        super().__init__()
        self.heads, self.fused = sizes.heads, fused
        self.packed = nn.Linear(sizes.hidden, 3 * sizes.hidden)
        self.output = nn.Linear(sizes.hidden, sizes.hidden)
        triangle = torch.tril(torch.ones(sizes.positions, sizes.positions, dtype=torch.bool))
        self.register_buffer("triangle", triangle[None, None], persistent=False)

    def forward(self, x, past_key, past_value):
        shape = (x.size(0), x.size(1), self.heads, x.size(2) // self.heads)
        query, key, value = (part.view(shape).transpose(1, 2) for part in self.packed(x).split(x.size(2), dim=2))
        key, value = torch.cat([past_key, key], dim=2), torch.cat([past_value, value], dim=2)
        past, total = past_key.size(2), key.size(2)
        visible = self.triangle[:, :, past:total, :total]
        if self.fused:
            context = F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        else:
            scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.size(-1))
            scores = torch.where(visible, scores, torch.full([], torch.finfo(x.dtype).min, dtype=x.dtype))
            context = torch.matmul(torch.softmax(scores, dim=-1), value)
        return self.output(context.transpose(1, 2).reshape(x.shape)), key, value


class GPT2Layer(nn.Module):
    def __init__(self, sizes, fused):
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(sizes.hidden), nn.LayerNorm(sizes.hidden)
        self.attention = GPT2Attention(sizes, fused)
        self.wide = nn.Linear(sizes.hidden, sizes.intermediate)
        self.narrow = nn.Linear(sizes.intermediate, sizes.hidden)

    def forward(self, x, past_key, past_value):
        attended, key, value = self.attention(self.attention_norm(x), past_key, past_value)
        x = x + attended
        wide = self.wide(self.norm(x))
        # The approximation by tanh as GPT-2 writes it.
        wide = 0.5 * wide * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * torch.pow(wide, 3))))
        return x + self.narrow(wide), key, value


class GPT2(nn.Module):
    def __init__(self, sizes=SMALL, fused=False):
        super().__init__()
        self.words = nn.Embedding(sizes.words, sizes.hidden)
        self.positions = nn.Embedding(sizes.positions, sizes.hidden)
        self.layers = nn.ModuleList(GPT2Layer(sizes, fused) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.hidden)

    def forward(self, input_ids, *past):
        start = past[0].size(2)
        positions = torch.arange(start, start + input_ids.size(1), device=input_ids.device)
        x = self.words(input_ids) + self.positions(positions)
        present = []
        for index, layer in enumerate(self.layers):
            x, key, value = layer(x, past[2 * index], past[2 * index + 1])
            present += [key, value]
        return torch.matmul(self.norm(x), self.words.weight.t()), *present


# ResNet (He et al. 2015): convolutions with batch normalization, sums with what was skipped.


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2), Block(16, 32, 2))
        self.head = nn.Linear(32, 10)

    def forward(self, image):
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.blocks(self.stem(image)), 1), 1))


class Tagger(nn.Module):
    """A bidirectional LSTM of two layers over words, and its last states."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(SMALL.words, 24)
        self.lstm = nn.LSTM(24, 20, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(40, 7)

    def forward(self, input_ids):
        states, (hidden, cell) = self.lstm(self.words(input_ids))
        return self.head(states), hidden, cell


def randomize(model, seed):
    """Weights like those of a trained model: also where PyTorch starts with zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif "norm" in name and name.endswith("weight"):
                tensor.copy_(1 + 0.2 * noise)
            elif tensor.dim() < 2:
                tensor.copy_(0.2 * noise)
            else:
                tensor.copy_(noise / math.sqrt(tensor[0].numel()))
    return model.eval()


class Export:
    """A model, how its inputs and outputs are called, which of their dimensions are free, and cases."""

    def __init__(self, name, model, inputs, outputs, free, example, cases, limits=None):
        self.name, self.model, self.inputs, self.outputs = name, model, inputs, outputs
        self.free, self.example, self.cases, self.limits = free, example, cases, limits or {}

    def script(self):
        file = io.BytesIO()
        axes = {name: axes for name, axes in self.free.items() if axes}
        torch.onnx.export(
            self.model, self.example, file, input_names=self.inputs, output_names=self.outputs, dynamic_axes=axes,
            opset_version=SCRIPT_OPSET, dynamo=False)
        return onnx.load_from_string(file.getvalue())

    def dynamo(self):
        dimensions = {}
        shapes = []
        for name in self.inputs:
            axes = self.free.get(name, {})
            for free in axes.values():
                dimensions.setdefault(free, torch.export.Dim(free, max=self.limits.get(free)))
            shapes.append({axis: dimensions[free] for axis, free in axes.items()})
        # A list of tensors at the end of the arguments is one argument for the capture.
        fixed = len(self.inputs) if not isinstance(self.model, GPT2) else 1
        nested = tuple(shapes[:fixed]) + ((tuple(shapes[fixed:]),) if fixed < len(shapes) else ())
        program = torch.onnx.export(
            self.model, self.example, dynamic_shapes=nested, opset_version=DYNAMO_OPSET, dynamo=True,
            input_names=self.inputs, output_names=self.outputs, verbose=False)
        return without_places(program.model_proto)

    def values(self):
        tensors = []
        for case, arguments in self.cases.items():
            with torch.no_grad():
                results = self.model(*arguments)
            results = results if isinstance(results, tuple) else (results,)
            for name, value in list(zip(self.inputs, arguments)) + list(zip(self.outputs, results)):
                tensors.append(numpy_helper.from_array(np.ascontiguousarray(value.numpy()), f"{case}/{name}"))
        graph = helper.make_graph([], self.name, [], [], tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", SCRIPT_OPSET)], ir_version=8)


def without_places(model):
    """Without the lines of source code that the exporter notes at every node: they name this machine's folders."""
    graphs = [model.graph] + list(model.functions)
    for graph in graphs:
        for node in graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
    for value in list(model.graph.input) + list(model.graph.output) + list(model.graph.value_info):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    return model


def words(generator, *shape, limit=SMALL.words):
    return torch.randint(0, limit, shape, generator=generator)


def bert(name, generator, fused=False, sizes=SMALL, shapes=((1, 7), (2, 16), (3, 5))):
    model = randomize(Bert(sizes, fused), 1)

    def arguments(batch, length):
        mask = torch.ones(batch, length, dtype=torch.int64)
        for row in range(1, batch):
            mask[row, length - row :] = 0
        types = (torch.arange(length)[None] >= length // 2).to(torch.int64).expand(batch, length).contiguous()
        return words(generator, batch, length, limit=sizes.words), mask, types

    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    free = {input: {0: "batch", 1: "sequence"} for input in inputs}
    free |= {"last_hidden_state": {0: "batch", 1: "sequence"}, "pooler_output": {0: "batch"}}
    cases = {f"{batch}x{length}": arguments(batch, length) for batch, length in shapes}
    return Export(
        name, model, inputs, ["last_hidden_state", "pooler_output"], free, arguments(2, 9), cases,
        {"sequence": sizes.positions})


def gpt2(name, generator, fused=False):
    model = randomize(GPT2(SMALL, fused), 2)
    depth = SMALL.hidden // SMALL.heads

    def arguments(batch, length, past):
        caches = [
            torch.randn(batch, SMALL.heads, past, depth, generator=generator) for _ in range(2 * SMALL.layers)]
        return words(generator, batch, length), *caches

    inputs, outputs = ["input_ids"], ["logits"]
    free = {"input_ids": {0: "batch", 1: "sequence"}, "logits": {0: "batch", 1: "sequence"}}
    for layer in range(SMALL.layers):
        for part in ("key", "value"):
            inputs.append(f"past_key_values.{layer}.{part}")
            outputs.append(f"present.{layer}.{part}")
            free[inputs[-1]] = {0: "batch", 2: "past"}
            free[outputs[-1]] = {0: "batch", 2: "total"}
    cases = {"full": arguments(2, 12, 0), "single": arguments(1, 1, 5), "chunk": arguments(3, 4, 6)}
    return Export(name, model, inputs, outputs, free, arguments(2, 4, 3), cases)


def resnet(name, generator):
    def image(batch, height, width):
        return (torch.randn(batch, 3, height, width, generator=generator),)

    free = {"image": {0: "batch", 2: "height", 3: "width"}, "scores": {0: "batch"}}
    cases = {"1x32x32": image(1, 32, 32), "3x40x24": image(3, 40, 24)}
    return Export(name, randomize(ResNet(), 3), ["image"], ["scores"], free, image(2, 32, 32), cases)


def lstm(name, generator):
    outputs = ["tags", "hidden", "cell"]
    free = {
        "input_ids": {0: "batch", 1: "sequence"}, "tags": {0: "batch", 1: "sequence"}, "hidden": {1: "batch"},
        "cell": {1: "batch"}}
    cases = {"1x6": (words(generator, 1, 6),), "3x11": (words(generator, 3, 11),)}
    return Export(name, randomize(Tagger(), 4), ["input_ids"], outputs, free, (words(generator, 2, 5),), cases)


def exports(generator):
    return {
        "bert": lambda name: bert(name, generator),
        "bert_fused": lambda name: bert(name, generator, fused=True),
        "gpt2": lambda name: gpt2(name, generator),
        "gpt2_fused": lambda name: gpt2(name, generator, fused=True),
        "resnet": lambda name: resnet(name, generator),
        "lstm": lambda name: lstm(name, generator),
        "minilm": lambda name: bert(name, generator, sizes=MINILM, shapes=((1, 128),)),
        "minilm_fused": lambda name: bert(name, generator, fused=True, sizes=MINILM, shapes=((1, 128),)),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--exporter", choices=["script", "dynamo", "both"], default="both")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    small = [name for name in exports(None) if not name.startswith("minilm")]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or small:
        generator = torch.Generator().manual_seed(5)
        if name not in exports(None):
            parser.error(f"no model {name}; there are: {', '.join(exports(None))}")
        export = exports(generator)[name](name)
        models = {"values": export.values()}
        if arguments.exporter != "dynamo":
            models["script"] = export.script()
        if arguments.exporter != "script":
            models["dynamo"] = export.dynamo()
        for kind, model in models.items():
            path = arguments.folder / f"{name}.{kind}.onnx"
            path.write_bytes(model.SerializeToString(deterministic=True))
            print(f"{path.name}: {len(model.graph.node)} nodes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
