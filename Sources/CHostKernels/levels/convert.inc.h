// Heterodyne: value conversion between storage classes, and loads, stores and rounding of the narrow float formats.
// SPDX-License-Identifier: Apache-2.0

#define HK_CONVERT(NAME, D, T, EXPR)                                                                                   \
    static void NAME(void *dst, const void *src, int64_t n) {                                                          \
        D *d = dst;                                                                                                    \
        const T *p = src;                                                                                              \
        HK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                                 \
            const T x = p[i];                                                                                          \
            d[i] = (D)(EXPR);                                                                                          \
        }                                                                                                              \
    }

/// Float to integer: truncates, saturates, NaN gives 0. LOW is the least value, HIGH the first value above the range
/// (a power of two, so that both are exact).
#define HK_SATURATE(D, LOW, HIGH, MIN, MAX) (x != x ? (D)0 : x <= (LOW) ? (D)(MIN) : x >= (HIGH) ? (D)(MAX) : (D)x)

#define HK_FROM_INT(S, T)                                                                                              \
    HK_CONVERT(cvt_bool_##S, uint8_t, T, x != 0)                                                                       \
    HK_CONVERT(cvt_i8_##S, int8_t, T, x)                                                                               \
    HK_CONVERT(cvt_i16_##S, int16_t, T, x)                                                                             \
    HK_CONVERT(cvt_i32_##S, int32_t, T, x)                                                                             \
    HK_CONVERT(cvt_i64_##S, int64_t, T, x)                                                                             \
    HK_CONVERT(cvt_f32_##S, float, T, x)                                                                               \
    HK_CONVERT(cvt_f64_##S, double, T, x)
#define HK_FROM_FLOAT(S, T)                                                                                            \
    HK_CONVERT(cvt_bool_##S, uint8_t, T, x != 0)                                                                       \
    HK_CONVERT(cvt_i8_##S, int8_t, T, HK_SATURATE(int8_t, (T)-0x1p7, (T)0x1p7, INT8_MIN, INT8_MAX))                    \
    HK_CONVERT(cvt_i16_##S, int16_t, T, HK_SATURATE(int16_t, (T)-0x1p15, (T)0x1p15, INT16_MIN, INT16_MAX))             \
    HK_CONVERT(cvt_i32_##S, int32_t, T, HK_SATURATE(int32_t, (T)-0x1p31, (T)0x1p31, INT32_MIN, INT32_MAX))             \
    HK_CONVERT(cvt_i64_##S, int64_t, T, HK_SATURATE(int64_t, (T)-0x1p63, (T)0x1p63, INT64_MIN, INT64_MAX))             \
    HK_CONVERT(cvt_u8_##S, uint8_t, T, HK_SATURATE(uint8_t, (T)0, (T)0x1p8, 0, UINT8_MAX))                             \
    HK_CONVERT(cvt_u16_##S, uint16_t, T, HK_SATURATE(uint16_t, (T)0, (T)0x1p16, 0, UINT16_MAX))                        \
    HK_CONVERT(cvt_u32_##S, uint32_t, T, HK_SATURATE(uint32_t, (T)0, (T)0x1p32, 0, UINT32_MAX))                        \
    HK_CONVERT(cvt_u64_##S, uint64_t, T, HK_SATURATE(uint64_t, (T)0, (T)0x1p64, 0, UINT64_MAX))                        \
    HK_CONVERT(cvt_f32_##S, float, T, x)                                                                               \
    HK_CONVERT(cvt_f64_##S, double, T, x)

HK_FROM_INT(i8, int8_t)
HK_FROM_INT(i16, int16_t)
HK_FROM_INT(i32, int32_t)
HK_FROM_INT(i64, int64_t)
HK_FROM_INT(u8, uint8_t)
HK_FROM_INT(u16, uint16_t)
HK_FROM_INT(u32, uint32_t)
HK_FROM_INT(u64, uint64_t)
HK_FROM_FLOAT(f32, float)
HK_FROM_FLOAT(f64, double)

/// Integers wrap, so an unsigned result has the bits of the signed one of the same width. bool holds 0 or 1.
#define HK_CONVERT_INT_ROW(FROM, S)                                                                                    \
    [C_BOOL][FROM] = cvt_bool_##S, [C_I8][FROM] = cvt_i8_##S, [C_I16][FROM] = cvt_i16_##S,                             \
    [C_I32][FROM] = cvt_i32_##S, [C_I64][FROM] = cvt_i64_##S, [C_U8][FROM] = cvt_i8_##S,                               \
    [C_U16][FROM] = cvt_i16_##S, [C_U32][FROM] = cvt_i32_##S, [C_U64][FROM] = cvt_i64_##S,                             \
    [C_F32][FROM] = cvt_f32_##S, [C_F64][FROM] = cvt_f64_##S
#define HK_CONVERT_FLOAT_ROW(FROM, S)                                                                                  \
    [C_BOOL][FROM] = cvt_bool_##S, [C_I8][FROM] = cvt_i8_##S, [C_I16][FROM] = cvt_i16_##S,                             \
    [C_I32][FROM] = cvt_i32_##S, [C_I64][FROM] = cvt_i64_##S, [C_U8][FROM] = cvt_u8_##S,                               \
    [C_U16][FROM] = cvt_u16_##S, [C_U32][FROM] = cvt_u32_##S, [C_U64][FROM] = cvt_u64_##S,                             \
    [C_F32][FROM] = cvt_f32_##S, [C_F64][FROM] = cvt_f64_##S

// MARK: - Rounding to odd: keeps what a second rounding to a narrower format needs

HK_INLINE float odd_f32_f64(double x) {
    const float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    const double back = (double)f;
    const uint32_t away = __builtin_fabs(back) > __builtin_fabs(x), inexact = back < x || back > x;
    bits = (bits - away) | inexact;
    float r;
    memcpy(&r, &bits, 4);
    return r;
}
/// An integer magnitude with all below bit 11 folded into one sticky bit when it needs more than 53 bits.
HK_INLINE double odd_f64_u64(uint64_t x) {
    const uint64_t sticky = ((x & 0x7ff) != 0) ? 0x800 : 0;
    return (double)((x >> 53) != 0 ? ((x & ~(uint64_t)0x7ff) | sticky) : x);
}
HK_CONVERT(to_odd_f64, float, double, odd_f32_f64(x))
HK_CONVERT(to_odd_i32, float, int32_t, odd_f32_f64((double)x))
HK_CONVERT(to_odd_u32, float, uint32_t, odd_f32_f64((double)x))
HK_CONVERT(to_odd_u64, float, uint64_t, odd_f32_f64(odd_f64_u64(x)))
HK_CONVERT(to_odd_i64, float, int64_t,
           x < 0 ? -odd_f32_f64(odd_f64_u64(0 - (uint64_t)x)) : odd_f32_f64(odd_f64_u64((uint64_t)x)))

// MARK: - Narrow formats

HK_INLINE uint32_t bits_of(float x) {
    uint32_t b;
    memcpy(&b, &x, 4);
    return b;
}
HK_INLINE float float_of(uint32_t b) {
    float x;
    memcpy(&x, &b, 4);
    return x;
}

HK_INLINE uint16_t bf16_of(float x) {
    const uint32_t b = bits_of(x);
    const uint32_t rounded = (b + 0x7fff + (b >> 16 & 1)) >> 16;
    return (uint16_t)(x != x ? (b >> 16 | 0x40) : rounded);
}
/// float16 by arithmetic on the bits (used where the processor has no instruction for it).
HK_INLINE uint16_t f16_of(float x) {
    const uint32_t b = bits_of(x), sign = b >> 16 & 0x8000, m = b & 0x7fffffff;
    // normal: rebias and round; subnormal: adding 0.5 makes the float adder round at 2^-24
    const uint32_t normal = (m - 0x38000000 + 0xfff + (m >> 13 & 1)) >> 13;
    const uint32_t small = bits_of(float_of(m) + 0.5f) - 0x3f000000;
    uint32_t r = m < 0x38800000 ? small : normal;
    r = m >= 0x477ff000 ? 0x7c00 : r;
    r = m > 0x7f800000 ? (0x7e00 | (m >> 13 & 0x3ff)) : r;
    return (uint16_t)(sign | r);
}
HK_INLINE float f32_of_f16(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, m = h & 0x7fff;
    const uint32_t normal = (m << 13) + 0x38000000;
    const uint32_t special = (m << 13) | 0x7f800000;
    const float small = (float)m * 0x1p-24f;
    uint32_t r = m < 0x400 ? bits_of(small) : m >= 0x7c00 ? special : normal;
    return float_of(r | sign);
}
/// An 8-bit float with `M` mantissa bits and exponent bias `BIAS`; overflow gives `OVER`, NaN gives `NAN8`; `TOP` is
/// the magnitude from which a value rounds past the largest finite one.
HK_INLINE uint8_t f8_of(float x, int mantissa, int bias, uint32_t top, uint8_t over, uint8_t nan8) {
    const uint32_t b = bits_of(x), m = b & 0x7fffffff;
    const uint8_t sign = (uint8_t)(b >> 24 & 0x80);
    if (m > 0x7f800000) return sign | nan8;
    if (m >= top) return sign | over;
    const uint32_t least = (uint32_t)(128 - bias) << 23; // the smallest normal, 2^(1 - bias)
    if (m < least) {
        // one unit is 2^(1 - bias - mantissa); the adder rounds when a number with that last bit is added
        const float shift = float_of((uint32_t)(127 + 1 - bias - mantissa + 23) << 23);
        return sign | (uint8_t)(bits_of(float_of(m) + shift) - bits_of(shift));
    }
    const int drop = 23 - mantissa;
    const uint32_t rounded = m + ((1u << (drop - 1)) - 1) + (m >> drop & 1);
    return sign | (uint8_t)((rounded - ((uint32_t)(127 - bias) << 23)) >> drop);
}
// e4m3fn: largest 448, 464 is the midpoint to the missing 480 and ties to even, that is down (448 has mantissa 110).
HK_INLINE uint8_t f8e4m3_of(float x) { return f8_of(x, 3, 7, 0x43e80001, 0x7f, 0x7f); }
// e5m2: largest 57344, from 61440 on infinity.
HK_INLINE uint8_t f8e5m2_of(float x) { return f8_of(x, 2, 15, 0x47700000, 0x7c, 0x7e); }
HK_INLINE float f32_of_f8e4m3(uint8_t v) {
    const uint32_t sign = (uint32_t)(v & 0x80) << 24, m = v & 0x7f;
    const uint32_t r = m == 0x7f ? 0x7fc00000 : m < 8 ? bits_of((float)m * 0x1p-9f) : (m << 20) + (120u << 23);
    return float_of(r | sign);
}
HK_INLINE float f32_of_f8e5m2(uint8_t v) { return f32_of_f16((uint16_t)(v << 8)); }

HK_CONVERT(load_bf16, float, uint16_t, float_of((uint32_t)x << 16))
HK_CONVERT(store_bf16, uint16_t, float, bf16_of(x))
HK_CONVERT(round_bf16, float, float, float_of((uint32_t)bf16_of(x) << 16))
HK_CONVERT(load_f8e4m3, float, uint8_t, f32_of_f8e4m3(x))
HK_CONVERT(store_f8e4m3, uint8_t, float, f8e4m3_of(x))
HK_CONVERT(round_f8e4m3, float, float, f32_of_f8e4m3(f8e4m3_of(x)))
HK_CONVERT(load_f8e5m2, float, uint8_t, f32_of_f8e5m2(x))
HK_CONVERT(store_f8e5m2, uint8_t, float, f8e5m2_of(x))
HK_CONVERT(round_f8e5m2, float, float, f32_of_f8e5m2(f8e5m2_of(x)))

#if HK_LEVEL >= 1
static void load_f16(void *dst, const void *src, int64_t n) {
    float *d = dst;
    const uint16_t *p = src;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p + i))));
    for (; i < n; i++) d[i] = f32_of_f16(p[i]);
}
static void store_f16(void *dst, const void *src, int64_t n) {
    uint16_t *d = dst;
    const float *p = src;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(d + i), _mm256_cvtps_ph(_mm256_loadu_ps(p + i), 0));
    for (; i < n; i++) d[i] = f16_of(p[i]);
}
static void round_f16(void *dst, const void *src, int64_t n) {
    float *d = dst;
    const float *p = src;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm256_cvtps_ph(_mm256_loadu_ps(p + i), 0)));
    for (; i < n; i++) d[i] = f32_of_f16(f16_of(p[i]));
}
#else
HK_CONVERT(load_f16, float, uint16_t, f32_of_f16(x))
HK_CONVERT(store_f16, uint16_t, float, f16_of(x))
HK_CONVERT(round_f16, float, float, f32_of_f16(f16_of(x)))
#endif
