// Heterodyne: attention by blocks of keys with an online softmax (Milakov and Gimelshein 2018; Dao et al. 2022).
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

enum { KEYS = 256, QUERIES = 128, MAX_DEPTH = 512 };

int hk_attention_validate(const hk_attention_desc *d) {
    if (d == NULL) return HK_ERR_ARGUMENT;
    if (d->batch < 0 || d->heads < 0 || d->queries < 0 || d->keys < 0 || d->depth < 0 || d->value_depth < 0)
        return HK_ERR_SHAPE;
    if (d->heads > 0 && (d->kv_heads <= 0 || d->heads % d->kv_heads != 0)) return HK_ERR_SHAPE;
    if (d->depth > MAX_DEPTH || d->value_depth > MAX_DEPTH) return HK_ERR_LIMIT;
    if (d->mask_type != HK_F32 && d->mask_type != HK_BOOL) return HK_ERR_TYPE;
    int64_t product;
    if (__builtin_mul_overflow(d->batch, d->heads, &product) || __builtin_mul_overflow(product, d->queries, &product)
        || __builtin_mul_overflow(product, hk_max64(d->keys, 1), &product))
        return HK_ERR_SHAPE;
    return HK_OK;
}

typedef struct {
    const hk_attention_desc *d;
    const hk_kernels *kern;
    const float *q, *k, *v;
    const char *mask;
    float *out;
    int64_t query_block, query_blocks;
} attention_job;

/// Working memory of one task, in floats from the start of the scratch buffer.
typedef struct {
    int64_t q, k, v, scores, output, total;
    int64_t depth_columns; ///< value depth rounded up to whole panels
} layout;

static layout layout_of(const attention_job *j) {
    const int64_t nr = j->kern->gemm_nr;
    layout l = {.depth_columns = (j->d->value_depth + nr - 1) / nr * nr};
    l.k = QUERIES * (j->d->depth + 16);
    l.v = l.k + KEYS * j->d->depth;
    l.scores = l.v + KEYS * l.depth_columns;
    l.output = l.scores + QUERIES * (KEYS + 16);
    l.total = l.output + QUERIES * l.depth_columns;
    return l;
}

/// c (+)= a b over tiles of rows, for a panel of B
static void product(const hk_kernels *kern, int64_t m, int64_t k, const float *a, int64_t lda, const float *b, float *c,
                    int64_t ldc, int accumulate) {
    const int64_t tiles = (m + kern->gemm_mr - 1) / kern->gemm_mr;
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t begin = m * t / tiles, end = m * (t + 1) / tiles;
        kern->gemm_tile(end - begin, k, a + begin * lda, lda, b, c + begin * ldc, ldc, accumulate);
    }
}

/// Keys that row `query` sees under the causal flags.
static int64_t visible(const hk_attention_desc *d, int64_t query) {
    if (d->flags & HK_ATTENTION_CAUSAL_TOP) return hk_min64(d->keys, query + 1);
    if (d->flags & HK_ATTENTION_CAUSAL) return hk_max64(0, hk_min64(d->keys, query + 1 + d->keys - d->queries));
    return d->keys;
}

static void apply_mask(const attention_job *j, float *scores, int64_t stride, int64_t b, int64_t h, int64_t query,
                       int64_t rows, int64_t key, int64_t keys) {
    const hk_attention_desc *d = j->d;
    const float hidden = -__builtin_inff();
    const int64_t step = d->mask_strides[3];
    for (int64_t i = 0; i < rows; i++) {
        float *row = scores + i * stride;
        if (j->mask != NULL) {
            const int64_t offset = b * d->mask_strides[0] + h * d->mask_strides[1] + (query + i) * d->mask_strides[2]
                + key * step;
            if (d->mask_type == HK_BOOL) {
                const uint8_t *m = (const uint8_t *)j->mask + offset;
                for (int64_t n = 0; n < keys; n++) row[n] = m[n * step] ? row[n] : hidden;
            } else {
                const float *m = (const float *)(const void *)j->mask + offset;
                if (step == 1) for (int64_t n = 0; n < keys; n++) row[n] += m[n];
                else for (int64_t n = 0; n < keys; n++) row[n] += m[n * step];
            }
        }
        for (int64_t n = hk_max64(0, visible(d, query + i) - key); n < keys; n++) row[n] = hidden;
    }
}

static void attention_task(void *context, int64_t task, int thread) {
    (void)thread;
    const attention_job *j = context;
    const hk_attention_desc *d = j->d;
    const hk_kernels *kern = j->kern;
    const int64_t nr = kern->gemm_nr;
    const layout l = layout_of(j);
    float *const memory = hk_scratch((size_t)l.total * sizeof(float));
    if (memory == NULL) return; // refused beforehand on the caller's thread
    const int64_t block = task % j->query_blocks, head = task / j->query_blocks;
    const int64_t b = head / d->heads, h = head % d->heads, g = h / (d->heads / d->kv_heads);
    const int64_t query = block * j->query_block, rows = hk_min64(j->query_block, d->queries - query);
    const int64_t q_stride = d->depth + 16, s_stride = KEYS + 16;
    float *const q = memory + l.q, *const scores = memory + l.scores, *const output = memory + l.output;
    float maximum[QUERIES], sum[QUERIES], factor[QUERIES];

    const float *source = j->q + b * d->q_strides[0] + h * d->q_strides[1] + query * d->q_strides[2];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t n = 0; n < d->depth; n++) q[i * q_stride + n] = source[i * d->q_strides[2] + n] * d->scale;
    memset(output, 0, (size_t)(rows * l.depth_columns) * sizeof(float));
    for (int64_t i = 0; i < rows; i++) {
        maximum[i] = -__builtin_inff();
        sum[i] = 0;
    }
    const float *keys = j->k + b * d->k_strides[0] + g * d->k_strides[1];
    const float *values = j->v + b * d->v_strides[0] + g * d->v_strides[1];
    const int64_t last = visible(d, query + rows - 1);
    const int masked = j->mask != NULL || (d->flags & (HK_ATTENTION_CAUSAL | HK_ATTENTION_CAUSAL_TOP)) != 0;
    for (int64_t key = 0; key < last; key += KEYS) {
        const int64_t count = hk_min64(KEYS, last - key);
        for (int64_t n = 0; n < count; n += nr) {
            // the transposed keys, one panel at a time: [depth][nr]
            float *panel = memory + l.k + n * d->depth;
            const int64_t columns = hk_min64(nr, count - n);
            if (columns < nr) memset(panel, 0, (size_t)(nr * d->depth) * sizeof(float));
            kern->transpose4((uint32_t *)(void *)panel, nr,
                             (const uint32_t *)(const void *)(keys + (key + n) * d->k_strides[2]), d->k_strides[2],
                             columns, d->depth, 0);
            product(kern, rows, d->depth, q, q_stride, panel, scores + n, s_stride, 0);
        }
        if (masked) apply_mask(j, scores, s_stride, b, h, query, rows, key, count);
        kern->softmax_step(scores, s_stride, rows, count, maximum, sum, factor);
        if (key > 0) kern->scale_rows(output, l.depth_columns, rows, l.depth_columns, factor);
        for (int64_t n = 0; n < d->value_depth; n += nr) {
            float *panel = memory + l.v;
            const int64_t columns = hk_min64(nr, d->value_depth - n);
            if (columns < nr) memset(panel, 0, (size_t)(count * nr) * sizeof(float));
            for (int64_t i = 0; i < count; i++)
                memcpy(panel + i * nr, values + (key + i) * d->v_strides[2] + n, (size_t)columns * sizeof(float));
            product(kern, rows, count, scores, s_stride, panel, output + n, l.depth_columns, 1);
        }
    }
    float *target = j->out + b * d->out_strides[0] + h * d->out_strides[1] + query * d->out_strides[2];
    for (int64_t i = 0; i < rows; i++) {
        const float scale = sum[i] == 0 && (d->flags & HK_ATTENTION_ZERO_MASKED) ? 0 : 1 / sum[i];
        for (int64_t n = 0; n < d->value_depth; n++)
            target[i * d->out_strides[2] + n] = output[i * l.depth_columns + n] * scale;
    }
}

int hk_attention(const hk_attention_desc *d, const float *q, const float *k, const float *v, const void *mask,
                 float *out, hk_pool *pool) {
    const int status = hk_attention_validate(d);
    if (status != HK_OK) return status;
    const int64_t heads = d->batch * d->heads;
    if (heads == 0 || d->queries == 0 || d->value_depth == 0) return HK_OK;
    if (out == NULL || (d->keys > 0 && (v == NULL || (d->depth > 0 && (q == NULL || k == NULL)))))
        return HK_ERR_ARGUMENT;
    attention_job j = {.d = d, .kern = hk_current(), .q = q, .k = k, .v = v, .mask = mask, .out = out};
    // Rows do not influence one another, so the block of queries may follow the number of threads.
    const int64_t wanted = hk_max64(1, (2 * hk_pool_threads(pool) + heads - 1) / heads);
    const int64_t blocks = hk_max64((d->queries + QUERIES - 1) / QUERIES, hk_min64(wanted, (d->queries + 23) / 24));
    j.query_block = (d->queries + blocks - 1) / blocks;
    j.query_blocks = (d->queries + j.query_block - 1) / j.query_block;
    if (hk_scratch((size_t)layout_of(&j).total * sizeof(float)) == NULL) return HK_ERR_MEMORY;
    const double work = (double)heads * (double)d->queries * (double)d->keys * (double)(d->depth + d->value_depth);
    hk_pool_run(work < 131072 ? NULL : pool, attention_task, &j, heads * j.query_blocks);
    return HK_OK;
}
