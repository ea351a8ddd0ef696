// Heterodyne: the math library in float32 (docs/MathFunctions.md); one definition for every vector width.
// SPDX-License-Identifier: Apache-2.0


HK_INLINE vf poly_expm1_f32(vf r) {
    vf p = vf_set(hk_expm1_32[4]);
    for (int k = 3; k >= 0; k--) p = HK_MULADD(p, r, vf_set(hk_expm1_32[k]));
    return p;
}

/// x = n ln2 + r; gives n as float and expm1(r). Needs |x| < 2^15.
HK_INLINE vf exp_core_f32(vf x, vf *n) {
    const float magic = 12582912.0f;
    const vf k = HK_MULADD(x, vf_set(hk_log2e_32), vf_set(magic)) - magic;
    vf r = HK_MULADD(k, vf_set(-hk_ln2_hi_32), x);
    r = HK_MULADD(k, vf_set(-hk_ln2_lo_32), r);
    *n = k;
    return HK_MULADD(r * r, poly_expm1_f32(r), r);
}

/// p * 2^n for |n| <= 252, rounded once.
HK_INLINE vf scale_f32(vf p, vf n) {
#if HK_LEVEL == 2
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    // The addition puts n into the low bits, whatever it is (NaN gives garbage that multiplies a NaN).
    const vi i = (vi)(n + 12582912.0f) - 0x4b400000;
    const vi half = i >> 1;
    const vf s1 = (vf)((half + 127) << 23), s2 = (vf)((i - half + 127) << 23);
    return p * s1 * s2;
#endif
}

HK_INLINE vf exp_f32(vf x) {
    vf n;
    const vf c = vf_at_most(vf_at_least(x, -104.5f), 89.5f);
    const vf q = exp_core_f32(c, &n);
    return scale_f32(q + 1.0f, n);
}

HK_INLINE vf expm1_f32(vf x) {
    vf n;
    const vf c = vf_at_most(vf_at_least(x, -20.0f), 88.8f);
    const vf q = vf_pick(x == 0.0f, x, exp_core_f32(c, &n));
    const vi i = (vi)(n + 12582912.0f) - 0x4b400000;
    const vf s = (vf)((i + 126) << 23);
    // n = 0: q itself, so that tiny arguments do not pass through s q
    return vf_pick(n == 0.0f, q, 2.0f * HK_MULADD(s, q, s - 0.5f));
}

HK_INLINE vf log_f32(vf x) {
    const vi tiny = x < 0x1p-126f;
    const vf scaled = vf_pick(tiny, x * 0x1p25f, x);
    const vi e = ((vi)scaled - 0x3f3504f3) >> 23;
    const vf f = (vf)((vi)scaled - (vi)((vu)e << 23)) - 1.0f;
    const vf k = __builtin_convertvector(e, vf) - vf_pick(tiny, vf_set(25.0f), vf_set(0.0f));
    vf p = vf_set(hk_log_32[8]);
    for (int j = 7; j >= 0; j--) p = HK_MULADD(p, f, vf_set(hk_log_32[j]));
    const vf z = f * f;
    vf y = HK_MULADD(f * z, p, k * hk_ln2_lo_32);
    y = HK_MULADD(vf_set(-0.5f), z, y);
    y = HK_MULADD(k, vf_set(hk_ln2_hi_32), f + y);
    y = vf_pick(x == 0.0f, vf_set(-__builtin_inff()), y);
    y = vf_pick(x < 0.0f, vf_set(__builtin_nanf("")), y);
    // +inf and NaN come through
    return vf_pick((x < __builtin_inff()), y, x);
}

HK_INLINE vf log1p_f32(vf x) {
    const vf u = 1.0f + x;
    const vf c = vf_pick(x < 1.0f, x - (u - 1.0f), 1.0f - (u - x));
    const vf correction = vf_pick((u != 0.0f) & (vf_abs(u) < __builtin_inff()), c / u, vf_set(0.0f));
    return vf_pick(x == 0.0f, x, log_f32(u) + correction);
}

/// Angles: through float64, exact enough to 2^20; beyond that lane by lane (Payne and Hanek).
HK_INLINE vf reduce_angle_f32(vf x, vi *quadrant) {
    vd low, high;
    vf_widen(x, &low, &high);
    const double magic = 6755399441055744.0;
    const vd kl = HK_MULADD(low, vd_set(hk_two_over_pi), vd_set(magic));
    const vd kh = HK_MULADD(high, vd_set(hk_two_over_pi), vd_set(magic));
    const vd nl = kl - magic, nh = kh - magic;
    vd rl = HK_MULADD(nl, vd_set(-hk_pio2_1), low), rh = HK_MULADD(nh, vd_set(-hk_pio2_1), high);
    rl = HK_MULADD(nl, vd_set(-hk_pio2_2), rl);
    rh = HK_MULADD(nh, vd_set(-hk_pio2_2), rh);
    vi q = vi_narrow((vl)kl, (vl)kh);
    vf r = vf_narrow(rl, rh);
    const vi huge = (vf_abs(x) > 1048576.0f) & (vf_abs(x) < __builtin_inff());
    if (__builtin_expect(vi_any(huge), 0)) {
        for (int i = 0; i < FW; i++) {
            if (!huge[i]) continue;
            double hi, lo;
            q[i] = hk_reduce_huge((double)x[i], &hi, &lo);
            r[i] = (float)hi;
        }
    }
    *quadrant = q;
    return vf_pick(vf_abs(x) < __builtin_inff(), r, x - x);
}

/// sin(r + q pi/2)
HK_INLINE vf sin_quadrant_f32(vf r, vi q) {
    const vf z = r * r;
    vf s = vf_set(hk_sin_32[2]), c = vf_set(hk_cos_32[2]);
    for (int k = 1; k >= 0; k--) {
        s = HK_MULADD(s, z, vf_set(hk_sin_32[k]));
        c = HK_MULADD(c, z, vf_set(hk_cos_32[k]));
    }
    s = HK_MULADD(r * z, s, r);
    c = HK_MULADD(z * z, c, HK_MULADD(z, vf_set(-0.5f), vf_set(1.0f)));
    const vf y = vf_pick((q & 1) != 0, c, s);
    return (vf)((vi)y ^ (vi)((vu)(q & 2) << 30));
}

HK_INLINE vf sin_f32(vf x) {
    vi q;
    const vf r = reduce_angle_f32(x, &q);
    return vf_pick(x == 0.0f, x, sin_quadrant_f32(r, q));
}

HK_INLINE vf cos_f32(vf x) {
    vi q;
    const vf r = reduce_angle_f32(x, &q);
    return sin_quadrant_f32(r, q + 1);
}

HK_INLINE vf tanh_f32(vf x) {
    const vf t = expm1_f32(2.0f * vf_at_most(vf_abs(x), 10.0f));
    return vf_sign(t / (t + 2.0f), x);
}

HK_INLINE vf erf_f32(vf x) {
    const vf a = vf_at_most(vf_abs(x), 4.0f);
    vf p = vf_set(hk_erf_32[8]);
    for (int k = 7; k >= 0; k--) p = HK_MULADD(p, a, vf_set(hk_erf_32[k]));
    return vf_sign(expm1_f32(-(a * p)), x);
}

/// x Phi(x), Phi(x) = erfc(-x / sqrt 2) / 2; accurate in the left tail, where 1 + erf would cancel.
HK_INLINE vf gelu_erf_f32(vf x) {
    const vf a = vf_at_most(vf_abs(x), 15.0f);
    const vf t = 1.0f / HK_MULADD(a, vf_set(0.35355339059327373f), vf_set(1.0f));
    vf p = vf_set(hk_erfc_32[9]);
    for (int k = 8; k >= 0; k--) p = HK_MULADD(p, t, vf_set(hk_erfc_32[k]));
    const vf square = a * a;
    const vf rest = HK_MULADD(a, a, -square);
    vf n;
    vf q = exp_core_f32(-0.5f * square, &n);
    // exp(-(square + rest) / 2) = exp(-square / 2) (1 - rest / 2)
    q = HK_MULADD(q + 1.0f, -0.5f * rest, q) + 1.0f;
    const vf tail = scale_f32(q, n) * (0.5f * (t * p));
    return x * vf_pick(x < 0.0f, tail, 1.0f - tail);
}

HK_INLINE vf sigmoid_f32(vf x) {
    const vf e = exp_f32(-vf_abs(x));
    const vf r = 1.0f / (1.0f + e);
    return vf_pick(x < 0.0f, e * r, r);
}
HK_INLINE vf silu_f32(vf x) { return x * sigmoid_f32(x); }
/// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
HK_INLINE vf gelu_tanh_f32(vf x) {
    const vf inner = HK_MULADD(x * x, vf_set(0.044715f), vf_set(1.0f));
    return x * sigmoid_f32(1.5957691216057308f * x * inner);
}
HK_INLINE vf softplus_f32(vf x) {
    const vf positive = vf_pick(x < 0.0f, vf_set(0.0f), x);
    return positive + log1p_f32(exp_f32(-vf_abs(x)));
}

/// pow by float64 exp and log (math_f64.inc.h), rounded once.
HK_INLINE vf power_f32(vf x, vf y) {
    vd xl, xh, yl, yh;
    vf_widen(x, &xl, &xh);
    vf_widen(y, &yl, &yh);
    const vf r = vf_narrow(exp_f64(yl * log_f64(vd_abs(xl))), exp_f64(yh * log_f64(vd_abs(xh))));
    return power_specials_f32(x, y, r);
}

/// fmod: exact through float64 while the quotient is below 2^29, by the C library otherwise.
HK_INLINE vd fmod_narrow(vd x, vd y) {
    const vd q = __builtin_elementwise_trunc(x / y);
    const vd r = x - q * y;
    // The quotient may have been rounded up to the next integer.
    return vd_pick((r < 0.0) & (r != 0.0), r + y, r);
}
HK_INLINE vf remainder_f32(vf x, vf y) {
    const vf ax = vf_abs(x), ay = vf_abs(y);
    vd xl, xh, yl, yh;
    vf_widen(ax, &xl, &xh);
    vf_widen(ay, &yl, &yh);
    vf r = vf_narrow(fmod_narrow(xl, yl), fmod_narrow(xh, yh));
    r = vf_pick(ax < ay, ax, r);
    const vi hard = ~((ax < ay) | (ax < ay * 268435456.0f)) | (ay == __builtin_inff());
    if (__builtin_expect(vi_any(hard), 0))
        for (int i = 0; i < FW; i++)
            if (hard[i]) r[i] = fmodf(ax[i], ay[i]);
    return (vf)((vi)r | ((vi)x & INT32_MIN));
}
