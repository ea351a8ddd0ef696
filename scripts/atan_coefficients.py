#!/usr/bin/env python3
"""Derives the polynomials behind atan, asin and acos (Sources/HeterodyneOps/Elementary/ArcTangentTables.swift).

  atan(t) = t + t z p(z)   with z = t^2, |t| <= tan(pi/8)

p is the Chebyshev interpolant of (atan(t)/t - 1)/z of the smallest degree whose error in atan meets the goal.

Usage: python3 scripts/atan_coefficients.py > Sources/HeterodyneOps/Elementary/ArcTangentTables.swift
Needs mpmath.
"""

import sys

from erf_coefficients import expand, fit, swift
from mpmath import mp, mpf

END = (mp.sqrt(2) - 1) ** 2 * mpf("1.000001")


def p(z):
    if z < mpf(10) ** -15:
        return -mpf(1) / 3 + z / 5 - z * z / 7
    t = mp.sqrt(z)
    return (mp.atan(t) / t - 1) / z


def main():
    out = sys.stdout.write
    out("// Heterodyne: polynomials for atan, asin and acos, made by scripts/atan_coefficients.py.\n")
    out("// SPDX-License-Identifier: Apache-2.0\n\n")
    out("/// Coefficients, lowest power first. Made by `scripts/atan_coefficients.py`; do not edit.\n")
    out("enum ArcTangentTables {\n")
    first = True
    for digits, goal in (("Float32", mpf(2) ** -28), ("Float64", mpf(2) ** -57)):
        powers, centre, half, worst = fit(p, mpf(0), END, lambda z: 1 / END, goal)
        out(("" if first else "\n") + swift(f"atan{digits}", f"`(atan(t)/t - 1)/t²` in powers of `t²`; error "
            f"{mp.nstr(worst, 2)} of atan.", expand(powers, centre, half)) + "\n")
        first = False
    out("}\n")


if __name__ == "__main__":
    main()
