// Heterodyne: tile operations on float32 and float64.
// SPDX-License-Identifier: Apache-2.0

#define HK_TILE_ARGS void *dst, const void *a, const void *b, const void *c, int64_t n
#define HK_UNUSED2 (void)b, (void)c
#define HK_UNUSED1 (void)c

#define HK_MAP1(NAME, V, T, LANES, EXPR)                                                                               \
    static void NAME(HK_TILE_ARGS) {                                                                                   \
        HK_UNUSED2;                                                                                                    \
        T *d = dst;                                                                                                    \
        const T *p = a;                                                                                                \
        int64_t i = 0;                                                                                                 \
        for (; i + LANES <= n; i += LANES) {                                                                           \
            const V x = V##_load(p + i);                                                                               \
            V##_store(d + i, EXPR);                                                                                    \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            const V x = V##_load_part(p + i, n - i, 1);                                                                \
            V##_store_part(d + i, EXPR, n - i);                                                                        \
        }                                                                                                              \
    }
#define HK_MAP2(NAME, V, T, LANES, EXPR)                                                                               \
    static void NAME(HK_TILE_ARGS) {                                                                                   \
        HK_UNUSED1;                                                                                                    \
        T *d = dst;                                                                                                    \
        const T *p = a, *q = b;                                                                                        \
        int64_t i = 0;                                                                                                 \
        for (; i + LANES <= n; i += LANES) {                                                                           \
            const V x = V##_load(p + i), y = V##_load(q + i);                                                          \
            V##_store(d + i, EXPR);                                                                                    \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            const V x = V##_load_part(p + i, n - i, 1), y = V##_load_part(q + i, n - i, 1);                            \
            V##_store_part(d + i, EXPR, n - i);                                                                        \
        }                                                                                                              \
    }
#define HK_MAP3(NAME, V, T, LANES, EXPR)                                                                               \
    static void NAME(HK_TILE_ARGS) {                                                                                   \
        T *d = dst;                                                                                                    \
        const T *p = a, *q = b, *r = c;                                                                                \
        int64_t i = 0;                                                                                                 \
        for (; i + LANES <= n; i += LANES) {                                                                           \
            const V x = V##_load(p + i), y = V##_load(q + i), z = V##_load(r + i);                                     \
            V##_store(d + i, EXPR);                                                                                    \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            const V x = V##_load_part(p + i, n - i, 1), y = V##_load_part(q + i, n - i, 1),                            \
                    z = V##_load_part(r + i, n - i, 1);                                                                \
            V##_store_part(d + i, EXPR, n - i);                                                                        \
        }                                                                                                              \
    }

/// maximum and minimum: NaN wins, and +0 is above -0 (equal operands: and / or of the sign bits).
HK_INLINE vf vf_max(vf x, vf y) {
    const vf m = vf_pick(x > y, x, vf_pick(x == y, (vf)((vi)x & (vi)y), y));
    return vf_pick(x != x, x, m);
}
HK_INLINE vf vf_min(vf x, vf y) {
    const vf m = vf_pick(x < y, x, vf_pick(x == y, (vf)((vi)x | (vi)y), y));
    return vf_pick(x != x, x, m);
}
HK_INLINE vd vd_max(vd x, vd y) {
    const vd m = vd_pick(x > y, x, vd_pick(x == y, (vd)((vl)x & (vl)y), y));
    return vd_pick(x != x, x, m);
}
HK_INLINE vd vd_min(vd x, vd y) {
    const vd m = vd_pick(x < y, x, vd_pick(x == y, (vd)((vl)x | (vl)y), y));
    return vd_pick(x != x, x, m);
}
/// sign: -1, 1, and x itself for zeros and NaN.
HK_INLINE vf vf_signum(vf x) { return vf_pick(x > 0.0f, vf_set(1), vf_pick(x < 0.0f, vf_set(-1), x)); }
HK_INLINE vd vd_signum(vd x) { return vd_pick(x > 0.0, vd_set(1), vd_pick(x < 0.0, vd_set(-1), x)); }

/// relu: max(x, 0) with maximum's treatment of NaN and -0.
#define HK_FLOAT_OPS(S, V, T, LANES)                                                                                   \
    HK_MAP1(negate_##S, V, T, LANES, -x)                                                                               \
    HK_MAP1(abs_##S, V, T, LANES, V##_abs(x))                                                                          \
    HK_MAP1(floor_##S, V, T, LANES, __builtin_elementwise_floor(x))                                                    \
    HK_MAP1(ceil_##S, V, T, LANES, __builtin_elementwise_ceil(x))                                                      \
    HK_MAP1(round_##S, V, T, LANES, __builtin_elementwise_roundeven(x))                                                \
    HK_MAP1(sqrt_##S, V, T, LANES, __builtin_elementwise_sqrt(x))                                                      \
    HK_MAP1(rsqrt_##S, V, T, LANES, (T)1 / __builtin_elementwise_sqrt(x))                                              \
    HK_MAP1(reciprocal_##S, V, T, LANES, (T)1 / x)                                                                     \
    HK_MAP1(relu_##S, V, T, LANES, V##_max(x, V##_set(0)))                                                             \
    HK_MAP1(signum_##S, V, T, LANES, V##_signum(x))                                                                    \
    HK_MAP1(exp_tile_##S, V, T, LANES, exp_##S(x))                                                                     \
    HK_MAP1(log_tile_##S, V, T, LANES, log_##S(x))                                                                     \
    HK_MAP1(sin_tile_##S, V, T, LANES, sin_##S(x))                                                                     \
    HK_MAP1(cos_tile_##S, V, T, LANES, cos_##S(x))                                                                     \
    HK_MAP1(tanh_tile_##S, V, T, LANES, tanh_##S(x))                                                                   \
    HK_MAP1(erf_tile_##S, V, T, LANES, erf_##S(x))                                                                     \
    HK_MAP1(gelu_erf_tile_##S, V, T, LANES, gelu_erf_##S(x))                                                           \
    HK_MAP1(gelu_tanh_tile_##S, V, T, LANES, gelu_tanh_##S(x))                                                         \
    HK_MAP1(sigmoid_tile_##S, V, T, LANES, sigmoid_##S(x))                                                             \
    HK_MAP1(silu_tile_##S, V, T, LANES, silu_##S(x))                                                                   \
    HK_MAP1(softplus_tile_##S, V, T, LANES, softplus_##S(x))                                                           \
    HK_MAP1(log1p_tile_##S, V, T, LANES, log1p_##S(x))                                                                 \
    HK_MAP1(expm1_tile_##S, V, T, LANES, expm1_##S(x))                                                                 \
    HK_MAP2(add_##S, V, T, LANES, x + y)                                                                               \
    HK_MAP2(subtract_##S, V, T, LANES, x - y)                                                                          \
    HK_MAP2(multiply_##S, V, T, LANES, x * y)                                                                          \
    HK_MAP2(divide_##S, V, T, LANES, x / y)                                                                            \
    HK_MAP2(remainder_tile_##S, V, T, LANES, remainder_##S(x, y))                                                      \
    HK_MAP2(power_tile_##S, V, T, LANES, power_##S(x, y))                                                              \
    HK_MAP2(maximum_##S, V, T, LANES, V##_max(x, y))                                                                   \
    HK_MAP2(minimum_##S, V, T, LANES, V##_min(x, y))                                                                   \
    HK_MAP3(clamp_##S, V, T, LANES, V##_min(V##_max(x, y), z))                                                         \
    HK_MAP3(muladd_##S, V, T, LANES, V##_fma(x, y, z))

#if HK_HAS_FMA
HK_INLINE vf vf_fma(vf x, vf y, vf z) { return HK_MULADD(x, y, z); }
HK_INLINE vd vd_fma(vd x, vd y, vd z) { return HK_MULADD(x, y, z); }
#else
/// Rounded once without the instruction: the C library lane by lane.
HK_INLINE vf vf_fma(vf x, vf y, vf z) {
    vf r;
    for (int i = 0; i < FW; i++) r[i] = __builtin_fmaf(x[i], y[i], z[i]);
    return r;
}
HK_INLINE vd vd_fma(vd x, vd y, vd z) {
    vd r;
    for (int i = 0; i < DW; i++) r[i] = __builtin_fma(x[i], y[i], z[i]);
    return r;
}
#endif

HK_FLOAT_OPS(f32, vf, float, FW)
HK_FLOAT_OPS(f64, vd, double, DW)

#define HK_FLOAT_ENTRIES(S, CLS)                                                                                       \
    [HK_OP_NEGATE][CLS] = negate_##S, [HK_OP_ABS][CLS] = abs_##S, [HK_OP_FLOOR][CLS] = floor_##S,                      \
    [HK_OP_EXP][CLS] = exp_tile_##S, [HK_OP_LOG][CLS] = log_tile_##S, [HK_OP_SQRT][CLS] = sqrt_##S,                    \
    [HK_OP_SIN][CLS] = sin_tile_##S, [HK_OP_COS][CLS] = cos_tile_##S, [HK_OP_TANH][CLS] = tanh_tile_##S,               \
    [HK_OP_ERF][CLS] = erf_tile_##S, [HK_OP_GELU_ERF][CLS] = gelu_erf_tile_##S,                                        \
    [HK_OP_GELU_TANH][CLS] = gelu_tanh_tile_##S, [HK_OP_SIGMOID][CLS] = sigmoid_tile_##S,                              \
    [HK_OP_SILU][CLS] = silu_tile_##S, [HK_OP_SOFTPLUS][CLS] = softplus_tile_##S, [HK_OP_RELU][CLS] = relu_##S,        \
    [HK_OP_LOG1P][CLS] = log1p_tile_##S, [HK_OP_EXPM1][CLS] = expm1_tile_##S, [HK_OP_CEIL][CLS] = ceil_##S,            \
    [HK_OP_ROUND_EVEN][CLS] = round_##S, [HK_OP_SIGN][CLS] = signum_##S, [HK_OP_RSQRT][CLS] = rsqrt_##S,               \
    [HK_OP_RECIPROCAL][CLS] = reciprocal_##S, [HK_OP_ADD][CLS] = add_##S, [HK_OP_SUBTRACT][CLS] = subtract_##S,        \
    [HK_OP_MULTIPLY][CLS] = multiply_##S, [HK_OP_DIVIDE][CLS] = divide_##S,                                            \
    [HK_OP_REMAINDER][CLS] = remainder_tile_##S, [HK_OP_POWER][CLS] = power_tile_##S,                                  \
    [HK_OP_MAXIMUM][CLS] = maximum_##S, [HK_OP_MINIMUM][CLS] = minimum_##S, [HK_OP_CLAMP][CLS] = clamp_##S,            \
    [HK_OP_FMA][CLS] = muladd_##S
