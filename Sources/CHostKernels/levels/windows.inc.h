// Heterodyne: rows of windows: sums and maxima of strided rows.
// SPDX-License-Identifier: Apache-2.0

/// y[i] += w * x[i * stride]
static void window_add(float *y, const float *x, int64_t n, int64_t stride, float w) {
    if (stride == 1) {
        int64_t i = 0;
        const vf wide = vf_set(w);
        for (; i + FW <= n; i += FW) vf_store(y + i, vf_load(y + i) + wide * vf_load(x + i));
        for (; i < n; i++) y[i] += w * x[i];
    } else if (stride == 2) {
        for (int64_t i = 0; i < n; i++) y[i] += w * x[2 * i];
    } else {
        for (int64_t i = 0; i < n; i++) y[i] += w * x[i * stride];
    }
}

/// y[i] = the larger of y[i] and x[i * stride]; NaN wins.
static void window_max(float *y, const float *x, int64_t n, int64_t stride) {
    if (stride == 1) {
        for (int64_t i = 0; i < n; i++) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
    } else if (stride == 2) {
        for (int64_t i = 0; i < n; i++) y[i] = x[2 * i] > y[i] || x[2 * i] != x[2 * i] ? x[2 * i] : y[i];
    } else {
        for (int64_t i = 0; i < n; i++) {
            const float v = x[i * stride];
            y[i] = v > y[i] || v != v ? v : y[i];
        }
    }
}

/// y[i] = x[i * stride]
static void window_copy(float *y, const float *x, int64_t n, int64_t stride) {
    if (stride == 2) {
        for (int64_t i = 0; i < n; i++) y[i] = x[2 * i];
    } else {
        for (int64_t i = 0; i < n; i++) y[i] = x[i * stride];
    }
}

/// The sum of n neighbouring elements, in four vectors that join in a fixed tree.
static float window_sum(const float *x, int64_t n) {
    vf a = vf_set(0), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 4 * FW <= n; i += 4 * FW) {
        a += vf_load(x + i);
        b += vf_load(x + i + FW);
        c += vf_load(x + i + 2 * FW);
        d += vf_load(x + i + 3 * FW);
    }
    for (; i + FW <= n; i += FW) a += vf_load(x + i);
    float rest = 0;
    for (; i < n; i++) rest += x[i];
    return vf_sum((a + b) + (c + d)) + rest;
}
