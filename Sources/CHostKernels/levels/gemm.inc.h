// Heterodyne: float32 matrix product micro-kernels, epilogues and matrix-vector products.
// SPDX-License-Identifier: Apache-2.0

/// A tile of C is GEMM_MR rows of two vectors: what leaves registers for one
/// row of B and a broadcast of A (14 rows would fit too, but the compiler then copies between registers).
#if HK_LEVEL == 2
#define GEMM_MR 12
#elif HK_LEVEL == 1
#define GEMM_MR 6
#elif defined(__aarch64__)
#define GEMM_MR 8
#else
#define GEMM_MR 4
#endif
enum { GEMM_NR = 2 * FW };

/// c[m x NR] (+)= a[m x k] b[k x NR]; element (i, p) of A is a[i * row + p * step]. `m` and `step` are constants
/// wherever this is inlined. Three rows share a pointer, so that the addresses fit the general registers.
HK_INLINE void gemm_micro(const int m, int64_t k, const float *a, int64_t row, const int64_t step, const float *b,
                          float *c, int64_t ldc, int accumulate) {
    vf s[GEMM_MR][2];
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) {
        s[i][0] = accumulate ? vf_load(c + i * ldc) : vf_set(0);
        s[i][1] = accumulate ? vf_load(c + i * ldc + FW) : vf_set(0);
    }
    const float *a0 = a, *a3 = a + 3 * row, *a6 = a + 6 * row, *a9 = a + 9 * row;
#define GEMM_STEP(P)                                                                                                   \
    {                                                                                                                  \
        const vf b0 = vf_load(b + (P) * GEMM_NR), b1 = vf_load(b + (P) * GEMM_NR + FW);                                \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) {                                               \
            const float *base = i < 3 ? a0 : i < 6 ? a3 : i < 9 ? a6 : a9;                              \
            const vf x = vf_set(base[(i % 3) * row + (P) * step]);                                                     \
            s[i][0] = HK_MULADD(x, b0, s[i][0]);                                                                       \
            s[i][1] = HK_MULADD(x, b1, s[i][1]);                                                                       \
        }                                                                                                              \
        /* keeps loads of A scalar: joined into vectors across steps, they would push the sums out of registers */     \
        __asm__ volatile("" ::: "memory");                                                                             \
    }
    int64_t p = 0;
    _Pragma("clang loop unroll(disable)") for (; p + 4 <= k; p += 4) {
        GEMM_STEP(0)
        GEMM_STEP(1)
        GEMM_STEP(2)
        GEMM_STEP(3)
        b += 4 * GEMM_NR;
        a0 += 4 * step, a3 += 4 * step, a6 += 4 * step, a9 += 4 * step;
    }
    _Pragma("clang loop unroll(disable)") for (; p < k; p++) {
        GEMM_STEP(0)
        b += GEMM_NR;
        a0 += step, a3 += step, a6 += step, a9 += step;
    }
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) {
        vf_store(c + i * ldc, s[i][0]);
        vf_store(c + i * ldc + FW, s[i][1]);
    }
}

#define GEMM_CASE(M)                                                                                                   \
    case M:                                                                                                            \
        if (M <= GEMM_MR) gemm_micro(M <= GEMM_MR ? M : 1, k, a, lda, 1, b, c, ldc, accumulate);                       \
        break;

/// c[m x NR] (+)= a[m x k] b with m <= GEMM_MR and a panel of B of NR columns.
static void gemm_tile(int64_t m, int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc,
                      int accumulate) {
    switch (m) {
        GEMM_CASE(1)
        GEMM_CASE(2)
        GEMM_CASE(3)
        GEMM_CASE(4)
        GEMM_CASE(5)
        GEMM_CASE(6)
        GEMM_CASE(7)
        GEMM_CASE(8)
        GEMM_CASE(9)
        GEMM_CASE(10)
        GEMM_CASE(11)
        GEMM_CASE(12)
    default: break;
    }
}

HK_INLINE vf activate(vf x, const int activation) {
    switch (activation) {
    case HK_ACT_RELU: return vf_max(x, vf_set(0));
    case HK_ACT_GELU_ERF: return gelu_erf_f32(x);
    case HK_ACT_GELU_TANH: return gelu_tanh_f32(x);
    case HK_ACT_SILU: return silu_f32(x);
    case HK_ACT_SIGMOID: return sigmoid_f32(x);
    case HK_ACT_TANH: return tanh_f32(x);
    default: return x;
    }
}

HK_INLINE void epilogue_rows(float *c, int64_t ldc, int64_t m, int64_t n, const float *bias, const float *residual,
                             int64_t residual_stride, float scale, const int activation) {
    for (int64_t i = 0; i < m; i++) {
        float *row = c + i * ldc;
        const float *r = residual ? residual + i * residual_stride : NULL;
        for (int64_t j = 0; j < n; j += FW) {
            const int64_t left = n - j;
            vf x = left >= FW ? vf_load(row + j) : vf_load_part(row + j, left, 0);
            const vf b = !bias ? vf_set(0) : left >= FW ? vf_load(bias + j) : vf_load_part(bias + j, left, 0);
            x = activate(HK_MULADD(x, vf_set(scale), b), activation);
            if (r) x += left >= FW ? vf_load(r + j) : vf_load_part(r + j, left, 0);
            if (left >= FW) vf_store(row + j, x);
            else vf_store_part(row + j, x, left);
        }
    }
}

static void epilogue(float *c, int64_t ldc, int64_t m, int64_t n, const float *bias, const float *residual,
                     int64_t residual_stride, float scale, int activation) {
#define EPILOGUE(A)                                                                                                    \
    case A: epilogue_rows(c, ldc, m, n, bias, residual, residual_stride, scale, A); break;
    switch (activation) {
        EPILOGUE(HK_ACT_RELU)
        EPILOGUE(HK_ACT_GELU_ERF)
        EPILOGUE(HK_ACT_GELU_TANH)
        EPILOGUE(HK_ACT_SILU)
        EPILOGUE(HK_ACT_SIGMOID)
        EPILOGUE(HK_ACT_TANH)
    default: epilogue_rows(c, ldc, m, n, bias, residual, residual_stride, scale, HK_ACT_NONE);
    }
}

/// y[i] = sum_k a[i lda + k] x[k] for m rows; y[j] += sum_i a[i lda + j] x[i] for `m` columns and `k` rows.
#define HK_GEMV(S, V, T, LANES)                                                                                        \
    HK_INLINE void gemv_some_##S(const int rows, int64_t k, const T *a, int64_t lda, const T *x, T *y) {               \
        V s[4][2];                                                                                                     \
        for (int i = 0; i < rows; i++) s[i][0] = s[i][1] = V##_set(0);                                                 \
        int64_t p = 0;                                                                                                 \
        for (; p + 2 * LANES <= k; p += 2 * LANES) {                                                                   \
            const V x0 = V##_load(x + p), x1 = V##_load(x + p + LANES);                                                \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                        \
                s[i][0] = HK_MULADD(V##_load(a + i * lda + p), x0, s[i][0]);                                           \
                s[i][1] = HK_MULADD(V##_load(a + i * lda + p + LANES), x1, s[i][1]);                                   \
            }                                                                                                          \
        }                                                                                                              \
        for (; p < k; p += LANES) {                                                                                    \
            const int64_t left = k - p;                                                                                \
            const V x0 = left >= LANES ? V##_load(x + p) : V##_load_part(x + p, left, 0);                              \
            for (int i = 0; i < rows; i++) {                                                                           \
                const T *r = a + i * lda + p;                                                                          \
                s[i][0] = HK_MULADD(left >= LANES ? V##_load(r) : V##_load_part(r, left, 0), x0, s[i][0]);             \
            }                                                                                                          \
        }                                                                                                              \
        for (int i = 0; i < rows; i++) y[i] = V##_sum(s[i][0] + s[i][1]);                                              \
    }                                                                                                                  \
    static void gemv_rows_##S(int64_t m, int64_t k, const T *a, int64_t lda, const T *x, T *y) {                       \
        int64_t i = 0;                                                                                                 \
        for (; i + 4 <= m; i += 4) gemv_some_##S(4, k, a + i * lda, lda, x, y + i);                                    \
        for (; i < m; i++) gemv_some_##S(1, k, a + i * lda, lda, x, y + i);                                            \
    }                                                                                                                  \
    HK_INLINE void gemv_add_##S(const int rows, int64_t m, const T *a, int64_t lda, const T *x, T *y) {                \
        int64_t j = 0;                                                                                                 \
        for (; j + LANES <= m; j += LANES) {                                                                           \
            V s = V##_load(y + j);                                                                                     \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)                                          \
                s = HK_MULADD(V##_load(a + i * lda + j), V##_set(x[i]), s);                                            \
            V##_store(y + j, s);                                                                                       \
        }                                                                                                              \
        for (; j < m; j++)                                                                                             \
            for (int i = 0; i < rows; i++) y[j] = HK_MULADD(a[i * lda + j], x[i], y[j]);                               \
    }                                                                                                                  \
    static void gemv_columns_##S(int64_t m, int64_t k, const T *a, int64_t lda, const T *x, T *y) {                    \
        int64_t i = 0;                                                                                                 \
        for (; i + 4 <= k; i += 4) gemv_add_##S(4, m, a + i * lda, lda, x + i, y);                                     \
        for (; i < k; i++) gemv_add_##S(1, m, a + i * lda, lda, x + i, y);                                             \
    }

HK_GEMV(f32, vf, float, FW)
HK_GEMV(f64, vd, double, DW)
