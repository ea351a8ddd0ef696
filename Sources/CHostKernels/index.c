// Heterodyne: gather and scatter by index tuples, and offsets of dynamic slices.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

enum { LINE_TILE = 512 };

/// The window of one tuple: dimensions that are not indexed, size 1 dropped, neighbours joined.
typedef struct {
    int rank;
    int64_t dims[HK_MAX_RANK], strides[HK_MAX_RANK], dense[HK_MAX_RANK];
    int64_t count;
} window;

int hk_index_validate(const hk_index_desc *d) {
    if (d == NULL) return HK_ERR_ARGUMENT;
    int64_t count;
    const int status = hk_check_dims(d->rank, d->dims, &count);
    if (status != HK_OK) return status;
    const size_t s = d->element_size;
    if (s != 1 && s != 2 && s != 4 && s != 8 && s != 16) return HK_ERR_ARGUMENT;
    if (d->index_type != HK_INT32 && d->index_type != HK_INT64) return HK_ERR_TYPE;
    if (d->index_depth < 0 || d->index_depth > d->rank || d->index_count < 0) return HK_ERR_SHAPE;
    unsigned seen = 0;
    for (int j = 0; j < d->index_depth; j++) {
        const int dim = d->index_dims[j];
        if (dim < 0 || dim >= d->rank || (seen >> dim & 1)) return HK_ERR_SHAPE;
        seen |= 1u << dim;
    }
    int64_t window_count = 1;
    for (int i = 0; i < d->rank; i++)
        if (!(seen >> i & 1)) window_count *= d->dims[i];
    int64_t total;
    return __builtin_mul_overflow(window_count, d->index_count, &total) || total > INT64_MAX / 16 ? HK_ERR_SHAPE : HK_OK;
}

static window window_of(const hk_index_desc *d) {
    window w = {.count = 1};
    for (int i = 0; i < d->rank; i++) {
        int indexed = 0;
        for (int j = 0; j < d->index_depth; j++) indexed |= d->index_dims[j] == i;
        if (indexed) continue;
        w.count *= d->dims[i];
        if (d->dims[i] == 1) continue;
        if (w.rank > 0 && w.strides[w.rank - 1] == d->strides[i] * d->dims[i]) {
            w.dims[w.rank - 1] *= d->dims[i];
            w.strides[w.rank - 1] = d->strides[i];
        } else {
            w.dims[w.rank] = d->dims[i];
            w.strides[w.rank++] = d->strides[i];
        }
    }
    if (w.rank == 0) {
        w.rank = 1;
        w.dims[0] = w.count;
        w.strides[0] = 1;
    }
    int64_t dense = 1;
    for (int i = w.rank - 1; i >= 0; i--) {
        w.dense[i] = dense;
        dense *= w.dims[i];
    }
    return w;
}

/// Element offset of tuple i; `*inside` tells whether every component is in range (it is clamped otherwise).
static int64_t tuple_offset(const hk_index_desc *d, const void *indices, int64_t i, int *inside) {
    int64_t offset = 0;
    *inside = 1;
    for (int j = 0; j < d->index_depth; j++) {
        int64_t index = hk_load_index(indices, d->index_type, i * d->index_depth + j);
        const int64_t size = d->dims[d->index_dims[j]];
        if (index < 0 || index >= size) {
            *inside = 0;
            index = index < 0 ? 0 : size - 1;
        }
        offset += index * d->strides[d->index_dims[j]];
    }
    return offset;
}

typedef struct {
    const hk_index_desc *desc;
    window window;
    const char *operand;
    const void *indices;
    char *out;
    int64_t per_chunk;
} gather_job;

static void gather_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const gather_job *g = context;
    const hk_index_desc *d = g->desc;
    const size_t size = d->element_size, bytes = (size_t)g->window.count * size;
    const int64_t end = hk_min64((chunk + 1) * g->per_chunk, d->index_count);
    const int dense = g->window.rank == 1 && (g->window.strides[0] == 1 || g->window.count == 1);
    for (int64_t i = chunk * g->per_chunk; i < end; i++) {
        int inside;
        const char *source = g->operand + tuple_offset(d, g->indices, i, &inside) * (int64_t)size;
        char *target = g->out + i * (int64_t)bytes;
        if (dense && bytes == 4) memcpy(target, source, 4);
        else if (dense && bytes == 8) memcpy(target, source, 8);
        else if (dense) memcpy(target, source, bytes);
        else hk_copy_strided(size, g->window.rank, g->window.dims, source, g->window.strides, target, g->window.dense, NULL);
    }
}

int hk_gather(const hk_index_desc *d, const void *operand, const void *indices, void *out, hk_pool *pool) {
    const int status = hk_index_validate(d);
    if (status != HK_OK) return status;
    gather_job g = {d, window_of(d), operand, indices, out, 0};
    const int64_t total = g.window.count * d->index_count;
    if (total == 0) return HK_OK;
    for (int j = 0; j < d->index_depth; j++)
        if (d->dims[d->index_dims[j]] == 0) return HK_ERR_SHAPE;
    if (operand == NULL || out == NULL || (indices == NULL && d->index_depth > 0)) return HK_ERR_ARGUMENT;
    g.per_chunk = hk_split(d->index_count, hk_pool_threads(pool) * 8, 1);
    hk_parallel(pool, total * (int64_t)d->element_size / 4, gather_chunk, &g,
                (d->index_count + g.per_chunk - 1) / g.per_chunk);
    return HK_OK;
}

/// Combines one line of updates into the operand: through registers where the format or the stride asks for it.
static void scatter_line(const hk_kernels *k, hk_tile_fn combine, int narrow, size_t size, char *operand, int64_t stride,
                         const char *updates, int64_t n) {
    if (narrow < 0 && stride == 1) {
        combine(operand, operand, updates, NULL, n);
        return;
    }
    _Alignas(64) char old[LINE_TILE * 8], wide[LINE_TILE * 8], new[LINE_TILE * 8];
    const int64_t one = 1;
    for (int64_t i = 0; i < n; i += LINE_TILE) {
        const int64_t m = hk_min64(LINE_TILE, n - i);
        char *place = operand + i * stride * (int64_t)size;
        const char *update = updates + i * (int64_t)size;
        hk_copy_strided(size, 1, &m, place, &stride, old, &one, NULL);
        if (narrow >= 0) {
            k->narrow_load[narrow](wide, old, m);
            k->narrow_load[narrow](new, update, m);
            combine(wide, wide, new, NULL, m);
            k->narrow_store[narrow](old, wide, m);
        } else {
            combine(old, old, update, NULL, m);
        }
        hk_copy_strided(size, 1, &m, old, &one, place, &stride, NULL);
    }
}

int hk_scatter(const hk_index_desc *d, int kind, void *operand, const void *indices, const void *updates,
               hk_pool *pool) {
    (void)pool; // in index order, so that equal indices give the same answer always
    const int status = hk_index_validate(d);
    if (status != HK_OK) return status;
    static const uint8_t ops[5] = {HK_OP_COPY, HK_OP_ADD, HK_OP_MULTIPLY, HK_OP_MAXIMUM, HK_OP_MINIMUM};
    if (kind < 0 || kind > HK_SCATTER_MIN) return HK_ERR_ARGUMENT;
    const window w = window_of(d);
    if (w.count * d->index_count == 0) return HK_OK;
    if (operand == NULL || updates == NULL || (indices == NULL && d->index_depth > 0)) return HK_ERR_ARGUMENT;
    const hk_kernels *k = hk_current();
    hk_tile_fn combine = NULL;
    if (kind != HK_SCATTER_SET) {
        const int cls = hk_class_of(d->type);
        combine = cls < 0 || hk_type_size(d->type) != d->element_size ? NULL : k->ops[ops[kind]][cls];
        if (combine == NULL) return HK_ERR_TYPE;
    }
    const int narrow = hk_narrow_of(d->type), last = w.rank - 1;
    const size_t size = d->element_size;
    const int64_t lines = w.dims[last] > 0 ? w.count / w.dims[last] : 0;
    for (int64_t i = 0; i < d->index_count; i++) {
        int inside;
        char *place = (char *)operand + tuple_offset(d, indices, i, &inside) * (int64_t)size;
        if (!inside) continue;
        const char *update = (const char *)updates + i * w.count * (int64_t)size;
        if (kind == HK_SCATTER_SET) {
            if (w.rank == 1 && (w.strides[0] == 1 || w.count == 1)) memcpy(place, update, (size_t)w.count * size);
            else hk_copy_strided(size, w.rank, w.dims, update, w.dense, place, w.strides, NULL);
            continue;
        }
        for (int64_t line = 0; line < lines; line++) {
            int64_t rest = line, offset = 0;
            for (int s = last - 1; s >= 0; s--) {
                offset += rest % w.dims[s] * w.strides[s];
                rest /= w.dims[s];
            }
            scatter_line(k, combine, narrow, size, place + offset * (int64_t)size, w.strides[last],
                         update + line * w.dims[last] * (int64_t)size, w.dims[last]);
        }
    }
    return HK_OK;
}

int64_t hk_dynamic_offset(int rank, const int64_t *dims, const int64_t *sizes, const int64_t *strides,
                          uint8_t index_type, const void *const *starts) {
    int64_t offset = 0;
    for (int d = 0; d < rank; d++) {
        const int64_t last = hk_max64(0, dims[d] - sizes[d]);
        const int64_t start = hk_load_index(starts[d], index_type, 0);
        offset += hk_max64(0, hk_min64(start, last)) * strides[d];
    }
    return offset;
}
