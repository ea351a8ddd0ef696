// Heterodyne: convolutions and pooling: kernels over windows of images with one to three spatial dimensions.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_WINDOWS_H
#define HK_WINDOWS_H

#include "CHostKernels.h"

/// Windows over x [batch, channels, in...] that give [batch, outputs, out...]. Images with fewer than three spatial
/// dimensions have leading ones of extent 1. Position o of a window's tap k is o * stride + k * dilation - low; positions
/// outside of the image are zeros (convolution, average) or do not count (maximum).
typedef struct {
    int64_t batch, channels, outputs, groups;
    int64_t in[3], kernel[3], out[3], stride[3], dilation[3], low[3];
    int64_t high[3];            ///< padding at the end that counts in means
} hk_windows;

/// Checks a description: HK_OK, or what is wrong. Extents are positive, sizes fit.
int hk_windows_validate(const hk_windows *windows);

/// y[n, o, p] = bias[o] + sum over c, k of weights[o, c, k] x[n, group(o) c, window(p, k)], float32, everything dense,
/// weights [outputs, channels / groups, kernel...]. bias may be NULL. Products are taken of tiles of windows that stay
/// in the cache; few channels per group are convolved directly. `windows` must have passed hk_windows_validate.
int hk_convolution(const hk_windows *windows, const float *x, const float *weights, const float *bias, float *y,
                   hk_pool *pool);

enum { HK_POOL_MAXIMUM, HK_POOL_AVERAGE };

/// The largest element of each window, or its mean, per channel (outputs and groups do not count); float32, dense. NaN
/// wins in maxima. The mean's divisor counts the taps inside of the image, with `counts_padding` of the image padded by
/// `low` before and `high` after.
int hk_pool_windows(const hk_windows *windows, int kind, int counts_padding, const float *x, float *y, hk_pool *pool);

#endif
