// Heterodyne: movement kernels: streaming copy, blocks of a 4-byte transpose.
// SPDX-License-Identifier: Apache-2.0

/// memcpy with stores that bypass the caches, for outputs larger than them.
static void stream_copy(void *dst, const void *src, size_t bytes) {
    char *d = dst;
    const char *s = src;
#if defined(__x86_64__)
    const size_t head = (size_t)(-(uintptr_t)d & 63);
    if (bytes < 256 + head) {
        memcpy(d, s, bytes);
        return;
    }
    memcpy(d, s, head);
    d += head, s += head, bytes -= head;
    for (; bytes >= 64; bytes -= 64, d += 64, s += 64) {
#if HK_LEVEL == 2
        _mm512_stream_si512((__m512i *)(void *)d, _mm512_loadu_si512(s));
#elif HK_LEVEL == 1
        const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)s);
        const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(s + 32));
        _mm256_stream_si256((__m256i *)(void *)d, a);
        _mm256_stream_si256((__m256i *)(void *)(d + 32), b);
#else
        for (int i = 0; i < 64; i += 16)
            _mm_stream_si128((__m128i *)(void *)(d + i), _mm_loadu_si128((const __m128i *)(const void *)(s + i)));
#endif
    }
    _mm_sfence();
#endif
    memcpy(d, s, bytes);
}

/// One step of the in-register transpose: exchanges the off-diagonal blocks of w x w lanes.
typedef uint32_t vt __attribute__((vector_size(VB), may_alias));
typedef uint32_t vt_unaligned __attribute__((vector_size(VB), aligned(4), may_alias));
#define HK_STAGE(W, LOW, HIGH)                                                                                         \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < FW; i++) {                                                  \
        if (i & W) continue;                                                                                           \
        const vt x = r[i], y = r[i + W];                                                                               \
        r[i] = __builtin_shufflevector(x, y, LOW);                                                                     \
        r[i + W] = __builtin_shufflevector(x, y, HIGH);                                                                \
    }

#if HK_LEVEL == 2
#define HK_LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HK_HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define HK_LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HK_HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define HK_LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HK_HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define HK_LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HK_HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#elif HK_LEVEL == 1
#define HK_LOW_4 0, 1, 2, 3, 8, 9, 10, 11
#define HK_HIGH_4 4, 5, 6, 7, 12, 13, 14, 15
#define HK_LOW_2 0, 1, 8, 9, 4, 5, 12, 13
#define HK_HIGH_2 2, 3, 10, 11, 6, 7, 14, 15
#define HK_LOW_1 0, 8, 2, 10, 4, 12, 6, 14
#define HK_HIGH_1 1, 9, 3, 11, 5, 13, 7, 15
#else
#define HK_LOW_2 0, 1, 4, 5
#define HK_HIGH_2 2, 3, 6, 7
#define HK_LOW_1 0, 4, 2, 6
#define HK_HIGH_1 1, 5, 3, 7
#endif

/// An FW x FW block. With `stream`, rows of the destination are whole cache lines that bypass the caches.
HK_INLINE void transpose_block(uint32_t *dst, int64_t dst_stride, const uint32_t *src, int64_t src_stride,
                               const int stream) {
    vt r[FW];
    _Pragma("clang loop unroll(full)") for (int i = 0; i < FW; i++)
        r[i] = *(const vt_unaligned *)(src + i * src_stride);
#if HK_LEVEL == 2
    HK_STAGE(8, HK_LOW_8, HK_HIGH_8)
#endif
#if HK_LEVEL >= 1
    HK_STAGE(4, HK_LOW_4, HK_HIGH_4)
#endif
    HK_STAGE(2, HK_LOW_2, HK_HIGH_2)
    HK_STAGE(1, HK_LOW_1, HK_HIGH_1)
#if HK_LEVEL == 2
    if (stream) {
        _Pragma("clang loop unroll(full)") for (int i = 0; i < FW; i++)
            _mm512_stream_si512((__m512i *)(void *)(dst + i * dst_stride), (__m512i)r[i]);
        return;
    }
#else
    (void)stream;
#endif
    _Pragma("clang loop unroll(full)") for (int i = 0; i < FW; i++) *(vt_unaligned *)(dst + i * dst_stride) = r[i];
}

/// dst[j * dst_stride + i] = src[i * src_stride + j], i < rows, j < cols; meant for blocks that fit the L1 cache,
/// or, with `stream`, for strips of a few dozen rows. `stream` asks for stores that bypass the caches, where the alignment allows it.
static void transpose4(uint32_t *dst, int64_t dst_stride, const uint32_t *src, int64_t src_stride, int64_t rows,
                       int64_t cols, int stream) {
    const int64_t whole_rows = rows / FW * FW, whole_cols = cols / FW * FW;
#if HK_LEVEL == 2
    if (stream && ((uintptr_t)dst & 63) == 0 && dst_stride % 16 == 0) {
        // 64 columns at a time: neighbouring lines of one destination row are written soon after one another
        for (int64_t j0 = 0; j0 < whole_cols; j0 += 64)
            for (int64_t i = 0; i < whole_rows; i += FW)
                for (int64_t j = j0; j < j0 + 64 && j < whole_cols; j += FW)
                    transpose_block(dst + j * dst_stride + i, dst_stride, src + i * src_stride + j, src_stride, 1);
        _mm_sfence();
    } else
#else
    (void)stream;
#endif
    {
        for (int64_t j = 0; j < whole_cols; j += FW)
            for (int64_t i = 0; i < whole_rows; i += FW)
                transpose_block(dst + j * dst_stride + i, dst_stride, src + i * src_stride + j, src_stride, 0);
    }
    for (int64_t j = 0; j < cols; j++)
        for (int64_t i = j < whole_cols ? whole_rows : 0; i < rows; i++)
            dst[j * dst_stride + i] = src[i * src_stride + j];
}
