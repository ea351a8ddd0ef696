// Heterodyne: stable sorting permutations of all scalar types: order-preserving keys, then radix or insertion sort.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"
#include <stdlib.h>

enum { INSERTION_LIMIT = 48 };

typedef struct {
    uint64_t *keys, *other_keys;
    uint32_t *order, *other_order;
} sort_memory;

/// Keys of `n` elements that compare as unsigned numbers; floats have NaN last and -0 equal to +0.
static void make_keys(uint8_t type, const char *src, int64_t stride, int64_t n, uint64_t *keys) {
    const int64_t size = (int64_t)hk_type_size(type);
    const int narrow = hk_narrow_of(type);
    const hk_kernels *k = hk_current();
    for (int64_t i = 0; i < n; i++) {
        const char *p = src + i * stride * size;
        uint64_t bits = 0;
        memcpy(&bits, p, (size_t)size);
        switch (type) {
        case HK_INT8: bits = (uint8_t)(bits ^ 0x80); break;
        case HK_INT16: bits = (uint16_t)(bits ^ 0x8000); break;
        case HK_INT32: bits = (uint32_t)(bits ^ 0x80000000); break;
        case HK_INT64: bits ^= (uint64_t)1 << 63; break;
        case HK_F64: {
            const uint64_t sign = (uint64_t)1 << 63;
            if ((bits & ~sign) > 0x7ff0000000000000ull) bits = UINT64_MAX;
            else if ((bits & ~sign) == 0) bits = sign;
            else bits = bits & sign ? ~bits : bits | sign;
            break;
        }
        default:
            if (narrow >= 0 || type == HK_F32) {
                float x;
                if (narrow >= 0) k->narrow_load[narrow](&x, p, 1);
                else memcpy(&x, p, 4);
                uint32_t b;
                memcpy(&b, &x, 4);
                if (x != x) b = UINT32_MAX;
                else if (x == 0) b = 0x80000000;
                else b = b & 0x80000000 ? ~b : b | 0x80000000;
                bits = b;
            }
        }
        keys[i] = bits;
    }
}

static void insertion_sort(const sort_memory *m, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const uint64_t key = m->keys[i];
        const uint32_t index = m->order[i];
        int64_t j = i;
        for (; j > 0 && m->keys[j - 1] > key; j--) {
            m->keys[j] = m->keys[j - 1];
            m->order[j] = m->order[j - 1];
        }
        m->keys[j] = key;
        m->order[j] = index;
    }
}

/// Least significant byte first; bytes that are equal in all keys are skipped.
static void radix_sort(sort_memory *m, int64_t n) {
    uint64_t differing = 0;
    for (int64_t i = 1; i < n; i++) differing |= m->keys[i] ^ m->keys[0];
    for (int shift = 0; shift < 64; shift += 8) {
        if ((differing >> shift & 255) == 0) continue;
        int64_t starts[256] = {0};
        for (int64_t i = 0; i < n; i++) starts[m->keys[i] >> shift & 255]++;
        int64_t at = 0;
        for (int d = 0; d < 256; d++) {
            const int64_t count = starts[d];
            starts[d] = at;
            at += count;
        }
        for (int64_t i = 0; i < n; i++) {
            const int64_t place = starts[m->keys[i] >> shift & 255]++;
            m->other_keys[place] = m->keys[i];
            m->other_order[place] = m->order[i];
        }
        uint64_t *keys = m->keys;
        m->keys = m->other_keys;
        m->other_keys = keys;
        uint32_t *order = m->order;
        m->order = m->other_order;
        m->other_order = order;
    }
}

typedef struct {
    uint8_t type, index_type;
    int descending, rank, axis;
    const int64_t *dims, *strides;
    const char *src;
    char *out;
    int64_t length, lines, inner, per_chunk;
    void *memory;               ///< for lines that exceed the threads' working memory; then one chunk only
} sort_job;

static size_t bytes_for(int64_t n) { return (size_t)n * 2 * (sizeof(uint64_t) + sizeof(uint32_t)); }

static void sort_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const sort_job *j = context;
    const int64_t n = j->length, end = hk_min64((chunk + 1) * j->per_chunk, j->lines);
    const int64_t size = (int64_t)hk_type_size(j->type);
    uint64_t *memory = j->memory != NULL ? j->memory : hk_scratch(bytes_for(n));
    if (memory == NULL) return; // refused beforehand on the caller's thread
    for (int64_t line = chunk * j->per_chunk; line < end; line++) {
        int64_t rest = line, offset = 0;
        for (int d = j->rank - 1; d >= 0; d--) {
            if (d == j->axis) continue;
            offset += rest % j->dims[d] * j->strides[d];
            rest /= j->dims[d];
        }
        uint32_t *orders = (uint32_t *)(void *)(memory + 2 * n);
        sort_memory m = {memory, memory + n, orders, orders + n};
        make_keys(j->type, j->src + offset * size, j->strides[j->axis], n, m.keys);
        for (int64_t i = 0; i < n; i++) m.order[i] = (uint32_t)i;
        if (j->descending)
            for (int64_t i = 0; i < n; i++) m.keys[i] = ~m.keys[i];
        if (n <= INSERTION_LIMIT) insertion_sort(&m, n);
        else radix_sort(&m, n);
        const int64_t outer = line / j->inner, inner = line % j->inner, start = outer * n * j->inner + inner;
        for (int64_t i = 0; i < n; i++) {
            const int64_t at = start + i * j->inner;
            if (j->index_type == HK_INT32) ((int32_t *)(void *)j->out)[at] = (int32_t)m.order[i];
            else ((int64_t *)(void *)j->out)[at] = (int64_t)m.order[i];
        }
    }
}

int hk_sort_permutation(uint8_t type, int descending, int rank, const int64_t *dims, const int64_t *strides, int axis,
                        const void *src, uint8_t index_type, void *out, hk_pool *pool) {
    int64_t count;
    const int status = hk_check_dims(rank, dims, &count);
    if (status != HK_OK) return status;
    if (hk_type_size(type) == 0 || (index_type != HK_INT32 && index_type != HK_INT64)) return HK_ERR_TYPE;
    if (axis < 0 || axis >= rank) return HK_ERR_ARGUMENT;
    if (count == 0) return HK_OK;
    if (strides == NULL || src == NULL || out == NULL) return HK_ERR_ARGUMENT;
    sort_job j = {.type = type, .index_type = index_type, .descending = descending, .rank = rank, .axis = axis,
                  .dims = dims, .strides = strides, .src = src, .out = out, .length = dims[axis],
                  .lines = count / dims[axis], .inner = 1};
    for (int d = axis + 1; d < rank; d++) j.inner *= dims[d];
    if (j.length > INT32_MAX) return HK_ERR_LIMIT;
    const int large = bytes_for(j.length) > HK_SCRATCH_LIMIT;
    if (large) j.memory = malloc(bytes_for(j.length));
    if ((large ? j.memory : hk_scratch(bytes_for(j.length))) == NULL) return HK_ERR_MEMORY;
    const int parallel = !large && hk_pool_threads(pool) > 1 && count >= 4096;
    j.per_chunk = parallel ? hk_split(j.lines, hk_pool_threads(pool) * 8, 1) : j.lines;
    hk_pool_run(parallel ? pool : NULL, sort_chunk, &j, (j.lines + j.per_chunk - 1) / j.per_chunk);
    free(j.memory);
    return HK_OK;
}
