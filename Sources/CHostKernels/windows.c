// Heterodyne: convolutions as products of tiles of windows, direct convolutions of few channels, pooling.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

int hk_windows_validate(const hk_windows *w) {
    if (w == NULL) return HK_ERR_ARGUMENT;
    int64_t count;
    const int64_t fixed[4] = {w->batch, w->channels, w->outputs, w->groups};
    for (int i = 0; i < 4; i++)
        if (fixed[i] < 1) return HK_ERR_SHAPE;
    if (w->channels % w->groups != 0 || w->outputs % w->groups != 0) return HK_ERR_SHAPE;
    for (int d = 0; d < 3; d++) {
        if (w->in[d] < 1 || w->kernel[d] < 1 || w->out[d] < 1 || w->stride[d] < 1 || w->dilation[d] < 1)
            return HK_ERR_SHAPE;
        // Every position of a tap has to be a number far from overflow.
        const int64_t limit = (int64_t)1 << 40;
        if (w->in[d] > limit || w->kernel[d] > limit || w->out[d] > limit || w->stride[d] > limit / w->out[d]
            || w->dilation[d] > limit / w->kernel[d] || w->low[d] > limit || w->low[d] < -limit
            || w->high[d] > limit || w->high[d] < -limit)
            return HK_ERR_SHAPE;
    }
    const int64_t x[5] = {w->batch, w->channels, w->in[0], w->in[1], w->in[2]};
    const int64_t y[5] = {w->batch, w->outputs, w->out[0], w->out[1], w->out[2]};
    const int64_t k[5] = {w->outputs, w->channels / w->groups, w->kernel[0], w->kernel[1], w->kernel[2]};
    if (hk_check_dims(5, x, &count) != HK_OK || hk_check_dims(5, y, &count) != HK_OK) return HK_ERR_SHAPE;
    return hk_check_dims(5, k, &count);
}

/// The outputs [*begin, *end) along one dimension for which tap `k` lies inside of the image.
static void inside(const hk_windows *w, int d, int64_t k, int64_t *begin, int64_t *end) {
    const int64_t shift = k * w->dilation[d] - w->low[d], s = w->stride[d];
    *begin = shift >= 0 ? 0 : (-shift + s - 1) / s;
    const int64_t last = w->in[d] - 1 - shift;
    *end = last < 0 ? 0 : hk_min64(w->out[d], last / s + 1);
    if (*begin > *end) *begin = *end;
}

// MARK: - Convolution by products

typedef struct {
    const hk_kernels *kernels;
    const hk_windows *w;
    const float *x, *weights, *bias;
    float *y;
    int64_t depth, pixels, image, rows;  ///< of a group: taps, windows, elements of a channel, outputs
    int64_t tile, tiles, part, parts;    ///< windows per tile; outputs per part
    int is_plain;                        ///< windows are the image's own elements in order
    _Atomic int status;
} convolution;

/// The windows [first, first + count) of one group as a matrix [depth x count].
static void gather_windows(const convolution *c, const float *x, int64_t first, int64_t count, float *to) {
    const hk_windows *w = c->w;
    const int64_t width = w->out[2], height = w->out[1];
    for (int64_t channel = 0; channel < w->channels / w->groups; channel++, x += c->image)
        for (int64_t a = 0; a < w->kernel[0]; a++)
            for (int64_t b = 0; b < w->kernel[1]; b++)
                for (int64_t e = 0; e < w->kernel[2]; e++, to += count) {
                    int64_t begin, end;
                    inside(w, 2, e, &begin, &end);
                    const int64_t shift = e * w->dilation[2] - w->low[2];
                    // One row of the result after the other, the first and the last perhaps in part.
                    for (int64_t done = 0; done < count;) {
                        const int64_t p = first + done, column = p % width;
                        const int64_t n = hk_min64(width - column, count - done);
                        const int64_t i = p / width % height * w->stride[1] + b * w->dilation[1] - w->low[1];
                        const int64_t h = p / width / height * w->stride[0] + a * w->dilation[0] - w->low[0];
                        float *row = to + done;
                        const int64_t from = hk_max64(begin - column, 0), until = hk_min64(end - column, n);
                        if (i < 0 || i >= w->in[1] || h < 0 || h >= w->in[0] || from >= until) {
                            memset(row, 0, (size_t)n * sizeof(float));
                        } else {
                            const float *source =
                                x + (h * w->in[1] + i) * w->in[2] + (column + from) * w->stride[2] + shift;
                            if (from > 0) memset(row, 0, (size_t)from * sizeof(float));
                            if (w->stride[2] == 1)
                                memcpy(row + from, source, (size_t)(until - from) * sizeof(float));
                            else
                                c->kernels->window_copy(row + from, source, until - from, w->stride[2]);
                            if (until < n) memset(row + until, 0, (size_t)(n - until) * sizeof(float));
                        }
                        done += n;
                    }
                }
}

static void convolution_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    convolution *c = context;
    const hk_windows *w = c->w;
    const int64_t part = chunk % c->parts, tile = chunk / c->parts % c->tiles;
    const int64_t group = chunk / c->parts / c->tiles % w->groups, n = chunk / c->parts / c->tiles / w->groups;
    const int64_t first = tile * c->tile, count = hk_min64(c->tile, c->pixels - first);
    const int64_t row = part * c->part, rows = hk_min64(c->part, c->rows - row);
    if (rows <= 0 || count <= 0) return;
    const float *x = c->x + (n * w->channels + group * (w->channels / w->groups)) * c->image;
    const int64_t output = group * c->rows + row;
    float *y = c->y + (n * w->outputs + output) * c->pixels + first;
    const float *matrix = x + first;
    int64_t stride = c->pixels;
    if (!c->is_plain) {
        float *gathered = hk_window_scratch((size_t)(c->depth * c->tile) * sizeof(float));
        if (gathered == NULL) {
            c->status = HK_ERR_MEMORY;
            return;
        }
        gather_windows(c, x, first, count, gathered);
        matrix = gathered;
        stride = count;
    }
    const int status = hk_sgemm(rows, count, c->depth, c->weights + output * c->depth, c->depth, HK_F32, matrix, stride,
                                1, y, c->pixels, NULL, NULL);
    if (status != HK_OK) c->status = status;
    if (c->bias == NULL) return;
    for (int64_t r = 0; r < rows; r++) {
        const float bias = c->bias[output + r];
        float *line = y + r * c->pixels;
        for (int64_t i = 0; i < count; i++) line[i] += bias;
    }
}

// MARK: - Direct convolution

/// One output channel of one image: taps are added row by row.
static void direct_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    convolution *c = context;
    const hk_windows *w = c->w;
    const int64_t output = chunk % w->outputs, n = chunk / w->outputs, channels = w->channels / w->groups;
    float *y = c->y + chunk * c->pixels;
    const float initial = c->bias ? c->bias[output] : 0;
    for (int64_t i = 0; i < c->pixels; i++) y[i] = initial;
    const float *weight = c->weights + output * c->depth;
    const float *x = c->x + (n * w->channels + output / c->rows * channels) * c->image;
    for (int64_t channel = 0; channel < channels; channel++, x += c->image)
        for (int64_t a = 0; a < w->kernel[0]; a++)
            for (int64_t b = 0; b < w->kernel[1]; b++)
                for (int64_t e = 0; e < w->kernel[2]; e++, weight++) {
                    int64_t begin[3], end[3];
                    inside(w, 0, a, &begin[0], &end[0]);
                    inside(w, 1, b, &begin[1], &end[1]);
                    inside(w, 2, e, &begin[2], &end[2]);
                    if (begin[2] == end[2]) continue;
                    for (int64_t h = begin[0]; h < end[0]; h++)
                        for (int64_t i = begin[1]; i < end[1]; i++) {
                            const int64_t plane = h * w->stride[0] + a * w->dilation[0] - w->low[0];
                            const int64_t line = i * w->stride[1] + b * w->dilation[1] - w->low[1];
                            const int64_t column = begin[2] * w->stride[2] + e * w->dilation[2] - w->low[2];
                            c->kernels->window_add(y + (h * w->out[1] + i) * w->out[2] + begin[2],
                                                   x + (plane * w->in[1] + line) * w->in[2] + column,
                                                   end[2] - begin[2], w->stride[2], *weight);
                        }
                }
}

int hk_convolution(const hk_windows *w, const float *x, const float *weights, const float *bias, float *y,
                   hk_pool *pool) {
    if (x == NULL || weights == NULL || y == NULL) return HK_ERR_ARGUMENT;
    const int64_t channels = w->channels / w->groups, taps = w->kernel[0] * w->kernel[1] * w->kernel[2];
    convolution c = {.kernels = hk_current(), .w = w, .x = x, .weights = weights, .bias = bias, .y = y,
                     .depth = channels * taps, .pixels = w->out[0] * w->out[1] * w->out[2],
                     .image = w->in[0] * w->in[1] * w->in[2], .rows = w->outputs / w->groups};
    const double work = (double)w->batch * (double)w->outputs * (double)c.pixels * (double)c.depth;
    hk_pool *threads = work < 200000 ? NULL : pool;
    const int64_t wanted = threads ? 3 * hk_pool_threads(pool) : 1;
    if (c.rows < 4 || c.depth < 4) {
        hk_pool_run(threads, direct_chunk, &c, w->batch * w->outputs);
        return HK_OK;
    }
    c.is_plain = 1;
    for (int d = 0; d < 3; d++)
        c.is_plain = c.is_plain && w->kernel[d] == 1 && w->stride[d] == 1 && w->low[d] == 0 && w->out[d] == w->in[d];
    const int64_t unit = c.kernels->gemm_nr, images = w->batch * w->groups;
    // A tile of windows stays in the second-level cache until it is multiplied.
    const int64_t budget = c.is_plain ? c.pixels : hk_max64(2 * unit, (384 << 10) / 4 / c.depth / unit * unit);
    c.tile = hk_min64(c.pixels, hk_min64(budget, hk_split(c.pixels, (wanted + images - 1) / images, unit)));
    if (c.tile < 2 * unit) c.tile = hk_min64(c.pixels, 2 * unit);
    if (!c.is_plain && (size_t)(c.depth * c.tile) > HK_SCRATCH_LIMIT / sizeof(float)) {
        c.tile = (int64_t)(HK_SCRATCH_LIMIT / sizeof(float)) / c.depth;
        if (c.tile < 1) return HK_ERR_LIMIT;
    }
    c.tiles = (c.pixels + c.tile - 1) / c.tile;
    // Too few tiles for the threads: the outputs are divided too, and each part gathers its tile again.
    const int64_t parts = (wanted + images * c.tiles - 1) / (images * c.tiles);
    c.part = hk_min64(c.rows, hk_max64(48, hk_split(c.rows, parts, 12)));
    c.parts = (c.rows + c.part - 1) / c.part;
    hk_pool_run(threads, convolution_chunk, &c, images * c.tiles * c.parts);
    return c.status;
}

// MARK: - Pooling

typedef struct {
    const hk_kernels *kernels;
    const hk_windows *w;
    const float *x;
    float *y;
    int64_t pixels, image;
    int kind, counts_padding;
    int is_whole;                        ///< a mean over the whole image
} pooling;

/// How many taps count for output `o` along dimension `d`.
static int64_t counted(const pooling *p, int d, int64_t o) {
    const hk_windows *w = p->w;
    const int64_t start = o * w->stride[d] - w->low[d];
    const int64_t low = p->counts_padding ? -w->low[d] : 0;
    const int64_t end = w->in[d] + (p->counts_padding ? w->high[d] : 0);
    const int64_t first = start >= low ? 0 : (low - start + w->dilation[d] - 1) / w->dilation[d];
    const int64_t last = end - 1 - start < 0 ? 0 : hk_min64(w->kernel[d], (end - 1 - start) / w->dilation[d] + 1);
    return hk_max64(0, last - first);
}

static void pool_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const pooling *p = context;
    const hk_windows *w = p->w;
    const float *x = p->x + chunk * p->image;
    float *y = p->y + chunk * p->pixels;
    if (p->is_whole) {
        *y = p->kernels->window_sum(x, p->image) / (float)p->image;
        return;
    }
    const float initial = p->kind == HK_POOL_MAXIMUM ? -__builtin_inff() : 0;
    for (int64_t h = 0; h < w->out[0]; h++)
        for (int64_t i = 0; i < w->out[1]; i++) {
            float *row = y + (h * w->out[1] + i) * w->out[2];
            for (int64_t o = 0; o < w->out[2]; o++) row[o] = initial;
            for (int64_t a = 0; a < w->kernel[0]; a++) {
                const int64_t plane = h * w->stride[0] + a * w->dilation[0] - w->low[0];
                if (plane < 0 || plane >= w->in[0]) continue;
                for (int64_t b = 0; b < w->kernel[1]; b++) {
                    const int64_t line = i * w->stride[1] + b * w->dilation[1] - w->low[1];
                    if (line < 0 || line >= w->in[1]) continue;
                    const float *source = x + (plane * w->in[1] + line) * w->in[2];
                    for (int64_t e = 0; e < w->kernel[2]; e++) {
                        int64_t begin, end;
                        inside(w, 2, e, &begin, &end);
                        if (begin == end) continue;
                        const float *from = source + begin * w->stride[2] + e * w->dilation[2] - w->low[2];
                        if (p->kind == HK_POOL_MAXIMUM)
                            p->kernels->window_max(row + begin, from, end - begin, w->stride[2]);
                        else
                            p->kernels->window_add(row + begin, from, end - begin, w->stride[2], 1);
                    }
                }
            }
            if (p->kind == HK_POOL_MAXIMUM) continue;
            const float outer = (float)(counted(p, 0, h) * counted(p, 1, i));
            for (int64_t o = 0; o < w->out[2]; o++) row[o] /= outer * (float)counted(p, 2, o);
        }
}

int hk_pool_windows(const hk_windows *w, int kind, int counts_padding, const float *x, float *y, hk_pool *pool) {
    if (x == NULL || y == NULL) return HK_ERR_ARGUMENT;
    pooling p = {.kernels = hk_current(), .w = w, .x = x, .y = y, .kind = kind, .counts_padding = counts_padding,
                 .pixels = w->out[0] * w->out[1] * w->out[2], .image = w->in[0] * w->in[1] * w->in[2]};
    p.is_whole = kind == HK_POOL_AVERAGE;
    for (int d = 0; d < 3; d++)
        p.is_whole = p.is_whole && w->out[d] == 1 && w->kernel[d] == w->in[d] && w->dilation[d] == 1 && w->low[d] == 0
            && (!counts_padding || w->high[d] == 0);
    const int64_t work = w->batch * w->channels * p.pixels * w->kernel[0] * w->kernel[1] * w->kernel[2];
    hk_parallel(pool, work, pool_chunk, &p, w->batch * w->channels);
    return HK_OK;
}
