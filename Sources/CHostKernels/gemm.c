// Heterodyne: packed float32 matrix products with a fused epilogue; batches of them.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

/// Depth of a block: a panel of B of that depth stays in the L2 cache, rows of A in L1.
enum { DEPTH = 512, MAX_NR = 32, MAX_MR = 12 };
/// An A of so many elements does not fit in the L2 cache beside panels of B.
enum { LARGE = 160 << 10 };

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

/// Where one pass over the depth stands.
typedef struct {
    int64_t first, depth;   ///< rows first..<first + depth of B
    int accumulates;        ///< C holds the sum of earlier passes
    int is_last;            ///< C is finished: apply the epilogue
} gemm_pass;

/// Columns of one panel of C, rows begin..<end, one pass. `a` points at row `begin` and the pass's first column; rows of
/// `a` lie `lda` apart.
static void gemm_rows(const gemm_job *g, const gemm_pass *pass, const float *a, int64_t lda, const float *slice, float *c,
                      int64_t panel, int64_t begin, int64_t end) {
    const hk_kernels *kern = g->kern;
    const int64_t nr = kern->gemm_nr, mr = kern->gemm_mr, column = panel * nr, columns = hk_min64(nr, g->n - column);
    _Alignas(64) float tile[MAX_MR * MAX_NR];
    const int64_t tiles = (end - begin + mr - 1) / mr;
    for (int64_t t = 0; t < tiles; t++) {
        // rows are shared out evenly: 100 = 8 x 11 + 12 and not 8 x 12 + 4
        const int64_t i0 = begin + (end - begin) * t / tiles, i1 = begin + (end - begin) * (t + 1) / tiles;
        const int64_t rows = i1 - i0;
        const float *source = a + (i0 - begin) * lda;
        float *target = c + i0 * g->ldc + column;
        if (columns == nr) {
            kern->gemm_tile(rows, pass->depth, source, lda, slice, target, g->ldc, pass->accumulates);
        } else {
            for (int64_t i = 0; i < rows && pass->accumulates; i++)
                memcpy(tile + i * nr, target + i * g->ldc, (size_t)columns * sizeof(float));
            kern->gemm_tile(rows, pass->depth, source, lda, slice, tile, nr, pass->accumulates);
            for (int64_t i = 0; i < rows; i++)
                memcpy(target + i * g->ldc, tile + i * nr, (size_t)columns * sizeof(float));
        }
        if (pass->is_last && g->epilogue != NULL) {
            const hk_epilogue *e = g->epilogue;
            kern->epilogue(target, g->ldc, rows, columns, e->bias ? e->bias + column : NULL,
                           e->residual ? e->residual + i0 * e->residual_stride + column : NULL, e->residual_stride,
                           e->scale, e->activation);
        }
    }
}

/// The passes over the depth that a product takes.
static int64_t pass_count(const gemm_job *g) { return hk_max64(1, (g->k + DEPTH - 1) / DEPTH); }

static gemm_pass pass_at(const gemm_job *g, int64_t index, int64_t count) {
    const int64_t depth = (g->k + count - 1) / count, first = hk_min64(index * depth, g->k);
    return (gemm_pass){first, hk_min64(depth, g->k - first), index > 0, index == count - 1};
}

/// Address of row `row` and column `column` of B.
static const char *b_at(const gemm_job *g, const char *b, int64_t row, int64_t column) {
    return b + (column * g->column_stride + row * g->row_stride) * (int64_t)hk_type_size(g->type);
}

static void copy_rows(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t rows, int64_t depth) {
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * to_stride, from + i * from_stride, (size_t)depth * sizeof(float));
}

/// One panel of C, rows begin..<end, all passes.
static void gemm_panel(const gemm_job *g, const float *a, const char *b, float *c, int64_t panel, int64_t begin,
                       int64_t end) {
    const int64_t nr = g->kern->gemm_nr, mr = g->kern->gemm_mr, column = panel * nr;
    const int64_t passes = pass_count(g), stride = pass_at(g, 0, passes).depth + 16;
    // Rows whose distance is a multiple of the L1 way size evict one another: copy them to a better distance.
    int copies = g->lda % 1024 == 0 && g->k >= 128 && end - begin > 8;
    float *scratch = NULL;
    if (g->packed == NULL || copies) {
        scratch = hk_scratch((size_t)(DEPTH * MAX_NR + (copies ? mr * stride : 0)) * sizeof(float));
        if (scratch == NULL && g->packed == NULL) return; // refused beforehand
        copies = copies && scratch != NULL;
    }
    for (int64_t index = 0; index < passes; index++) {
        const gemm_pass pass = pass_at(g, index, passes);
        const float *slice = scratch;
        if (g->packed != NULL)
            slice = g->packed + column * g->k + pass.first * nr;
        else
            pack_panel(g->kern, g->type, b_at(g, b, pass.first, column), g->row_stride, g->column_stride, pass.depth,
                       hk_min64(nr, g->n - column), scratch);
        const float *source = a + begin * g->lda + pass.first;
        if (!copies) {
            gemm_rows(g, &pass, source, g->lda, slice, c, panel, begin, end);
            continue;
        }
        for (int64_t i = begin; i < end; i += mr) {
            const int64_t rows = hk_min64(mr, end - i);
            copy_rows(scratch + DEPTH * MAX_NR, stride, source + (i - begin) * g->lda, g->lda, rows, pass.depth);
            gemm_rows(g, &pass, scratch + DEPTH * MAX_NR, stride, slice, c, panel, i, i + rows);
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

// MARK: - Many rows

/// Columns whose panels of one pass are packed together, so that they stay in the shared cache.
enum { WIDTH = 4096 };
/// Bytes of a block of A in the L2 cache, beside a panel of B.
enum { BLOCK_BYTES = 576 << 10 };

/// One pass over some columns of a product with many rows. Every thread copies a block of A once and streams panels of
/// B past it, as in Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.
typedef struct {
    const gemm_job *g;
    gemm_pass pass;
    int64_t first_panel, panels;    ///< the columns
    int64_t rows_per_block;
    int64_t panels_per_chunk, chunks_per_block;
    float *packed;                  ///< the pass's panels one after the other; NULL: all of B is packed
} slice_job;

static void slice_pack(void *context, int64_t index, int thread) {
    (void)thread;
    const slice_job *s = context;
    const gemm_job *g = s->g;
    const int64_t nr = g->kern->gemm_nr, column = (s->first_panel + index) * nr;
    pack_panel(g->kern, g->type, b_at(g, g->b, s->pass.first, column), g->row_stride, g->column_stride, s->pass.depth,
               hk_min64(nr, g->n - column), s->packed + index * nr * s->pass.depth);
}

static void slice_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const slice_job *s = context;
    const gemm_job *g = s->g;
    const int64_t nr = g->kern->gemm_nr, block = chunk / s->chunks_per_block;
    const int64_t begin = block * s->rows_per_block, end = hk_min64(begin + s->rows_per_block, g->m);
    const int64_t from = chunk % s->chunks_per_block * s->panels_per_chunk;
    const int64_t to = hk_min64(from + s->panels_per_chunk, s->panels);
    const float *source = g->a + begin * g->lda + s->pass.first;
    const int64_t stride = s->pass.depth + 16;
    int64_t lda = g->lda;
    // Rows whose distance is a multiple of the L1 way size evict one another; others are copied where many panels gain.
    const int copies = lda % 1024 == 0 || (lda % 256 == 0 && to - from >= 16);
    float *copy = copies ? hk_scratch((size_t)((end - begin) * stride) * sizeof(float)) : NULL;
    if (copy != NULL) {
        copy_rows(copy, stride, source, lda, end - begin, s->pass.depth);
        source = copy;
        lda = stride;
    }
    for (int64_t index = from; index < to; index++) {
        const int64_t panel = s->first_panel + index;
        const float *slice = s->packed != NULL ? s->packed + index * nr * s->pass.depth
                                               : g->packed + panel * nr * g->k + s->pass.first * nr;
        gemm_rows(g, &s->pass, source, lda, slice, g->c, panel, begin, end);
    }
}

/// A product with so many rows that a block of A is worth copying and B worth packing for all threads together.
/// HK_ERR_MEMORY where the memory for B is not to be had.
static int gemm_run_many_rows(const gemm_job *g, hk_pool *pool) {
    const int64_t nr = g->kern->gemm_nr, mr = g->kern->gemm_mr, passes = pass_count(g);
    const int64_t depth = pass_at(g, 0, passes).depth, width = g->packed != NULL ? g->panels : WIDTH / nr;
    const int64_t most = hk_max64(mr, BLOCK_BYTES / (int64_t)sizeof(float) / (depth + 16) / mr * mr);
    const int64_t blocks = (g->m + most - 1) / most, rows = hk_split(g->m, blocks, mr);
    float *packed = NULL;
    if (g->packed == NULL) {
        packed = hk_shared_scratch((size_t)(hk_min64(width, g->panels) * nr * depth) * sizeof(float));
        if (packed == NULL) return HK_ERR_MEMORY;
    }
    const int64_t row_blocks = (g->m + rows - 1) / rows;
    for (int64_t first = 0; first < g->panels; first += width) {
        slice_job s = {.g = g, .first_panel = first, .panels = hk_min64(width, g->panels - first),
                       .rows_per_block = rows, .packed = packed};
        const int64_t wanted = (hk_pool_threads(pool) * 3 + row_blocks - 1) / row_blocks;
        s.panels_per_chunk = hk_max64(1, (s.panels + wanted - 1) / wanted);
        s.chunks_per_block = (s.panels + s.panels_per_chunk - 1) / s.panels_per_chunk;
        for (int64_t index = 0; index < passes; index++) {
            s.pass = pass_at(g, index, passes);
            if (packed != NULL) hk_pool_run(pool, slice_pack, &s, s.panels);
            hk_pool_run(pool, slice_chunk, &s, row_blocks * s.chunks_per_block);
        }
    }
    return HK_OK;
}

static int gemm_run(gemm_job *g, int64_t items, hk_pool *pool) {
    if (g->m < 0 || g->n < 0 || g->k < 0) return HK_ERR_SHAPE;
    if (g->m == 0 || g->n == 0 || items == 0) return HK_OK;
    if (g->c == NULL || (g->k > 0 && (g->a == NULL || (g->packed == NULL && g->b == NULL)))) return HK_ERR_ARGUMENT;
    g->kern = hk_current();
    g->panels = panels_of(g->n, g->kern->gemm_nr);
    const int threads = hk_pool_threads(pool);
    const int parallel = threads > 1 && (double)g->m * (double)g->n * (double)g->k * (double)items >= 262144.0;
    if (items == 1 && g->batch_rank == 0 && g->m * g->k >= LARGE && g->m >= 192 && g->n >= 2 * g->kern->gemm_nr
        && gemm_run_many_rows(g, parallel ? pool : NULL) == HK_OK)
        return HK_OK;
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
