// Heterodyne: strided copies (transpose, broadcast, slice, reverse, concatenate), fill and pad.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

enum { STREAM_BYTES = 24 << 20, BLOCK = 64 };

typedef unsigned __int128 u128 __attribute__((aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));
typedef uint16_t u16 __attribute__((aligned(1), may_alias));

/// A copy with dimensions sorted by destination stride and joined; the last is the line.
typedef struct {
    const hk_kernels *kernels;
    size_t size;
    int rank;
    int64_t dims[HK_MAX_RANK], src_strides[HK_MAX_RANK], dst_strides[HK_MAX_RANK];
    const char *src;
    char *dst;
    int64_t lines, lines_per_chunk; ///< lines: product of all dimensions but the last (or the last two)
    int64_t line_part, parts;       ///< a long line is cut into parts
    int stream;                     ///< larger than the caches
    int64_t strip;                  ///< rows of the source that a task of a transpose takes
    int across;                     ///< the dimension that is contiguous in the source of a transpose, or -1
} copy_plan;

#define LINE(T)                                                                                                        \
    do {                                                                                                               \
        const T *s = (const T *)(const void *)src;                                                                     \
        T *d = (T *)(void *)dst;                                                                                       \
        if (ss == 0) for (int64_t i = 0; i < n; i++) d[i * ds] = *s;                                                   \
        else for (int64_t i = 0; i < n; i++) d[i * ds] = s[i * ss];                                                    \
    } while (0)

static void copy_line(size_t size, char *dst, int64_t ds, const char *src, int64_t ss, int64_t n) {
    if (ds == 1 && ss == 1) {
        memcpy(dst, src, (size_t)n * size);
        return;
    }
    switch (size) {
    case 1:
        if (ds == 1 && ss == 0) memset(dst, *src, (size_t)n);
        else LINE(uint8_t);
        break;
    case 2: LINE(u16); break;
    case 4: LINE(u32); break;
    case 8: LINE(u64); break;
    default: LINE(u128); break;
    }
}

#define TRANSPOSE(T)                                                                                                   \
    for (int64_t i0 = 0; i0 < rows; i0 += 16)                                                                          \
        for (int64_t j = 0; j < cols; j++) {                                                                           \
            const int64_t i1 = hk_min64(i0 + 16, rows);                                                                \
            for (int64_t i = i0; i < i1; i++)                                                                          \
                ((T *)(void *)dst)[j * ds + i] = ((const T *)(const void *)src)[i * ss + j];                           \
        }

/// dst[j ds + i] = src[i ss + j], a block that fits the L1 cache
static void transpose_block(const copy_plan *p, char *dst, int64_t ds, const char *src, int64_t ss, int64_t rows,
                            int64_t cols) {
    switch (p->size) {
    case 1: TRANSPOSE(uint8_t) break;
    case 2: TRANSPOSE(u16) break;
    case 4:
        p->kernels->transpose4((uint32_t *)(void *)dst, ds, (const uint32_t *)(const void *)src, ss, rows, cols, p->stream);
        break;
    case 8: TRANSPOSE(u64) break;
    default: TRANSPOSE(u128) break;
    }
}

static void copy_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const copy_plan *p = context;
    const int last = p->rank - 1;
    const int64_t size = (int64_t)p->size;
    const int64_t begin = chunk * p->lines_per_chunk, end = hk_min64(begin + p->lines_per_chunk, p->lines * p->parts);
    for (int64_t task = begin; task < end; task++) {
        int64_t line = task / p->parts;
        const int64_t part = task - line * p->parts;
        int64_t src = 0, dst = 0;
        for (int d = last - 1; d >= 0; d--) {
            if (d == p->across) continue;
            const int64_t q = line / p->dims[d], i = line - q * p->dims[d];
            line = q;
            src += i * p->src_strides[d];
            dst += i * p->dst_strides[d];
        }
        if (p->across < 0) {
            const int64_t start = part * p->line_part, n = hk_min64(p->line_part, p->dims[last] - start);
            copy_line(p->size, p->dst + (dst + start * p->dst_strides[last]) * size, p->dst_strides[last],
                      p->src + (src + start * p->src_strides[last]) * size, p->src_strides[last], n);
            continue;
        }
        // strips of rows of the source: it is read in sequence
        const int64_t ss = p->src_strides[last], ds = p->dst_strides[p->across], all = p->dims[p->across];
        const int64_t i = part * p->strip, rows = hk_min64(p->strip, p->dims[last] - i);
        const int64_t width = p->stream ? all : BLOCK;
        for (int64_t j = 0; j < all; j += width)
            transpose_block(p, p->dst + (dst + j * ds + i) * size, ds, p->src + (src + i * ss + j) * size, ss, rows,
                            hk_min64(width, all - j));
    }
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

int hk_copy_strided(size_t size, int rank, const int64_t *dims, const void *src, const int64_t *src_strides, void *dst,
                    const int64_t *dst_strides, hk_pool *pool) {
    if (size != 1 && size != 2 && size != 4 && size != 8 && size != 16) return HK_ERR_ARGUMENT;
    int64_t count;
    const int status = hk_check_dims(rank, dims, &count);
    if (status != HK_OK) return status;
    if (count == 0) return HK_OK;
    if (src == NULL || dst == NULL || (rank > 0 && (src_strides == NULL || dst_strides == NULL)))
        return HK_ERR_ARGUMENT;
    copy_plan p = {.kernels = hk_current(), .size = size, .src = src, .dst = dst, .across = -1};
    for (int d = 0; d < rank; d++) {
        if (dims[d] == 1) continue;
        int at = p.rank++;
        // insertion by falling destination stride; equal ones keep their order
        for (; at > 0 && magnitude(p.dst_strides[at - 1]) < magnitude(dst_strides[d]); at--) {
            p.dims[at] = p.dims[at - 1];
            p.src_strides[at] = p.src_strides[at - 1];
            p.dst_strides[at] = p.dst_strides[at - 1];
        }
        p.dims[at] = dims[d];
        p.src_strides[at] = src_strides[d];
        p.dst_strides[at] = dst_strides[d];
    }
    int out = 0;
    for (int d = 1; d < p.rank; d++) {
        if (p.src_strides[out] == p.src_strides[d] * p.dims[d] && p.dst_strides[out] == p.dst_strides[d] * p.dims[d]) {
            p.dims[out] *= p.dims[d];
        } else {
            p.dims[++out] = p.dims[d];
        }
        p.src_strides[out] = p.src_strides[d];
        p.dst_strides[out] = p.dst_strides[d];
    }
    if (p.rank == 0) {
        memcpy(dst, src, size);
        return HK_OK;
    }
    p.rank = out + 1;
    const int last = out;
    if (p.rank == 1 && p.src_strides[0] == 1 && p.dst_strides[0] == 1) {
        hk_copy(dst, src, (size_t)count * size, pool);
        return HK_OK;
    }
    if (p.dst_strides[last] == 1 && p.src_strides[last] != 1 && p.src_strides[last] != 0 && p.dims[last] >= 4)
        for (int d = 0; d < last; d++)
            if (p.src_strides[d] == 1 && p.dims[d] >= 4) p.across = d;
    p.stream = size == 4 && count * (int64_t)size >= STREAM_BYTES;
    p.lines = count / p.dims[last];
    if (p.across >= 0) {
        p.lines /= p.dims[p.across];
        p.strip = p.stream ? BLOCK / 2 : BLOCK; // measured
        p.parts = (p.dims[last] + p.strip - 1) / p.strip;
    } else {
        p.line_part = hk_min64(p.dims[last], 32768);
        p.parts = (p.dims[last] + p.line_part - 1) / p.line_part;
    }
    const int64_t tasks = p.lines * p.parts;
    const int parallel = hk_pool_threads(pool) > 1 && count * (int64_t)size >= 262144;
    p.lines_per_chunk = parallel ? hk_max64(1, tasks / (hk_pool_threads(pool) * 8)) : tasks;
    hk_pool_run(parallel ? pool : NULL, copy_chunk, &p, (tasks + p.lines_per_chunk - 1) / p.lines_per_chunk);
    return HK_OK;
}

// MARK: - Contiguous

typedef struct {
    char *dst;
    const char *src;
    size_t bytes, part;
    void (*stream)(void *dst, const void *src, size_t bytes);
} linear_copy;

static void linear_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const linear_copy *c = context;
    const size_t at = (size_t)chunk * c->part, n = c->bytes - at < c->part ? c->bytes - at : c->part;
    if (c->stream != NULL) c->stream(c->dst + at, c->src + at, n);
    else memcpy(c->dst + at, c->src + at, n);
}

void hk_copy(void *dst, const void *src, size_t bytes, hk_pool *pool) {
    if (bytes == 0 || dst == src) return;
    const int threads = hk_pool_threads(pool);
    if (bytes < 262144) {
        memcpy(dst, src, bytes);
        return;
    }
    linear_copy c = {dst, src, bytes, bytes, bytes >= STREAM_BYTES ? hk_current()->stream_copy : NULL};
    if (threads > 1) c.part = (size_t)hk_split((int64_t)bytes, threads * 8, 4096);
    hk_pool_run(pool, linear_chunk, &c, (int64_t)((bytes + c.part - 1) / c.part));
}

typedef struct {
    char *dst;
    const void *value;
    size_t size;
    int64_t count, part;
} fill_job;

static void fill_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const fill_job *f = context;
    const int64_t start = chunk * f->part;
    copy_line(f->size, f->dst + start * (int64_t)f->size, 1, f->value, 0, hk_min64(f->part, f->count - start));
}

int hk_fill(size_t size, void *dst, const void *value, int64_t count, hk_pool *pool) {
    if ((size != 1 && size != 2 && size != 4 && size != 8 && size != 16) || count < 0) return HK_ERR_ARGUMENT;
    if (count == 0) return HK_OK;
    if (dst == NULL || value == NULL) return HK_ERR_ARGUMENT;
    fill_job f = {dst, value, size, count, 65536};
    const int64_t chunks = (count + f.part - 1) / f.part;
    hk_pool_run(count * (int64_t)size >= 524288 ? pool : NULL, fill_chunk, &f, chunks);
    return HK_OK;
}

int hk_pad(size_t size, int rank, const int64_t *dims, const void *src, const int64_t *src_strides, const int64_t *low,
           const int64_t *high, const int64_t *interior, const void *value, void *dst, hk_pool *pool) {
    int64_t count, out_count;
    int status = hk_check_dims(rank, dims, &count);
    if (status != HK_OK) return status;
    if (value == NULL || (rank > 0 && (low == NULL || high == NULL || interior == NULL || src_strides == NULL)))
        return HK_ERR_ARGUMENT;
    int64_t out_dims[HK_MAX_RANK], kept[HK_MAX_RANK], steps[HK_MAX_RANK], src_offset = 0, dst_offset = 0;
    int64_t strides[HK_MAX_RANK];
    for (int d = 0; d < rank; d++) {
        int64_t span, gaps;
        if (interior[d] < 0) return HK_ERR_ARGUMENT;
        if (__builtin_mul_overflow(hk_max64(dims[d] - 1, 0), interior[d], &gaps)
            || __builtin_add_overflow(gaps, dims[d], &span) || __builtin_add_overflow(span, low[d], &span)
            || __builtin_add_overflow(span, high[d], &span) || span < 0)
            return HK_ERR_SHAPE;
        out_dims[d] = span;
    }
    status = hk_check_dims(rank, out_dims, &out_count);
    if (status != HK_OK) return status;
    if (out_count == 0) return HK_OK;
    int64_t stride = 1, kept_count = 1;
    for (int d = rank - 1; d >= 0; d--) {
        // input index i lands at low + i step; the first and last that land inside the output
        const int64_t step = interior[d] + 1;
        const int64_t first = low[d] < 0 ? (-low[d] + step - 1) / step : 0;
        const int64_t room = out_dims[d] - 1 - low[d];
        const int64_t end = room < 0 ? 0 : hk_min64(dims[d], room / step + 1);
        kept[d] = hk_max64(0, end - first);
        kept_count *= kept[d];
        steps[d] = stride * step;
        strides[d] = src_strides[d];
        src_offset += first * src_strides[d];
        dst_offset += (low[d] + first * step) * stride;
        stride *= out_dims[d];
    }
    if (kept_count != out_count) {
        status = hk_fill(size, dst, value, out_count, pool);
        if (status != HK_OK || kept_count == 0) return status;
    }
    return hk_copy_strided(size, rank, kept, (const char *)src + src_offset * (int64_t)size, strides,
                           (char *)dst + dst_offset * (int64_t)size, steps, pool);
}
