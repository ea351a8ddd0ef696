#!/usr/bin/env python3
# Heterodyne: the peers behind the benchmark's line protocol.
# SPDX-License-Identifier: Apache-2.0
"""Times one engine's cases on request, so that a runner can interleave engines. The protocol is in ../README.md.

    peer_server.py --engine onnxruntime --threads 2

Inputs and outputs are allocated before the clock starts. Each engine is a file of its own beside this one.
"""

import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


def onnxruntime(threads):
    from engine_onnxruntime import OnnxRuntime

    return OnnxRuntime(threads)


def torch(threads):
    from engine_torch import Torch

    return Torch(threads)


def iree_vulkan(threads):
    from engine_iree_vulkan import IreeVulkan

    return IreeVulkan()


def ncnn_vulkan(threads):
    from engine_ncnn_vulkan import NcnnVulkan

    return NcnnVulkan(threads)


ENGINES = {"onnxruntime": onnxruntime, "torch": torch, "iree-vulkan": iree_vulkan, "ncnn-vulkan": ncnn_vulkan}


class Unknown(Exception):
    pass


def peak_memory():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM in /proc/self/status")


def serve(engine, protocol):
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
        print(answer, file=protocol, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=list(ENGINES), required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error("--threads has to be at least 1")
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)  # Read when the libraries load.
    # Libraries that write to standard output must not get between the protocol's lines.
    protocol = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = ENGINES[arguments.engine](arguments.threads)
    print("ready", file=protocol, flush=True)
    serve(server, protocol)
