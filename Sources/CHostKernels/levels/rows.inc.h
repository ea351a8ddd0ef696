// Heterodyne: one row of softmax, layer norm and RMS norm; the online step of attention's softmax.
// SPDX-License-Identifier: Apache-2.0

/// Sums run in four vectors and join in a fixed tree. PART loads a tail whose missing lanes are `fill`.
#define HK_ROW_KERNELS(S, V, T, LANES, INF)                                                                            \
    HK_INLINE V join_##S(V a, V b, V c, V d) { return (a + b) + (c + d); }                                             \
    /** The largest element; NaN is skipped (it shows in the sum of exponentials). */                                  \
    HK_INLINE T row_max_##S(const T *x, int64_t n) {                                                                   \
        V m0 = V##_set(-INF), m1 = m0;                                                                                 \
        int64_t i = 0;                                                                                                 \
        for (; i + 2 * LANES <= n; i += 2 * LANES) {                                                                   \
            m0 = V##_greater(m0, V##_load(x + i));                                                                     \
            m1 = V##_greater(m1, V##_load(x + i + LANES));                                                             \
        }                                                                                                              \
        m0 = V##_greater(m0, m1);                                                                                      \
        for (; i < n; i += LANES)                                                                                      \
            m0 = V##_greater(m0, n - i >= LANES ? V##_load(x + i) : V##_load_part(x + i, n - i, -INF));                \
        T t[LANES], best = -INF;                                                                                       \
        V##_store(t, m0);                                                                                              \
        for (int l = 0; l < LANES; l++) best = t[l] > best ? t[l] : best;                                              \
        return best;                                                                                                   \
    }                                                                                                                  \
    /** Stores exp(x - maximum) when dst is not null; returns the sum. */                                              \
    HK_INLINE T row_exp_##S(T *dst, const T *x, int64_t n, T maximum) {                                                \
        V s0 = V##_set(0), s1 = s0;                                                                                    \
        int64_t i = 0;                                                                                                 \
        for (; i + 2 * LANES <= n; i += 2 * LANES) {                                                                   \
            const V a = exp_##S(V##_load(x + i) - maximum), b = exp_##S(V##_load(x + i + LANES) - maximum);            \
            if (dst) {                                                                                                 \
                V##_store(dst + i, a);                                                                                 \
                V##_store(dst + i + LANES, b);                                                                         \
            }                                                                                                          \
            s0 += a;                                                                                                   \
            s1 += b;                                                                                                   \
        }                                                                                                              \
        for (; i < n; i += LANES) {                                                                                    \
            if (n - i >= LANES) {                                                                                      \
                const V a = exp_##S(V##_load(x + i) - maximum);                                                        \
                if (dst) V##_store(dst + i, a);                                                                        \
                s0 += a;                                                                                               \
            } else {                                                                                                   \
                const V a = exp_##S(V##_load_part(x + i, n - i, -INF) - maximum);                                      \
                T t[LANES], part = 0;                                                                                  \
                V##_store(t, a);                                                                                       \
                if (dst) V##_store_part(dst + i, a, n - i);                                                            \
                for (int64_t l = 0; l < n - i; l++) part += t[l];                                                      \
                return V##_sum(s0 + s1) + part;                                                                        \
            }                                                                                                          \
        }                                                                                                              \
        return V##_sum(s0 + s1);                                                                                       \
    }                                                                                                                  \
    static void softmax_row_##S(T *dst, const T *x, int64_t n, int logarithm) {                                        \
        const T maximum = row_max_##S(x, n);                                                                           \
        int64_t i = 0;                                                                                                 \
        if (logarithm) {                                                                                               \
            const T sum = row_exp_##S(NULL, x, n, maximum);                                                            \
            const V l = log_##S(V##_set(sum));                                                                         \
            for (; i + LANES <= n; i += LANES) V##_store(dst + i, (V##_load(x + i) - maximum) - l);                    \
            if (i < n) V##_store_part(dst + i, (V##_load_part(x + i, n - i, 0) - maximum) - l, n - i);                 \
        } else {                                                                                                       \
            const T scale = (T)1 / row_exp_##S(dst, x, n, maximum);                                                    \
            for (; i + LANES <= n; i += LANES) V##_store(dst + i, V##_load(dst + i) * scale);                          \
            if (i < n) V##_store_part(dst + i, V##_load_part(dst + i, n - i, 0) * scale, n - i);                       \
        }                                                                                                              \
    }                                                                                                                  \
    /** sum of (x - mean)^2, of x when mean is 0 and !square */                                                        \
    HK_INLINE T row_moment_##S(const T *x, int64_t n, T mean, int square) {                                            \
        V s[4] = {V##_set(0), V##_set(0), V##_set(0), V##_set(0)};                                                     \
        int64_t i = 0;                                                                                                 \
        for (; i + 4 * LANES <= n; i += 4 * LANES)                                                                     \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < 4; j++) {                                           \
                const V d = V##_load(x + i + j * LANES) - mean;                                                        \
                s[j] = square ? HK_MULADD(d, d, s[j]) : s[j] + d;                                                      \
            }                                                                                                          \
        for (; i < n; i += LANES) {                                                                                    \
            const V d = (n - i >= LANES ? V##_load(x + i) : V##_load_part(x + i, n - i, mean)) - mean;                 \
            s[0] = square ? HK_MULADD(d, d, s[0]) : s[0] + d;                                                          \
        }                                                                                                              \
        return V##_sum(join_##S(s[0], s[1], s[2], s[3]));                                                              \
    }                                                                                                                  \
    /** dst = (x - mean) * scale * gain + bias */                                                                      \
    HK_INLINE void row_affine_##S(T *dst, const T *x, int64_t n, T mean, T scale, const T *gain, const T *bias) {      \
        for (int64_t i = 0; i < n; i += LANES) {                                                                       \
            const int64_t left = n - i;                                                                                \
            V v = ((left >= LANES ? V##_load(x + i) : V##_load_part(x + i, left, mean)) - mean) * scale;               \
            const V g = !gain ? V##_set(1) : left >= LANES ? V##_load(gain + i) : V##_load_part(gain + i, left, 1);    \
            if (bias)                                                                                                  \
                v = HK_MULADD(v, g, left >= LANES ? V##_load(bias + i) : V##_load_part(bias + i, left, 0));            \
            else if (gain)                                                                                             \
                v = v * g;                                                                                             \
            if (left >= LANES) V##_store(dst + i, v);                                                                  \
            else V##_store_part(dst + i, v, left);                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static void layernorm_row_##S(T *dst, T *sum, const T *x, const T *r, const T *gain, const T *bias, int64_t n,     \
                                  T epsilon) {                                                                         \
        if (r) {                                                                                                       \
            T *total = sum ? sum : dst;                                                                                \
            add_##S(total, x, r, NULL, n);                                                                             \
            x = total;                                                                                                 \
        } else if (sum && sum != x) {                                                                                  \
            memcpy(sum, x, (size_t)n * sizeof(T));                                                                     \
        }                                                                                                              \
        const T mean = row_moment_##S(x, n, 0, 0) / (T)n;                                                              \
        const T variance = row_moment_##S(x, n, mean, 1) / (T)n;                                                       \
        const T scale = (T)1 / (T)__builtin_sqrt((double)(variance + epsilon));                                        \
        row_affine_##S(dst, x, n, mean, scale, gain, bias);                                                            \
    }                                                                                                                  \
    static void rmsnorm_row_##S(T *dst, const T *x, const T *gain, int64_t n, T epsilon) {                             \
        const T mean_square = row_moment_##S(x, n, 0, 1) / (T)n;                                                       \
        const T scale = (T)1 / (T)__builtin_sqrt((double)(mean_square + epsilon));                                     \
        row_affine_##S(dst, x, n, 0, scale, gain, NULL);                                                               \
    }

HK_ROW_KERNELS(f32, vf, float, FW, __builtin_inff())
HK_ROW_KERNELS(f64, vd, double, DW, __builtin_inf())

/// One step of the online softmax over a block of scores: per row, the running maximum and sum take in `cols` scores,
/// which become exp(score - maximum); factor is what earlier sums and outputs must be multiplied with.
static void softmax_step(float *scores, int64_t stride, int64_t rows, int64_t cols, float *maximum, float *sum,
                         float *factor) {
    for (int64_t i = 0; i < rows; i++) {
        float *row = scores + i * stride;
        const float block = row_max_f32(row, cols);
        const float old = maximum[i], new = block > old ? block : old;
        if (new == -__builtin_inff()) {
            // Nothing visible yet: exponentials of -inf are 0 (NaN stays NaN).
            for (int64_t j = 0; j < cols; j++) row[j] = row[j] == row[j] ? 0.0f : row[j];
            float s = 0;
            for (int64_t j = 0; j < cols; j++) s += row[j];
            sum[i] += s;
            factor[i] = 1;
            continue;
        }
        // Without an earlier score there is nothing to scale.
        const float f = old == new || old == -__builtin_inff() ? 1.0f : exp_f32(vf_set(old - new))[0];
        sum[i] = sum[i] * f + row_exp_f32(row, row, cols, new);
        maximum[i] = new;
        factor[i] = f;
    }
}

static void scale_rows(float *x, int64_t stride, int64_t rows, int64_t cols, const float *factor) {
    for (int64_t i = 0; i < rows; i++) {
        if (factor[i] == 1.0f) continue;
        float *row = x + i * stride;
        int64_t j = 0;
        for (; j + FW <= cols; j += FW) vf_store(row + j, vf_load(row + j) * factor[i]);
        for (; j < cols; j++) row[j] *= factor[i];
    }
}
