// Heterodyne: matrix products beside BLAS: packed float32 GEMM with fused epilogue, GEMV, products of other types.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_MATMUL_H
#define HK_MATMUL_H

#include "CHostKernels.h"

/// Activations of an epilogue.
enum {
    HK_ACT_NONE = 0, HK_ACT_RELU = 1, HK_ACT_GELU_ERF = 2, HK_ACT_GELU_TANH = 3, HK_ACT_SILU = 4,
    HK_ACT_SIGMOID = 5, HK_ACT_TANH = 6
};

/// What happens to a finished tile of C, in this order: C = activation(scale * AB + bias) + residual.
typedef struct {
    const float *bias;          ///< one per column, or NULL
    const float *residual;      ///< M x N added after the activation, or NULL; may be C
    int64_t residual_stride;    ///< elements per row of residual
    float scale;                ///< 1 for none
    int32_t activation;
} hk_epilogue;

/// Applies an epilogue in place to an M x N matrix with leading dimension ldc (for products that BLAS made).
void hk_epilogue_apply(const hk_epilogue *epilogue, float *c, int64_t ldc, int64_t m, int64_t n, hk_pool *pool);

/// Bytes that `hk_sgemm_pack_b` writes for a K x N matrix (the buffer should be 64-byte aligned).
size_t hk_sgemm_packed_size(int64_t k, int64_t n);

/// Packs B[k, n] = b[k * row_stride + n * column_stride] (so transposition is free), of type float32, float16 or
/// bfloat16, into panels for `hk_sgemm_packed`. The layout belongs to the CPU level in use.
int hk_sgemm_pack_b(uint8_t type, const void *b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n,
                    void *packed, hk_pool *pool);

/// C[M x N, ldc] = epilogue(A[M x K] B) with B packed. A[m, k] = a[m * a_stride + k]. epilogue may be NULL. C must not
/// overlap A.
int hk_sgemm_packed(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, const void *packed_b, float *c,
                    int64_t ldc, const hk_epilogue *epilogue, hk_pool *pool);

/// The same, packing B on the fly (each panel once per call), for B that changes between calls.
int hk_sgemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, uint8_t b_type, const void *b,
             int64_t b_row_stride, int64_t b_column_stride, float *c, int64_t ldc, const hk_epilogue *epilogue,
             hk_pool *pool);

/// A batch of products C[i] = A[i] B[i] with the same shapes, i in row-major order over batch_dims (rank <= 6), B
/// packed on the fly; parallel over the batch.
int hk_sgemm_batched(int batch_rank, const int64_t *batch_dims, const int64_t *a_batch_strides,
                     const int64_t *b_batch_strides, const int64_t *c_batch_strides, int64_t m, int64_t n, int64_t k,
                     const float *a, int64_t a_stride, const float *b, int64_t b_row_stride, int64_t b_column_stride,
                     float *c, int64_t ldc, hk_pool *pool);

/// y[i] = sum_k A[i, k] x[k] (transposed == 0: A is m x k) or y[i] = sum_k A[k, i] x[k] (transposed != 0: A is k x m),
/// A row-major with leading dimension lda; y and x contiguous. Runs at memory bandwidth.
int hk_gemv_f32(int transposed, int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y,
                hk_pool *pool);
int hk_gemv_f64(int transposed, int64_t m, int64_t k, const double *a, int64_t lda, const double *x, double *y,
                hk_pool *pool);

/// Batched product of any numeric type: C[b, i, j] = sum_k A[b, i, k] B[b, k, j], with every stride given
/// ([batch, row, column], elements). Operands of `type` are converted to `accumulator` (a wider or equal type; integers
/// wrap), C has type `output`. bool is not a numeric type.
typedef struct {
    uint8_t type, accumulator, output;
    int64_t batch, m, n, k;
    int64_t a_strides[3], b_strides[3], c_strides[3];
} hk_dot_desc;

/// Checks a description: HK_OK, or what is wrong.
int hk_dot_validate(const hk_dot_desc *desc);
int hk_dot(const hk_dot_desc *desc, const void *a, const void *b, void *c, hk_pool *pool);

#endif
