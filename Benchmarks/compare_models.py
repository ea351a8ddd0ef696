#!/usr/bin/env python3
# Heterodyne: times ONNX files on Heterodyne and on ONNX Runtime, taking turns.
# SPDX-License-Identifier: Apache-2.0
"""Times ONNX models: `heterodyne bench --interactive` and ONNX Runtime, taking turns, on random inputs.

    compare_models.py model.onnx … [--dim NAME=NUMBER …] [--device openblas] [--threads 2] [--output FILE.md]

Needs `swift build -c release --product heterodyne` and a Python with onnxruntime (Benchmarks/peers/setup makes one and
this script looks for it). Prints a Markdown table of medians over the rounds; ratios are ratios of medians.
"""

import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

PEER = r"""
import sys, time
import numpy as np, onnxruntime
path, threads, dims = sys.argv[1], int(sys.argv[2]), dict(d.split("=") for d in sys.argv[3:])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
random = np.random.default_rng(0)
types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
binding = session.io_binding()
for value in session.get_inputs():
    shape = [d if isinstance(d, int) else int(dims.get(d, 1)) for d in value.shape]
    kind = types[value.type]
    data = random.standard_normal(shape) if "float" in value.type or "double" in value.type else random.integers(0, 2, shape)
    binding.bind_cpu_input(value.name, data.astype(kind))
for value in session.get_outputs():
    binding.bind_output(value.name)
for _ in range(3):
    session.run_with_iobinding(binding)
print("ready", flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == "quit":
        break
    start = time.perf_counter_ns()
    for _ in range(int(words[1])):
        session.run_with_iobinding(binding)
    print(time.perf_counter_ns() - start, flush=True)
"""


class Engine:
    """A process that answers `run K` with nanoseconds. It is stopped except while it is asked."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        answer = self.process.stdout.readline().strip()
        if answer != "ready":
            message = self.process.stderr.read().strip().splitlines()
            self.process.wait()
            raise RuntimeError(message[-1] if message else f"ended with status {self.process.returncode}")
        self.process.send_signal(signal.SIGSTOP)

    def run(self, count):
        """Milliseconds of one of `count` runs."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"run {count}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer.isdigit():
            raise RuntimeError(f"{self.name} answered {answer!r}")
        self.process.send_signal(signal.SIGSTOP)
        return int(answer) * 1e-6 / count

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.communicate("quit\n", timeout=5)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def peer_python():
    cache = pathlib.Path(os.environ.get("HETERODYNE_CACHE", ROOT / ".cache"))
    candidate = cache / "venv-bench" / "bin" / "python"
    return str(candidate) if candidate.exists() else sys.executable


def measure(model, arguments):
    """Medians in milliseconds by engine; a text where an engine cannot run the model."""
    binary = ROOT / ".build" / "release" / "heterodyne"
    # Dimensions that this model does not have would be mistakes.
    described = subprocess.run([binary, "inspect", model, "--device", "none"], capture_output=True, text=True).stdout
    inputs = described.partition("inputs:")[2].partition("outputs:")[0]
    dims = [f"--dim={d}" for d in arguments.dim if re.search(rf"[\[ ]{re.escape(d.split('=')[0])}[,\]]", inputs)]
    commands = {
        "Heterodyne": [str(binary), "bench", model, "--interactive", "--device", arguments.device, "--threads",
                       str(arguments.threads), *dims],
        "ONNX Runtime": [peer_python(), "-c", PEER, model, str(arguments.threads), *arguments.dim],
    }
    engines, results, times = [], {}, {}
    for name, command in commands.items():
        try:
            engines.append(Engine(name, command))
            times[name] = []
        except (OSError, RuntimeError) as error:
            results[name] = str(error)
    try:
        counts = {}
        for engine in engines:
            counts[engine.name] = max(1, round(arguments.seconds * 1e3 / max(engine.run(1), 1e-3)))
        for round_number in range(arguments.rounds):
            turn = round_number % max(1, len(engines))
            for engine in engines[turn:] + engines[:turn]:
                time.sleep(0.1)
                times[engine.name].append(engine.run(counts[engine.name]))
    finally:
        for engine in engines:
            engine.close()
    return {**results, **{name: statistics.median(values) for name, values in times.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--device", default="openblas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each turn")
    parser.add_argument("--output", help="also write the table to this file")
    arguments = parser.parse_args()
    lines = [f"| model | Heterodyne on {arguments.device}, ms | ONNX Runtime, ms | ratio |", "|---|---:|---:|---:|"]
    for model in arguments.models:
        path = pathlib.Path(model)
        name = path.parent.name if path.stem == "model" else path.stem
        found = measure(model, arguments)
        cells = [f"{found[e]:.2f}" if isinstance(found[e], float) else found[e] for e in ("Heterodyne", "ONNX Runtime")]
        both = all(isinstance(value, float) for value in found.values())
        ratio = f"{found['Heterodyne'] / found['ONNX Runtime']:.2f}" if both else ""
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio} |")
        print(lines[-1], file=sys.stderr)
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.output:
        pathlib.Path(arguments.output).write_text(text)


if __name__ == "__main__":
    main()
