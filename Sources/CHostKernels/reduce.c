// Heterodyne: reductions, built on the tile operations: fixed trees that depend on the problem only.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"
#include <stdlib.h>

enum { ROW_BLOCK = 4096, LANES = 512, COLUMN_BLOCK = 256, ROWS_PER_BLOCK = 64, LEVELS = 48, MAX_PARTS = 32, MAX_SPLIT = 64 };

struct hk_reduce {
    const hk_kernels *kernels;
    hk_tile_fn combine;
    int kind, cls, narrow, out_narrow;
    size_t in_size, out_size, acc_size;
    int kept_rank, reduced_rank;
    int64_t kept[HK_MAX_RANK], kept_in[HK_MAX_RANK], kept_out[HK_MAX_RANK];
    int64_t reduced[HK_MAX_RANK], reduced_in[HK_MAX_RANK];
    int64_t outputs, terms;
    int columns;            ///< the last kept dimension is contiguous: accumulate lines of it
    int64_t parts;          ///< the reduced positions are cut into so many parts (by problem size)
    int64_t part_terms;
    uint64_t identity;      ///< bits of the accumulator type
};

static uint64_t bits_f32(float x) { uint32_t b; memcpy(&b, &x, 4); return b; }
static uint64_t bits_f64(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }

static uint64_t identity_bits(int kind, int cls) {
    const int width = (int)hk_class_size(cls) * 8;
    const uint64_t all = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    const int is_signed = cls >= C_I8 && cls <= C_I64;
    const double inf = __builtin_inf();
    switch (kind) {
    case HK_REDUCE_PRODUCT: return cls == C_F32 ? bits_f32(1) : cls == C_F64 ? bits_f64(1) : 1;
    case HK_REDUCE_MAX:
        if (cls == C_F32) return bits_f32((float)-inf);
        if (cls == C_F64) return bits_f64(-inf);
        return is_signed ? (uint64_t)1 << (width - 1) : 0;
    case HK_REDUCE_MIN:
        if (cls == C_F32) return bits_f32((float)inf);
        if (cls == C_F64) return bits_f64(inf);
        return cls == C_BOOL ? 1 : is_signed ? all >> 1 : all;
    case HK_REDUCE_AND: return cls == C_BOOL ? 1 : all;
    default: return 0;
    }
}

/// Appends a dimension to a list, joining it to the previous one where the strides allow.
static void append(int *rank, int64_t *dims, int64_t *a, int64_t *b, int64_t n, int64_t sa, int64_t sb) {
    if (n == 1) return;
    const int last = *rank - 1;
    if (*rank > 0 && a[last] == sa * n && (b == NULL || b[last] == sb * n)) dims[last] *= n;
    else dims[(*rank)++] = n;
    a[*rank - 1] = sa;
    if (b != NULL) b[*rank - 1] = sb;
}

int hk_reduce_prepare(hk_reduce **out, const hk_reduce_desc *d) {
    if (out == NULL) return HK_ERR_ARGUMENT;
    *out = NULL;
    if (d == NULL || d->kind > HK_REDUCE_OR) return HK_ERR_ARGUMENT;
    int64_t count;
    const int status = hk_check_dims(d->rank, d->dims, &count);
    if (status != HK_OK) return status;
    static const uint8_t ops[6] = {HK_OP_ADD, HK_OP_MULTIPLY, HK_OP_MAXIMUM, HK_OP_MINIMUM, HK_OP_AND, HK_OP_OR};
    const int cls = hk_class_of(d->type);
    const hk_kernels *k = hk_current();
    if (cls < 0 || k->ops[ops[d->kind]][cls] == NULL) return HK_ERR_TYPE;
    const int narrow = hk_narrow_of(d->type);
    if (d->output_type != d->type && !(narrow >= 0 && d->output_type == HK_F32)) return HK_ERR_TYPE;
    hk_reduce *r = calloc(1, sizeof(hk_reduce));
    if (r == NULL) return HK_ERR_MEMORY;
    r->kernels = k;
    r->combine = k->ops[ops[d->kind]][cls];
    r->kind = d->kind;
    r->cls = cls;
    r->narrow = narrow;
    r->out_narrow = hk_narrow_of(d->output_type);
    r->in_size = hk_type_size(d->type);
    r->out_size = hk_type_size(d->output_type);
    r->acc_size = hk_class_size(cls);
    r->identity = identity_bits(d->kind, cls);
    r->outputs = r->terms = 1;
    for (int i = 0; i < d->rank; i++) {
        if (d->reduced[i]) {
            r->terms *= d->dims[i];
            append(&r->reduced_rank, r->reduced, r->reduced_in, NULL, d->dims[i], d->strides[i], 0);
        } else {
            r->outputs *= d->dims[i];
            append(&r->kept_rank, r->kept, r->kept_in, r->kept_out, d->dims[i], d->strides[i], d->out_strides[i]);
        }
    }
    if (r->reduced_rank == 0) {
        r->reduced_rank = 1;
        r->reduced[0] = r->terms;
        r->reduced_in[0] = 1;
    }
    const int last = r->kept_rank - 1;
    r->columns = last >= 0 && r->kept_in[last] == 1 && r->kept[last] >= 4
        && !(r->reduced_in[r->reduced_rank - 1] == 1 && r->reduced[r->reduced_rank - 1] >= 16);
    // Few outputs: cut the reduced positions, by the size of the problem alone.
    r->parts = 1;
    r->part_terms = r->terms;
    if (r->outputs <= MAX_SPLIT && r->terms * r->outputs >= 131072) {
        const int64_t unit = r->columns ? ROWS_PER_BLOCK : ROW_BLOCK;
        r->part_terms = hk_split(r->terms, MAX_PARTS, unit);
        r->parts = (r->terms + r->part_terms - 1) / r->part_terms;
    }
    *out = r;
    return HK_OK;
}

void hk_reduce_destroy(hk_reduce *r) { free(r); }

static void splat(const hk_reduce *r, char *dst, int64_t n) {
    for (int64_t i = 0; i < n; i++) memcpy(dst + i * (int64_t)r->acc_size, &r->identity, r->acc_size);
}

/// Element offset of reduced position `term`, and how many positions follow it with the innermost stride.
static int64_t reduced_offset(const hk_reduce *r, int64_t term, int64_t *run) {
    int64_t offset = 0;
    for (int d = r->reduced_rank - 1; d >= 0; d--) {
        const int64_t q = term / r->reduced[d], i = term - q * r->reduced[d];
        if (d == r->reduced_rank - 1) *run = r->reduced[d] - i;
        offset += i * r->reduced_in[d];
        term = q;
    }
    return offset;
}

/// Reduces a dense block (at most ROW_BLOCK elements of the register class) by halving; `lanes` has LANES places.
static void reduce_block(const hk_reduce *r, const char *block, int64_t n, char *lanes, char *result) {
    const int64_t size = (int64_t)r->acc_size;
    const char *source = block;
    if (n > LANES) {
        const int64_t rest = n % LANES;
        r->combine(lanes, block, block + LANES * size, NULL, hk_min64(LANES, n - LANES));
        if (n < 2 * LANES) {
            memcpy(lanes + (n - LANES) * size, block + (n - LANES) * size, (size_t)((2 * LANES - n) * size));
        } else {
            for (int64_t i = 2 * LANES; i + LANES <= n; i += LANES)
                r->combine(lanes, lanes, block + i * size, NULL, LANES);
            if (rest > 0) r->combine(lanes, lanes, block + (n - rest) * size, NULL, rest);
        }
        source = lanes;
        n = LANES;
    }
    while (n > 1) {
        const int64_t half = n / 2;
        const int64_t odd = n - 2 * half;
        r->combine(lanes, source, source + half * size, NULL, half);
        if (odd) r->combine(lanes, lanes, source + 2 * half * size, NULL, 1);
        source = lanes;
        n = half;
    }
    memcpy(result, source, r->acc_size);
}

/// A pairwise tree over a stream of equal blocks: level i holds the result of 2^i of them. Results are `n` elements.
typedef struct {
    char *memory;
    uint64_t filled;
    int64_t n;
} tree;

static void tree_push(const hk_reduce *r, tree *t, char *value) {
    const int64_t bytes = t->n * (int64_t)r->acc_size;
    int level = 0;
    while (t->filled >> level & 1) {
        r->combine(value, t->memory + level * bytes, value, NULL, t->n);
        t->filled &= ~((uint64_t)1 << level);
        level++;
    }
    memcpy(t->memory + level * bytes, value, (size_t)bytes);
    t->filled |= (uint64_t)1 << level;
}

static void tree_finish(const hk_reduce *r, tree *t, char *result) {
    const int64_t bytes = t->n * (int64_t)r->acc_size;
    splat(r, result, t->n);
    int any = 0;
    for (int level = 0; level < LEVELS; level++) {
        if (!(t->filled >> level & 1)) continue;
        if (any) r->combine(result, t->memory + level * bytes, result, NULL, t->n);
        else memcpy(result, t->memory + level * bytes, (size_t)bytes);
        any = 1;
    }
}

/// One output from terms begin..<end.
static void reduce_one(const hk_reduce *r, const char *input, int64_t begin, int64_t end, char *result) {
    _Alignas(64) char buffer[ROW_BLOCK * 8], lanes[LANES * 8], levels[LEVELS * 8], value[8];
    tree t = {levels, 0, 1};
    const int64_t stride = r->reduced_in[r->reduced_rank - 1], in_size = (int64_t)r->in_size;
    for (int64_t at = begin; at < end;) {
        int64_t run, offset = reduced_offset(r, at, &run);
        const int64_t want = hk_min64(ROW_BLOCK, end - at);
        const char *block = buffer;
        if (r->narrow < 0 && stride == 1 && run >= want) {
            block = input + offset * in_size;
        } else {
            for (int64_t got = 0; got < want;) {
                offset = reduced_offset(r, at + got, &run);
                const int64_t n = hk_min64(run, want - got), one = 1;
                char *place = buffer + got * (int64_t)r->acc_size;
                const char *source = input + offset * in_size;
                if (r->narrow >= 0) {
                    char packed[ROW_BLOCK * 2];
                    if (stride != 1) {
                        hk_copy_strided(r->in_size, 1, &n, source, &stride, packed, &one, NULL);
                        source = packed;
                    }
                    r->kernels->narrow_load[r->narrow](place, source, n);
                } else {
                    hk_copy_strided(r->in_size, 1, &n, source, &stride, place, &one, NULL);
                }
                got += n;
            }
        }
        reduce_block(r, block, want, lanes, value);
        tree_push(r, &t, value);
        at += want;
    }
    tree_finish(r, &t, result);
}

/// A line of at most COLUMN_BLOCK outputs from terms begin..<end.
static void reduce_line(const hk_reduce *r, const char *input, int64_t n, int64_t begin, int64_t end, char *result) {
    _Alignas(64) char accumulator[COLUMN_BLOCK * 8], wide[COLUMN_BLOCK * 8];
    _Alignas(64) char levels[LEVELS * COLUMN_BLOCK * 8];
    tree t = {levels, 0, n};
    const int64_t stride = r->reduced_in[r->reduced_rank - 1];
    for (int64_t at = begin; at < end;) {
        const int64_t stop = hk_min64(at + ROWS_PER_BLOCK, end);
        splat(r, accumulator, n);
        while (at < stop) {
            int64_t run;
            int64_t offset = reduced_offset(r, at, &run);
            run = hk_min64(run, stop - at);
            for (int64_t i = 0; i < run; i++, offset += stride) {
                const char *row = input + offset * (int64_t)r->in_size;
                if (r->narrow >= 0) {
                    r->kernels->narrow_load[r->narrow](wide, row, n);
                    row = wide;
                }
                r->combine(accumulator, accumulator, row, NULL, n);
            }
            at += run;
        }
        tree_push(r, &t, accumulator);
    }
    tree_finish(r, &t, result);
}

static void store_results(const hk_reduce *r, char *out, int64_t out_stride, const char *values, int64_t n) {
    char narrow[COLUMN_BLOCK * 2];
    const int64_t one = 1;
    if (r->out_narrow >= 0) {
        r->kernels->narrow_store[r->out_narrow](narrow, values, n);
        values = narrow;
    }
    hk_copy_strided(r->out_size, 1, &n, values, &one, out, &out_stride, NULL);
}

typedef struct {
    const hk_reduce *reduce;
    const char *input;
    char *output;
    char *partial;              ///< [output][part] when split
    int64_t lines, blocks;      ///< columns: kept lines and blocks per line
    int64_t per_chunk;
} reduce_job;

/// Offsets of kept position `index` over the first `rank` kept dimensions.
static void kept_offsets(const hk_reduce *r, int rank, int64_t index, int64_t *in, int64_t *out) {
    *in = *out = 0;
    for (int d = rank - 1; d >= 0; d--) {
        const int64_t q = index / r->kept[d], i = index - q * r->kept[d];
        *in += i * r->kept_in[d];
        *out += i * r->kept_out[d];
        index = q;
    }
}

static void reduce_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const reduce_job *job = context;
    const hk_reduce *r = job->reduce;
    const int64_t tasks = (r->columns ? job->lines * job->blocks : r->outputs) * r->parts;
    const int64_t end = hk_min64((chunk + 1) * job->per_chunk, tasks);
    for (int64_t task = chunk * job->per_chunk; task < end; task++) {
        const int64_t target = task / r->parts, part = task - target * r->parts;
        const int64_t begin = part * r->part_terms, stop = hk_min64(begin + r->part_terms, r->terms);
        _Alignas(64) char result[COLUMN_BLOCK * 8];
        int64_t in, out, n = 1, first = target, out_stride = 1;
        if (r->columns) {
            const int last = r->kept_rank - 1;
            const int64_t line = target / job->blocks, start = (target - line * job->blocks) * COLUMN_BLOCK;
            kept_offsets(r, last, line, &in, &out);
            n = hk_min64(COLUMN_BLOCK, r->kept[last] - start);
            in += start;
            out_stride = r->kept_out[last];
            out += start * out_stride;
            first = line * r->kept[last] + start;
            reduce_line(r, job->input + in * (int64_t)r->in_size, n, begin, stop, result);
        } else {
            kept_offsets(r, r->kept_rank, target, &in, &out);
            reduce_one(r, job->input + in * (int64_t)r->in_size, begin, stop, result);
        }
        if (r->parts == 1) {
            store_results(r, job->output + out * (int64_t)r->out_size, out_stride, result, n);
        } else {
            for (int64_t i = 0; i < n; i++)
                memcpy(job->partial + ((first + i) * r->parts + part) * (int64_t)r->acc_size,
                       result + i * (int64_t)r->acc_size, r->acc_size);
        }
    }
}

void hk_reduce_run(const hk_reduce *r, const void *input, void *output, hk_pool *pool) {
    if (r->outputs == 0) return;
    _Alignas(64) char partial[MAX_SPLIT * MAX_PARTS * 8];
    reduce_job job = {.reduce = r, .input = input, .output = output, .partial = partial};
    int64_t tasks = r->outputs;
    if (r->columns) {
        job.blocks = (r->kept[r->kept_rank - 1] + COLUMN_BLOCK - 1) / COLUMN_BLOCK;
        job.lines = r->outputs / r->kept[r->kept_rank - 1];
        tasks = job.lines * job.blocks;
    }
    tasks *= r->parts;
    const int64_t work = r->outputs * hk_max64(r->terms, 1);
    const int parallel = hk_pool_threads(pool) > 1 && work >= 131072;
    job.per_chunk = parallel ? hk_max64(1, tasks / (hk_pool_threads(pool) * 8)) : tasks;
    hk_pool_run(parallel ? pool : NULL, reduce_chunk, &job, (tasks + job.per_chunk - 1) / job.per_chunk);
    if (r->parts == 1) return;
    for (int64_t i = 0; i < r->outputs; i++) {
        char lanes[LANES * 8], value[8];
        int64_t in, out;
        kept_offsets(r, r->kept_rank, i, &in, &out);
        reduce_block(r, partial + i * r->parts * (int64_t)r->acc_size, r->parts, lanes, value);
        store_results(r, (char *)output + out * (int64_t)r->out_size, 1, value, 1);
    }
}
