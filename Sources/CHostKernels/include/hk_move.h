// Heterodyne: data movement: strided copies, pad, gather, scatter, fill, iota, convert, sort.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_MOVE_H
#define HK_MOVE_H

#include "CHostKernels.h"

/// Copies dims[0] x ... elements of `element_size` (1, 2, 4, 8, 16) bytes between two strided views that do not
/// overlap. This one function is transpose, broadcast, slice, reverse (negative strides, base at the last element),
/// concatenate (one call per part), dynamicSlice and dynamicUpdateSlice (offset bases).
int hk_copy_strided(size_t element_size, int rank, const int64_t *dims, const void *src, const int64_t *src_strides,
                    void *dst, const int64_t *dst_strides, hk_pool *pool);

/// memcpy over the pool, with streaming stores for arrays larger than the caches.
void hk_copy(void *dst, const void *src, size_t bytes, hk_pool *pool);

/// Writes `count` copies of the element at `value`.
int hk_fill(size_t element_size, void *dst, const void *value, int64_t count, hk_pool *pool);

/// Pads a strided input into a contiguous output: low and high per dimension may be negative (crop), interior >= 0.
/// dims are the input's; the output dimension is low + high + d + max(d - 1, 0) * interior and must not be negative.
int hk_pad(size_t element_size, int rank, const int64_t *dims, const void *src, const int64_t *src_strides,
           const int64_t *low, const int64_t *high, const int64_t *interior, const void *value, void *dst,
           hk_pool *pool);

/// dst (contiguous, dims) = index along dimension `axis`, in any integer or float type.
int hk_iota(uint8_t type, int rank, const int64_t *dims, int axis, void *dst, hk_pool *pool);

/// Indexing of an operand by index tuples, shared by gather and scatter.
///
/// indices is a contiguous array of `index_count` tuples of `index_depth` integers; component j indexes operand
/// dimension index_dims[j]. The remaining ("window") dimensions of the operand, in order, form the slice that one tuple
/// selects; slices are contiguous in the result of gather and in the updates of scatter: [index_count, window...].
typedef struct {
    size_t element_size;                ///< 1, 2, 4, 8 or 16 (gather)
    uint8_t type;                       ///< scalar type (scatter with a kind other than set)
    uint8_t index_type;                 ///< HK_INT32 or HK_INT64
    int32_t rank;                       ///< of the operand
    int32_t index_depth;
    int32_t index_dims[HK_MAX_RANK];
    int64_t dims[HK_MAX_RANK];          ///< of the operand
    int64_t strides[HK_MAX_RANK];       ///< of the operand, in elements
    int64_t index_count;
} hk_index_desc;

/// Checks a description: HK_OK, or what is wrong.
int hk_index_validate(const hk_index_desc *desc);

/// out[i, window...] = operand[indices[i], window...]; indices are clamped into range.
int hk_gather(const hk_index_desc *desc, const void *operand, const void *indices, void *out, hk_pool *pool);

enum { HK_SCATTER_SET = 0, HK_SCATTER_ADD = 1, HK_SCATTER_MULTIPLY = 2, HK_SCATTER_MAX = 3, HK_SCATTER_MIN = 4 };

/// operand[indices[i], window...] = combine(old, updates[i, window...]) in the order of i, in place; tuples with any
/// component out of range are dropped. float16 and bfloat16 round after every combination.
int hk_scatter(const hk_index_desc *desc, int kind, void *operand, const void *indices, const void *updates,
               hk_pool *pool);

/// Clamps dynamic start indices: starts[d] (int32 or int64 scalars behind pointers) into 0...dims[d]-sizes[d], and
/// returns the element offset of the window in an array with `strides`.
int64_t hk_dynamic_offset(int rank, const int64_t *dims, const int64_t *sizes, const int64_t *strides,
                          uint8_t index_type, const void *const *starts);

/// Value conversion of contiguous arrays between all pairs of scalar types (packed 4-bit ones too: low nibble first;
/// an odd count leaves the last high nibble 0). src and dst must not overlap.
int hk_convert(uint8_t to, uint8_t from, void *dst, const void *src, int64_t count, hk_pool *pool);

/// The permutation that sorts each line along `axis` stably: out[..., i, ...] is the position, in the line, of the
/// i-th element. Floats order -inf < ... < +inf < NaN with -0 == +0 and all NaN equal; descending reverses that order
/// and is stable too. Input strided, output contiguous (row-major dims) of index_type HK_INT32 or HK_INT64.
int hk_sort_permutation(uint8_t type, int descending, int rank, const int64_t *dims, const int64_t *strides, int axis,
                        const void *src, uint8_t index_type, void *out, hk_pool *pool);

#endif
