# Heterodyne: ONNX Runtime as a peer.
# SPDX-License-Identifier: Apache-2.0

import concurrent.futures
import time

import numpy as np

from cases import Case, encoder_file, encoder_inputs, numbers, problem, verify_encoder, FACTOR, OFFSET
from encoder import HIDDEN


def threaded_copy(source, destination, threads):
    """Copies with as many threads as the engines have: numpy releases the interpreter's lock while it copies."""
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    bounds = np.linspace(0, source.size, threads + 1).astype(int)
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
                encoder_file(batch, sequence), encoder_inputs(batch, sequence), (batch, sequence, HIDDEN))
            verify_encoder(lambda inputs: session.run(None, inputs)[0], batch, sequence)
            return Case(run, output, None, 0, seconds)
        arrays, shape, expected, tolerance = problem(kind, text)
        if kind == "copy":
            # One Identity node would copy with one thread; the copy is the yardstick, so it gets them all.
            destination = np.zeros_like(arrays[0])
            return Case(threaded_copy(arrays[0], destination, self.threads), lambda: destination, expected, tolerance)
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
