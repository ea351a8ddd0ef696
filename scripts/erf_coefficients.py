#!/usr/bin/env python3
"""Derives the polynomials behind erf, erfc and gelu (Sources/HeterodyneOps/Elementary/ErrorFunctionTables.swift).

Two functions are approximated, each for float32 and for float64:

  small(s)  with s = x^2,            erf(x)   = x + x * small(s)              for |x| <= SMALL
  scaled(t) with t = (x-K)/(x+K),    erfcx(x) = scaled(t) / (x + K)           for SMALL <= x <= END

erfcx(x) = exp(x^2) erfc(x). The approximations are Chebyshev interpolants, computed with 60 digits by mpmath, whose
relative error is within a small factor of the best possible; the degree is the smallest that meets the goal. They are
then written in powers of the variable (small) or of t shifted and scaled to [-1, 1] (scaled).

Usage: python3 scripts/erf_coefficients.py > Sources/HeterodyneOps/Elementary/ErrorFunctionTables.swift
Needs mpmath.
"""

import sys

from mpmath import mp, mpf

mp.dps = 60
SMALL = mpf("0.84375")
K = mpf("2")
END = {"float32": mpf("10.5"), "float64": mpf("28")}
GOAL = {"float32": mpf(2) ** -27, "float64": mpf(2) ** -56}


def erfcx(x):
    return mp.exp(x * x) * mp.erfc(x)


def small(s):
    two = 2 / mp.sqrt(mp.pi)
    if s == 0:
        return two - 1
    x = mp.sqrt(s)
    return mp.erf(x) / x - 1


def chebyshev(f, degree):
    """Coefficients in powers of u, |u| <= 1, of the interpolant of f at the Chebyshev points."""
    n = degree + 1
    nodes = [mp.cos(mp.pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f(u) for u in nodes]
    series = [
        (1 if j == 0 else 2) * mp.fsum(values[k] * mp.cos(j * mp.pi * (k + mpf(1) / 2) / n) for k in range(n)) / n
        for j in range(n)
    ]
    polynomials = [[mpf(1)], [mpf(0), mpf(1)]]
    while len(polynomials) < n:
        a, b = polynomials[-1], polynomials[-2]
        c = [mpf(0)] + [2 * v for v in a]
        for i, v in enumerate(b):
            c[i] -= v
        polynomials.append(c)
    powers = [mpf(0)] * n
    for coefficient, polynomial in zip(series, polynomials):
        for i, v in enumerate(polynomial):
            powers[i] += coefficient * v
    return powers


def horner(coefficients, u):
    value = mpf(0)
    for c in reversed(coefficients):
        value = value * u + c
    return value


def fit(f, low, high, scale, goal):
    """Powers of u = (v - centre) / half that meet `goal`, where `scale(v)` weighs the absolute error at v."""
    centre, half = (low + high) / 2, (high - low) / 2
    for degree in range(3, 40):
        powers = chebyshev(lambda u: f(centre + half * u), degree)
        worst = mpf(0)
        for i in range(401):
            u = mpf(i) / 200 - 1
            v = centre + half * u
            worst = max(worst, abs(horner(powers, u) - f(v)) / scale(v))
        if worst <= goal:
            return powers, centre, half, worst
    raise SystemExit("no degree meets the goal")


def expand(powers, centre, half):
    """The same polynomial in powers of v itself."""
    result = [mpf(0)]
    for c in reversed(powers):
        shifted = [mpf(0)] * (len(result) + 1)
        for i, r in enumerate(result):
            shifted[i + 1] += r / half
            shifted[i] -= r * centre / half
        shifted[0] += c
        result = shifted
    return result[: len(powers)]


def swift(name, comment, numbers):
    lines = [f"    /// {comment}", f"    static let {name}: [Double] = ["]
    lines += [f"        {float(n)!r}," for n in numbers]
    return "\n".join(lines + ["    ]"])


def main():
    out = sys.stdout.write
    out("// Heterodyne: polynomials for erf, erfc and gelu, made by scripts/erf_coefficients.py.\n")
    out("// SPDX-License-Identifier: Apache-2.0\n\n")
    out("/// Coefficients, lowest power first. Made by `scripts/erf_coefficients.py`; do not edit.\n")
    out("enum ErrorFunctionTables {\n")
    out("    /// Up to this magnitude `erf(x) = x + x small(x^2)`.\n")
    out(f"    static let smallLimit = {float(SMALL)!r}\n")
    out("    /// The constant `K` of `t = (x - K) / (x + K)`.\n")
    out(f"    static let scaledConstant = {float(K)!r}\n")
    for kind in ("float32", "float64"):
        goal = GOAL[kind]
        # erf(x) = x (1 + small): an absolute error of small is a relative error of erf, up to 1 + small >= 0.7.
        powers, centre, half, worst = fit(small, mpf(0), SMALL**2, lambda v: 1 + small(v), goal)
        digits = "Float32" if kind == "float32" else "Float64"
        out("\n" + swift(f"small{digits}", f"`small` in powers of `x^2`; error {mp.nstr(worst, 2)} of erf.",
                         expand(powers, centre, half)) + "\n")
        low, high = (SMALL - K) / (SMALL + K), (END[kind] - K) / (END[kind] + K)

        def scaled(t):
            x = K * (1 + t) / (1 - t)
            return (x + K) * erfcx(x)

        powers, centre, half, worst = fit(scaled, low, high, scaled, goal)
        out("\n" + swift(f"scaled{digits}", f"`scaled` in powers of `t`; relative error {mp.nstr(worst, 2)}.",
                         expand(powers, centre, half)) + "\n")
    out("}\n")


if __name__ == "__main__":
    main()
