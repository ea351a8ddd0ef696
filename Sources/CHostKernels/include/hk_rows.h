// Heterodyne: row kernels: softmax, layer norm, RMS norm along the last axis.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_ROWS_H
#define HK_ROWS_H

#include "CHostKernels.h"

/// All take float16, bfloat16, float32 and float64 (the 16-bit types compute in float32 and round once). `rows` rows
/// of `cols` contiguous elements; row strides in elements. y may be x.

/// y = exp(x - max) / sum(exp(x - max)); logarithm != 0: y = x - max - log(sum(exp(x - max))).
int hk_softmax(uint8_t type, int logarithm, int64_t rows, int64_t cols, const void *x, int64_t x_stride, void *y,
               int64_t y_stride, hk_pool *pool);

/// y = (x + residual - mean) / sqrt(variance + epsilon) * gain + bias, variance being the mean square deviation.
/// residual (contiguous rows of `residual_stride`), gain and bias (`cols` elements of `type`) may be NULL.
/// sum, when not NULL, receives x + residual (row stride cols); it may be x or residual.
int hk_layernorm_residual(uint8_t type, int64_t rows, int64_t cols, const void *x, int64_t x_stride,
                          const void *residual, int64_t residual_stride, const void *gain, const void *bias,
                          double epsilon, void *sum, void *y, int64_t y_stride, hk_pool *pool);

/// y = (x - mean) / sqrt(variance + epsilon) * gain + bias.
int hk_layernorm(uint8_t type, int64_t rows, int64_t cols, const void *x, int64_t x_stride, const void *gain,
                 const void *bias, double epsilon, void *y, int64_t y_stride, hk_pool *pool);

/// y = x / sqrt(mean(x^2) + epsilon) * gain. gain may be NULL.
int hk_rmsnorm(uint8_t type, int64_t rows, int64_t cols, const void *x, int64_t x_stride, const void *gain,
               double epsilon, void *y, int64_t y_stride, hk_pool *pool);

#endif
