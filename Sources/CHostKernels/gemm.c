// Heterodyne: packed float32 matrix products with a fused epilogue; batches of them.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

/// Depth of a block: a panel of B of that depth stays in the L2 cache, rows of A in L1.
enum { DEPTH = 512, MAX_NR = 32, MAX_MR = 12 };

static int64_t panels_of(int64_t n, int64_t nr) { return (n + nr - 1) / nr; }

size_t hk_sgemm_packed_size(int64_t k, int64_t n) {
    int64_t floats;
    if (k < 0 || n < 0 || __builtin_mul_overflow(panels_of(n, MAX_NR) * MAX_NR, k, &floats)
        || floats > INT64_MAX / 8)
        return 0;
    return (size_t)floats * sizeof(float);
}

/// Packs rows k0..<k0 + depth of one panel of B: [depth][nr], missing columns 0.
static void pack_panel(const hk_kernels *kern, uint8_t type, const char *b, int64_t row_stride, int64_t column_stride,
                       int64_t depth, int64_t columns, float *out) {
    const int64_t nr = kern->gemm_nr, size = (int64_t)hk_type_size(type);
    const int narrow = hk_narrow_of(type);
    if (columns < nr) memset(out, 0, (size_t)(depth * nr) * sizeof(float));
    if (column_stride == 1) {
        for (int64_t p = 0; p < depth; p++) {
            const char *row = b + p * row_stride * size;
            if (narrow >= 0) kern->narrow_load[narrow](out + p * nr, row, columns);
            else memcpy(out + p * nr, row, (size_t)columns * sizeof(float));
        }
    } else if (row_stride == 1 && narrow < 0) {
        kern->transpose4((uint32_t *)(void *)out, nr, (const uint32_t *)(const void *)b, column_stride, columns, depth,
                         0);
    } else if (row_stride == 1) {
        float line[DEPTH];
        for (int64_t j = 0; j < columns; j++)
            for (int64_t p0 = 0; p0 < depth; p0 += DEPTH) {
                const int64_t n = hk_min64(DEPTH, depth - p0);
                kern->narrow_load[narrow](line, b + (j * column_stride + p0) * size, n);
                for (int64_t p = 0; p < n; p++) out[(p0 + p) * nr + j] = line[p];
            }
    } else {
        for (int64_t p = 0; p < depth; p++)
            for (int64_t j = 0; j < columns; j++) {
                const char *element = b + (p * row_stride + j * column_stride) * size;
                if (narrow >= 0) kern->narrow_load[narrow](out + p * nr + j, element, 1);
                else memcpy(out + p * nr + j, element, sizeof(float));
            }
    }
}

typedef struct {
    const hk_kernels *kern;
    uint8_t type;
    const char *b;
    int64_t row_stride, column_stride, k, n;
    float *packed;
} pack_job;

static void pack_chunk(void *context, int64_t panel, int thread) {
    (void)thread;
    const pack_job *j = context;
    const int64_t nr = j->kern->gemm_nr;
    pack_panel(j->kern, j->type, j->b + panel * nr * j->column_stride * (int64_t)hk_type_size(j->type), j->row_stride,
               j->column_stride, j->k, hk_min64(nr, j->n - panel * nr), j->packed + panel * nr * j->k);
}

int hk_sgemm_pack_b(uint8_t type, const void *b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n,
                    void *packed, hk_pool *pool) {
    if (type != HK_F32 && type != HK_F16 && type != HK_BF16) return HK_ERR_TYPE;
    if (k < 0 || n < 0) return HK_ERR_SHAPE;
    if (k == 0 || n == 0) return HK_OK;
    if (b == NULL || packed == NULL) return HK_ERR_ARGUMENT;
    pack_job job = {hk_current(), type, b, row_stride, column_stride, k, n, packed};
    hk_parallel(pool, k * n, pack_chunk, &job, panels_of(n, job.kern->gemm_nr));
    return HK_OK;
}

/// A product, or a batch of them. Work is cut into (item, panel of B, block of rows).
typedef struct {
    const hk_kernels *kern;
    int64_t m, n, k, lda, ldc;
    const float *a;
    float *c;
    const float *packed;            ///< NULL: B is packed on the fly
    uint8_t type;
    const char *b;
    int64_t row_stride, column_stride;
    const hk_epilogue *epilogue;
    int64_t panels, row_blocks, rows_per_block;
    int64_t per_chunk, tasks;
    int batch_rank;
    const int64_t *batch_dims, *a_batch, *b_batch, *c_batch;
} gemm_job;

/// One panel of C, rows begin..<end.
static void gemm_panel(const gemm_job *g, const float *a, const char *b, float *c, int64_t panel, int64_t begin,
                       int64_t end) {
    const hk_kernels *kern = g->kern;
    const int64_t nr = kern->gemm_nr, mr = kern->gemm_mr, column = panel * nr, columns = hk_min64(nr, g->n - column);
    _Alignas(64) float tile[MAX_MR * MAX_NR];
    float *scratch = NULL;
    const int64_t depths = hk_max64(1, (g->k + DEPTH - 1) / DEPTH), depth = (g->k + depths - 1) / depths;
    // Rows whose distance is a multiple of the L1 way size evict one another: copy them to a better distance.
    const int copy_rows = g->lda % 1024 == 0 && g->k >= 128 && end - begin > 8;
    const int64_t copy_stride = depth + 16;
    const int64_t tiles = (end - begin + mr - 1) / mr;
    if (g->packed == NULL || copy_rows)
        scratch = hk_scratch((size_t)(DEPTH * MAX_NR + (copy_rows ? MAX_MR * copy_stride : 0)) * sizeof(float));
    if (scratch == NULL && g->packed == NULL) return; // refused beforehand
    const int use_copy = copy_rows && scratch != NULL;
    for (int64_t p = 0, pass = 0; pass < depths; p += depth, pass++) {
        const int64_t d = hk_min64(depth, g->k - p);
        const float *slice;
        if (g->packed != NULL) {
            slice = g->packed + column * g->k + p * nr;
        } else {
            pack_panel(kern, g->type, b + (column * g->column_stride + p * g->row_stride) * (int64_t)hk_type_size(g->type),
                       g->row_stride, g->column_stride, d, columns, scratch);
            slice = scratch;
        }
        const int last = pass == depths - 1;
        for (int64_t t = 0; t < tiles; t++) {
            // rows are shared out evenly: 100 = 8 x 11 + 12 and not 8 x 12 + 4
            const int64_t i0 = begin + (end - begin) * t / tiles, i1 = begin + (end - begin) * (t + 1) / tiles;
            const int64_t rows = i1 - i0;
            const float *source = a + i0 * g->lda + p;
            int64_t lda = g->lda;
            if (use_copy) {
                float *copy = scratch + DEPTH * MAX_NR;
                for (int64_t i = 0; i < rows; i++)
                    memcpy(copy + i * copy_stride, source + i * lda, (size_t)d * sizeof(float));
                source = copy;
                lda = copy_stride;
            }
            float *target = c + i0 * g->ldc + column;
            if (columns == nr) {
                kern->gemm_tile(rows, d, source, lda, slice, target, g->ldc, pass > 0);
            } else {
                for (int64_t i = 0; i < rows && pass > 0; i++)
                    memcpy(tile + i * nr, target + i * g->ldc, (size_t)columns * sizeof(float));
                kern->gemm_tile(rows, d, source, lda, slice, tile, nr, pass > 0);
                for (int64_t i = 0; i < rows; i++)
                    memcpy(target + i * g->ldc, tile + i * nr, (size_t)columns * sizeof(float));
            }
            if (last && g->epilogue != NULL) {
                const hk_epilogue *e = g->epilogue;
                kern->epilogue(target, g->ldc, rows, columns, e->bias ? e->bias + column : NULL,
                               e->residual ? e->residual + i0 * e->residual_stride + column : NULL,
                               e->residual_stride, e->scale, e->activation);
            }
        }
    }
}

static void gemm_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const gemm_job *g = context;
    const int64_t end = hk_min64((chunk + 1) * g->per_chunk, g->tasks);
    for (int64_t task = chunk * g->per_chunk; task < end; task++) {
        // panels run fastest: the block of A stays in the L2 cache while B streams past
        const int64_t panel = task % g->panels, rest = task / g->panels;
        const int64_t block = rest % g->row_blocks;
        int64_t item = rest / g->row_blocks, a = 0, b = 0, c = 0;
        for (int d = g->batch_rank - 1; d >= 0; d--) {
            const int64_t i = item % g->batch_dims[d];
            item /= g->batch_dims[d];
            a += i * g->a_batch[d];
            b += i * g->b_batch[d];
            c += i * g->c_batch[d];
        }
        const int64_t begin = block * g->rows_per_block;
        gemm_panel(g, g->a + a, g->b != NULL ? g->b + b * (int64_t)hk_type_size(g->type) : NULL, g->c + c, panel, begin,
                   hk_min64(begin + g->rows_per_block, g->m));
    }
}

static int gemm_run(gemm_job *g, int64_t items, hk_pool *pool) {
    if (g->m < 0 || g->n < 0 || g->k < 0) return HK_ERR_SHAPE;
    if (g->m == 0 || g->n == 0 || items == 0) return HK_OK;
    if (g->c == NULL || (g->k > 0 && (g->a == NULL || (g->packed == NULL && g->b == NULL)))) return HK_ERR_ARGUMENT;
    g->kern = hk_current();
    g->panels = panels_of(g->n, g->kern->gemm_nr);
    const int threads = hk_pool_threads(pool);
    const int parallel = threads > 1 && (double)g->m * (double)g->n * (double)g->k * (double)items >= 262144.0;
    const int64_t wanted = parallel ? threads * 4 : 1;
    // Rows are cut only where panels are too few to keep the threads busy, or to keep a block of A in the L2 cache.
    int64_t blocks = hk_max64(1, (wanted + items * g->panels - 1) / (items * g->panels));
    blocks = hk_min64(blocks, (g->m + 2 * g->kern->gemm_mr - 1) / (2 * g->kern->gemm_mr));
    if (g->packed != NULL) {
        const int64_t rows = hk_min64(256, hk_max64(98304 / hk_max64(g->k, 1), 4 * g->kern->gemm_mr));
        blocks = hk_max64(blocks, g->m / rows);
    }
    g->rows_per_block = hk_split(g->m, blocks, 1);
    g->row_blocks = (g->m + g->rows_per_block - 1) / g->rows_per_block;
    g->tasks = items * g->panels * g->row_blocks;
    g->per_chunk = parallel ? hk_max64(1, g->tasks / (threads * 16)) : g->tasks;
    hk_pool_run(parallel ? pool : NULL, gemm_chunk, g, (g->tasks + g->per_chunk - 1) / g->per_chunk);
    return HK_OK;
}

int hk_sgemm_packed(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, const void *packed_b, float *c,
                    int64_t ldc, const hk_epilogue *epilogue, hk_pool *pool) {
    if (packed_b == NULL && n > 0 && k > 0) return HK_ERR_ARGUMENT;
    gemm_job g = {.m = m, .n = n, .k = k, .lda = a_stride, .ldc = ldc, .a = a, .c = c, .packed = packed_b,
                  .type = HK_F32, .epilogue = epilogue};
    return gemm_run(&g, 1, pool);
}

int hk_sgemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, uint8_t b_type, const void *b,
             int64_t b_row_stride, int64_t b_column_stride, float *c, int64_t ldc, const hk_epilogue *epilogue,
             hk_pool *pool) {
    if (b_type != HK_F32 && b_type != HK_F16 && b_type != HK_BF16) return HK_ERR_TYPE;
    gemm_job g = {.m = m, .n = n, .k = k, .lda = a_stride, .ldc = ldc, .a = a, .c = c, .type = b_type, .b = b,
                  .row_stride = b_row_stride, .column_stride = b_column_stride, .epilogue = epilogue};
    if (hk_scratch(DEPTH * MAX_NR * sizeof(float)) == NULL) return HK_ERR_MEMORY;
    return gemm_run(&g, 1, pool);
}

int hk_sgemm_batched(int batch_rank, const int64_t *batch_dims, const int64_t *a_batch_strides,
                     const int64_t *b_batch_strides, const int64_t *c_batch_strides, int64_t m, int64_t n, int64_t k,
                     const float *a, int64_t a_stride, const float *b, int64_t b_row_stride, int64_t b_column_stride,
                     float *c, int64_t ldc, hk_pool *pool) {
    int64_t items;
    if (batch_rank > 6) return HK_ERR_SHAPE;
    const int status = hk_check_dims(batch_rank, batch_dims, &items);
    if (status != HK_OK) return status;
    if (batch_rank > 0 && (a_batch_strides == NULL || b_batch_strides == NULL || c_batch_strides == NULL))
        return HK_ERR_ARGUMENT;
    gemm_job g = {.m = m, .n = n, .k = k, .lda = a_stride, .ldc = ldc, .a = a, .c = c, .type = HK_F32,
                  .b = (const char *)b, .row_stride = b_row_stride, .column_stride = b_column_stride,
                  .batch_rank = batch_rank, .batch_dims = batch_dims, .a_batch = a_batch_strides,
                  .b_batch = b_batch_strides, .c_batch = c_batch_strides};
    if (hk_scratch(DEPTH * MAX_NR * sizeof(float)) == NULL) return HK_ERR_MEMORY;
    return gemm_run(&g, items, pool);
}

typedef struct {
    const hk_kernels *kern;
    const hk_epilogue *epilogue;
    float *c;
    int64_t ldc, m, n, rows;
} epilogue_job;

static void epilogue_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const epilogue_job *j = context;
    const hk_epilogue *e = j->epilogue;
    const int64_t i = chunk * j->rows;
    j->kern->epilogue(j->c + i * j->ldc, j->ldc, hk_min64(j->rows, j->m - i), j->n, e->bias,
                      e->residual ? e->residual + i * e->residual_stride : NULL, e->residual_stride, e->scale,
                      e->activation);
}

void hk_epilogue_apply(const hk_epilogue *e, float *c, int64_t ldc, int64_t m, int64_t n, hk_pool *pool) {
    if (e == NULL || c == NULL || m <= 0 || n <= 0) return;
    epilogue_job j = {hk_current(), e, c, ldc, m, n, hk_split(m, hk_pool_threads(pool) * 8, 1)};
    hk_parallel(pool, m * n * 4, epilogue_chunk, &j, (m + j.rows - 1) / j.rows);
}
