// Heterodyne: the math library in float64 (docs/MathFunctions.md); one definition for every vector width.
// SPDX-License-Identifier: Apache-2.0

#define HK_MAGIC64 6755399441055744.0

/// x = n ln2 + r; gives n (as float64) and expm1(r). `low` is a correction added to r. Needs |x| < 2^15.
HK_INLINE vd exp_core_f64(vd x, vd low, vd *n) {
    const vd k = HK_MULADD(x, vd_set(hk_log2e_64), vd_set(HK_MAGIC64)) - HK_MAGIC64;
    vd r = HK_MULADD(k, vd_set(-hk_ln2_hi_64), x);
    r = HK_MULADD(k, vd_set(-hk_ln2_lo_64), r) + low;
    vd p = vd_set(hk_expm1_64[9]);
    for (int j = 8; j >= 0; j--) p = HK_MULADD(p, r, vd_set(hk_expm1_64[j]));
    *n = k;
    return HK_MULADD(r * r, p, r);
}

HK_INLINE vl to_int_f64(vd n) { return (vl)(n + HK_MAGIC64) - 0x4338000000000000; }

/// p * 2^n for |n| <= 2044, rounded once.
HK_INLINE vd scale_f64(vd p, vd n) {
#if HK_LEVEL == 2
    return (vd)_mm512_scalef_pd((__m512d)p, (__m512d)n);
#else
    const vl i = to_int_f64(n);
    const vl half = to_int_f64((n * 0.5 + HK_MAGIC64) - HK_MAGIC64);
    const vd s1 = (vd)((half + 1023) << 52), s2 = (vd)((i - half + 1023) << 52);
    return p * s1 * s2;
#endif
}

HK_INLINE vd exp_low_f64(vd x, vd low) {
    vd n;
    const vd c = vd_at_most(vd_at_least(x, -746.0), 710.5);
    const vd q = exp_core_f64(c, low, &n);
    return scale_f64(q + 1.0, n);
}
HK_INLINE vd exp_f64(vd x) { return exp_low_f64(x, vd_set(0.0)); }

HK_INLINE vd expm1_f64(vd x) {
    vd n;
    const vd c = vd_at_most(vd_at_least(x, -40.0), 709.9);
    const vd q = vd_pick(x == 0.0, x, exp_core_f64(c, vd_set(0.0), &n));
    const vd s = (vd)((to_int_f64(n) + 1022) << 52);
    // n = 0: q itself, so that tiny arguments do not pass through s q
    return vd_pick(n == 0.0, q, 2.0 * HK_MULADD(s, q, s - 0.5));
}

/// x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2)
HK_INLINE vd split_f64(vd x, vd *f) {
    const vl tiny = x < 0x1p-1022;
    const vd scaled = vd_pick(tiny, x * 0x1p54, x);
    const vl biased = ((vl)scaled - 0x3fe6a09e667f3bcd) + 0x7ff0000000000000;
    // An arithmetic shift of 64 bits is slow before AVX-512: bias first, shift logically, unbias as float64.
    const vl exponent = (vl)((vul)biased >> 52);
    const vl e = exponent - 0x7ff;
    *f = (vd)((vl)scaled - (vl)((vul)e << 52)) - 1.0;
    const vd k = (vd)(exponent | 0x4330000000000000) - 4503599627372543.0; // 2^52 + 2047
    return k - vd_pick(tiny, vd_set(54.0), vd_set(0.0));
}

HK_INLINE vd log_specials_f64(vd x, vd y) {
    y = vd_pick(x == 0.0, vd_set(-__builtin_inf()), y);
    y = vd_pick(x < 0.0, vd_set(__builtin_nan("")), y);
    return vd_pick(x < __builtin_inf(), y, x);
}

HK_INLINE vd poly_log_f64(vd z) {
    vd p = vd_set(hk_log_64[6]);
    for (int j = 5; j >= 0; j--) p = HK_MULADD(p, z, vd_set(hk_log_64[j]));
    return p;
}

/// log(1 + f) = 2 atanh(s), s = f / (2 + f), with f - f^2/2 taken out so that the rest is small.
HK_INLINE vd log_f64(vd x) {
    vd f;
    const vd k = split_f64(x, &f);
    const vd s = f / (2.0 + f);
    const vd z = s * s;
    const vd half_square = 0.5 * f * f;
    // 2 atanh(s) - 2 s = s z P(z);  2 s = f - s f;  s f = half_square - s half_square
    const vd rest = s * HK_MULADD(z, poly_log_f64(z), half_square);
    vd y = HK_MULADD(k, vd_set(hk_ln2_lo_64), rest) - half_square;
    y = HK_MULADD(k, vd_set(hk_ln2_hi_64), f + y);
    return log_specials_f64(x, y);
}

HK_INLINE vd log1p_f64(vd x) {
    const vd u = 1.0 + x;
    const vd c = vd_pick(x < 1.0, x - (u - 1.0), 1.0 - (u - x));
    const vd correction = vd_pick((u != 0.0) & (vd_abs(u) < __builtin_inf()), c / u, vd_set(0.0));
    return vd_pick(x == 0.0, x, log_f64(u) + correction);
}

/// a * b = product + error, exactly.
HK_INLINE vd product_error_f64(vd a, vd b, vd product) {
#if HK_HAS_FMA
    return HK_MULADD(a, b, -product);
#else
    const vd sa = a * 134217729.0, sb = b * 134217729.0;
    const vd ah = sa - (sa - a), bh = sb - (sb - b), al = a - ah, bl = b - bh;
    return ((ah * bh - product) + ah * bl + al * bh) + al * bl;
#endif
}

/// pow: log in double-double (the error is below 2^-66), times y exactly, exp with the low part.
HK_INLINE vd power_f64(vd x, vd y) {
    vd f;
    const vd k = split_f64(vd_abs(x), &f);
    const vd d = 2.0 + f;
    const vd d_low = f - (d - 2.0);
    const vd s = f / d;
    const vd sd = s * d;
    const vd s_low = ((f - sd) - product_error_f64(s, d, sd) - s * d_low) / d;
    const vd z = s * s;
    const vd tail = s * z * poly_log_f64(z);
    // k ln2_hi is exact (41 bits); then hi + lo = k ln2 + 2 s + tail
    const vd kh = k * hk_ln2_hi_64;
    const vd s2 = 2.0 * s;
    const vd sum = kh + s2;
    const vd carried = sum - kh;
    const vd error = (kh - (sum - carried)) + (s2 - carried);
    const vd rest = error + (HK_MULADD(k, vd_set(hk_ln2_lo_64), 2.0 * s_low) + tail);
    const vd hi = sum + rest, lo = rest - (hi - sum);
    vd product = y * hi;
    vd low = product_error_f64(y, hi, product) + y * lo;
    const vl large = ~(vd_abs(product) < 800.0);
    product = vd_pick(large, y * (hi + lo), product);
    low = vd_pick(large | ~(vd_abs(low) < 1.0), vd_set(0.0), low);
    vd r = exp_low_f64(product, low);
    const vd ax = vd_abs(x);
    r = vd_pick((ax == 0.0) | (ax == __builtin_inf()), // log is -inf or +inf
                vd_pick((ax == 0.0) == (y > 0.0), vd_set(0.0), vd_set(__builtin_inf())), r);
    r = vd_pick((vd_abs(y) == __builtin_inf()), vd_pick((ax < 1.0) == (y > 0.0), vd_set(0.0), vd_set(__builtin_inf())),
                r);
    const vl integer = __builtin_elementwise_trunc(y) == y;
    const vd half = 0.5 * y;
    const vl odd = integer & (__builtin_elementwise_trunc(half) != half);
    r = (vd)((vl)r ^ (odd & (vl)x & INT64_MIN));
    r = vd_pick((x < 0.0) & (ax < __builtin_inf()) & ~integer, vd_set(__builtin_nan("")), r);
    r = vd_pick((x != x) | (y != y), x + y, r);
    return vd_pick((x == 1.0) | (y == 0.0) | ((ax == 1.0) & (vd_abs(y) == __builtin_inf())), vd_set(1.0), r);
}

/// What IEEE 754 says about pow beside exp(y log|x|), for float32.
HK_INLINE vf power_specials_f32(vf x, vf y, vf r) {
    const vf ax = vf_abs(x);
    const vi integer = __builtin_elementwise_trunc(y) == y;
    const vf half = 0.5f * y;
    const vi odd = integer & (__builtin_elementwise_trunc(half) != half);
    r = (vf)((vi)r ^ (odd & (vi)x & INT32_MIN));
    r = vf_pick((x < 0.0f) & (ax < __builtin_inff()) & ~integer, vf_set(__builtin_nanf("")), r);
    return vf_pick((x == 1.0f) | (y == 0.0f) | ((ax == 1.0f) & (vf_abs(y) == __builtin_inff())), vf_set(1.0f), r);
}

HK_INLINE vd reduce_angle_f64(vd x, vl *quadrant) {
    const vd k = HK_MULADD(x, vd_set(hk_two_over_pi), vd_set(HK_MAGIC64));
    const vd n = k - HK_MAGIC64;
    vd r = HK_MULADD(n, vd_set(-hk_pio2_1), x);
    r = HK_MULADD(n, vd_set(-hk_pio2_2), r);
    r = HK_MULADD(n, vd_set(-hk_pio2_3), r);
    vl q = (vl)k;
    const vl huge = (vd_abs(x) > 1048576.0) & (vd_abs(x) < __builtin_inf());
    if (__builtin_expect(vl_any(huge), 0)) {
        for (int i = 0; i < DW; i++) {
            if (!huge[i]) continue;
            double hi, lo;
            q[i] = hk_reduce_huge(x[i], &hi, &lo);
            r[i] = hi;
        }
    }
    *quadrant = q;
    return vd_pick(vd_abs(x) < __builtin_inf(), r, x - x);
}

HK_INLINE vd sin_quadrant_f64(vd r, vl q) {
    const vd z = r * r;
    vd s = vd_set(hk_sin_64[5]), c = vd_set(hk_cos_64[5]);
    for (int k = 4; k >= 0; k--) {
        s = HK_MULADD(s, z, vd_set(hk_sin_64[k]));
        c = HK_MULADD(c, z, vd_set(hk_cos_64[k]));
    }
    s = HK_MULADD(r * z, s, r);
    const vd h = 0.5 * z, w = 1.0 - h;
    c = w + (((1.0 - w) - h) + z * z * c);
    const vd y = vd_pick((q & 1) != 0, c, s);
    return (vd)((vl)y ^ (vl)((vul)(q & 2) << 62));
}

HK_INLINE vd sin_f64(vd x) {
    vl q;
    const vd r = reduce_angle_f64(x, &q);
    return vd_pick(x == 0.0, x, sin_quadrant_f64(r, q));
}
HK_INLINE vd cos_f64(vd x) {
    vl q;
    const vd r = reduce_angle_f64(x, &q);
    return sin_quadrant_f64(r, q + 1);
}

HK_INLINE vd tanh_f64(vd x) {
    const vd t = expm1_f64(2.0 * vd_at_most(vd_abs(x), 20.0));
    return vd_sign(t / (t + 2.0), x);
}

HK_INLINE vd erf_table_f64(const double *row, vl index) {
#if HK_LEVEL == 2
    return (vd)_mm512_permutexvar_pd((__m512i)index, _mm512_load_pd(row));
#else
    vd v;
    for (int i = 0; i < DW; i++) v[i] = row[index[i]];
    return v;
#endif
}

/// erf(x) = x P_i(t), t = |x| - centre of the i-th of 8 intervals of width 3/4.
HK_INLINE vd erf_f64(vd x) {
    const vd a = vd_pick(vd_abs(x) < 5.999, vd_abs(x), vd_set(5.999));
    const vd shifted = (a * (4.0 / 3.0) - 0.5) + HK_MAGIC64;
    vl index = (vl)shifted - (vl)vd_set(HK_MAGIC64);
    index = vl_pick(index < 0, vl_set(0), vl_pick(index > 7, vl_set(7), index));
    const vd t = a - ((shifted - HK_MAGIC64) * 0.75 + 0.375);
    vd p = erf_table_f64(hk_erf_64[15], index);
    for (int k = 14; k >= 0; k--) p = HK_MULADD(p, t, erf_table_f64(hk_erf_64[k], index));
    const vd y = vd_pick(vd_abs(x) < 5.999, a * p, vd_set(1.0));
    return vd_pick(x != x, x, vd_sign(y, x));
}

HK_INLINE vd gelu_erf_f64(vd x) { return 0.5 * x * (1.0 + erf_f64(x * 0.70710678118654752440)); }
HK_INLINE vd sigmoid_f64(vd x) {
    const vd e = exp_f64(-vd_abs(x));
    const vd r = 1.0 / (1.0 + e);
    return vd_pick(x < 0.0, e * r, r);
}
HK_INLINE vd silu_f64(vd x) { return x * sigmoid_f64(x); }
HK_INLINE vd gelu_tanh_f64(vd x) {
    const vd inner = HK_MULADD(x * x, vd_set(0.044715), vd_set(1.0));
    return x * sigmoid_f64(1.5957691216057307117597842397375 * x * inner);
}
HK_INLINE vd softplus_f64(vd x) {
    return vd_pick(x < 0.0, vd_set(0.0), x) + log1p_f64(exp_f64(-vd_abs(x)));
}

/// fmod: exact with a fused multiply-add while the quotient is below 2^52, by the C library otherwise.
HK_INLINE vd remainder_f64(vd x, vd y) {
    const vd ax = vd_abs(x), ay = vd_abs(y);
#if HK_HAS_FMA
    const vd q = __builtin_elementwise_trunc(ax / ay);
    vd r = HK_MULADD(-q, ay, ax);
    r = vd_pick(r < 0.0, r + ay, r);
    r = vd_pick(ax < ay, ax, r);
    const vl hard = ~((ax < ay) | ((ax < ay * 0x1p52) & (ay > 0x1p-900))) | (ay == __builtin_inf());
#else
    vd r = ax;
    const vl hard = ~(ax < ay);
#endif
    if (__builtin_expect(vl_any(hard), 0))
        for (int i = 0; i < DW; i++)
            if (hard[i]) r[i] = fmod(ax[i], ay[i]);
    return (vd)((vl)r | ((vl)x & INT64_MIN));
}
