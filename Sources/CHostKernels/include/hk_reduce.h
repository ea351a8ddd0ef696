// Heterodyne: reductions over any set of dimensions of a strided array.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_REDUCE_H
#define HK_REDUCE_H

#include "CHostKernels.h"

/// Reduction kinds. Identities (the value of an empty reduction): 0, 1, lowest (-inf), highest (+inf), all ones, 0.
/// `and` and `or` take bool and the integer types. maximum and minimum of bool are or and and.
enum { HK_REDUCE_SUM = 0, HK_REDUCE_PRODUCT = 1, HK_REDUCE_MAX = 2, HK_REDUCE_MIN = 3, HK_REDUCE_AND = 4, HK_REDUCE_OR = 5 };

/// A reduction of the input, viewed as dims with strides, over the dimensions with reduced[d] != 0.
/// Float32 sums and products run in blocks: 64 or more independent partial results over at most 4096 elements per
/// block, blocks combined pairwise; the error of a sum of n terms is at most (64 + log2(n)) * 2^-24 * sum|x|, and it
/// grows with log2(n) only. float16 and bfloat16 accumulate in float32 and round once. Integers wrap. max and min propagate NaN.
typedef struct {
    uint8_t kind;
    uint8_t type;                       ///< of input and output
    uint8_t output_type;                ///< equal to `type`, or HK_F32 for float16 and bfloat16 input
    int32_t rank;
    int64_t dims[HK_MAX_RANK];
    int64_t strides[HK_MAX_RANK];       ///< of the input
    uint8_t reduced[HK_MAX_RANK];
    int64_t out_strides[HK_MAX_RANK];   ///< of the output, for the dimensions that are kept; others are ignored
} hk_reduce_desc;

typedef struct hk_reduce hk_reduce;

int hk_reduce_prepare(hk_reduce **out, const hk_reduce_desc *desc);
void hk_reduce_destroy(hk_reduce *reduce);
void hk_reduce_run(const hk_reduce *reduce, const void *input, void *output, hk_pool *pool);

#endif
