// Heterodyne: exact reduction of huge angles by multiples of pi/2 (Payne and Hanek, 1983).
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"
#include "math_constants.h"

typedef unsigned __int128 u128;

int hk_reduce_huge(double x, double *hi, double *lo) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    const int negative = (int)(bits >> 63);
    // |x| = m 2^e with m < 2^53; e >= -32 for the angles that come here (|x| > 2^20).
    const uint64_t m = (bits & 0xfffffffffffffull) | 0x10000000000000ull;
    const int e = (int)(bits >> 52 & 0x7ff) - 1075;
    // m 2^e (2/pi) mod 4 needs the bits of 2/pi from position e - 2 on (earlier ones give multiples of 4):
    // three 64-bit words w0 w1 w2 starting there, counted from the binary point. For e <= 2 that is a prefix of zeros.
    const int first = e - 2;
    uint64_t w[3];
    for (int i = 0; i < 3; i++) {
        const int position = first + 64 * i;
        uint64_t value = 0;
        if (position > -64) {
            const int word = position >= 0 ? position / 64 : -1, shift = position - word * 64;
            const uint64_t a = word >= 0 && word < 20 ? hk_two_over_pi_bits[word] : 0;
            const uint64_t b = word + 1 < 20 ? hk_two_over_pi_bits[word + 1] : 0;
            value = shift == 0 ? a : (a << shift) | (b >> (64 - shift));
        }
        w[i] = value;
    }
    // product = m (w0 w1 w2) 2^-190 mod 4, as a 192-bit number whose top two bits are the quadrant
    const u128 p2 = (u128)m * w[2], p1 = (u128)m * w[1] + (uint64_t)(p2 >> 64);
    uint64_t top = m * w[0] + (uint64_t)(p1 >> 64), mid = (uint64_t)p1;
    int quadrant = (int)(top >> 62);
    // the fraction as a signed 126-bit number, rounded to the nearest quadrant
    u128 fraction = ((u128)top << 64 | mid) << 2;
    fraction |= (uint64_t)p2 >> 62;
    int flipped = 0;
    if (fraction >> 127) {
        quadrant += 1;
        fraction = -fraction;
        flipped = 1;
    }
    const uint64_t high = (uint64_t)(fraction >> 64), low = (uint64_t)fraction;
    double fh, fl;
    if (high != 0) {
        const int zeros = __builtin_clzll(high);
        const u128 shifted = fraction << zeros;
        const uint64_t top53 = (uint64_t)(shifted >> 75), next = (uint64_t)(shifted >> 22) & 0x1fffffffffffffull;
        fh = __builtin_ldexp((double)top53, -53 - zeros);
        fl = __builtin_ldexp((double)next, -106 - zeros);
    } else {
        fh = __builtin_ldexp((double)low, -128);
        fl = 0;
    }
    // (fh + fl) pi/2
    const double product = fh * hk_pio2_hi;
    const double error = __builtin_fma(fh, hk_pio2_hi, -product) + (fh * hk_pio2_lo + fl * hk_pio2_hi);
    double r = product + error, rest = error - (r - product);
    if (flipped) { r = -r; rest = -rest; }
    if (negative) { r = -r; rest = -rest; quadrant = -quadrant; }
    *hi = r;
    *lo = rest;
    return quadrant & 3;
}
