// Heterodyne: scaled dot-product attention that never materialises the score matrix.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_ATTENTION_H
#define HK_ATTENTION_H

#include "CHostKernels.h"

enum {
    HK_ATTENTION_CAUSAL = 1,        ///< query i sees keys j <= i + (keys - queries)  (aligned to the end)
    HK_ATTENTION_CAUSAL_TOP = 2,    ///< query i sees keys j <= i                     (aligned to the start)
    HK_ATTENTION_ZERO_MASKED = 4    ///< rows without any visible key give 0 instead of NaN
};

/// out[b,h,i,:] = sum_j softmax_j(scale * q[b,h,i,:].k[b,g,j,:] + mask[b,h,i,j]) v[b,g,j,:],  g = h / (heads/kv_heads).
/// float32; the last dimension of q, k, v and out is contiguous, the others have any strides (elements), in the order
/// [batch, head, row], so that [B,S,H,D] storage needs no transposition.
typedef struct {
    int64_t batch, heads, kv_heads, queries, keys;
    int64_t depth, value_depth;         ///< of q and k; of v and out. At most 512 each.
    int64_t q_strides[3], k_strides[3], v_strides[3], out_strides[3];
    int64_t mask_strides[4];            ///< [batch, head, query, key]; 0 broadcasts
    uint8_t mask_type;                  ///< HK_F32: added to the scores; HK_BOOL: false hides a key
    uint32_t flags;
    float scale;
} hk_attention_desc;

/// Checks a description: HK_OK, or what is wrong.
int hk_attention_validate(const hk_attention_desc *desc);

/// Runs it. `mask` may be NULL. `desc` must have passed hk_attention_validate.
int hk_attention(const hk_attention_desc *desc, const float *q, const float *k, const float *v, const void *mask,
                 float *out, hk_pool *pool);

#endif
