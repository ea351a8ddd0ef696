# Heterodyne: PyTorch as a peer.
# SPDX-License-Identifier: Apache-2.0

from cases import Case, encoder_inputs, numbers, problem, verify_encoder, FACTOR, OFFSET
from encoder import EPSILON, HEAD, HEADS, HIDDEN, LAYERS, default_weights


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
