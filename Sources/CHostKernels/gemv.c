// Heterodyne: matrix-vector products, and products of any numeric type.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

typedef struct {
    const hk_kernels *kern;
    int wide, transposed;
    int64_t m, k, lda, part;
    const char *a, *x;
    char *y;
} gemv_job;

static void gemv_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const gemv_job *g = context;
    const int64_t size = g->wide ? 8 : 4, i = chunk * g->part, n = hk_min64(g->part, g->m - i);
    char *y = g->y + i * size;
    if (g->transposed) {
        memset(y, 0, (size_t)(n * size));
        const char *a = g->a + i * size;
        if (g->wide) g->kern->gemv_columns_f64(n, g->k, (const double *)(const void *)a, g->lda, (const double *)(const void *)g->x, (double *)(void *)y);
        else g->kern->gemv_columns(n, g->k, (const float *)(const void *)a, g->lda, (const float *)(const void *)g->x, (float *)(void *)y);
    } else {
        const char *a = g->a + i * g->lda * size;
        if (g->wide) g->kern->gemv_rows_f64(n, g->k, (const double *)(const void *)a, g->lda, (const double *)(const void *)g->x, (double *)(void *)y);
        else g->kern->gemv_rows(n, g->k, (const float *)(const void *)a, g->lda, (const float *)(const void *)g->x, (float *)(void *)y);
    }
}

static int gemv(int wide, int transposed, int64_t m, int64_t k, const void *a, int64_t lda, const void *x, void *y,
                hk_pool *pool) {
    if (m < 0 || k < 0) return HK_ERR_SHAPE;
    if (m == 0) return HK_OK;
    if (y == NULL || (k > 0 && (a == NULL || x == NULL))) return HK_ERR_ARGUMENT;
    gemv_job g = {hk_current(), wide, transposed, m, k, lda, m, a, x, y};
    const int parallel = hk_pool_threads(pool) > 1 && m * k >= 65536;
    if (parallel) g.part = hk_split(m, hk_pool_threads(pool) * (transposed ? 2 : 8), transposed ? 64 : 4);
    else if (transposed) g.part = hk_min64(m, 4096);
    hk_pool_run(parallel ? pool : NULL, gemv_chunk, &g, (m + g.part - 1) / g.part);
    return HK_OK;
}

int hk_gemv_f32(int transposed, int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y,
                hk_pool *pool) {
    return gemv(0, transposed, m, k, a, lda, x, y, pool);
}
int hk_gemv_f64(int transposed, int64_t m, int64_t k, const double *a, int64_t lda, const double *x, double *y,
                hk_pool *pool) {
    return gemv(1, transposed, m, k, a, lda, x, y, pool);
}

// MARK: - Any numeric type

/// Terms per step and columns per block of the product of any type: buffers of one thread fit the stack.
enum { TERMS = 64, COLUMNS = 128 };

int hk_dot_validate(const hk_dot_desc *d) {
    if (d == NULL) return HK_ERR_ARGUMENT;
    if (d->batch < 0 || d->m < 0 || d->n < 0 || d->k < 0) return HK_ERR_SHAPE;
    int64_t product;
    if (__builtin_mul_overflow(d->batch, d->m, &product) || __builtin_mul_overflow(product, d->n, &product))
        return HK_ERR_SHAPE;
    const uint8_t types[3] = {d->type, d->accumulator, d->output};
    for (int i = 0; i < 3; i++)
        if (hk_class_of(types[i]) < 0 || types[i] == HK_BOOL) return HK_ERR_TYPE;
    return HK_OK;
}

typedef struct {
    const hk_dot_desc *d;
    const hk_kernels *kern;
    const char *a, *b;
    char *c;
    int64_t blocks, tasks, per_chunk;
} dot_job;

/// A strided line, converted to the accumulator's register class.
static void load_line(const hk_kernels *k, uint8_t type, uint8_t to, void *dst, const char *src, int64_t stride,
                      int64_t n) {
    char dense[COLUMNS * 8], wide[COLUMNS * 8];
    const int64_t one = 1;
    const size_t size = hk_type_size(type);
    hk_copy_strided(size, 1, &n, src, &stride, dense, &one, NULL);
    const int narrow = hk_narrow_of(type), from = hk_class_of(type), target = hk_class_of(to);
    const void *in = dense;
    if (narrow >= 0) {
        k->narrow_load[narrow](wide, dense, n);
        in = wide;
    }
    if (from == target) memcpy(dst, in, (size_t)n * hk_class_size(target));
    else k->convert[target][from](dst, in, n);
}

static void dot_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const dot_job *j = context;
    const hk_dot_desc *d = j->d;
    const hk_kernels *k = j->kern;
    const int cls = hk_class_of(d->accumulator), narrow = hk_narrow_of(d->accumulator);
    const size_t size = hk_class_size(cls), in = hk_type_size(d->type), out = hk_type_size(d->output);
    const hk_tile_fn fma = k->ops[HK_OP_FMA][cls];
    const int64_t end = hk_min64((chunk + 1) * j->per_chunk, j->tasks);
    _Alignas(64) char sums[COLUMNS * 8], row[COLUMNS * 8], factor[COLUMNS * 8], terms[TERMS * 8];
    for (int64_t task = chunk * j->per_chunk; task < end; task++) {
        const int64_t block = task % j->blocks, rest = task / j->blocks, i = rest % d->m, batch = rest / d->m;
        const int64_t column = block * COLUMNS, n = hk_min64(COLUMNS, d->n - column);
        memset(sums, 0, sizeof sums);
        const char *a = j->a + (batch * d->a_strides[0] + i * d->a_strides[1]) * (int64_t)in;
        const char *b = j->b + (batch * d->b_strides[0] + column * d->b_strides[2]) * (int64_t)in;
        for (int64_t p = 0; p < d->k; p++) {
            if (p % TERMS == 0)
                load_line(k, d->type, d->accumulator, terms, a + p * d->a_strides[2] * (int64_t)in, d->a_strides[2],
                          hk_min64(TERMS, d->k - p));
            load_line(k, d->type, d->accumulator, row, b + p * d->b_strides[1] * (int64_t)in, d->b_strides[2], n);
            const char *term = terms + (p % TERMS) * (int64_t)size;
            for (int64_t l = 0; l < n; l++) memcpy(factor + l * (int64_t)size, term, size);
            fma(sums, row, factor, sums, n);
            if (narrow >= 0) k->narrow_round[narrow](sums, sums, n);
        }
        char converted[COLUMNS * 8], packed[COLUMNS * 8];
        const int64_t one = 1;
        const char *result = sums;
        const int target = hk_class_of(d->output), out_narrow = hk_narrow_of(d->output);
        if (out_narrow >= 0 && k->to_odd[cls] != NULL) {
            k->to_odd[cls](converted, sums, n);
            result = converted;
        } else if (target != cls) {
            k->convert[target][cls](converted, sums, n);
            result = converted;
        }
        if (out_narrow >= 0) {
            k->narrow_store[out_narrow](packed, result, n);
            result = packed;
        }
        char *c = j->c + (batch * d->c_strides[0] + i * d->c_strides[1] + column * d->c_strides[2]) * (int64_t)out;
        hk_copy_strided(out, 1, &n, result, &one, c, &d->c_strides[2], NULL);
    }
}

int hk_dot(const hk_dot_desc *d, const void *a, const void *b, void *c, hk_pool *pool) {
    const int status = hk_dot_validate(d);
    if (status != HK_OK) return status;
    dot_job j = {d, hk_current(), a, b, c, (d->n + COLUMNS - 1) / COLUMNS, 0, 0};
    j.tasks = d->batch * d->m * j.blocks;
    if (j.tasks == 0) return HK_OK;
    if (c == NULL || (d->k > 0 && (a == NULL || b == NULL))) return HK_ERR_ARGUMENT;
    const double work = (double)d->batch * (double)d->m * (double)d->n * (double)d->k;
    const int parallel = hk_pool_threads(pool) > 1 && work >= 65536;
    j.per_chunk = parallel ? hk_max64(1, j.tasks / (hk_pool_threads(pool) * 8)) : j.tasks;
    hk_pool_run(parallel ? pool : NULL, dot_chunk, &j, (j.tasks + j.per_chunk - 1) / j.per_chunk);
    return HK_OK;
}
