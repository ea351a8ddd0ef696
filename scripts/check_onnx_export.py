"""Heterodyne: runs the models that `heterodyne export --conformance` wrote, in ONNX Runtime.

SPDX-License-Identifier: Apache-2.0

usage: check_onnx_export.py FOLDER [--verbose] [--only TEXT]

Every model is checked by onnx.checker with full_check, run by ONNX Runtime on the CPU, and its results are compared
with the reference's. Where the case asks for exact results, every element must be equal (NaN equals NaN, -0 equals +0);
elsewhere a distance of ATOL * M + RTOL * |expected| is allowed, where M is the largest finite magnitude of the expected
tensor, at most 64, and ATOL and RTOL are those of the result's type or of the narrowest type in which anything is
computed, whichever is larger.

A difference is a known one where the reason is in KNOWN: what ONNX leaves open and ONNX Runtime decides otherwise.
"""

import argparse
import collections
import ctypes
import fnmatch
import json
import os
import sys

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort

DTYPES = {
    "bfloat16": ml_dtypes.bfloat16,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8e5m2": ml_dtypes.float8_e5m2,
    "int4": ml_dtypes.int4,
    "uint4": ml_dtypes.uint4,
}
# What is allowed where results are not exact: (relative, absolute), about what a chain of a few operations loses.
TOLERANCES = {
    "float64": (1e-6, 1e-7),
    "float32": (1e-4, 5e-5),
    "float16": (4e-3, 1e-3),
    "bfloat16": (3e-2, 1e-2),
    "float8e4m3fn": (0.13, 0.02),
    "float8e5m2": (0.26, 0.02),
}
KNOWN = []  # (pattern of identifiers, reason); filled from check_onnx_export.known beside this file


def load_known():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_onnx_export.known")
    if not os.path.exists(path):
        return
    with open(path) as lines:
        for line in lines:
            line = line.strip()
            if line and not line.startswith("#"):
                pattern, reason = line.split(None, 1)
                KNOWN.append((pattern, reason))


def value(path, name):
    array = np.load(path)
    if name in DTYPES:
        return array.astype(DTYPES[name])
    return array


def feed(array, name):
    if name not in DTYPES:
        return ort.OrtValue.ortvalue_from_numpy(array)
    # NumPy has no such type of its own, so the bytes are put where the runtime has them.
    result = ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), getattr(onnx.TensorProto, name.upper()))
    if name in ("int4", "uint4"):
        nibbles = array.astype(np.int8).reshape(-1).view(np.uint8) & 15
        nibbles = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8))
        data = (nibbles[0::2] | nibbles[1::2] << 4).tobytes()
    else:
        data = np.ascontiguousarray(array).tobytes()
    if data:
        ctypes.memmove(result.data_ptr(), data, len(data))
    return result


def fetch(result, name):
    if name not in DTYPES:
        return result.numpy()
    # NumPy has no such type of its own, so the bytes are read as they are.
    shape = result.shape()
    count = int(np.prod(shape))
    width = {"bfloat16": 2, "int4": 0.5, "uint4": 0.5}.get(name, 1)
    bits = np.frombuffer(ctypes.string_at(result.data_ptr(), int(np.ceil(count * width))), dtype=np.uint8)
    if width == 0.5:
        nibbles = np.stack([bits & 15, bits >> 4], axis=-1).reshape(-1)[:count].astype(np.int8)
        if name == "int4":
            nibbles = (nibbles ^ 8) - 8
        return nibbles.astype(DTYPES[name]).reshape(shape)
    return bits.view(DTYPES[name]).reshape(shape)


def compare(actual, expected, name, case):
    if actual.shape != expected.shape:
        return f"shape {actual.shape} instead of {expected.shape}"
    isFloat = name in TOLERANCES
    if name in DTYPES:
        actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    if not isFloat or case["metric"] == "exact":
        same = actual == expected
        if isFloat:
            same |= np.isnan(actual) & np.isnan(expected)
    else:
        pairs = [TOLERANCES[name], TOLERANCES.get(case["precision"], (0, 0))]
        relative, absolute = max(p[0] for p in pairs), max(p[1] for p in pairs)
        wide, wanted = actual.astype(np.float64), expected.astype(np.float64)
        finite = np.abs(wanted[np.isfinite(wanted)])
        absolute *= min(max(float(finite.max()) if finite.size else 1.0, 1e-30), 64.0)
        with np.errstate(invalid="ignore", over="ignore"):
            same = np.abs(wide - wanted) <= absolute + relative * np.abs(wanted)
        same |= wide == wanted
        same |= np.isnan(wide) & np.isnan(wanted)
    if same.all():
        return None
    where = tuple(int(i) for i in np.argwhere(~same)[0])
    return f"{int((~same).sum())} of {same.size} elements, first at {where}: {actual[where]} instead of {expected[where]}"


def check(folder, case):
    """The outcome of one case: what was reached, and what is wrong with it."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = os.path.join(folder, "model.onnx")
    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:
        return "checker", str(error).strip().splitlines()[0]
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        message = str(error)
        if "NOT_IMPLEMENTED" in message or "Could not find an implementation" in message:
            return "no kernel", message.strip().splitlines()[0][-200:]
        return "load", message.strip().splitlines()[0][-300:]
    inputs = {port["name"]: feed(value(os.path.join(folder, port["file"]), port["type"]), port["type"])
              for port in case["inputs"]}
    names = [port["name"] for port in case["outputs"]]
    try:
        results = session.run_with_ort_values(names, inputs)
    except Exception as error:
        return "run", str(error).strip().splitlines()[0][-300:]
    for port, result in zip(case["outputs"], results):
        expected = value(os.path.join(folder, port["file"]), port["type"])
        problem = compare(fetch(result, port["type"]), expected, port["type"], case)
        if problem:
            return "differs", f"{port['name']}: {problem}"
    return "agree", ""


def isolated(folder, case):
    """`check` in a process of its own, so that a crash of the runtime is the outcome of one case."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            outcome = check(folder, case)
        except BaseException as error:
            outcome = ("error", repr(error))
        os.write(writer, json.dumps(outcome).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or not text:
        return "crash", f"the runtime ended by signal {os.WTERMSIG(status)}"
    return tuple(json.loads(text))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--verbose", action="store_true", help="also say which cases have no kernel")
    parser.add_argument("--only", default="", help="only cases whose identifier contains this")
    arguments = parser.parse_args()
    load_known()
    counts = collections.Counter()
    used = collections.Counter()
    failures = 0
    for entry in sorted(os.listdir(arguments.folder)):
        folder = os.path.join(arguments.folder, entry)
        description = os.path.join(folder, "case.json")
        if not os.path.exists(description):
            continue
        with open(description) as text:
            case = json.load(text)
        if arguments.only not in case["id"]:
            continue
        counts["models"] += 1
        outcome, message = isolated(folder, case)
        if outcome != "checker":
            counts["valid"] += 1
        if outcome in ("agree", "differs"):
            counts["run"] += 1
        if outcome == "agree":
            counts["agree"] += 1
            continue
        if outcome == "no kernel":
            counts["without a kernel"] += 1
            if arguments.verbose:
                print("no kernel:", case["id"], message)
            continue
        reason = next((r for p, r in KNOWN if fnmatch.fnmatchcase(case["id"], p)), None)
        if reason:
            counts["known differences"] += 1
            used[reason] += 1
        else:
            failures += 1
            print(f"{outcome}: {case['id']}: {message}")
    for reason, number in sorted(used.items()):
        print(f"known, {number}: {reason}")
    keys = ["models", "valid", "run", "agree", "without a kernel", "known differences"]
    print(", ".join(f"{counts[key]} {key}" for key in keys) + f", {failures} failures")
    sys.exit(1 if failures or not counts["models"] else 0)


main()
