#!/usr/bin/env python3
"""Derives the polynomials of the math library (Sources/CHostKernels/math_constants.h) and prints that file.

Usage: python3 scripts/math_polynomials.py > Sources/CHostKernels/math_constants.h

Every polynomial is a weighted minimax fit (Remez exchange on a dense grid, 60 digits) of the function named beside it;
coefficients are then rounded to the format that evaluates them. Needs mpmath only. The largest fit error (before
rounding) is printed as a comment beside every table.
"""
from mpmath import mp, mpf, matrix, lu_solve, cos, pi, exp, log, sin, erf, erfc, sqrt, expm1, log1p, floor, nstr
import struct

mp.dps = 60


def remez(f, weight, basis, lo, hi, iterations=12, grid=1200):
    """Coefficients c that minimise max |weight(x) (f(x) - sum c_k basis_k(x))| over [lo, hi]; and that maximum."""
    count = len(basis)
    points = [lo + (hi - lo) * (1 - cos(pi * k / (grid - 1))) / 2 for k in range(grid)]
    values = [(x, f(x), weight(x), [b(x) for b in basis]) for x in points]
    reference = [min(range(grid), key=lambda i: abs(points[i] - (lo + (hi - lo) * (1 - cos(pi * k / count)) / 2)))
                 for k in range(count + 1)]
    best = None
    for _ in range(iterations):
        a = matrix(count + 1, count + 1)
        b = matrix(count + 1, 1)
        for row, index in enumerate(reference):
            x, y, w, phi = values[index]
            for column in range(count):
                a[row, column] = w * phi[column]
            a[row, count] = (-1) ** row
            b[row] = w * y
        solution = lu_solve(a, b)
        c = [solution[i] for i in range(count)]
        errors = [w * (y - sum(ci * p for ci, p in zip(c, phi))) for x, y, w, phi in values]
        worst = max(abs(e) for e in errors)
        if best is None or worst < best[1]:
            best = (c, worst)
        # one extremum per run of equal sign, then drop from the ends down to count + 1
        extrema = []
        for i, e in enumerate(errors):
            if extrema and (errors[extrema[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > count + 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < count + 1 or extrema == reference:
            break
        reference = extrema
    return best


def powers(degree, variable=lambda x: x):
    return [lambda x, k=k: variable(x) ** k for k in range(degree + 1)]


def literal(value, bits):
    if bits == 32:
        rounded = struct.unpack("f", struct.pack("f", float(value)))[0]
        return float(rounded).hex() + "f"
    return float(value).hex()


def emit(name, comment, fit, bits):
    coefficients, worst = fit
    kind = "float" if bits == 32 else "double"
    print(f"/// {comment}; fit error {nstr(worst, 3)}")
    print(f"static const {kind} {name}[{len(coefficients)}] = {{")
    for c in coefficients:
        print(f"    {literal(c, bits)},")
    print("};")


def constant(name, value, bits):
    print(f"static const {'float' if bits == 32 else 'double'} {name} = {literal(value, bits)};")


def truncated(value, bits):
    """value cut to so many significant bits."""
    exponent = int(floor(log(abs(value), 2)))
    scale = mpf(2) ** (bits - 1 - exponent)
    return floor(value * scale) / scale


def main():
    print("// Heterodyne: constants and polynomials of the math library; written by scripts/math_polynomials.py.")
    print("// SPDX-License-Identifier: Apache-2.0")
    print("#ifndef HK_MATH_CONSTANTS_H\n#define HK_MATH_CONSTANTS_H\n#include <stdint.h>")
    print("#pragma clang diagnostic push\n#pragma clang diagnostic ignored \"-Wunused-const-variable\"")
    half = log(mpf(2)) / 2 * mpf("1.0001")
    quarter = pi / 4 * mpf("1.0001")

    for bits, deg in ((32, 4), (64, 9)):
        tail = lambda x: (expm1(x) - x) / x**2 if x else mpf(1) / 2
        weight = lambda x: abs(x**2 / expm1(x)) if x else mpf(0)
        emit(f"hk_expm1_{bits}", "(expm1(r) - r) / r^2 in r, |r| <= ln2 / 2, relative to expm1",
             remez(tail, weight, powers(deg), -half, half), bits)
    lo, hi = sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1
    emit("hk_log_32", "(log1p(f) - f + f^2/2) / f^3 in f, sqrt(1/2) <= 1 + f <= sqrt(2), relative to log1p",
         remez(lambda f: (log1p(f) - f + f**2 / 2) / f**3 if abs(f) > mpf(10)**-15 else mpf(1) / 3,
               lambda f: abs(f**3 / log1p(f)) if f else mpf(0), powers(8), lo, hi), 32)
    s_max = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)
    def atanh_tail(z):
        if z < mpf(10)**-20:
            return mpf(2) / 3
        s = sqrt(z)
        return (log((1 + s) / (1 - s)) - 2 * s) / s**3
    emit("hk_log_64", "(2 atanh(s) - 2 s) / s^3 in z = s^2, relative to atanh",
         remez(atanh_tail, lambda z: z, powers(6), mpf(0), s_max**2 * mpf("1.0001")), 64)
    for bits, ds, dc in ((32, 2, 2), (64, 5, 5)):
        emit(f"hk_sin_{bits}", "(sin(r) - r) / r^3 in z = r^2, |r| <= pi/4, relative to sin",
             remez(lambda z: (sin(sqrt(z)) - sqrt(z)) / sqrt(z)**3 if z > mpf(10)**-20 else -mpf(1) / 6,
                   lambda z: sqrt(z)**3 / sin(sqrt(z)) if z else mpf(0), powers(ds), mpf(0), quarter**2), bits)
        emit(f"hk_cos_{bits}", "(cos(r) - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4, relative to cos",
             remez(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2 if z > mpf(10)**-12 else mpf(1) / 24,
                   lambda z: z**2 / cos(sqrt(z)), powers(dc), mpf(0), quarter**2), bits)
    # erfc(x) = exp(-x P(x)): one polynomial and one exponential, no cancellation for small x nor in the tail.
    def weight(x):
        g = -log(erfc(x))
        return x * erfc(x) / erf(x) if x > mpf(10)**-10 else mpf(2) / sqrt(pi) * mpf("0.886")
    def logerfc(x):
        return -log(erfc(x)) / x if x > mpf(10)**-25 else 2 / sqrt(pi)
    emit("hk_erf_32", "-log(erfc(x)) / x in x, 0 <= x <= 4, relative to erf",
         remez(logerfc, weight, powers(8), mpf(0), mpf(4)), 32)
    # erfc(z) = exp(-z^2) t Q(t), t = 1 / (1 + z / 2): accurate to the last bit of the tail, for gelu.
    def scaled(t):
        z = 2 * (1 / t - 1)
        return exp(z**2) * erfc(z) / t
    emit("hk_erfc_32", "exp(z^2) erfc(z) / t in t = 1 / (1 + z / 2), 0 <= z <= 10.2, relative to erfc",
         remez(scaled, lambda t: 1 / scaled(t), powers(9), 1 / (1 + mpf("10.2") / 2), mpf(1), grid=800), 32)
    print("/// erf(x) / x in t = |x| - (0.75 i + 0.375), 0.75 i <= |x| < 0.75 (i + 1): [power][i]")
    fits = []
    for i in range(8):
        c = mpf(3) / 4 * i + mpf(3) / 8
        fits.append(remez(lambda t, c=c: erf(c + t) / (c + t) if abs(c + t) > mpf(10)**-25 else 2 / sqrt(pi),
                          lambda t, c=c: (c + t) / erf(c + t) if abs(c + t) > mpf(10)**-25 else sqrt(pi) / 2, powers(15),
                          -mpf(3) / 8 * mpf("1.00001"), mpf(3) / 8 * mpf("1.00001"), iterations=6, grid=500))
    print(f"/// fit error {nstr(max(f[1] for f in fits), 3)}")
    print("static const double hk_erf_64[16][8] __attribute__((aligned(64))) = {")
    for k in range(16):
        print("    {" + ", ".join(literal(f[0][k], 64) for f in fits) + "},")
    print("};")

    ln2 = log(mpf(2))
    constant("hk_log2e_32", 1 / ln2, 32)
    constant("hk_log2e_64", 1 / ln2, 64)
    hi = truncated(ln2, 15)
    constant("hk_ln2_hi_32", hi, 32)
    constant("hk_ln2_lo_32", ln2 - hi, 32)
    hi = truncated(ln2, 41)
    constant("hk_ln2_hi_64", hi, 64)
    constant("hk_ln2_lo_64", ln2 - hi, 64)
    half_pi = pi / 2
    p1 = truncated(half_pi, 33)
    p2 = truncated(half_pi - p1, 33)
    constant("hk_pio2_1", p1, 64)
    constant("hk_pio2_2", p2, 64)
    constant("hk_pio2_3", half_pi - p1 - p2, 64)
    constant("hk_pio2_hi", half_pi, 64)
    constant("hk_pio2_lo", half_pi - mpf(float(half_pi)), 64)
    constant("hk_two_over_pi", 2 / pi, 64)
    words = []
    with_precision = mp.prec
    mp.prec = 1600
    value = 2 / +pi
    for _ in range(20):
        value *= mpf(2) ** 64
        word = int(floor(value))
        value -= word
        words.append(word)
    mp.prec = with_precision
    print("/// the first 1280 bits of 2 / pi after the binary point, most significant word first")
    print("static const uint64_t hk_two_over_pi_bits[20] = {")
    for w in words:
        print(f"    0x{w:016x}ull,")
    print("};")
    print("#pragma clang diagnostic pop\n#endif")


if __name__ == "__main__":
    main()
