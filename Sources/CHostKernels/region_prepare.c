// Heterodyne: elementwise regions: validation, dimension collapse, register allocation, tiling.
// SPDX-License-Identifier: Apache-2.0
#include "region.h"
#include <stdlib.h>

enum { STREAM_BYTES = 24 << 20 };

static int operand_count(int op) {
    if (op >= HK_OP_COPY && op <= HK_OP_RECIPROCAL) return 1;
    if (op >= HK_OP_ADD && op <= HK_OP_SHIFT_RIGHT) return 2;
    if (op >= HK_OP_EQ && op <= HK_OP_GE) return 2;
    if (op >= HK_OP_SELECT && op <= HK_OP_FMA) return 3;
    return op == HK_OP_CONVERT || op == HK_OP_BITCAST ? 1 : 0;
}

/// Ops whose float32 result on values of a narrow format is a value of that format.
static int is_exact(int op) {
    switch (op) {
    case HK_OP_COPY: case HK_OP_NEGATE: case HK_OP_ABS: case HK_OP_FLOOR: case HK_OP_CEIL: case HK_OP_ROUND_EVEN:
    case HK_OP_SIGN: case HK_OP_RELU: case HK_OP_MAXIMUM: case HK_OP_MINIMUM: case HK_OP_CLAMP: case HK_OP_SELECT:
    case HK_OP_REMAINDER:
        return 1;
    default:
        return op >= HK_OP_EQ && op <= HK_OP_GE;
    }
}

static int op_work(int op) {
    if ((op >= HK_OP_EXP && op <= HK_OP_EXPM1 && op != HK_OP_SQRT && op != HK_OP_RELU) || op == HK_OP_POWER
        || op == HK_OP_REMAINDER)
        return 12;
    return op == HK_OP_DIVIDE || op == HK_OP_SQRT || op == HK_OP_RSQRT || op == HK_OP_RECIPROCAL ? 4 : 1;
}

/// Fills in how `step` computes an instruction; HK_ERR_TYPE when the type lacks the operation.
static int select_kernel(const hk_kernels *k, const hk_instr *in, region_step *step, int *needs_staging) {
    const int cls = hk_class_of(in->type), narrow = hk_narrow_of(in->type);
    if (cls < 0) return HK_ERR_TYPE;
    step->second = NULL;
    if (in->op == HK_OP_CONVERT) {
        const int from = hk_class_of(in->from_type);
        if (from < 0) return HK_ERR_TYPE;
        step->kind = HK_STEP_MAP;
        if (in->type == in->from_type) {
            step->kind = HK_STEP_TILE;
            step->tile = k->ops[HK_OP_COPY][cls];
        } else if (narrow < 0) {
            step->map = k->convert[cls][from];
        } else if (from == C_F32) {
            step->map = k->narrow_round[narrow];
        } else {
            step->map = k->to_odd[from] != NULL ? k->to_odd[from] : k->convert[C_F32][from];
            step->second = k->narrow_round[narrow];
        }
        return HK_OK;
    }
    if (in->op == HK_OP_BITCAST) {
        const int from = hk_class_of(in->from_type), from_narrow = hk_narrow_of(in->from_type);
        if (from < 0 || hk_type_size(in->type) != hk_type_size(in->from_type)) return HK_ERR_TYPE;
        if (in->type == in->from_type || (narrow < 0 && from_narrow < 0)) {
            step->kind = HK_STEP_TILE;
            step->tile = k->ops[HK_OP_COPY][cls];
        } else if (narrow < 0) {
            step->kind = HK_STEP_MAP;
            step->map = k->narrow_store[from_narrow];
        } else if (from_narrow < 0) {
            step->kind = HK_STEP_MAP;
            step->map = k->narrow_load[narrow];
        } else {
            step->kind = HK_STEP_MAP_VIA_STAGING;
            step->map = k->narrow_store[from_narrow];
            step->second = k->narrow_load[narrow];
            *needs_staging = 1;
        }
        return HK_OK;
    }
    step->kind = HK_STEP_TILE;
    step->tile = k->ops[in->op][cls];
    if (narrow >= 0 && !is_exact(in->op)) step->second = k->narrow_round[narrow];
    return step->tile == NULL ? HK_ERR_TYPE : HK_OK;
}

/// Type that an instruction defines, and that its operand `which` must have.
static uint8_t result_type(const hk_instr *in) { return in->op >= HK_OP_EQ && in->op <= HK_OP_GE ? HK_BOOL : in->type; }
static uint8_t operand_type(const hk_instr *in, int which) {
    if (in->op == HK_OP_SELECT && which == 0) return HK_BOOL;
    return in->op == HK_OP_CONVERT || in->op == HK_OP_BITCAST ? in->from_type : in->type;
}
static uint16_t operand_register(const hk_instr *in, int which) { return which == 0 ? in->a : which == 1 ? in->b : in->c; }

/// Checks registers and types of a program; `types` (by register) is filled in.
static int check_program(const hk_region_desc *d, uint8_t *types, int registers) {
    memset(types, 255, (size_t)registers);
    for (int i = 0; i < d->input_count; i++) {
        if (hk_class_of(d->inputs[i].type) < 0) return HK_ERR_TYPE;
        types[i] = d->inputs[i].type;
    }
    for (int i = 0; i < d->instr_count; i++) {
        const hk_instr *in = &d->instrs[i];
        const int operands = in->op < HK_OP_COUNT ? operand_count(in->op) : 0;
        if (operands == 0 || in->dst < d->input_count || in->dst >= registers || types[in->dst] != 255)
            return HK_ERR_ARGUMENT;
        for (int which = 0; which < operands; which++) {
            const uint16_t r = operand_register(in, which);
            if (r >= registers || types[r] == 255) return HK_ERR_ARGUMENT;
            if (types[r] != operand_type(in, which)) return HK_ERR_TYPE;
        }
        types[in->dst] = result_type(in);
    }
    for (int i = 0; i < d->output_count; i++) {
        if (d->outputs[i].reg >= registers || types[d->outputs[i].reg] == 255) return HK_ERR_ARGUMENT;
        if (types[d->outputs[i].reg] != d->outputs[i].type) return HK_ERR_TYPE;
    }
    return HK_OK;
}

/// Replaces a float multiply whose only use is one add by a fused multiply-add, then drops what nothing uses.
/// Instructions that are gone have op HK_OP_COUNT.
static void rewrite(const hk_region_desc *d, hk_instr *code, int32_t *uses, int32_t *definition, int registers) {
    memset(uses, 0, sizeof(int32_t) * (size_t)registers);
    for (int i = 0; i < registers; i++) definition[i] = -1;
    for (int i = 0; i < d->instr_count; i++) {
        definition[code[i].dst] = i;
        for (int w = 0; w < operand_count(code[i].op); w++) uses[operand_register(&code[i], w)]++;
    }
    for (int i = 0; i < d->output_count; i++) uses[d->outputs[i].reg]++;
    if (d->flags & HK_REGION_CONTRACT) {
        for (int i = 0; i < d->instr_count; i++) {
            if (code[i].op != HK_OP_ADD || (code[i].type != HK_F32 && code[i].type != HK_F64)) continue;
            for (int w = 0; w < 2; w++) {
                const int product = operand_register(&code[i], w), at = definition[product];
                if (at < 0 || code[at].op != HK_OP_MULTIPLY || uses[product] != 1) continue;
                code[i] = (hk_instr){HK_OP_FMA, code[i].type, 0, code[i].dst, code[at].a, code[at].b,
                                     operand_register(&code[i], 1 - w)};
                code[at].op = HK_OP_COUNT;
                uses[product] = 0;
                break;
            }
        }
    }
    for (int i = d->instr_count - 1; i >= 0; i--) {
        if (code[i].op == HK_OP_COUNT || uses[code[i].dst] != 0) continue;
        for (int w = 0; w < operand_count(code[i].op); w++) uses[operand_register(&code[i], w)]--;
        code[i].op = HK_OP_COUNT;
    }
}

/// Drops dimensions of size 1 and joins neighbours that every operand steps through alike.
static void collapse(hk_region *r, const hk_region_desc *d) {
    int rank = 0;
    for (int s = 0; s < d->rank; s++) {
        if (d->dims[s] == 1) continue;
        int join = rank > 0;
        for (int i = 0; i < r->input_count + r->output_count && join; i++) {
            const hk_operand *o = i < r->input_count ? &d->inputs[i] : &d->outputs[i - r->input_count];
            const region_operand *p = i < r->input_count ? &r->inputs[i] : &r->outputs[i - r->input_count];
            if (!p->immediate && p->strides[rank - 1] != o->strides[s] * d->dims[s]) join = 0;
        }
        const int target = join ? rank - 1 : rank;
        r->dims[target] = join ? r->dims[target] * d->dims[s] : d->dims[s];
        for (int i = 0; i < r->input_count; i++) r->inputs[i].strides[target] = d->inputs[i].strides[s];
        for (int i = 0; i < r->output_count; i++) r->outputs[i].strides[target] = d->outputs[i].strides[s];
        rank = target + 1;
    }
    if (rank == 0) {
        rank = 1;
        r->dims[0] = 1;
        for (int i = 0; i < r->input_count; i++) r->inputs[i].strides[0] = 1;
        for (int i = 0; i < r->output_count; i++) r->outputs[i].strides[0] = 1;
    }
    r->rank = rank;
    r->inner = r->dims[rank - 1];
    r->rows = r->inner > 0 ? r->count / r->inner : 0;
}

static void classify(const hk_region *r, region_operand *o, int by_rows) {
    int splat = 1, linear = 1, outer_zero = 1;
    int64_t dense = 1;
    for (int s = r->rank - 1; s >= 0; s--) {
        if (o->strides[s] != 0) splat = 0;
        if (o->strides[s] != dense) linear = 0;
        if (s < r->rank - 1 && o->strides[s] != 0) outer_zero = 0;
        dense *= r->dims[s];
    }
    o->kind = HK_IN_GENERAL;
    if (o->immediate || (splat && r->count > 0)) o->kind = HK_IN_SPLAT;
    else if (linear) o->kind = HK_IN_LINEAR;
    else if (by_rows && o->strides[r->rank - 1] == 1) o->kind = HK_IN_ROW;
    else if (!by_rows && outer_zero) o->kind = HK_IN_PERIODIC;
    o->in_place = (o->kind == HK_IN_LINEAR || o->kind == HK_IN_ROW) && o->narrow < 0;
}

/// Gives every register that needs one a place in the tile memory (bytes per element), reusing what is dead.
/// Returns the bytes per element in all.
static int64_t allocate_registers(hk_region *r, const hk_instr *code, int instr_count, const uint8_t *types,
                                  int32_t *last_use) {
    int32_t free_places[9][HK_MAX_REGISTERS];
    int free_count[9] = {0};
    int64_t total = 0;
    for (int i = 0; i < r->register_count; i++) last_use[i] = r->offsets[i] = -1;
    for (int i = 0; i < instr_count; i++) {
        if (code[i].op == HK_OP_COUNT) continue;
        for (int w = 0; w < operand_count(code[i].op); w++) last_use[operand_register(&code[i], w)] = i;
    }
    for (int i = 0; i < r->output_count; i++) last_use[r->outputs[i].reg] = INT32_MAX;
    for (int i = 0; i < r->input_count; i++) {
        region_operand *o = &r->inputs[i];
        if (o->in_place) continue;
        r->offsets[i] = (int32_t)total;
        total += o->register_size;
        if (o->kind == HK_IN_SPLAT || o->kind == HK_IN_PERIODIC) last_use[i] = INT32_MAX;
    }
    for (int i = 0; i < instr_count; i++) {
        if (code[i].op == HK_OP_COUNT) continue;
        const int size = (int)hk_class_size(hk_class_of(types[code[i].dst]));
        if (free_count[size] > 0) {
            r->offsets[code[i].dst] = free_places[size][--free_count[size]];
        } else {
            r->offsets[code[i].dst] = (int32_t)total;
            total += size;
        }
        for (int w = 0; w < operand_count(code[i].op); w++) {
            const uint16_t reg = operand_register(&code[i], w);
            if (last_use[reg] != i || r->offsets[reg] < 0) continue;
            const int s = (int)hk_class_size(hk_class_of(types[reg]));
            free_places[s][free_count[s]++] = r->offsets[reg];
            last_use[reg] = -2; // an operand may appear twice in one instruction
        }
    }
    return total;
}

/// The tile size for `bytes` per element, and whether tiles lie within rows.
static void choose_tile(hk_region *r, int64_t bytes) {
    int64_t tile = HK_TILE_TARGET / hk_max64(bytes, 1);
    tile = hk_min64(hk_max64(tile, HK_TILE_MIN), HK_TILE_MAX);
    // Shorter tiles let the next one's input arrive while this one is computed (see region_chunk).
    if (r->stream) tile = hk_min64(tile, 512);
    if (tile > 64) tile = tile / 64 * 64;
    if (r->count == 0) {
        r->tile = 64;
        r->tiles_per_row = 1;
        return;
    }
    if (r->rank == 1 || r->inner * 2 > tile) {
        const int64_t per_row = (r->inner + tile - 1) / tile;
        r->tile = hk_min64(hk_split(r->inner, per_row, 64), tile);
        r->tiles_per_row = (r->inner + r->tile - 1) / r->tile;
        r->tiles = r->rows * r->tiles_per_row;
    } else {
        r->tiles_per_row = 0;
        r->rows_per_tile = hk_min64(tile / r->inner, r->rows);
        r->tile = r->rows_per_tile * r->inner;
        r->tiles = (r->rows + r->rows_per_tile - 1) / r->rows_per_tile;
    }
}

static void fill_operand(region_operand *p, const hk_operand *o) {
    p->type = o->type;
    p->immediate = o->is_immediate != 0;
    p->narrow = (int8_t)hk_narrow_of(o->type);
    p->element_size = (uint8_t)hk_type_size(o->type);
    p->register_size = (uint8_t)hk_class_size(hk_class_of(o->type));
    p->bits = o->immediate;
    p->reg = o->reg;
}

static int build(hk_region *r, const hk_region_desc *d, hk_instr *code, uint8_t *types, int32_t *work) {
    for (int i = 0; i < d->input_count; i++) fill_operand(&r->inputs[i], &d->inputs[i]);
    for (int i = 0; i < d->output_count; i++) fill_operand(&r->outputs[i], &d->outputs[i]);
    collapse(r, d);
    rewrite(d, code, work, work + r->register_count, r->register_count);
    int needs_staging = 0;
    for (int i = 0; i < r->input_count; i++) needs_staging |= r->inputs[i].narrow >= 0;
    for (int i = 0; i < r->output_count; i++) {
        needs_staging |= r->outputs[i].narrow >= 0;
        r->stream |= r->count * r->outputs[i].element_size >= STREAM_BYTES;
    }
    r->step_count = 0;
    r->work = 1;
    for (int i = 0; i < d->instr_count; i++) {
        if (code[i].op == HK_OP_COUNT) continue;
        region_step *s = &r->steps[r->step_count++];
        const int status = select_kernel(r->kernels, &code[i], s, &needs_staging);
        if (status != HK_OK) return status;
        s->dst = code[i].dst, s->a = code[i].a, s->b = code[i].b, s->c = code[i].c;
        const int operands = operand_count(code[i].op);
        if (operands < 2) s->b = s->a;
        if (operands < 3) s->c = s->a;
        s->direct = -1;
        r->work += op_work(code[i].op);
    }
    // Which operands are read in place depends on where tiles lie, and their size on the registers: decide with the
    // larger need first.
    int64_t bytes = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < r->input_count; i++) classify(r, &r->inputs[i], pass == 0 ? 0 : r->tiles_per_row > 0);
        for (int i = 0; i < r->output_count; i++) classify(r, &r->outputs[i], 1);
        bytes = allocate_registers(r, code, d->instr_count, types, work);
        if (needs_staging) {
            r->staging = bytes;
            bytes += 8;
        }
        if (pass == 0) choose_tile(r, bytes);
    }
    if (bytes * ((r->tile + 63) / 64 * 64) > HK_TILE_BYTES) return HK_ERR_LIMIT;
    // A step writes straight into a dense output when nothing after it reads memory that the output may share.
    int reads_memory_later = 0;
    for (int i = r->step_count - 1; i >= 0; i--) {
        region_step *s = &r->steps[i];
        for (int o = 0; o < r->output_count && !reads_memory_later && !r->stream; o++)
            if (r->outputs[o].reg == s->dst && r->outputs[o].kind == HK_IN_LINEAR && r->outputs[o].narrow < 0
                && s->direct < 0)
                s->direct = (int16_t)o;
        const uint16_t sources[3] = {s->a, s->b, s->c};
        for (int w = 0; w < 3; w++)
            if (sources[w] < r->input_count && r->inputs[sources[w]].in_place) reads_memory_later = 1;
    }
    return HK_OK;
}

int hk_region_prepare(hk_region **out, const hk_region_desc *d) {
    if (out == NULL) return HK_ERR_ARGUMENT;
    *out = NULL;
    if (d == NULL || d->input_count < 0 || d->instr_count < 0 || d->output_count < 0
        || (d->input_count > 0 && d->inputs == NULL) || (d->instr_count > 0 && d->instrs == NULL)
        || (d->output_count > 0 && d->outputs == NULL))
        return HK_ERR_ARGUMENT;
    int64_t count;
    const int shape = hk_check_dims(d->rank, d->dims, &count);
    if (shape != HK_OK) return shape;
    if ((int64_t)d->input_count + d->instr_count > HK_MAX_REGISTERS || d->output_count > HK_MAX_REGISTERS)
        return HK_ERR_LIMIT;
    const int registers = d->input_count + d->instr_count;
    for (int i = 0; i < d->output_count; i++)
        for (int s = 0; s < d->rank; s++)
            if (d->dims[s] > 1 && d->outputs[i].strides[s] == 0) return HK_ERR_SHAPE;

    hk_region *r = calloc(1, sizeof(hk_region));
    uint8_t *types = malloc((size_t)registers + 1);
    hk_instr *code = malloc(sizeof(hk_instr) * (size_t)(d->instr_count + 1));
    int32_t *work = malloc(sizeof(int32_t) * 2 * (size_t)(registers + 1));
    int status = HK_ERR_MEMORY;
    if (r != NULL && types != NULL && code != NULL && work != NULL) {
        r->kernels = hk_current();
        r->input_count = d->input_count;
        r->output_count = d->output_count;
        r->register_count = registers;
        r->count = count;
        r->staging = -1;
        r->inputs = calloc((size_t)d->input_count + 1, sizeof(region_operand));
        r->outputs = calloc((size_t)d->output_count + 1, sizeof(region_operand));
        r->steps = calloc((size_t)d->instr_count + 1, sizeof(region_step));
        r->offsets = calloc((size_t)registers + 1, sizeof(int32_t));
        if (r->inputs != NULL && r->outputs != NULL && r->steps != NULL && r->offsets != NULL) {
            status = check_program(d, types, registers);
            if (status == HK_OK) {
                if (d->instr_count > 0) memcpy(code, d->instrs, sizeof(hk_instr) * (size_t)d->instr_count);
                status = build(r, d, code, types, work);
            }
        }
    }
    free(types);
    free(code);
    free(work);
    if (status != HK_OK) {
        hk_region_destroy(r);
        return status;
    }
    *out = r;
    return HK_OK;
}

void hk_region_destroy(hk_region *r) {
    if (r == NULL) return;
    free(r->inputs);
    free(r->outputs);
    free(r->steps);
    free(r->offsets);
    free(r);
}
