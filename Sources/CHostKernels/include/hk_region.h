// Heterodyne: elementwise regions ("tile programs"): a small typed register program run tile by tile in L1.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_REGION_H
#define HK_REGION_H

#include "CHostKernels.h"

/// Operations of a region. Semantics are those of the graph's primitives and elementwise composites:
/// integer arithmetic wraps; integer x / 0 = all ones, MIN / -1 = MIN, x rem 0 = x, MIN rem -1 = 0, the remainder has
/// the sign of the dividend; shifts by the width or more give 0 (sign fill for signed shiftRight); maximum and minimum
/// propagate NaN and order -0 < +0; float to integer truncates and saturates, NaN gives 0; anything to bool is != 0.
/// float16 and bfloat16 are computed in float32 and rounded to nearest even after every instruction.
enum {
    // unary: a
    HK_OP_COPY = 0, HK_OP_NEGATE = 1, HK_OP_ABS = 2, HK_OP_FLOOR = 3, HK_OP_EXP = 4, HK_OP_LOG = 5, HK_OP_SQRT = 6,
    HK_OP_SIN = 7, HK_OP_COS = 8, HK_OP_TANH = 9,
    // unary composites: a
    HK_OP_ERF = 10, HK_OP_GELU_ERF = 11, HK_OP_GELU_TANH = 12, HK_OP_SIGMOID = 13, HK_OP_SILU = 14,
    HK_OP_SOFTPLUS = 15, HK_OP_RELU = 16, HK_OP_LOG1P = 17, HK_OP_EXPM1 = 18, HK_OP_CEIL = 19,
    HK_OP_ROUND_EVEN = 20, HK_OP_SIGN = 21, HK_OP_RSQRT = 22, HK_OP_RECIPROCAL = 23,
    // binary: a, b
    HK_OP_ADD = 32, HK_OP_SUBTRACT = 33, HK_OP_MULTIPLY = 34, HK_OP_DIVIDE = 35, HK_OP_REMAINDER = 36,
    HK_OP_POWER = 37, HK_OP_MAXIMUM = 38, HK_OP_MINIMUM = 39, HK_OP_AND = 40, HK_OP_OR = 41, HK_OP_XOR = 42,
    HK_OP_SHIFT_LEFT = 43, HK_OP_SHIFT_RIGHT = 44,
    // compare: a, b -> bool
    HK_OP_EQ = 48, HK_OP_NE = 49, HK_OP_LT = 50, HK_OP_LE = 51, HK_OP_GT = 52, HK_OP_GE = 53,
    // three operands
    HK_OP_SELECT = 56,  ///< a is bool: a ? b : c
    HK_OP_CLAMP = 57,   ///< minimum(maximum(a, b), c): a limited to [b, c]
    HK_OP_FMA = 58,     ///< a * b + c, rounded once (float types), wrapping (integer types)
    // type changes: from_type -> type
    HK_OP_CONVERT = 60, ///< value conversion between any two types but the 4-bit ones
    HK_OP_BITCAST = 61, ///< same width
    HK_OP_COUNT = 64
};

/// One instruction. Registers are tile buffers: 0..<input_count are the inputs; every instruction defines one further
/// register, `dst`, once, before it is used.
typedef struct {
    uint16_t op;
    uint8_t type;       ///< operand type; for convert and bitcast the result type. Compare results are bool.
    uint8_t from_type;  ///< convert and bitcast: the operand type; ignored otherwise
    uint16_t dst, a, b, c;
} hk_instr;

/// An operand in memory (input or output), or an immediate (input only).
typedef struct {
    uint8_t type;
    uint8_t is_immediate;           ///< 1: the value is in `immediate`, the base pointer is ignored
    uint16_t reg;                   ///< outputs: the register that is stored; ignored for inputs
    uint64_t immediate;             ///< the bits of the scalar, in the low bytes
    int64_t strides[HK_MAX_RANK];   ///< elements per step of each dimension; 0 broadcasts; may be negative
} hk_operand;

enum {
    /// float32 or float64 multiply whose only use is an add may become one fused multiply-add with it.
    HK_REGION_CONTRACT = 1
};

/// A region over the row-major iteration space dims[0] x ... x dims[rank - 1].
typedef struct {
    int32_t rank;
    int32_t input_count, instr_count, output_count;
    uint32_t flags;
    int64_t dims[HK_MAX_RANK];
    const hk_operand *inputs;
    const hk_instr *instrs;
    const hk_operand *outputs;      ///< strides must not be 0 where the dimension exceeds 1
} hk_region_desc;

typedef struct hk_region hk_region;

/// Validates, collapses dimensions, allocates registers and picks the tile size. On success `*out` owns all it needs.
/// HK_ERR_TYPE names an op that its type does not have (for example exp of int32), HK_ERR_LIMIT more than 1024 bytes
/// of live registers per element, or more than 1024 registers.
int hk_region_prepare(hk_region **out, const hk_region_desc *desc);
void hk_region_destroy(hk_region *region);

/// Runs the region. `bases` holds a pointer to element 0 of each input, then of each output (NULL for immediates).
/// An output may share memory with an input only when both have the same base, type size and strides.
void hk_region_run(const hk_region *region, void *const *bases, hk_pool *pool);

/// One operation over contiguous arrays, on the calling thread (b and c may be NULL where the op does not use them).
/// Meant for tests and for small helpers; a region is faster for more than one operation.
int hk_apply(uint16_t op, uint8_t type, uint8_t from_type, void *dst, const void *a, const void *b, const void *c,
             int64_t count);

#endif
