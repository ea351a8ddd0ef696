// Heterodyne: tile operations on integers and bool, and those that every type has (compare, select, copy).
// SPDX-License-Identifier: Apache-2.0

#define HK_INT1(NAME, T, EXPR)                                                                                         \
    static void NAME(HK_TILE_ARGS) {                                                                                   \
        HK_UNUSED2;                                                                                                    \
        T *d = dst;                                                                                                    \
        const T *p = a;                                                                                                \
        HK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                                 \
            const T x = p[i];                                                                                          \
            d[i] = (T)(EXPR);                                                                                          \
        }                                                                                                              \
    }
#define HK_INT2(NAME, D, T, EXPR)                                                                                      \
    static void NAME(HK_TILE_ARGS) {                                                                                   \
        HK_UNUSED1;                                                                                                    \
        D *d = dst;                                                                                                    \
        const T *p = a, *q = b;                                                                                        \
        HK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                                 \
            const T x = p[i], y = q[i];                                                                                \
            d[i] = (D)(EXPR);                                                                                          \
        }                                                                                                              \
    }
#define HK_INT3(NAME, T, EXPR)                                                                                         \
    static void NAME(HK_TILE_ARGS) {                                                                                   \
        T *d = dst;                                                                                                    \
        const T *p = a, *q = b, *r = c;                                                                                \
        HK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                                 \
            const T x = p[i], y = q[i], z = r[i];                                                                      \
            d[i] = (T)(EXPR);                                                                                          \
        }                                                                                                              \
    }

/// x^y by squaring; a negative exponent gives 1/x truncated (all ones for x = 0).
#define HK_INT_POWER(S, T, U, SIGNED)                                                                                  \
    HK_INLINE T int_power_##S(T x, T y) {                                                                              \
        if (SIGNED && (int64_t)y < 0) {                                                                                \
            if (x == 0) return (T)-1;                                                                                  \
            if (x == 1) return 1;                                                                                      \
            if (x == (T)-1) return (y & 1) ? (T)-1 : 1;                                                                \
            return 0;                                                                                                  \
        }                                                                                                              \
        uint64_t result = 1, base = (uint64_t)x;                                                                       \
        for (U e = (U)y; e != 0; e >>= 1) {                                                                            \
            if (e & 1) result *= base;                                                                                 \
            base *= base;                                                                                              \
        }                                                                                                              \
        return (T)result;                                                                                              \
    }

/// SIGNED is 1 or 0; MIN is the least value (only used where signed); BITS the width. Sums and products go through
/// uint64_t, in which wrapping is defined, and are cut to the type.
#define HK_INT_OPS(S, T, U, SIGNED, MIN, BITS)                                                                         \
    HK_INT_POWER(S, T, U, SIGNED)                                                                                      \
    HK_INT1(negate_##S, T, (U)0 - (U)x)                                                                                \
    HK_INT1(abs_##S, T, SIGNED && x < (T)1 ? (U)0 - (U)x : (U)x)                                                       \
    HK_INT1(signum_##S, T, (x > 0) - (SIGNED && x < (T)1 && x != 0))                                                   \
    HK_INT1(relu_##S, T, x > 0 ? x : 0)                                                                                \
    HK_INT2(add_##S, T, T, (U)((U)x + (U)y))                                                                           \
    HK_INT2(subtract_##S, T, T, (U)((U)x - (U)y))                                                                      \
    HK_INT2(multiply_##S, T, T, (U)((uint64_t)x * (uint64_t)y))                                                        \
    HK_INT2(divide_##S, T, T, y == 0 ? (T)-1 : SIGNED && y == (T)-1 ? (T)((U)0 - (U)x) : (T)(x / y))                   \
    HK_INT2(remainder_##S, T, T, y == 0 ? x : SIGNED && y == (T)-1 ? (T)0 : (T)(x % y))                                \
    HK_INT2(power_##S, T, T, int_power_##S(x, y))                                                                      \
    HK_INT2(maximum_##S, T, T, x > y ? x : y)                                                                          \
    HK_INT2(minimum_##S, T, T, x < y ? x : y)                                                                          \
    HK_INT2(and_##S, T, T, x & y)                                                                                      \
    HK_INT2(or_##S, T, T, x | y)                                                                                       \
    HK_INT2(xor_##S, T, T, x ^ y)                                                                                      \
    HK_INT2(shl_##S, T, T, (U)y >= BITS ? (U)0 : (U)((U)x << ((U)y & (BITS - 1))))                                     \
    HK_INT2(shr_##S, T, T, x >> ((U)y >= BITS ? BITS - 1 : (U)y) >> (!SIGNED && (U)y >= BITS))                         \
    HK_INT3(clamp_##S, T, (x > y ? x : y) < z ? (x > y ? x : y) : z)                                                   \
    HK_INT3(muladd_##S, T, (U)((U)((uint64_t)x * (uint64_t)y) + (U)z))

HK_INT_OPS(i8, int8_t, uint8_t, 1, INT8_MIN, 8)
HK_INT_OPS(i16, int16_t, uint16_t, 1, INT16_MIN, 16)
HK_INT_OPS(i32, int32_t, uint32_t, 1, INT32_MIN, 32)
HK_INT_OPS(i64, int64_t, uint64_t, 1, INT64_MIN, 64)
HK_INT_OPS(u8, uint8_t, uint8_t, 0, 0, 8)
HK_INT_OPS(u16, uint16_t, uint16_t, 0, 0, 16)
HK_INT_OPS(u32, uint32_t, uint32_t, 0, 0, 32)
HK_INT_OPS(u64, uint64_t, uint64_t, 0, 0, 64)

#define HK_ANY_OPS(S, T)                                                                                               \
    static void copy_##S(HK_TILE_ARGS) {                                                                               \
        HK_UNUSED2;                                                                                                    \
        if (dst != a) memcpy(dst, a, (size_t)n * sizeof(T));                                                           \
    }                                                                                                                  \
    HK_INT2(eq_##S, uint8_t, T, x == y)                                                                                \
    HK_INT2(ne_##S, uint8_t, T, x != y)                                                                                \
    HK_INT2(lt_##S, uint8_t, T, x < y)                                                                                 \
    HK_INT2(le_##S, uint8_t, T, x <= y)                                                                                \
    HK_INT2(gt_##S, uint8_t, T, x > y)                                                                                 \
    HK_INT2(ge_##S, uint8_t, T, x >= y)                                                                                \
    static void select_##S(HK_TILE_ARGS) {                                                                             \
        T *d = dst;                                                                                                    \
        const uint8_t *m = a;                                                                                          \
        const T *p = b, *q = c;                                                                                        \
        HK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                                 \
            const T x = p[i], y = q[i];                                                                                \
            d[i] = m[i] ? x : y;                                                                                       \
        }                                                                                                              \
    }

HK_ANY_OPS(i8, int8_t)
HK_ANY_OPS(i16, int16_t)
HK_ANY_OPS(i32, int32_t)
HK_ANY_OPS(i64, int64_t)
HK_ANY_OPS(u8, uint8_t)
HK_ANY_OPS(u16, uint16_t)
HK_ANY_OPS(u32, uint32_t)
HK_ANY_OPS(u64, uint64_t)
HK_ANY_OPS(f32, float)
HK_ANY_OPS(f64, double)

#define HK_ANY_ENTRIES(S, CLS)                                                                                         \
    [HK_OP_COPY][CLS] = copy_##S, [HK_OP_EQ][CLS] = eq_##S, [HK_OP_NE][CLS] = ne_##S, [HK_OP_LT][CLS] = lt_##S,        \
    [HK_OP_LE][CLS] = le_##S, [HK_OP_GT][CLS] = gt_##S, [HK_OP_GE][CLS] = ge_##S, [HK_OP_SELECT][CLS] = select_##S

#define HK_INT_ENTRIES(S, CLS)                                                                                         \
    HK_ANY_ENTRIES(S, CLS), [HK_OP_NEGATE][CLS] = negate_##S, [HK_OP_ABS][CLS] = abs_##S,                              \
    [HK_OP_FLOOR][CLS] = copy_##S, [HK_OP_CEIL][CLS] = copy_##S, [HK_OP_ROUND_EVEN][CLS] = copy_##S,                   \
    [HK_OP_SIGN][CLS] = signum_##S, [HK_OP_RELU][CLS] = relu_##S, [HK_OP_ADD][CLS] = add_##S,                          \
    [HK_OP_SUBTRACT][CLS] = subtract_##S, [HK_OP_MULTIPLY][CLS] = multiply_##S, [HK_OP_DIVIDE][CLS] = divide_##S,      \
    [HK_OP_REMAINDER][CLS] = remainder_##S, [HK_OP_POWER][CLS] = power_##S, [HK_OP_MAXIMUM][CLS] = maximum_##S,        \
    [HK_OP_MINIMUM][CLS] = minimum_##S, [HK_OP_AND][CLS] = and_##S, [HK_OP_OR][CLS] = or_##S,                          \
    [HK_OP_XOR][CLS] = xor_##S, [HK_OP_SHIFT_LEFT][CLS] = shl_##S, [HK_OP_SHIFT_RIGHT][CLS] = shr_##S,                 \
    [HK_OP_CLAMP][CLS] = clamp_##S, [HK_OP_FMA][CLS] = muladd_##S

/// bool is a byte of 0 or 1: logic is bitwise, maximum is or, minimum is and.
#define HK_BOOL_ENTRIES                                                                                                \
    HK_ANY_ENTRIES(u8, C_BOOL), [HK_OP_AND][C_BOOL] = and_u8, [HK_OP_OR][C_BOOL] = or_u8,                              \
    [HK_OP_XOR][C_BOOL] = xor_u8, [HK_OP_MAXIMUM][C_BOOL] = or_u8, [HK_OP_MINIMUM][C_BOOL] = and_u8
