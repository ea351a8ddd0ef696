// Heterodyne: vector types and helpers for one instruction set (HK_LEVEL 0, 1 or 2); included once per level.
// SPDX-License-Identifier: Apache-2.0

#pragma STDC FP_CONTRACT OFF

/// Tile operands are either the same array or disjoint, which the vectorizer cannot know. Loops that it cannot
/// vectorize (integer division) stay scalar, silently.
#pragma clang diagnostic ignored "-Wpass-failed"
#define HK_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")

#if HK_LEVEL == 2
#define VB 64
#elif HK_LEVEL == 1
#define VB 32
#else
#define VB 16
#endif
/// Lanes of float32 and of float64.
enum { FW = VB / 4, DW = VB / 8 };

typedef float vf __attribute__((vector_size(VB)));
typedef int32_t vi __attribute__((vector_size(VB)));
typedef uint32_t vu __attribute__((vector_size(VB)));
typedef double vd __attribute__((vector_size(VB)));
typedef int64_t vl __attribute__((vector_size(VB)));
typedef uint64_t vul __attribute__((vector_size(VB)));
typedef float vf_half __attribute__((vector_size(VB / 2)));
typedef int32_t vi_half __attribute__((vector_size(VB / 2)));
typedef float vf_unaligned __attribute__((vector_size(VB), aligned(1), may_alias));
typedef double vd_unaligned __attribute__((vector_size(VB), aligned(1), may_alias));
typedef int64_t vl_unaligned __attribute__((vector_size(VB), aligned(1), may_alias));

#define HK_INLINE static inline __attribute__((always_inline, unused))

/// The one multiply-add of the math library: a * b + c, rounded once where the instruction exists.
#if HK_LEVEL >= 1 || defined(__aarch64__)
#define HK_HAS_FMA 1
#define HK_MULADD(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define HK_HAS_FMA 0
#define HK_MULADD(a, b, c) ((a) * (b) + (c))
#endif

HK_INLINE vf vf_load(const void *p) { return *(const vf_unaligned *)p; }
HK_INLINE void vf_store(void *p, vf v) { *(vf_unaligned *)p = v; }
HK_INLINE vd vd_load(const void *p) { return *(const vd_unaligned *)p; }
HK_INLINE void vd_store(void *p, vd v) { *(vd_unaligned *)p = v; }
HK_INLINE vf vf_set(float x) { return (vf){} + x; }
HK_INLINE vd vd_set(double x) { return (vd){} + x; }
HK_INLINE vi vi_set(int32_t x) { return (vi){} + x; }
HK_INLINE vl vl_set(int64_t x) { return (vl){} + x; }

/// The first n (1 ..< lanes) elements; the others are `fill`.
HK_INLINE vf vf_load_part(const void *p, int64_t n, float fill) {
    float t[FW];
    for (int i = 0; i < FW; i++) t[i] = fill;
    memcpy(t, p, (size_t)n * 4);
    return vf_load(t);
}
HK_INLINE void vf_store_part(void *p, vf v, int64_t n) { memcpy(p, &v, (size_t)n * 4); }
HK_INLINE vd vd_load_part(const void *p, int64_t n, double fill) {
    double t[DW];
    for (int i = 0; i < DW; i++) t[i] = fill;
    memcpy(t, p, (size_t)n * 8);
    return vd_load(t);
}
HK_INLINE void vd_store_part(void *p, vd v, int64_t n) { memcpy(p, &v, (size_t)n * 8); }

/// mask ? a : b, lane by lane; masks are what vector comparisons give.
HK_INLINE vf vf_pick(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
HK_INLINE vd vd_pick(vl mask, vd a, vd b) { return (vd)((mask & (vl)a) | (~mask & (vl)b)); }
HK_INLINE vi vi_pick(vi mask, vi a, vi b) { return (mask & a) | (~mask & b); }
HK_INLINE vl vl_pick(vl mask, vl a, vl b) { return (mask & a) | (~mask & b); }
HK_INLINE vf vf_abs(vf x) { return (vf)((vi)x & 0x7fffffff); }
HK_INLINE vd vd_abs(vd x) { return (vd)((vl)x & 0x7fffffffffffffff); }
/// |magnitude| with the sign of `sign`.
HK_INLINE vf vf_sign(vf magnitude, vf sign) { return (vf)(((vi)magnitude & 0x7fffffff) | ((vi)sign & INT32_MIN)); }
HK_INLINE vd vd_sign(vd magnitude, vd sign) {
    return (vd)(((vl)magnitude & 0x7fffffffffffffff) | ((vl)sign & INT64_MIN));
}
/// Limits that let NaN in x through.
HK_INLINE vf vf_at_least(vf x, float low) { return vf_pick(x < low, vf_set(low), x); }
HK_INLINE vf vf_at_most(vf x, float high) { return vf_pick(x > high, vf_set(high), x); }
HK_INLINE vd vd_at_least(vd x, double low) { return vd_pick(x < low, vd_set(low), x); }
HK_INLINE vd vd_at_most(vd x, double high) { return vd_pick(x > high, vd_set(high), x); }

HK_INLINE int vi_any(vi mask) {
#if HK_LEVEL == 2
    return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif HK_LEVEL == 1
    return _mm256_movemask_ps((__m256)mask) != 0;
#else
    int32_t any = 0;
    for (int i = 0; i < FW; i++) any |= mask[i];
    return any != 0;
#endif
}
HK_INLINE int vl_any(vl mask) { return vi_any((vi)mask); }

/// The two halves of a float vector as doubles, and back.
HK_INLINE void vf_widen(vf x, vd *low, vd *high) {
    vf_half a, b;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, (const char *)&x + sizeof a, sizeof b);
    *low = __builtin_convertvector(a, vd);
    *high = __builtin_convertvector(b, vd);
}
HK_INLINE vf vf_narrow(vd low, vd high) {
    const vf_half a = __builtin_convertvector(low, vf_half), b = __builtin_convertvector(high, vf_half);
    vf x;
    memcpy(&x, &a, sizeof a);
    memcpy((char *)&x + sizeof a, &b, sizeof b);
    return x;
}
HK_INLINE vi vi_narrow(vl low, vl high) {
    const vi_half a = __builtin_convertvector(low, vi_half), b = __builtin_convertvector(high, vi_half);
    vi x;
    memcpy(&x, &a, sizeof a);
    memcpy((char *)&x + sizeof a, &b, sizeof b);
    return x;
}

/// Sums and maxima across lanes, in a fixed tree.
HK_INLINE float vf_sum(vf v) {
    float t[FW];
    vf_store(t, v);
    for (int w = FW / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++) t[i] += t[i + w];
    return t[0];
}
HK_INLINE double vd_sum(vd v) {
    double t[DW];
    vd_store(t, v);
    for (int w = DW / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++) t[i] += t[i + w];
    return t[0];
}
/// Maximum that ignores NaN in `b` (used where NaN is found by other means).
HK_INLINE vf vf_greater(vf a, vf b) { return vf_pick(b > a, b, a); }
HK_INLINE vd vd_greater(vd a, vd b) { return vd_pick(b > a, b, a); }
