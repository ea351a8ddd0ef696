#!/usr/bin/env python3
"""Turns the constants of the host's math library into the Swift tables of the kernels' math library.

Usage: python3 scripts/math_swift_tables.py > Sources/HeterodyneKernelIR/Math/Generated/MathTables.swift
"""
import pathlib
import re

HEADER = pathlib.Path(__file__).parent.parent / "Sources/CHostKernels/math_constants.h"


def swift_name(name):
    first, *rest = name.removeprefix("hk_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def number(text):
    if text.endswith("ull"):
        return text[:-3]
    return re.sub(r"0+p", "p", re.sub(r"\.0+p", ".0p", text.removesuffix("f"))).replace(".p", ".0p")


def main():
    text = HEADER.read_text()
    print("// Heterodyne: constants of the math library; written by scripts/math_swift_tables.py.")
    print("// SPDX-License-Identifier: Apache-2.0\n")
    print("/// The numbers of docs/MathFunctions.md, the same as in the host's kernels. Tables of rows are row after row.")
    print("enum MathTables {")
    pattern = r"static const (\w+) (hk_\w+)((?:\[\d+\])*)[^=]*= (\{.*?\}|[^;{]+);"
    for kind, name, size, value in re.findall(pattern, text, re.S):
        numbers = [number(n) for n in re.findall(r"-?0x[0-9a-f.]+(?:p[+-]\d+f?|ull)", value)]
        element = "UInt64" if kind == "uint64_t" else "Double"
        if size:
            print(f"    static let {swift_name(name)}: [{element}] = [")
            for item in numbers:
                print(f"        {item},")
            print("    ]")
        else:
            print(f"    static let {swift_name(name)}: {element} = {numbers[0]}")
    print("}")


if __name__ == "__main__":
    main()
