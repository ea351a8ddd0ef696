# Heterodyne: IREE's Vulkan backend as a peer.
# SPDX-License-Identifier: Apache-2.0
"""Compiles each case ahead of time with target backend `vulkan-spirv`, for IREE's default Vulkan target, and runs it with the
HAL driver `vulkan`.

Inputs and the result lie in device memory before the clock starts: inputs as device arrays, the result as a device buffer
that the program writes into (`iree.abi.output`); the encoder, which comes from ONNX, allocates its result itself. A call
returns when the device has finished.
"""

import os
import pathlib
import subprocess
import sys
import time

import iree.runtime
import numpy as np

from cases import Case, Unknown, encoder_file, encoder_inputs, numbers, problem, verify_encoder, FACTOR, OFFSET


def tensor(*shape):
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


def filled(name, value, *shape):
    return f"""
      %{name}_value = arith.constant {value} : f32
      %{name}_empty = tensor.empty() : {tensor(*shape)}
      %{name} = linalg.fill ins(%{name}_value : f32) outs(%{name}_empty : {tensor(*shape)}) -> {tensor(*shape)}"""


def function(inputs, result, body):
    """A function of the inputs (names and shapes) that writes its result, `%y`, into a buffer that the caller gives."""
    parameters = [f"%{name}: {tensor(*shape)}" for name, shape in inputs]
    parameters.append(f"%out: {tensor(*result)} {{iree.abi.output = 0 : index}}")
    return f"""
    func.func @main({', '.join(parameters)}) -> {tensor(*result)} {{
      {body}
      return %y : {tensor(*result)}
    }}"""


def matrix_product(kind, text):
    if kind == "gemm":
        m, n, k = numbers(text, 3)
        a, b, c, name = (m, k), (k, n), (m, n), "matmul"
    else:
        batch, m, k, n = numbers(text, 4)
        a, b, c, name = (batch, m, k), (batch, k, n), (batch, m, n), "batch_matmul"
    return function([("a", a), ("b", b)], c, filled("zero", 0.0, *c) + f"""
      %y = linalg.{name} ins(%a, %b : {tensor(*a)}, {tensor(*b)}) outs(%zero : {tensor(*c)}) -> {tensor(*c)}""")


def fused_gelu(text):
    (n,) = numbers(text, 1)
    t = tensor(n)
    return function([("x", (n,))], (n,), f"""
      %factor = arith.constant {FACTOR} : f32
      %offset = arith.constant {OFFSET} : f32
      %half = arith.constant 0.5 : f32
      %one = arith.constant 1.0 : f32
      %root = arith.constant 0.70710678118654752 : f32
      %empty = tensor.empty() : {t}
      %y = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
          ins(%x : {t}) outs(%empty : {t}) {{
      ^bb0(%in: f32, %unused: f32):
        %scaled = arith.mulf %in, %factor : f32
        %u = arith.addf %scaled, %offset : f32
        %v = arith.mulf %u, %root : f32
        %e = math.erf %v : f32
        %p = arith.addf %e, %one : f32
        %h = arith.mulf %u, %half : f32
        %r = arith.mulf %h, %p : f32
        linalg.yield %r : f32
      }} -> {t}""")


def softmax(text):
    shape = numbers(text, 2)
    t = tensor(*shape)
    return function([("x", shape)], shape, f"""
      %empty = tensor.empty() : {t}
      %y = linalg.softmax dimension(1) ins(%x : {t}) outs(%empty : {t}) -> {t}""")


def layer_norm(text):
    """Mean, variance from the centred values, and one elementwise pass, as IREE's importers write it."""
    rows, columns = shape = numbers(text, 2)
    t, r, c = tensor(*shape), tensor(rows), tensor(columns)
    whole, row, column = "affine_map<(i, j) -> (i, j)>", "affine_map<(i, j) -> (i)>", "affine_map<(i, j) -> (j)>"
    reducing = 'iterator_types = ["parallel", "reduction"]'
    return function([("x", shape), ("scale", (columns,)), ("shift", (columns,))], shape, filled("zero", 0.0, rows) + f"""
      %count = arith.constant {float(columns)} : f32
      %epsilon = arith.constant 1.0e-05 : f32
      %sum = linalg.generic {{indexing_maps = [{whole}, {row}], {reducing}}} ins(%x : {t}) outs(%zero : {r}) {{
      ^bb0(%in: f32, %acc: f32):
        %s = arith.addf %in, %acc : f32
        linalg.yield %s : f32
      }} -> {r}
      %squares = linalg.generic {{indexing_maps = [{whole}, {row}, {row}], {reducing}}}
          ins(%x, %sum : {t}, {r}) outs(%zero : {r}) {{
      ^bb0(%in: f32, %total: f32, %acc: f32):
        %mean = arith.divf %total, %count : f32
        %d = arith.subf %in, %mean : f32
        %q = arith.mulf %d, %d : f32
        %s = arith.addf %q, %acc : f32
        linalg.yield %s : f32
      }} -> {r}
      %empty = tensor.empty() : {t}
      %y = linalg.generic {{indexing_maps = [{whole}, {row}, {row}, {column}, {column}, {whole}],
          iterator_types = ["parallel", "parallel"]}}
          ins(%x, %sum, %squares, %scale, %shift : {t}, {r}, {r}, {c}, {c}) outs(%empty : {t}) {{
      ^bb0(%in: f32, %total: f32, %square: f32, %w: f32, %b: f32, %unused: f32):
        %mean = arith.divf %total, %count : f32
        %d = arith.subf %in, %mean : f32
        %variance = arith.divf %square, %count : f32
        %v = arith.addf %variance, %epsilon : f32
        %i = math.rsqrt %v : f32
        %n = arith.mulf %d, %i : f32
        %m = arith.mulf %n, %w : f32
        %o = arith.addf %m, %b : f32
        linalg.yield %o : f32
      }} -> {t}""")


def transpose(text):
    rows, columns = numbers(text, 2)
    return function([("x", (rows, columns))], (columns, rows), f"""
      %empty = tensor.empty() : {tensor(columns, rows)}
      %y = linalg.transpose ins(%x : {tensor(rows, columns)}) outs(%empty : {tensor(columns, rows)})
          permutation = [1, 0]""")


class IreeVulkan:
    def __init__(self):
        self.config = iree.runtime.Config("vulkan")
        self.device = self.config.device

    def array(self, values):
        """Values in device memory."""
        return iree.runtime.asdevicearray(self.device, values)

    def buffer(self, byte_count, kind, usage):
        types, uses = iree.runtime.MemoryType, iree.runtime.BufferUsage
        wanted = {"device": types.DEVICE_LOCAL, "host": types.HOST_LOCAL | types.DEVICE_VISIBLE}[kind]
        allowed = {"any": uses.DEFAULT, "read": uses.TRANSFER_TARGET | uses.MAPPING_SCOPED}[usage]
        return self.device.allocator.allocate_buffer(
            memory_type=int(wanted), allowed_usage=int(allowed), allocation_size=byte_count)

    def copy(self, source, target):
        """A copy by the device's queue; returns when it is done."""
        fences, semaphore = iree.runtime.HalFence, self.device.create_semaphore(0)
        self.device.queue_copy(
            source, target, wait_semaphores=fences.create_at(semaphore, 0),
            signal_semaphores=fences.create_at(semaphore, 1))
        fences.create_at(semaphore, 1).wait()

    def host(self, view):
        """A device array's values. Not by `to_host`, which imports host memory that a driver may find misaligned."""
        staging = self.buffer(view.get_buffer().byte_length(), "host", "read")
        self.copy(view.get_buffer(), staging)
        return staging.map().asarray(view.shape, np.dtype(np.float32)).copy()

    def compile(self, source, seconds=0.0):
        """The program's function, and the seconds that compiling and loading took."""
        start = time.perf_counter()
        tools = pathlib.Path(sys.executable).parent
        code = subprocess.run(
            [tools / "iree-compile", "--iree-hal-target-backends=vulkan-spirv", "-", "-o", "-"], input=source,
            capture_output=True, check=False)
        if code.returncode != 0:
            raise ValueError(code.stderr.decode(errors="replace")[:400])
        context = iree.runtime.SystemContext(config=self.config)
        module = iree.runtime.VmModule.copy_buffer(context.instance, code.stdout)
        context.add_vm_module(module)
        names = [name for name in module.function_names if "$" not in name and not name.startswith("__")]
        return context.modules[module.name][names[0]], time.perf_counter() - start

    def prepare(self, kind, text):
        if kind == "encoder":
            return self.encoder(*numbers(text, 2))
        if kind == "copy":
            arrays, shape, expected, tolerance = problem(kind, text)
            source, target = self.array(arrays[0]), self.array(np.zeros_like(arrays[0]))
            buffers = [view._buffer_view.get_buffer() for view in (source, target)]
            # A program that returns its argument hands back the same buffer; the queue's copy is IREE's own copy.
            return Case(lambda: self.copy(*buffers), lambda: self.host(target._buffer_view), expected, tolerance)
        sources = {
            "gemm": lambda: matrix_product(kind, text), "gemm-batched": lambda: matrix_product(kind, text),
            "gelu-fused": lambda: fused_gelu(text), "softmax": lambda: softmax(text),
            "layernorm": lambda: layer_norm(text), "transpose": lambda: transpose(text),
        }
        if kind not in sources:
            raise Unknown(f"{kind} is not written for IREE")
        arrays, shape, expected, tolerance = problem(kind, text)
        call, seconds = self.compile(sources[kind]().encode())
        inputs = [self.array(array) for array in arrays]
        result = self.array(np.zeros(shape, np.float32))
        return Case(
            lambda: call(*inputs, result), lambda: self.host(result._buffer_view), expected, tolerance, seconds)

    def encoder(self, batch, sequence):
        """The ONNX model of operators that ONNX defines, with 32-bit ids: IREE's default Vulkan target has no 64-bit
        integers."""
        model = pathlib.Path(encoder_file(batch, sequence, "standard", "int32"))
        text = model.with_suffix(".mlir")
        if not text.exists() or text.stat().st_mtime < model.stat().st_mtime:
            partial = text.with_suffix(f".{os.getpid()}")
            subprocess.run(
                [pathlib.Path(sys.executable).parent / "iree-import-onnx", model, "-o", partial], check=True,
                stdout=sys.stderr)
            partial.replace(text)
        call, seconds = self.compile(text.read_bytes())

        def arrays(inputs):
            return [self.array(array.astype(np.int32)) for array in inputs.values()]

        verify_encoder(lambda inputs: self.host(call(*arrays(inputs))._buffer_view), batch, sequence)
        inputs, box = arrays(encoder_inputs(batch, sequence)), {}

        def run():
            box["y"] = call(*inputs)

        return Case(run, lambda: self.host(box["y"]._buffer_view), None, 0, seconds)
