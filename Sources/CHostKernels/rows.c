// Heterodyne: softmax, layer norm and RMS norm over the rows of a matrix.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

enum { SOFTMAX, LOG_SOFTMAX, LAYERNORM, RMSNORM };

typedef struct {
    const hk_kernels *kernels;
    int what, narrow, wide;     ///< wide: float64
    int64_t rows, cols, per_chunk, x_stride, r_stride, y_stride;
    size_t size;
    const char *x, *r, *gain, *bias;
    char *sum, *y;
    double epsilon;
} row_job;

static void run_row(const row_job *j, void *y, void *sum, const void *x, const void *r, const void *gain,
                    const void *bias) {
    const hk_kernels *k = j->kernels;
    switch (j->what) {
    case SOFTMAX:
    case LOG_SOFTMAX:
        if (j->wide) k->softmax_row_f64(y, x, j->cols, j->what == LOG_SOFTMAX);
        else k->softmax_row(y, x, j->cols, j->what == LOG_SOFTMAX);
        break;
    case LAYERNORM:
        if (j->wide) k->layernorm_row_f64(y, sum, x, r, gain, bias, j->cols, j->epsilon);
        else k->layernorm_row(y, sum, x, r, gain, bias, j->cols, (float)j->epsilon);
        break;
    default:
        if (j->wide) k->rmsnorm_row_f64(y, x, gain, j->cols, j->epsilon);
        else k->rmsnorm_row(y, x, gain, j->cols, (float)j->epsilon);
    }
}

static void row_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const row_job *j = context;
    const int64_t size = (int64_t)j->size, end = hk_min64((chunk + 1) * j->per_chunk, j->rows);
    float *buffers = NULL;
    if (j->narrow >= 0) {
        buffers = hk_scratch((size_t)j->cols * 6 * sizeof(float));
        if (buffers == NULL) return; // refused beforehand by check()
        if (j->gain) j->kernels->narrow_load[j->narrow](buffers, j->gain, j->cols);
        if (j->bias) j->kernels->narrow_load[j->narrow](buffers + j->cols, j->bias, j->cols);
    }
    for (int64_t i = chunk * j->per_chunk; i < end; i++) {
        const char *x = j->x + i * j->x_stride * size, *r = j->r ? j->r + i * j->r_stride * size : NULL;
        char *y = j->y + i * j->y_stride * size, *sum = j->sum ? j->sum + i * j->cols * size : NULL;
        if (buffers == NULL) {
            run_row(j, y, sum, x, r, j->gain, j->bias);
            continue;
        }
        float *wx = buffers + 2 * j->cols, *wr = wx + j->cols, *wy = wr + j->cols, *wsum = wy + j->cols;
        j->kernels->narrow_load[j->narrow](wx, x, j->cols);
        if (r) j->kernels->narrow_load[j->narrow](wr, r, j->cols);
        run_row(j, wy, sum ? wsum : NULL, wx, r ? wr : NULL, j->gain ? buffers : NULL,
                j->bias ? buffers + j->cols : NULL);
        if (sum) j->kernels->narrow_store[j->narrow](sum, wsum, j->cols);
        j->kernels->narrow_store[j->narrow](y, wy, j->cols);
    }
}

static int run(row_job *j, uint8_t type, hk_pool *pool) {
    if (type != HK_F16 && type != HK_BF16 && type != HK_F32 && type != HK_F64) return HK_ERR_TYPE;
    if (j->rows < 0 || j->cols < 0) return HK_ERR_SHAPE;
    if (j->rows == 0 || j->cols == 0) return HK_OK;
    if (j->x == NULL || j->y == NULL) return HK_ERR_ARGUMENT;
    j->kernels = hk_current();
    j->narrow = hk_narrow_of(type);
    j->wide = type == HK_F64;
    j->size = hk_type_size(type);
    if (j->narrow >= 0 && (size_t)j->cols > HK_SCRATCH_LIMIT / (6 * sizeof(float))) return HK_ERR_LIMIT;
    const int parallel = hk_pool_threads(pool) > 1 && j->rows * j->cols >= 16384;
    j->per_chunk = parallel ? hk_max64(1, j->rows / (hk_pool_threads(pool) * 8)) : j->rows;
    hk_pool_run(parallel ? pool : NULL, row_chunk, j, (j->rows + j->per_chunk - 1) / j->per_chunk);
    return HK_OK;
}

int hk_softmax(uint8_t type, int logarithm, int64_t rows, int64_t cols, const void *x, int64_t x_stride, void *y,
               int64_t y_stride, hk_pool *pool) {
    row_job j = {.what = logarithm ? LOG_SOFTMAX : SOFTMAX, .rows = rows, .cols = cols, .x = x, .x_stride = x_stride,
                 .y = y, .y_stride = y_stride};
    return run(&j, type, pool);
}

int hk_layernorm_residual(uint8_t type, int64_t rows, int64_t cols, const void *x, int64_t x_stride,
                          const void *residual, int64_t residual_stride, const void *gain, const void *bias,
                          double epsilon, void *sum, void *y, int64_t y_stride, hk_pool *pool) {
    row_job j = {.what = LAYERNORM, .rows = rows, .cols = cols, .x = x, .x_stride = x_stride, .r = residual,
                 .r_stride = residual_stride, .gain = gain, .bias = bias, .epsilon = epsilon, .sum = sum, .y = y,
                 .y_stride = y_stride};
    return run(&j, type, pool);
}

int hk_layernorm(uint8_t type, int64_t rows, int64_t cols, const void *x, int64_t x_stride, const void *gain,
                 const void *bias, double epsilon, void *y, int64_t y_stride, hk_pool *pool) {
    return hk_layernorm_residual(type, rows, cols, x, x_stride, NULL, 0, gain, bias, epsilon, NULL, y, y_stride, pool);
}

int hk_rmsnorm(uint8_t type, int64_t rows, int64_t cols, const void *x, int64_t x_stride, const void *gain,
               double epsilon, void *y, int64_t y_stride, hk_pool *pool) {
    row_job j = {.what = RMSNORM, .rows = rows, .cols = cols, .x = x, .x_stride = x_stride, .gain = gain,
                 .epsilon = epsilon, .y = y, .y_stride = y_stride};
    return run(&j, type, pool);
}
