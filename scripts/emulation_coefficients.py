#!/usr/bin/env python3
"""Derives the constants of emulated float64 (Sources/HeterodyneEmulation/Functions/Coefficients.swift) and prints them.

Usage: python3 scripts/emulation_coefficients.py > Sources/HeterodyneEmulation/Functions/Coefficients.swift

Polynomials are weighted minimax fits by the Remez exchange of scripts/math_polynomials.py. Coefficients whose term can be
more than 2^-26 of the result are pairs of float32 (rounded, and the rest rounded), the others one float32. Needs mpmath.
"""
import struct
from mpmath import mp, mpf, log, pi, sin, cos, expm1, sqrt, floor, nstr
from math_polynomials import remez, powers, truncated

mp.dps = 60


def single(value):
    """The nearest float32."""
    return mpf(struct.unpack("f", struct.pack("f", float(value)))[0])


def literal(value):
    text = float(value).hex()
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, exponent = text.split("p")
    return f"{sign}{mantissa.rstrip('0').rstrip('.')}p{int(exponent)}"


def pair(value):
    upper = single(value)
    return f"({literal(upper)}, {literal(single(value - upper))})"


def polynomial(name, comment, fit, pairs):
    coefficients, worst = fit
    print(f"    /// {comment}.")
    print(f"    /// The fit's error is {nstr(worst, 3)}.")
    print(f"    static let {name} = Polynomial(")
    print("        singles: [")
    for c in reversed(coefficients[pairs:]):
        print(f"            {literal(single(c))},")
    print("        ],")
    print("        pairs: [")
    for c in reversed(coefficients[:pairs]):
        print(f"            {pair(c)},")
    print("        ])")


def parts(name, comment, value, widths):
    """value as a sum of numbers of so many bits each."""
    print(f"    /// {comment}")
    numbers = []
    for width in widths:
        part = truncated(value, width) if width < 24 else single(value)
        numbers.append(literal(part))
        value -= part
    print(f"    static let {name}: [Float] = [{', '.join(numbers)}]")


def main():
    print("// Heterodyne: constants and polynomials of emulated float64; written by scripts/emulation_coefficients.py.")
    print("// SPDX-License-Identifier: Apache-2.0")
    print()
    print("/// What the functions of `DoubleSingle` are made of.")
    print("enum Coefficients {")
    half = log(mpf(2)) / 2 * mpf("1.001")
    tail = lambda x: (expm1(x) - x) / x**2 if x else mpf(1) / 2
    weight = lambda x: abs(x**2 / expm1(x)) if x else mpf(0)
    polynomial("exponential", "(expm1(r) - r) / r^2 in r, |r| <= ln2 / 2, relative to expm1",
               remez(tail, weight, powers(9), -half, half), 6)
    s_max = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)

    def atanh_tail(z):
        if z < mpf(10)**-20:
            return mpf(2) / 3
        s = sqrt(z)
        return (log((1 + s) / (1 - s)) - 2 * s) / s**3
    polynomial("logarithm", "(2 atanh(s) - 2 s) / s^3 in z = s^2, |s| <= 3 - 2 sqrt(2), relative to atanh",
               remez(atanh_tail, lambda z: z, powers(6), mpf(0), s_max**2 * mpf("1.0001")), 4)
    quarter = pi / 4 * mpf("1.01")
    polynomial("sine", "(sin(r) - r) / r^3 in z = r^2, |r| <= pi/4, relative to sin",
               remez(lambda z: (sin(sqrt(z)) - sqrt(z)) / sqrt(z)**3 if z > mpf(10)**-20 else -mpf(1) / 6,
                     lambda z: sqrt(z)**3 / sin(sqrt(z)) if z else mpf(0), powers(5), mpf(0), quarter**2), 4)
    polynomial("cosine", "(cos(r) - 1) / r^2 in z = r^2, |r| <= pi/4, relative to cos",
               remez(lambda z: (cos(sqrt(z)) - 1) / z if z > mpf(10)**-20 else -mpf(1) / 2,
                     lambda z: z / cos(sqrt(z)), powers(5), mpf(0), quarter**2), 4)
    ln2 = log(mpf(2))
    parts("logarithmOfTwo", "ln 2 as a sum; multiples of the first two by integers of 8 bits are exact.", ln2, [16, 16, 24])
    parts("halfPi", "pi / 2 as a sum of float32 numbers.", pi / 2, [24, 24, 24, 24])
    print("    /// 1 / ln 2")
    print(f"    static let inverseLogarithmOfTwo: Float = {literal(single(1 / ln2))}")
    print("    /// 2 / pi")
    print(f"    static let inverseHalfPi: Float = {literal(single(2 / pi))}")
    print("}")


if __name__ == "__main__":
    main()
