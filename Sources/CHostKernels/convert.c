// Heterodyne: conversion of contiguous arrays between all pairs of scalar types, and iota.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

enum { TILE = 1024 };

typedef struct {
    const hk_kernels *kernels;
    uint8_t to, from;
    char *dst;
    const char *src;
    int64_t count, part;
} convert_job;

/// Byte offset of element `index` (even for the packed types).
static int64_t offset_of(uint8_t type, int64_t index) {
    return type == HK_INT4 || type == HK_UINT4 ? index / 2 : index * (int64_t)hk_type_size(type);
}

static void unpack4(int is_signed, int8_t *dst, const uint8_t *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const int nibble = src[i / 2] >> (i % 2 * 4) & 15;
        dst[i] = (int8_t)(is_signed && nibble > 7 ? nibble - 16 : nibble);
    }
}

static void pack4(int is_signed, int saturate, uint8_t *dst, const int8_t *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int v = is_signed ? src[i] : (uint8_t)src[i];
        if (saturate && is_signed) v = v < -8 ? -8 : v > 7 ? 7 : v;
        if (saturate && !is_signed) v = v > 15 ? 15 : v;
        if (i % 2 == 0) dst[i / 2] = (uint8_t)(v & 15);
        else dst[i / 2] |= (uint8_t)((v & 15) << 4);
    }
}

/// One tile through the register formats.
static void convert_tile(const hk_kernels *k, uint8_t to, uint8_t from, void *dst, const void *src, int64_t n) {
    _Alignas(64) char source[TILE * 8], result[TILE * 8];
    const void *in = src;
    // bring the source into a register class
    uint8_t from_type = from;
    if (from == HK_INT4 || from == HK_UINT4) {
        unpack4(from == HK_INT4, (int8_t *)source, src, n);
        from_type = from == HK_INT4 ? HK_INT8 : HK_UINT8;
        in = source;
    } else if (hk_narrow_of(from) >= 0) {
        k->narrow_load[hk_narrow_of(from)](source, src, n);
        in = source;
    }
    const int from_class = hk_class_of(from_type);
    if (to == HK_INT4 || to == HK_UINT4) {
        k->convert[to == HK_INT4 ? C_I8 : C_U8][from_class](result, in, n);
        pack4(to == HK_INT4, from_class == C_F32 || from_class == C_F64, dst, (const int8_t *)result, n);
    } else if (hk_narrow_of(to) >= 0) {
        if (from_class != C_F32) {
            const hk_map_fn odd = k->to_odd[from_class];
            (odd != NULL ? odd : k->convert[C_F32][from_class])(result, in, n);
            in = result;
        }
        k->narrow_store[hk_narrow_of(to)](dst, in, n);
    } else {
        k->convert[hk_class_of(to)][from_class](dst, in, n);
    }
}

static void convert_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const convert_job *c = context;
    const int64_t end = hk_min64((chunk + 1) * c->part, c->count);
    for (int64_t i = chunk * c->part; i < end; i += TILE)
        convert_tile(c->kernels, c->to, c->from, c->dst + offset_of(c->to, i), c->src + offset_of(c->from, i),
                     hk_min64(TILE, end - i));
}

int hk_convert(uint8_t to, uint8_t from, void *dst, const void *src, int64_t count, hk_pool *pool) {
    if (to >= HK_TYPE_COUNT || from >= HK_TYPE_COUNT) return HK_ERR_TYPE;
    if (count < 0) return HK_ERR_ARGUMENT;
    if (count == 0) return HK_OK;
    if (dst == NULL || src == NULL) return HK_ERR_ARGUMENT;
    if (to == from) {
        hk_copy(dst, src, (size_t)(hk_type_size(to) == 0 ? (count + 1) / 2 : offset_of(to, count)), pool);
        return HK_OK;
    }
    convert_job c = {hk_current(), to, from, dst, src, count, 16384};
    hk_pool_run(count >= 65536 ? pool : NULL, convert_chunk, &c, (count + c.part - 1) / c.part);
    return HK_OK;
}

int hk_iota(uint8_t type, int rank, const int64_t *dims, int axis, void *dst, hk_pool *pool) {
    int64_t count;
    const int status = hk_check_dims(rank, dims, &count);
    if (status != HK_OK) return status;
    const size_t size = hk_type_size(type);
    if (size == 0 || type == HK_BOOL) return HK_ERR_TYPE;
    if (axis < 0 || axis >= rank || (dst == NULL && count > 0)) return HK_ERR_ARGUMENT;
    if (count == 0) return HK_OK;
    int64_t inner = 1;
    for (int d = axis + 1; d < rank; d++) inner *= dims[d];
    const int64_t length = dims[axis], block = length * inner;
    const hk_kernels *k = hk_current();
    char *out = dst;
    for (int64_t start = 0; start < length; start += TILE) {
        int64_t indices[TILE];
        char values[TILE * 8];
        const int64_t n = hk_min64(TILE, length - start);
        for (int64_t i = 0; i < n; i++) indices[i] = start + i;
        convert_tile(k, type, HK_INT64, inner == 1 ? out + start * (int64_t)size : values, indices, n);
        for (int64_t i = 0; i < n && inner > 1; i++) {
            const int filled = hk_fill(size, out + (start + i) * inner * (int64_t)size, values + i * (int64_t)size,
                                       inner, pool);
            if (filled != HK_OK) return filled;
        }
    }
    for (int64_t done = block; done < count; done += block)
        memcpy(out + done * (int64_t)size, out, (size_t)block * size);
    return HK_OK;
}
