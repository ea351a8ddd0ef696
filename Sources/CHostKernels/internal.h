// Heterodyne: what the C files share: the table of kernels per instruction set, working memory, small helpers.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_INTERNAL_H
#define HK_INTERNAL_H

#include "CHostKernels.h"
#include <string.h>

/// Classes of storage that kernels compute in. float16, bfloat16 and the 8-bit floats live in float32 registers.
enum {
    C_BOOL, C_I8, C_I16, C_I32, C_I64, C_U8, C_U16, C_U32, C_U64, C_F32, C_F64, C_COUNT
};

/// One tile operation: dst[i] = op(a[i], b[i], c[i]), i < n.
typedef void (*hk_tile_fn)(void *dst, const void *a, const void *b, const void *c, int64_t n);
/// dst[i] = from[i] with a change of format.
typedef void (*hk_map_fn)(void *dst, const void *src, int64_t n);

/// Formats that are not computed in: index into the load, store and round tables.
enum { N_F16, N_BF16, N_F8E4M3, N_F8E5M2, N_COUNT };

typedef struct {
    int level;
    // elementwise
    hk_tile_fn ops[HK_OP_COUNT][C_COUNT];
    hk_map_fn convert[C_COUNT][C_COUNT];        ///< [to][from]
    hk_map_fn narrow_load[N_COUNT];             ///< format -> float32
    hk_map_fn narrow_store[N_COUNT];            ///< float32 (already rounded or not) -> format
    hk_map_fn narrow_round[N_COUNT];            ///< float32 -> float32 rounded to the format
    hk_map_fn to_odd[C_COUNT];                  ///< wide type -> float32 rounded to odd (for a second rounding)
    // rows
    void (*softmax_row)(float *dst, const float *src, int64_t n, int logarithm);
    void (*softmax_row_f64)(double *dst, const double *src, int64_t n, int logarithm);
    void (*layernorm_row)(float *dst, float *sum, const float *x, const float *r, const float *gain, const float *bias,
                          int64_t n, float epsilon);
    void (*layernorm_row_f64)(double *dst, double *sum, const double *x, const double *r, const double *gain,
                              const double *bias, int64_t n, double epsilon);
    void (*rmsnorm_row)(float *dst, const float *x, const float *gain, int64_t n, float epsilon);
    void (*rmsnorm_row_f64)(double *dst, const double *x, const double *gain, int64_t n, double epsilon);
    // movement
    void (*stream_copy)(void *dst, const void *src, size_t bytes);
    void (*transpose4)(uint32_t *dst, int64_t dst_stride, const uint32_t *src, int64_t src_stride, int64_t rows,
                       int64_t cols, int stream);
    // matrix products
    int64_t gemm_mr, gemm_nr;
    void (*gemm_tile)(int64_t m, int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc,
                      int accumulate);
    void (*epilogue)(float *c, int64_t ldc, int64_t m, int64_t n, const float *bias, const float *residual,
                     int64_t residual_stride, float scale, int activation);
    void (*gemv_rows)(int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y);
    void (*gemv_columns)(int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y);
    void (*gemv_rows_f64)(int64_t m, int64_t k, const double *a, int64_t lda, const double *x, double *y);
    void (*gemv_columns_f64)(int64_t m, int64_t k, const double *a, int64_t lda, const double *x, double *y);
    // rows of windows, the source with a stride: y += w x, y = max(y, x), y = x
    void (*window_add)(float *y, const float *x, int64_t n, int64_t stride, float w);
    void (*window_max)(float *y, const float *x, int64_t n, int64_t stride);
    void (*window_copy)(float *y, const float *x, int64_t n, int64_t stride);
    float (*window_sum)(const float *x, int64_t n);
    // attention: one step of the online softmax over a block of scores [rows][stride]
    void (*softmax_step)(float *scores, int64_t stride, int64_t rows, int64_t cols, float *maximum, float *sum,
                         float *factor);
    void (*scale_rows)(float *x, int64_t stride, int64_t rows, int64_t cols, const float *factor);
} hk_kernels;

extern const hk_kernels hk_kernels_baseline;
#if defined(__x86_64__)
extern const hk_kernels hk_kernels_avx2;
extern const hk_kernels hk_kernels_avx512;
#endif

/// The kernels of the level in use.
const hk_kernels *hk_current(void);

/// A 64-byte aligned buffer of this thread with at least `bytes` bytes, kept until the thread ends; NULL when memory
/// is not to be had. The next call on the thread may move it.
void *hk_scratch(size_t bytes);
/// Another such buffer, for what the calling thread prepares for all threads of a pool run; it and `hk_scratch` do not
/// overlap.
void *hk_shared_scratch(size_t bytes);
/// A third, for a tile of windows that is multiplied with the other two at hand.
void *hk_window_scratch(size_t bytes);
#define HK_SCRATCH_LIMIT ((size_t)16 << 20)

/// Class that a type is computed in, or -1 for the 4-bit types.
int hk_class_of(uint8_t type);
/// Index into the narrow tables, or -1.
int hk_narrow_of(uint8_t type);
/// Bytes of one register element of a class.
size_t hk_class_size(int cls);
/// hk_pool_run, or inline on this thread when the work is small.
static inline void hk_parallel(hk_pool *pool, int64_t work, hk_pool_fn fn, void *context, int64_t chunks) {
    hk_pool_run(work < 65536 ? NULL : pool, fn, context, chunks);
}

/// Splits n into about `parts` ranges that are multiples of `unit`; returns the size of one.
static inline int64_t hk_split(int64_t n, int64_t parts, int64_t unit) {
    int64_t size = (n + parts - 1) / parts;
    size = (size + unit - 1) / unit * unit;
    return size < unit ? unit : size;
}

static inline int64_t hk_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t hk_max64(int64_t a, int64_t b) { return a > b ? a : b; }
/// 0 for a valid rank and non-negative dims whose product (in `*count`) fits; HK_ERR_SHAPE otherwise.
int hk_check_dims(int rank, const int64_t *dims, int64_t *count);

/// Loads or stores one index of HK_INT32 or HK_INT64.
static inline int64_t hk_load_index(const void *p, uint8_t type, int64_t i) {
    return type == HK_INT32 ? ((const int32_t *)p)[i] : ((const int64_t *)p)[i];
}

/// Reduces an angle by multiples of pi/2 exactly (Payne and Hanek): x = q pi/2 + hi + lo, |hi| <= pi/4; returns q mod 4.
int hk_reduce_huge(double x, double *hi, double *lo);

#endif
