# Heterodyne: writes the ONNX backend test suite, as the installed package onnx has it, to a folder.
# SPDX-License-Identifier: Apache-2.0
#
# usage: onnx_suite.py FOLDER
# Run by scripts/onnx_suite in its own environment. FOLDER must not exist yet; it has afterwards:
#   index.tsv                  first line "# heterodyne-onnx-suite 2 VERSION CASES", then one case a line, sorted, in
#                              columns: group, case, rtol, atol, kinds of the inputs, kinds of the outputs, "classic" or
#                              "-", operators, SHA-256
#   SHA256SUMS                 the checksum of index.tsv, which has those of the cases
#   GROUP/CASE/model.onnx      the model
#   GROUP/CASE/input_I.pb      its inputs, in the order of the graph's inputs that have no initializer
#   GROUP/CASE/output_I.pb     what must come out
#   GROUP/CASE/case.json       the tolerances and kinds again, for people and other tools
# A kind is "tensor" (a TensorProto), "sequence" (a SequenceProto) or "optional" (an OptionalProto).
#
# The groups are node, simple, pytorch-converted, pytorch-operator and light, which together are what the package's own
# runner runs, and simple-code: the models of the simple kind that the package's code has but its runner never sees.
#
# Classic are the node cases that every engine has met: only ai.onnx operators, operator set 26 or older, tensors of
# bool, 8 to 64-bit integers, float16, float32 and float64 alone, and no random numbers, images or text behind numbers.
import hashlib
import json
import os
import pathlib
import shutil
import sys
import warnings

import numpy
import onnx
from onnx import numpy_helper

DATA = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
# The package's defaults, for its stored cases that have no data.json.
RTOL, ATOL = 1e-3, 1e-7


CLASSIC_TYPES = {
    onnx.TensorProto.DataType.Value(name)
    for name in "BOOL UINT8 INT8 UINT16 INT16 UINT32 INT32 UINT64 INT64 FLOAT16 FLOAT DOUBLE".split()}
NOT_CLASSIC = {"Bernoulli", "RandomUniformLike", "ImageDecoder", "TfIdfVectorizer"}


def operators(nodes):
    """The operators of nodes and of the graphs within them, in the order in which they occur."""
    result = {}
    for node in nodes:
        prefix = f"{node.domain}::" if node.domain not in ("", "ai.onnx") else ""
        result[prefix + node.op_type] = None
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:
                result |= dict.fromkeys(operators(graph.node))
    return list(result)


def is_classic(model):
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    names = operators(model.graph.node)
    values = [*model.graph.input, *model.graph.output]
    return (
        len(versions) == 1 and versions[0] <= 26
        and not any("::" in name or name in NOT_CLASSIC for name in names)
        and all(value.type.WhichOneof("value") == "tensor_type" for value in values)
        and all(value.type.tensor_type.elem_type in CLASSIC_TYPES for value in values))


def kind_of(value_type):
    """The kind of values of a TypeProto."""
    kind = {"tensor_type": "tensor", "sequence_type": "sequence", "optional_type": "optional"}.get(
        value_type.WhichOneof("value"))
    if kind is None:
        raise ValueError(f"a value of type {value_type.WhichOneof('value')}, which has no file format")
    return kind


def tensor(value):
    if isinstance(value, onnx.TensorProto):
        return value
    return numpy_helper.from_array(numpy.asarray(value))


def sequence(value, value_type):
    element = value_type.elem_type
    result = onnx.SequenceProto()
    kind = kind_of(element)
    if kind == "tensor":
        result.elem_type = onnx.SequenceProto.TENSOR
        result.tensor_values.extend(tensor(item) for item in value)
    elif kind == "sequence":
        result.elem_type = onnx.SequenceProto.SEQUENCE
        result.sequence_values.extend(sequence(item, element.sequence_type) for item in value)
    else:
        result.elem_type = onnx.SequenceProto.OPTIONAL
        result.optional_values.extend(optional(item, element.optional_type) for item in value)
    return result


def optional(value, value_type):
    element = value_type.elem_type
    result = onnx.OptionalProto()
    kind = kind_of(element)
    if kind == "tensor":
        result.elem_type = onnx.OptionalProto.TENSOR
        if value is not None:
            result.tensor_value.CopyFrom(tensor(value))
    elif kind == "sequence":
        result.elem_type = onnx.OptionalProto.SEQUENCE
        if value is not None:
            result.sequence_value.CopyFrom(sequence(value, element.sequence_type))
    else:
        result.elem_type = onnx.OptionalProto.OPTIONAL
        if value is not None:
            result.optional_value.CopyFrom(optional(value, element.optional_type))
    return result


def encoded(value, value_type):
    """The bytes of a value's file."""
    kind = kind_of(value_type)
    if kind == "tensor":
        message = tensor(value)
    elif kind == "sequence":
        message = sequence(value, value_type.sequence_type)
    else:
        message = optional(value, value_type.optional_type)
    return message.SerializeToString(deterministic=True)


def fed(model):
    """The graph's inputs that have no initializer: up to version 3 of the format, initializers are inputs too."""
    initializers = {value.name for value in model.graph.initializer}
    initializers |= {value.values.name for value in model.graph.sparse_initializer}
    return [value for value in model.graph.input if value.name not in initializers]


class Suite:
    def __init__(self, folder):
        self.folder = folder
        self.rows = []

    def add(self, group, case, model, model_bytes, inputs, outputs, rtol, atol):
        """Writes one case; inputs and outputs are encoded."""
        takes, gives = fed(model), list(model.graph.output)
        if len(inputs) != len(takes) or len(outputs) != len(gives):
            raise ValueError(
                f"{group}/{case}: {len(inputs)} inputs and {len(outputs)} outputs for a model with {len(takes)} and "
                f"{len(gives)}")
        kinds = [kind_of(value.type) for value in takes], [kind_of(value.type) for value in gives]
        place = self.folder / group / case
        place.mkdir(parents=True)
        description = {"group": group, "case": case, "rtol": rtol, "atol": atol,
                       "inputs": [{"name": value.name, "kind": kind} for value, kind in zip(takes, kinds[0])],
                       "outputs": [{"name": value.name, "kind": kind} for value, kind in zip(gives, kinds[1])]}
        files = {"model.onnx": model_bytes,
                 "case.json": (json.dumps(description, indent=1) + "\n").encode()}
        files |= {f"input_{index}.pb": data for index, data in enumerate(inputs)}
        files |= {f"output_{index}.pb": data for index, data in enumerate(outputs)}
        digest = hashlib.sha256()
        for name in sorted(files):
            (place / name).write_bytes(files[name])
            digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
        subset = "classic" if group == "node" and is_classic(model) else "-"
        self.rows.append((group, case, repr(rtol), repr(atol), ",".join(kinds[0]), ",".join(kinds[1]), subset,
                          ",".join(operators(model.graph.node)), digest.hexdigest()))
        progress(len(self.rows), f"{group}/{case}")

    def add_built(self, group, case):
        """A case that the package builds in memory."""
        if len(case.data_sets) != 1:
            raise ValueError(f"{group}/{case.name} has {len(case.data_sets)} data sets; one was expected")
        inputs, outputs = case.data_sets[0]
        self.add(
            group, case.name, case.model, case.model.SerializeToString(deterministic=True),
            [encoded(value, info.type) for value, info in zip(inputs, fed(case.model), strict=True)],
            [encoded(value, info.type) for value, info in zip(outputs, case.model.graph.output, strict=True)],
            case.rtol, case.atol)

    def add_stored(self, group, place):
        """A case that the package has as files."""
        sets = sorted(place.glob("test_data_set_*"))
        if len(sets) != 1:
            raise ValueError(f"{group}/{place.name} has {len(sets)} data sets; one was expected")
        model_bytes = (place / "model.onnx").read_bytes()
        model = onnx.load_model_from_string(model_bytes)
        settings = json.loads((place / "data.json").read_text()) if (place / "data.json").exists() else {}

        def files(prefix):
            count = len(list(sets[0].glob(f"{prefix}_*.pb")))
            return [(sets[0] / f"{prefix}_{index}.pb").read_bytes() for index in range(count)]

        self.add(group, place.name, model, model_bytes, files("input"), files("output"),
                 settings.get("rtol", RTOL), settings.get("atol", ATOL))

    def add_light(self, case):
        """A real architecture with made-up weights; its inputs are a ramp, its outputs are stored."""
        path = DATA / "light" / f"light_{case.model_name}.onnx"
        model_bytes = path.read_bytes()
        model = onnx.load_model_from_string(model_bytes)
        inputs = []
        for value in fed(model):
            shape = tuple(
                extent.dim_value if extent.HasField("dim_value") else 1
                for extent in value.type.tensor_type.shape.dim)
            if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
                raise ValueError(f"light/{case.name}: input {value.name} is not float32")
            # What the package's own runner feeds: the same divisions, in float64, rounded once.
            count = int(numpy.prod(shape))
            inputs.append(encoded((numpy.arange(count).reshape(shape) / count).astype(numpy.float32), value.type))
        outputs = [
            path.with_name(f"{path.stem}_output_{index}.pb").read_bytes() for index in range(len(model.graph.output))]
        self.add("light", case.name, model, model_bytes, inputs, outputs, case.rtol, case.atol)

    def finish(self):
        self.rows.sort()
        lines = [f"# heterodyne-onnx-suite 2 {onnx.__version__} {len(self.rows)}"]
        lines += ["\t".join(row) for row in self.rows]
        text = ("\n".join(lines) + "\n").encode()
        (self.folder / "index.tsv").write_bytes(text)
        # Written last: a folder without it is not complete.
        (self.folder / "SHA256SUMS").write_text(f"{hashlib.sha256(text).hexdigest()}  index.tsv\n")


def progress(done, name):
    if sys.stderr.isatty() and (done % 25 == 0 or done == 1):
        print(f"\r\033[K{done} cases, {name}", end="", file=sys.stderr, flush=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True)
    # The package computes overflows and divisions by zero on purpose.
    warnings.filterwarnings("ignore")
    from onnx.backend.test.case.model import collect_testcases
    from onnx.backend.test.loader import load_node_model_tests

    suite = Suite(folder)
    stored = {
        group: sorted(place for place in (DATA / group).iterdir() if (place / "model.onnx").exists())
        for group in ["simple", "pytorch-converted", "pytorch-operator"]}
    for case in sorted(load_node_model_tests(), key=lambda case: case.name):
        suite.add_built("node", case)
    for group, places in stored.items():
        for place in places:
            suite.add_stored(group, place)
    on_disk = {place.name for place in stored["simple"]}
    for case in sorted(collect_testcases(), key=lambda case: case.name):
        if case.kind == "real":
            suite.add_light(case)
        elif case.name not in on_disk:
            suite.add_built("simple-code", case)
    suite.finish()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    counts = {}
    for group, *_ in suite.rows:
        counts[group] = counts.get(group, 0) + 1
    print(f"{len(suite.rows)} cases: " + ", ".join(f"{count} {group}" for group, count in counts.items()))


if __name__ == "__main__":
    main()
