// Heterodyne: elementwise regions: running a prepared region tile by tile.
// SPDX-License-Identifier: Apache-2.0
#include "region.h"

typedef struct {
    const hk_region *region;
    void *const *bases;
    int64_t tiles_per_chunk;
} region_run;

/// Repeats one element.
static void splat(void *dst, uint64_t bits, size_t size, int64_t n) {
    switch (size) {
    case 1: memset(dst, (int)(bits & 255), (size_t)n); break;
    case 2: for (int64_t i = 0; i < n; i++) ((uint16_t *)dst)[i] = (uint16_t)bits; break;
    case 4: for (int64_t i = 0; i < n; i++) ((uint32_t *)dst)[i] = (uint32_t)bits; break;
    default: for (int64_t i = 0; i < n; i++) ((uint64_t *)dst)[i] = bits; break;
    }
}

static uint64_t load_bits(const void *p, size_t size) {
    uint64_t bits = 0;
    memcpy(&bits, p, size);
    return bits;
}

#define RUN(T)                                                                                                         \
    for (int64_t i = 0; i < n; i++) ((T *)dst)[i * dst_stride] = ((const T *)src)[i * src_stride]

/// One line of elements; at least one stride is 1.
static void copy_line(void *dst, int64_t dst_stride, const void *src, int64_t src_stride, size_t size, int64_t n) {
    if (src_stride == 1 && dst_stride == 1) {
        memcpy(dst, src, (size_t)n * size);
        return;
    }
    if (src_stride == 0 && dst_stride == 1) {
        splat(dst, load_bits(src, size), size, n);
        return;
    }
    switch (size) {
    case 1: RUN(uint8_t); break;
    case 2: RUN(uint16_t); break;
    case 4: RUN(uint32_t); break;
    default: RUN(uint64_t); break;
    }
}

/// Position in the outer dimensions, stepped row by row.
typedef struct {
    int64_t index[HK_MAX_RANK];
    int64_t offset;
} row_cursor;

static void cursor_at(const hk_region *r, const region_operand *o, int64_t row, row_cursor *c) {
    c->offset = 0;
    for (int d = r->rank - 2; d >= 0; d--) {
        c->index[d] = row % r->dims[d];
        row /= r->dims[d];
        c->offset += c->index[d] * o->strides[d];
    }
}
static void cursor_next(const hk_region *r, const region_operand *o, row_cursor *c) {
    for (int d = r->rank - 2; d >= 0; d--) {
        c->offset += o->strides[d];
        if (++c->index[d] < r->dims[d]) return;
        c->offset -= r->dims[d] * o->strides[d];
        c->index[d] = 0;
    }
}

/// Moves a tile between an operand in memory and a dense buffer of the memory's format.
static void move_tile(const hk_region *r, const region_operand *o, char *base, char *dense, int64_t row, int64_t start,
                      int64_t n, int store) {
    const size_t size = o->element_size;
    const int64_t stride = o->strides[r->rank - 1];
    const int64_t line = r->tiles_per_row > 0 ? n : r->inner;
    row_cursor cursor;
    cursor_at(r, o, row, &cursor);
    for (int64_t done = 0; done < n; done += line) {
        char *memory = base + (cursor.offset + start * stride) * (int64_t)size;
        char *place = dense + done * (int64_t)size;
        if (store) copy_line(memory, stride, place, 1, size, line);
        else copy_line(place, 1, memory, stride, size, line);
        cursor_next(r, o, &cursor);
    }
}

/// Brings an input into its register for one tile.
static void load_input(const hk_region *r, const region_operand *o, char *base, char *reg, char *staging, int64_t row,
                       int64_t start, int64_t n) {
    const hk_map_fn widen = o->narrow >= 0 ? r->kernels->narrow_load[o->narrow] : NULL;
    if (o->kind == HK_IN_LINEAR) {
        widen(reg, base + (row * r->inner + start) * o->element_size, n);
    } else if (o->kind == HK_IN_ROW) {
        row_cursor cursor;
        cursor_at(r, o, row, &cursor);
        widen(reg, base + (cursor.offset + start) * o->element_size, n);
    } else {
        move_tile(r, o, base, widen != NULL ? staging : reg, row, start, n, 0);
        if (widen != NULL) widen(reg, staging, n);
    }
}

static void run_steps(const hk_region *r, void **pointers, char *staging, int64_t n) {
    for (int i = 0; i < r->step_count; i++) {
        const region_step *s = &r->steps[i];
        void *dst = pointers[s->dst];
        if (s->kind == HK_STEP_TILE) {
            s->tile(dst, pointers[s->a], pointers[s->b], pointers[s->c], n);
            if (s->second != NULL) s->second(dst, dst, n);
        } else if (s->kind == HK_STEP_MAP) {
            s->map(dst, pointers[s->a], n);
            if (s->second != NULL) s->second(dst, dst, n);
        } else {
            s->map(staging, pointers[s->a], n);
            s->second(dst, staging, n);
        }
    }
}

static void store_output(const hk_region *r, const region_operand *o, char *base, void *reg, char *staging,
                         int64_t row, int64_t start, int64_t n) {
    const int64_t linear = (row * r->inner + start) * o->element_size;
    if (o->kind == HK_IN_LINEAR) {
        if (o->narrow >= 0) r->kernels->narrow_store[o->narrow](base + linear, reg, n);
        else if (r->stream) r->kernels->stream_copy(base + linear, reg, (size_t)n * o->element_size);
        else memcpy(base + linear, reg, (size_t)n * o->element_size);
        return;
    }
    char *dense = reg;
    if (o->narrow >= 0) {
        r->kernels->narrow_store[o->narrow](staging, reg, n);
        dense = staging;
    }
    move_tile(r, o, base, dense, row, start, n, 1);
}

static void region_chunk(void *context, int64_t chunk, int thread) {
    (void)thread;
    const region_run *run = context;
    const hk_region *r = run->region;
    _Alignas(64) char memory[HK_TILE_BYTES];
    void *pointers[HK_MAX_REGISTERS];
    const int64_t first = chunk * run->tiles_per_chunk, last = hk_min64(first + run->tiles_per_chunk, r->tiles);
    const int64_t tile = (r->tile + 63) / 64 * 64;
    char *staging = r->staging >= 0 ? memory + r->staging * tile : NULL;
    for (int i = 0; i < r->register_count; i++)
        pointers[i] = r->offsets[i] >= 0 ? memory + r->offsets[i] * tile : NULL;
    for (int i = 0; i < r->input_count; i++) {
        const region_operand *o = &r->inputs[i];
        if (o->kind == HK_IN_SPLAT) {
            uint64_t bits = o->immediate ? o->bits : load_bits(run->bases[i], o->element_size);
            if (o->narrow >= 0) {
                float wide;
                r->kernels->narrow_load[o->narrow](&wide, &bits, 1);
                bits = load_bits(&wide, 4);
            }
            splat(pointers[i], bits, o->register_size, r->tile);
        } else if (o->kind == HK_IN_PERIODIC) {
            load_input(r, o, run->bases[i], pointers[i], staging, 0, 0, r->tile);
        }
    }
    for (int64_t t = first; t < last; t++) {
        int64_t row, start, n;
        if (r->tiles_per_row > 0) {
            row = t / r->tiles_per_row;
            start = (t - row * r->tiles_per_row) * r->tile;
            n = hk_min64(r->tile, r->inner - start);
        } else {
            row = t * r->rows_per_tile;
            start = 0;
            n = hk_min64(r->rows_per_tile, r->rows - row) * r->inner;
        }
        for (int i = 0; i < r->input_count; i++) {
            const region_operand *o = &r->inputs[i];
            if (o->kind == HK_IN_SPLAT || o->kind == HK_IN_PERIODIC) continue;
            if (o->in_place && o->kind == HK_IN_LINEAR) {
                pointers[i] = (char *)run->bases[i] + (row * r->inner + start) * o->element_size;
                if (r->stream && t + 1 < r->tiles) {
                    const char *next = (const char *)pointers[i] + n * o->element_size;
                    for (int64_t at = 0; at < n * o->element_size; at += 64) __builtin_prefetch(next + at, 0, 2);
                }
            } else if (o->in_place) {
                row_cursor cursor;
                cursor_at(r, o, row, &cursor);
                pointers[i] = (char *)run->bases[i] + (cursor.offset + start) * o->element_size;
            } else {
                load_input(r, o, run->bases[i], pointers[i], staging, row, start, n);
            }
        }
        for (int i = 0; i < r->step_count; i++) {
            const region_step *s = &r->steps[i];
            if (s->direct >= 0)
                pointers[s->dst] = (char *)run->bases[r->input_count + s->direct]
                    + (row * r->inner + start) * r->outputs[s->direct].element_size;
        }
        run_steps(r, pointers, staging, n);
        for (int i = 0; i < r->output_count; i++) {
            const region_operand *o = &r->outputs[i];
            char *base = run->bases[r->input_count + i];
            void *reg = pointers[o->reg];
            if (o->kind == HK_IN_LINEAR && reg == base + (row * r->inner + start) * o->element_size) continue;
            store_output(r, o, base, reg, staging, row, start, n);
        }
    }
}

void hk_region_run(const hk_region *r, void *const *bases, hk_pool *pool) {
    if (r->count == 0 || r->output_count == 0) return;
    const int64_t threads = hk_pool_threads(pool);
    const int64_t work = r->count * r->work;
    // Small work stays here: waking a thread costs more. A chunk has work for some microseconds.
    const int parallel = threads > 1 && work >= 196608;
    region_run run = {r, bases, r->tiles};
    if (parallel) run.tiles_per_chunk = hk_max64(1, r->tiles / (threads * 8));
    hk_pool_run(parallel ? pool : NULL, region_chunk, &run, (r->tiles + run.tiles_per_chunk - 1) / run.tiles_per_chunk);
}

int hk_apply(uint16_t op, uint8_t type, uint8_t from_type, void *dst, const void *a, const void *b, const void *c,
             int64_t count) {
    if (op >= HK_OP_COUNT || count < 0) return HK_ERR_ARGUMENT;
    const int converts = op == HK_OP_CONVERT || op == HK_OP_BITCAST;
    const int compares = op >= HK_OP_EQ && op <= HK_OP_GE;
    hk_operand in[3] = {{.type = converts ? from_type : type, .strides = {1}}, {.type = type, .strides = {1}},
                        {.type = type, .strides = {1}}};
    if (op == HK_OP_SELECT) in[0].type = HK_BOOL;
    const hk_operand out = {.type = compares ? HK_BOOL : type, .reg = 3, .strides = {1}};
    const hk_instr instr = {op, type, from_type, 3, 0, 1, 2};
    void *bases[4] = {(void *)a, (void *)(b != NULL ? b : a), (void *)(c != NULL ? c : a), dst};
    // Operands that the op does not use are not read: mark them immediate.
    in[1].is_immediate = b == NULL;
    in[2].is_immediate = c == NULL;
    hk_region *region;
    const hk_region_desc desc = {.rank = 1, .input_count = 3, .instr_count = 1, .output_count = 1, .dims = {count},
                                 .inputs = in, .instrs = &instr, .outputs = &out};
    const int status = hk_region_prepare(&region, &desc);
    if (status != HK_OK) return status;
    hk_region_run(region, bases, NULL);
    hk_region_destroy(region);
    return HK_OK;
}
