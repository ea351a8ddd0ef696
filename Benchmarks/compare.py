#!/usr/bin/env python3
# Heterodyne: times this project and its peers in one run, interleaved, and prints the ratios.
# SPDX-License-Identifier: Apache-2.0
"""Runs the same cases on every engine that is present, round by round, and compares the medians.

    Benchmarks/compare.py                            everything, with the engines that are there
    Benchmarks/compare.py --cases gemm,softmax       cases whose name begins so
    Benchmarks/compare.py --engines onnxruntime,torch --rounds 3
    Benchmarks/compare.py --vulkan                   the Vulkan backend and its peers on the same driver

Needs nothing but Python's standard library; the peers run in the environment that Benchmarks/peers/setup makes. README.md
beside this file says what is measured and how the engines are talked to.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

here = pathlib.Path(__file__).resolve().parent
root = here.parent
sys.path.insert(0, str(here / "peers"))
import encoder  # noqa: E402

CASES = [
    "gemm:256x256x256", "gemm:512x512x512", "gemm:1024x1024x1024", "gemm:2048x2048x2048", "gemm:1x4096x4096",
    "gemm:32x4096x4096", "gemm-batched:12x128x64x128", "copy:16777216", "gelu-fused:16777216", "softmax:4096x1024",
    "layernorm:4096x1024", "transpose:4096x4096", "encoder:1x128", "encoder:8x128", "adds:1000",
]
MEMORY_CASE = "encoder:1x128"
ALLOCATION_CASES = ["adds:1000", "encoder:1x128", "gelu-fused:16777216", "softmax:4096x1024", "gemm:1024x1024x1024"]
ALLOCATION_RUNS = 20
PROMISES = 8  # rows of targets() when everything was measured
OURS = "heterodyne"
ENGINES = [OURS, "onnxruntime", "torch"]

OURS_VULKAN = "heterodyne-vulkan"
VULKAN_ENGINES = [OURS_VULKAN, "iree-vulkan", "ncnn-vulkan"]
VULKAN_DEVICE = "vulkan:0"
COPY, MULTIPLY_ADD = "ceiling-copy:16777216", "ceiling-fma:512"
VULKAN_CASES = [
    COPY, MULTIPLY_ADD, "gemm:512x512x512", "gemm:1024x1024x1024", "gemm:1x4096x4096", "gemm-batched:12x128x64x128",
    "copy:16777216", "gelu-fused:16777216", "softmax:4096x1024", "layernorm:4096x1024", "transpose:4096x4096",
    "encoder:1x128",
]
VULKAN_PROMISES = 5  # rows of vulkan_targets() when everything was measured


def work(case):
    """The case's amount of work and its unit: floating-point operations, or bytes that have to be read and written."""
    kind, _, text = case.partition(":")
    sizes = [int(size) for size in text.split("x")]
    if kind in ("gemm", "gemm-batched"):
        product = 2
        for size in sizes:
            product *= size
        return product, "GFLOP/s"
    if kind == "encoder":
        batch, sequence = sizes
        tokens, hidden = batch * sequence, encoder.HIDDEN
        linear = 2 * tokens * (4 * hidden * hidden + 2 * hidden * encoder.INTERMEDIATE)
        attention = 4 * tokens * sequence * hidden
        return encoder.LAYERS * (linear + attention), "GFLOP/s"
    if kind == "ceiling-fma":
        return 2 * 12 * 8 * 65536 * sizes[0], "GFLOP/s"  # As VulkanCeiling.operations says.
    if kind == "adds":
        return None, None
    elements = 1
    for size in sizes:
        elements *= size
    return 8 * elements, "GB/s"


class EngineFailed(Exception):
    pass


class Engine:
    """A process that speaks the protocol."""

    def __init__(self, name, command):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=root)
        except OSError as error:
            raise EngineFailed(f"cannot start {command[0]}: {error}") from error
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        answer = self.answer(120)
        if answer != "ready":
            self.close()
            raise EngineFailed(f"said {answer!r} where the protocol wants “ready”")
        self.signal(signal.SIGSTOP)

    def signal(self, number):
        """An engine is stopped except while it is asked: some go on using every processor after they have answered."""
        if self.process.poll() is None:
            try:
                self.process.send_signal(number)
            except OSError:
                pass  # It has just ended.

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def answer(self, timeout):
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty:
            self.close()
            raise EngineFailed(f"no answer in {timeout} s") from None
        if line is None:
            self.process.wait()
            self.errors.seek(0)
            tail = " ".join(self.errors.read()[-500:].split())
            raise EngineFailed(f"ended with status {self.process.returncode}: {tail or 'nothing on standard error'}")
        return line

    def ask(self, line, timeout=300):
        self.signal(signal.SIGCONT)
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # The process is gone; the answer says how it ended.
        answer = self.answer(timeout)
        self.signal(signal.SIGSTOP)
        if answer.startswith("error"):
            raise ValueError(answer.removeprefix("error").strip() or "unnamed error")
        return answer

    def prepare(self, case):
        """Prepares a case; the seconds that compiling took where the engine tells."""
        answer = self.ask(f"prepare {case}").split()
        if answer[:1] != ["ok"]:
            raise EngineFailed(f"answered {' '.join(answer)!r} to prepare {case}")
        return int(answer[1]) * 1e-9 if len(answer) > 1 else None

    def run(self, case, count):
        """Seconds of one run, averaged over `count`."""
        return int(self.ask(f"run {case} {count}")) * 1e-9 / count

    def memory(self):
        return int(self.ask("rss"))

    def allocations(self, case, count):
        """Allocations of `count` runs after the first; only this project's engine counts them."""
        return int(self.ask(f"allocations {case} {count}"))

    def close(self):
        self.signal(signal.SIGCONT)
        if self.process.poll() is None:
            try:
                self.process.communicate("quit\n", timeout=5)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()


class Progress:
    """A bar on standard error when that is a terminal, else nothing."""

    def __init__(self, total):
        self.total, self.done, self.shown = total, 0, sys.stderr.isatty()

    def step(self, text, steps=1):
        self.done = min(self.total, self.done + steps)
        if self.shown:
            filled = 30 * self.done // self.total
            print(f"\r\x1b[K[{'#' * filled}{'.' * (30 - filled)}] {self.done}/{self.total} {text}", end="", file=sys.stderr,
                  flush=True)

    def clear(self):
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def commands(arguments):
    """How to start every engine that is wanted, and why the others are absent."""
    found, absent = {}, {}
    python = encoder.cache / "venv-bench" / "bin" / "python"
    for name in arguments.engines:
        if name in (OURS, OURS_VULKAN):
            if arguments.heterodyne.exists():
                device = ["--device", VULKAN_DEVICE] if name == OURS_VULKAN else []
                found[name] = [
                    str(arguments.heterodyne.absolute()), "serve", "--threads", str(arguments.threads), *device]
            else:
                absent[name] = f"{arguments.heterodyne} is missing; run swift build -c release"
        elif python.exists():
            found[name] = [
                str(python), str(here / "peers" / "peer_server.py"), "--engine", name, "--threads",
                str(arguments.threads)]
        else:
            absent[name] = f"{python} is missing; run Benchmarks/peers/setup"
    return found, absent


def measure(engines, case, arguments, progress):
    """Times one case on every engine, round by round, beginning with another engine each time."""
    results, counts = {}, {}
    # What a driver gives at most is measured once.
    wanted = [engine for engine in engines if engine.name == OURS_VULKAN or not case.startswith("ceiling-")]
    for engine in wanted:
        entry = results[engine.name] = {}
        try:
            entry["compile_seconds"] = engine.prepare(case)
            once = engine.run(case, 1)
            counts[engine.name] = max(1, min(100_000, round(arguments.seconds / max(once, 1e-7))))
            entry["runs_per_round"] = counts[engine.name]
            entry["rounds_seconds"] = []
        except ValueError as error:
            entry["error"] = str(error)
        except EngineFailed as error:
            entry["error"] = str(error)
            engines.remove(engine)
    ready = [engine for engine in wanted if "rounds_seconds" in results[engine.name]]
    for index in range(arguments.rounds):
        shift = index % max(1, len(ready))
        for engine in ready[shift:] + ready[:shift]:
            progress.step(f"{case} {engine.name}")
            if "error" in results[engine.name]:
                continue
            # Worker threads of the engine before spin on for some 20 ms; 5 ms of rest were measured to slow whoever came
            # after ONNX Runtime by a fifth.
            time.sleep(0.1)
            try:
                results[engine.name]["rounds_seconds"].append(engine.run(case, counts[engine.name]))
            except (ValueError, EngineFailed) as error:
                results[engine.name]["error"] = str(error)
                if isinstance(error, EngineFailed) and engine in engines:
                    engines.remove(engine)
    for entry in results.values():
        rounds = entry.get("rounds_seconds")
        if rounds and "error" not in entry:
            entry["median_seconds"] = statistics.median(rounds)
            entry["best_seconds"] = min(rounds)
    progress.step(case, arguments.rounds * (len(results) - len(ready)))
    return results


def measure_memory(found):
    """Peak resident memory of a fresh process that has loaded and run one model, and of one that has done nothing."""
    results = {}
    for name, command in found.items():
        engine = None
        try:
            engine = Engine(name, command)
            before = engine.memory()
            engine.prepare(MEMORY_CASE)
            engine.run(MEMORY_CASE, 5)
            results[name] = {"idle_bytes": before, "peak_bytes": engine.memory()}
        except (ValueError, EngineFailed) as error:
            results[name] = {"error": str(error)}
        finally:
            if engine:
                engine.close()
    return results


def measure_allocations(found):
    """Allocations per run in steady state, of the cases that have many steps. On Vulkan drivers allocate, too."""
    if OURS not in found:
        return {}
    results, engine = {}, None
    try:
        engine = Engine(OURS, found[OURS])
        for case in ALLOCATION_CASES:
            engine.prepare(case)
            results[case] = engine.allocations(case, ALLOCATION_RUNS) / ALLOCATION_RUNS
    except (ValueError, EngineFailed) as error:
        results["error"] = str(error)
    finally:
        if engine:
            engine.close()
    return results


def seconds(report, case, engine):
    return report["cases"].get(case, {}).get(engine, {}).get("median_seconds")


def targets(report):
    """What this project promises (text, measured, limit, whether more is better), as far as it was measured."""
    def ratio(a, b):
        return a / b if a is not None and b is not None else None

    def against(case, peer):
        return ratio(seconds(report, case, OURS), seconds(report, case, peer))

    gemm = seconds(report, "gemm:1024x1024x1024", OURS)
    memory = report.get("memory", {}).get(OURS, {}).get("peak_bytes")
    weights = encoder.default_weights.stat().st_size if encoder.default_weights.exists() else None
    adds = seconds(report, "adds:1000", OURS)
    counted = [count for case, count in report.get("allocations", {}).items() if case != "error"]
    rows = [
        ("encoder:1x128, time over ONNX Runtime's", against("encoder:1x128", "onnxruntime"), 1.0, False),
        ("encoder:8x128, time over ONNX Runtime's", against("encoder:8x128", "onnxruntime"), 1.0, False),
        ("gemm:1024, GFLOP/s", gemm and work("gemm:1024x1024x1024")[0] / gemm / 1e9, 200, True),
        ("gelu-fused, time over the copy's",
         ratio(seconds(report, "gelu-fused:16777216", OURS), seconds(report, "copy:16777216", OURS)), 2.0, False),
        ("softmax:4096x1024, time over ONNX Runtime's", against("softmax:4096x1024", "onnxruntime"), 1.0, False),
        ("adds:1000, ms", adds and adds * 1e3, 0.3, False),
        ("allocations per run of any case counted", max(counted) if counted else None, 0, False),
        ("encoder's peak memory beyond its weights, MiB",
         (memory - weights) / 2**20 if memory and weights else None, 96, False),
    ]
    return [row for row in rows if row[1] is not None]


def vulkan_targets(report):
    """What the Vulkan backend promises, as far as it was measured."""
    def ratio(a, b):
        return a / b if a is not None and b is not None else None

    def against(case, peer, case2=None):
        return ratio(seconds(report, case, OURS_VULKAN), seconds(report, case2 or case, peer))

    gelu = "gelu-fused:16777216"
    rows = [
        ("encoder:1x128, time over IREE's", against("encoder:1x128", "iree-vulkan"), 1 / 6, False),
        *((f"gemm:{n}, rate over IREE's", against(f"gemm:{n}x{n}x{n}", "iree-vulkan"), 3.0, True) for n in (512, 1024)),
        ("gelu-fused, time over IREE's", against(gelu, "iree-vulkan"), 0.5, False),
        ("gelu-fused, time over the copy kernel's", against(gelu, OURS_VULKAN, COPY), 2.5, False),
    ]
    return [
        (text, 1 / value if more else value, limit, more) for text, value, limit, more in rows if value is not None]


def promises(report):
    """The rows of all targets that concern the engines of the report, and how many there should be."""
    rows, count = [], 0
    if OURS in report["engines"]:
        rows, count = targets(report), PROMISES
    if OURS_VULKAN in report["engines"]:
        rows, count = rows + vulkan_targets(report), count + VULKAN_PROMISES
    return rows, count


def ceilings(report):
    """Rows that set rates against what the driver's own ceiling gives: of bytes the copy kernel, of arithmetic the
    multiply-adds."""
    tops = {}
    for case in (COPY, MULTIPLY_ADD):
        time, (amount, unit) = seconds(report, case, OURS_VULKAN), work(case)
        if time:
            tops[unit] = amount / time
    rows = []
    for case, results in report["cases"].items():
        amount, unit = work(case)
        if unit not in tops:
            continue
        row = [case]
        for name in report["engines"]:
            time = results.get(name, {}).get("median_seconds")
            row.append("-" if time is None else f"{amount / time / 1e9:.2f} ({100 * amount / time / tops[unit]:.0f} %)")
        rows.append([*row, unit])
    return rows


def met(row):
    _, value, limit, more = row
    return value >= limit if more else value <= limit


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def markdown(report):
    engines = report["engines"]
    ours = OURS if OURS in engines else OURS_VULKAN
    peers = [name for name in engines if name != ours] if ours in engines else []
    header = ["case", *(f"{name} ms" for name in engines), "rate of each", *(f"{ours} / {peer}" for peer in peers)]
    rows, digits = [], 1 if OURS_VULKAN in engines else 0
    for case, results in report["cases"].items():
        amount, unit = work(case)
        times = [results.get(name, {}).get("median_seconds") for name in engines]
        row = [case, *("-" if t is None else f"{t * 1e3:.4g}" for t in times)]
        if unit:
            row.append(" / ".join("-" if t is None else f"{amount / t / 1e9:.{digits}f}" for t in times) + f" {unit}")
        else:
            row.append("")
        for peer in peers:
            a, b = seconds(report, case, ours), seconds(report, case, peer)
            row.append("-" if a is None or b is None else f"{a / b:.2f}")
        rows.append(row)
    machine = report["machine"]
    parts = [
        "# Benchmark\n",
        f"{machine['cpu']}, {machine['cpus']} CPUs, {report['threads']} threads, {report['rounds']} interleaved rounds, "
        f"medians; load before {machine['load_before']:.2f}, after {machine['load_after']:.2f}; {report['date']}; "
        + ", ".join(f"{name} {version}" for name, version in report["versions"].items()) + ".\n",
        table(header, rows),
    ]
    if "driver" in report:
        parts.insert(1, f"Vulkan driver: {report['driver']}.\n")
    against = ceilings(report)
    if against:
        parts += [
            "Rates, and in brackets what that is of the driver's own ceiling: the copy kernel of "
            f"{COPY} for bytes, the multiply-adds of {MULTIPLY_ADD} for arithmetic:\n",
            table(["case", *engines, "unit"], against)]
    compile_rows = []
    for case, results in report["cases"].items():
        times = [results.get(name, {}).get("compile_seconds") for name in engines]
        if any(t is not None for t in times) and case.startswith(("encoder", "adds")):
            compile_rows.append([case, *("-" if t is None else f"{t * 1e3:.1f}" for t in times)])
    if compile_rows:
        parts += ["Time to compile or to create a session, ms:\n", table(["case", *engines], compile_rows)]
    memory = {name: entry for name, entry in report["memory"].items() if "peak_bytes" in entry}
    if memory:
        parts += [
            f"Peak resident memory of a fresh process with {MEMORY_CASE}, MiB:\n",
            table(["", *memory], [
                ["before a model", *(f"{entry['idle_bytes'] / 2**20:.0f}" for entry in memory.values())],
                ["model loaded and run", *(f"{entry['peak_bytes'] / 2**20:.0f}" for entry in memory.values())]]),
        ]
    allocations = {case: count for case, count in report.get("allocations", {}).items() if case != "error"}
    if allocations:
        parts += [
            f"Allocations per run of {OURS}, over {ALLOCATION_RUNS} runs after the first:\n",
            table(["case", "allocations"], [[case, f"{count:g}"] for case, count in allocations.items()]),
        ]
    promised, _ = promises(report)
    if promised:
        parts += [
            "Targets:\n",
            table(["target", "measured", "limit", "met"], [
                [row[0], f"{row[1]:.3g}", f"{'>=' if row[3] else '<='} {row[2]:.3g}", "yes" if met(row) else "NO"]
                for row in promised]),
        ]
    faults = [f"{name}: {reason}" for name, reason in report["absent"].items()]
    faults += [
        f"{case}, {name}: {entry['error']}" for case, results in report["cases"].items()
        for name, entry in results.items() if "error" in entry]
    faults += [f"memory, {name}: {entry['error']}" for name, entry in report["memory"].items() if "error" in entry]
    if "error" in report["allocations"]:
        faults.append(f"allocations: {report['allocations']['error']}")
    if faults:
        parts.append("Not measured:\n\n" + "\n".join(f"- {fault}" for fault in faults) + "\n")
    return "\n".join(parts)


def machine():
    model = platform.processor() or platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {
        "cpu": model, "cpus": len(os.sched_getaffinity(0)), "system": platform.platform(),
        "load_before": os.getloadavg()[0],
    }


def vulkan_driver():
    """The driver's name and version, as vulkaninfo tells them of the first device."""
    try:
        text = subprocess.run(["vulkaninfo", "--summary"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown, vulkaninfo does not run"
    facts = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            facts.setdefault(key.strip(), value.strip())
    return ", ".join(facts[key] for key in ("deviceName", "driverInfo", "apiVersion") if key in facts) or "unknown"


def versions(found):
    peers = [name for name in found if name not in (OURS, OURS_VULKAN)]
    if not peers:
        return {}
    packages = [{"iree-vulkan": "iree-base-runtime", "ncnn-vulkan": "ncnn"}.get(name, name) for name in peers]
    program = "import importlib.metadata as m, sys; print(*(m.version(n) for n in sys.argv[1:]))"
    result = subprocess.run([found[peers[0]][0], "-c", program, *packages], capture_output=True, text=True)
    return dict(zip(peers, result.stdout.split()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda text: [name for name in text.split(",") if name]
    every = ENGINES + VULKAN_ENGINES
    parser.add_argument(
        "--vulkan", action="store_true", help=f"the Vulkan backend on {VULKAN_DEVICE}, its peers, its cases and targets")
    parser.add_argument("--engines", type=names, help=f"comma-separated, of {','.join(every)}")
    parser.add_argument("--cases", type=names, default=[], help="comma-separated beginnings of case names")
    parser.add_argument("--rounds", type=int, help="7 by default, 5 with --vulkan")
    parser.add_argument("--seconds", type=float, default=0.15, help="about how long each engine runs per round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--heterodyne", type=pathlib.Path, default=root / ".build" / "release" / "heterodyne-benchmarks",
        help="this project's server; by default the release build's")
    parser.add_argument("--output", type=pathlib.Path, default=here / "results", help="folder of the two reports")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed or not measured")
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    arguments = parser.parse_args()
    listed = VULKAN_CASES if arguments.vulkan else CASES
    arguments.engines = arguments.engines or (VULKAN_ENGINES if arguments.vulkan else ENGINES)
    arguments.rounds = (5 if arguments.vulkan else 7) if arguments.rounds is None else arguments.rounds
    if arguments.list:
        print("\n".join(listed))
        return 0
    unknown = [name for name in arguments.engines if name not in every]
    if unknown:
        parser.error(f"unknown engine {', '.join(unknown)}; there are {', '.join(every)}")
    if arguments.rounds < 1 or arguments.threads < 1 or arguments.seconds <= 0:
        parser.error("--rounds, --threads and --seconds have to be positive")
    cases = [
        case for case in listed
        if not arguments.cases or any(case.startswith(beginning) for beginning in arguments.cases)]
    if not cases:
        parser.error(f"no case begins with {', '.join(arguments.cases)}; --list shows them")

    found, absent = commands(arguments)
    report = {
        "schema": 1, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "threads": arguments.threads, "rounds": arguments.rounds, "machine": machine(), "versions": versions(found),
        "absent": absent, "cases": {}, "memory": {}, "allocations": {},
    }
    if arguments.vulkan:
        report["driver"] = vulkan_driver()
    engines = []
    for name, command in found.items():
        try:
            engines.append(Engine(name, command))
        except EngineFailed as error:
            absent[name] = str(error)
    for name, reason in absent.items():
        print(f"{name} is absent: {reason}", file=sys.stderr)
    if not engines:
        print("error: no engine to measure", file=sys.stderr)
        return 1
    report["engines"] = [engine.name for engine in engines]
    started = {engine.name: found[engine.name] for engine in engines}

    progress = Progress(len(cases) * len(engines) * arguments.rounds)
    try:
        for case in cases:
            report["cases"][case] = measure(engines, case, arguments, progress)
    finally:
        progress.clear()
        for engine in engines:
            engine.close()
    if MEMORY_CASE in cases:
        report["memory"] = measure_memory(started)
        report["allocations"] = measure_allocations(started)
    report["machine"]["load_after"] = os.getloadavg()[0]

    text = markdown(report)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "benchmark.json").write_text(json.dumps(report, indent=2) + "\n")
    (arguments.output / "benchmark.md").write_text(text)
    print(text)
    print(f"written: {arguments.output}/benchmark.json and benchmark.md", file=sys.stderr)
    promised, wanted = promises(report)
    wanted = wanted or PROMISES
    return 1 if arguments.strict and (len(promised) < wanted or not all(map(met, promised))) else 0


if __name__ == "__main__":
    sys.exit(main())
