// Heterodyne: a complete plugin in plain C for a make-believe accelerator, the Acme NPU (docs/WritingABackend.md).
// SPDX-License-Identifier: Apache-2.0

/* The processor plays the chip, but its memory behaves like a card's: the pages cannot be touched (PROT_NONE) except
 * while a kernel or a copy runs. Any thread may call any function: each buffer counts under a lock of its own who has
 * its pages open, what is in use of the card is one atomic number, and programs do not change after compile. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "heterodyne_plugin.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#pragma GCC diagnostic ignored "-Wunused-parameter" /* there is one card, so few functions need all they are given */
typedef unsigned long long number; /* for printf */

/* [errors] */
/* Fills the error and returns `status`; `node` is a node's index plus one, or 0. */
__attribute__((format(printf, 4, 5)))
static int32_t fail(heterodyne_error *error, int32_t status, uint64_t node, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return heterodyne_fail(error, status, (int64_t)node, text);
}

/* [memory] */
#define ACME_MEMORY ((uint64_t)1 << 30) /* bytes on the card */
#define ACME_PAGE ((uint64_t)1 << 16)   /* bytes; a multiple of every system's page */
struct heterodyne_context { _Atomic uint64_t used; /* bytes of the card */ };
/* A heterodyne_buffer * is an address on the card. The page before it belongs to the host and holds this. */
typedef struct record {
    pthread_mutex_t lock;
    uint64_t byte_count; /* as asked for */
    uint64_t mapped;     /* in whole pages, at least one */
    uint64_t users;      /* how many have the pages open; under lock */
} record;

static record *record_of(heterodyne_buffer *buffer) { return (record *)(void *)((char *)buffer - ACME_PAGE); }

static int32_t buffer_allocate(heterodyne_context *context, uint64_t device, uint64_t byte_count,
    heterodyne_buffer **buffer, heterodyne_error *error) {
    uint64_t mapped = byte_count < ACME_MEMORY ? (byte_count / ACME_PAGE + 1) * ACME_PAGE : ACME_MEMORY + 1;
    uint64_t used = context->used += mapped; /* with this buffer */
    char *pages = MAP_FAILED;
    if (used <= ACME_MEMORY) pages = mmap(NULL, ACME_PAGE + mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages, ACME_PAGE, PROT_READ | PROT_WRITE) != 0) {
        if (pages != MAP_FAILED) munmap(pages, ACME_PAGE + mapped);
        context->used -= mapped;
        return fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "%llu bytes do not fit: %llu of the Acme NPU's %llu are in use",
            (number)byte_count, (number)(used - mapped), (number)ACME_MEMORY);
    }
    *buffer = (heterodyne_buffer *)(void *)(pages + ACME_PAGE);
    *record_of(*buffer) = (record){.byte_count = byte_count, .mapped = mapped};
    pthread_mutex_init(&record_of(*buffer)->lock, NULL);
    return HETERODYNE_OK;
}

static void buffer_free(heterodyne_context *context, heterodyne_buffer *buffer) {
    uint64_t mapped = record_of(buffer)->mapped;
    pthread_mutex_destroy(&record_of(buffer)->lock);
    munmap(record_of(buffer), ACME_PAGE + mapped);
    context->used -= mapped;
}

/* Lets kernels touch the pages until pages_close. The first one in opens them, the last one out closes them. */
static int32_t pages_open(heterodyne_buffer *buffer, heterodyne_error *error) {
    record *about = record_of(buffer);
    pthread_mutex_lock(&about->lock);
    int problem = about->users == 0 && mprotect(buffer, about->mapped, PROT_READ | PROT_WRITE) != 0 ? errno : 0;
    if (!problem) about->users++;
    pthread_mutex_unlock(&about->lock);
    if (!problem) return HETERODYNE_OK;
    if (error) error->vendor_code = problem;
    return fail(error, HETERODYNE_EXECUTION_FAILED, 0, "the Acme NPU's pages cannot be opened (mprotect)");
}

static void pages_close(heterodyne_buffer *buffer) {
    record *about = record_of(buffer);
    pthread_mutex_lock(&about->lock);
    if (--about->users == 0) mprotect(buffer, about->mapped, PROT_NONE);
    pthread_mutex_unlock(&about->lock);
}

/* Copies `count` bytes at `offset` of the buffer: to the host, or from it. */
static int32_t copy(heterodyne_buffer *buffer, uint64_t offset, void *to, const void *from, uint64_t count,
    heterodyne_error *error) {
    uint64_t size = record_of(buffer)->byte_count;
    if (offset > size || count > size - offset)
        return fail(error, HETERODYNE_INVALID_ARGUMENT, 0, "%llu bytes at %llu are outside a buffer of %llu bytes",
            (number)count, (number)offset, (number)size);
    int32_t status = pages_open(buffer, error);
    if (status != HETERODYNE_OK) return status;
    if (to && count > 0) memcpy(to, (char *)buffer + offset, count);
    if (from && count > 0) memcpy((char *)buffer + offset, from, count);
    pages_close(buffer);
    return HETERODYNE_OK;
}

static int32_t buffer_write(heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, const void *bytes,
    uint64_t count, heterodyne_error *error) { return copy(buffer, offset, NULL, bytes, count, error); }
static int32_t buffer_read(heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, void *bytes,
    uint64_t count, heterodyne_error *error) { return copy(buffer, offset, bytes, NULL, count, error); }

/* [kernels] */
/* Where a tensor lies: in a buffer among those of a run (arena, constants, inputs, outputs), at an offset in bytes. */
enum { SLOT_ARENA, SLOT_CONSTANTS, SLOT_INPUTS };
typedef struct place { uint64_t slot, offset; } place;
/* A loop over elements: its extent, and how many elements the first two operands advance with a turn. */
typedef struct loop { int64_t extent, left, right; } loop;
/* One launch of a kernel: loops over the dimensions of the result, and inside them over those that are reduced. */
typedef struct step {
    void (*run)(const struct step *step, char *const *base); /* base: the address of each slot */
    place operands[3], result;
    uint64_t count; /* elements of the result */
    int64_t turns;  /* of the reduced loops */
    uint32_t rank, loop_count;
    loop loops[32];
} step;

static void *at(place where, char *const *base) { return base[where.slot] + where.offset; }
/* Takes the loops one turn on, the last one fastest; 0 after the last turn. */
static int advance(const loop *loops, uint32_t count, int64_t *turn, int64_t *left, int64_t *right) {
    for (uint32_t d = count; d-- > 0; turn[d] = 0) {
        *left += loops[d].left, *right += loops[d].right;
        if (++turn[d] < loops[d].extent) return 1;
        *left -= loops[d].left * loops[d].extent, *right -= loops[d].right * loops[d].extent;
    }
    return 0;
}

/* NaN where either is NaN, and +0 above -0. */
static float larger(float x, float y) {
    if (isnan(x) || isnan(y)) return NAN;
    return x == y ? (signbit(x) ? y : x) : (x > y ? x : y);
}
/* Truncated toward zero, saturating, NaN to 0. */
static int32_t integer(float x) {
    return isnan(x) ? 0 : x >= 0x1p31f ? INT32_MAX : x < -0x1p31f ? INT32_MIN : (int32_t)x;
}

/* What the chip computes: operation, name, types of the first operand and the result, the value of the text attribute,
 * what an element of the result starts as, and what a turn makes of it: R of itself and the operands X, Y, Z.
 * Functions are computed in float64 and rounded once; erfc does not cancel in the tail of gelu. */
#define MOVES(K, OPERATION, NAME) K(OPERATION, NAME, F32, F32, NULL, 0, X) \
    K(OPERATION, NAME##_int, I32, I32, NULL, 0, X) K(OPERATION, NAME##_bool, BOOL, BOOL, NULL, 0, X)
#define KERNELS(K) \
    MOVES(K, PARAMETER, input) MOVES(K, CONSTANT, fill) MOVES(K, BROADCAST, broadcast) \
    MOVES(K, RESHAPE, reshape) MOVES(K, TRANSPOSE, transpose) \
    K(NEGATE, negate, F32, F32, NULL, 0, -X) K(SQRT, sqrt, F32, F32, NULL, 0, sqrtf(X)) \
    K(EXP, exp, F32, F32, NULL, 0, (float)exp(X)) K(TANH, tanh, F32, F32, NULL, 0, (float)tanh(X)) \
    K(ADD, add, F32, F32, NULL, 0, X + Y) K(SUBTRACT, subtract, F32, F32, NULL, 0, X - Y) \
    K(MULTIPLY, multiply, F32, F32, NULL, 0, X * Y) K(DIVIDE, divide, F32, F32, NULL, 0, X / Y) \
    K(MAXIMUM, maximum, F32, F32, NULL, 0, larger(X, Y)) K(SELECT, select, BOOL, F32, NULL, 0, X ? Y : Z) \
    K(COMPARE, equal, F32, BOOL, "equal", 0, X == Y) K(COMPARE, less, F32, BOOL, "less", 0, X < Y) \
    K(CONVERT, float_to_int, F32, I32, NULL, 0, integer(X)) K(CONVERT, int_to_float, I32, F32, NULL, 0, (float)X) \
    K(CONVERT, float_to_bool, F32, BOOL, NULL, 0, X != 0) K(CONVERT, bool_to_float, BOOL, F32, NULL, 0, X) \
    K(CONVERT, int_to_bool, I32, BOOL, NULL, 0, X != 0) K(CONVERT, bool_to_int, BOOL, I32, NULL, 0, X) \
    K(DOT, dot, F32, F32, NULL, 0, R + X * Y) K(REDUCE, sum, F32, F32, "sum", 0, R + X) \
    K(REDUCE, maximum, F32, F32, "maximum", -INFINITY, larger(R, X)) \
    K(COMPOSITE, gelu, F32, F32, "none", 0, (float)(0.5 * X * erfc(-0.70710678118654752440 * X)))

enum { F32 = HETERODYNE_FLOAT32, I32 = HETERODYNE_INT32, BOOL = HETERODYNE_BOOL };
typedef float F32_element; typedef int32_t I32_element; typedef uint8_t BOOL_element;
#define R out[j]
#define X left[l + j * row.left]
#define Y right[r + j * row.right]
#define Z third[done + (uint64_t)j]
#define DEFINE(OPERATION, NAME, FROM, TO, TEXT, START, NEXT) \
    static void OPERATION##_##NAME(const step *s, char *const *base) { \
        const FROM##_element *left = at(s->operands[0], base); \
        const float *right = at(s->operands[1], base), *third = at(s->operands[2], base); \
        TO##_element *restrict out = at(s->result, base); \
        uint32_t outer = s->rank > 0 ? s->rank - 1 : 0; /* loops around the rows of the result */ \
        loop row = s->rank > 0 ? s->loops[outer] : (loop){1, 0, 0}; \
        int64_t turn[16] = {0}, first_left = 0, first_right = 0; \
        (void)right, (void)third; \
        for (uint64_t done = 0; done < s->count; done += (uint64_t)row.extent, out += row.extent) { \
            int64_t inner[16] = {0}, l = first_left, r = first_right, more = s->turns > 0; \
            for (int64_t j = 0; j < row.extent; j++) R = START; \
            for (; more; more = advance(s->loops + s->rank, s->loop_count - s->rank, inner, &l, &r)) \
                for (int64_t j = 0; j < row.extent; j++) R = NEXT; \
            advance(s->loops, outer, turn, &first_left, &first_right); \
        } \
    }
KERNELS(DEFINE)

static const struct kernel {
    uint32_t operation, from, to;
    const char *name, *text;
    void (*run)(const step *step, char *const *base);
} kernels[] = {
#define ROW(OPERATION, NAME, FROM, TO, TEXT, START, NEXT) \
    {HETERODYNE_##OPERATION, FROM, TO, #NAME, TEXT, OPERATION##_##NAME},
    KERNELS(ROW)
};

/* The kernel for a node, or NULL. */
static const struct kernel *find_kernel(const heterodyne_graph *graph, const heterodyne_node *node) {
    const heterodyne_attribute *text = NULL, *accumulation = heterodyne_find(node, "accumulation");
    for (uint64_t i = 0; i < node->attribute_count; i++)
        if (node->attributes[i]->kind == HETERODYNE_ATTRIBUTE_STRING) text = node->attributes[i];
    if (node->result_count != 1 || (accumulation && accumulation->integer != F32)) return NULL;
    uint32_t to = node->result_types[0]->scalar_type;
    uint32_t from = node->operand_count > 0 ? heterodyne_type_of(graph, node->operands[0])->scalar_type : to;
    for (const struct kernel *k = kernels; k < kernels + sizeof kernels / sizeof *kernels; k++) {
        if (k->operation != node->operation || k->from != from || k->to != to) continue;
        if (k->text && !(text && heterodyne_equals(text->strings[0], k->text))) continue;
        if (k->operation != HETERODYNE_COMPOSITE || heterodyne_equals(node->name, k->name)) return k;
    }
    return NULL;
}

static int32_t support(heterodyne_context *context, uint64_t device, const heterodyne_graph *graph, uint64_t index,
    uint32_t *answer, heterodyne_error *error) {
    const heterodyne_node *node = graph->nodes[index];
    *answer = HETERODYNE_SUPPORT_NATIVE;
    if (find_kernel(graph, node)) return HETERODYNE_OK;
    *answer = node->operation == HETERODYNE_COMPOSITE ? HETERODYNE_SUPPORT_DECOMPOSED : HETERODYNE_SUPPORT_NONE;
    return fail(error, HETERODYNE_OK, index + 1, "the Acme NPU has no kernel for %.*s of these types and attributes",
        (int)node->name.size, node->name.data);
}

/* [loops] */
static void add_loop(step *s, int64_t extent, int64_t left, int64_t right) {
    s->loops[s->loop_count++] = (loop){extent, left, right};
}

/* How many elements lie between neighbours along a dimension. */
static int64_t stride(const heterodyne_type *type, int64_t dimension) {
    int64_t product = 1;
    for (uint32_t d = (uint32_t)dimension + 1; d < type->rank; d++) product *= type->extents[d];
    return product;
}
/* The position of a dimension in a list, which may be missing, or -1. */
static int64_t position(const heterodyne_attribute *list, int64_t dimension) {
    for (uint64_t i = 0; list && i < list->count; i++)
        if (list->integers[i] == dimension) return (int64_t)i;
    return -1;
}

static void add_loops(step *s, const heterodyne_graph *graph, const heterodyne_node *node) {
    int is_dot = node->operation == HETERODYNE_DOT, is_reduce = node->operation == HETERODYNE_REDUCE;
    int is_transpose = node->operation == HETERODYNE_TRANSPOSE, is_broadcast = node->operation == HETERODYNE_BROADCAST;
    if (!is_dot && !is_reduce && !is_transpose && !is_broadcast) { /* one loop; a constant that repeats stands still */
        add_loop(s, (int64_t)s->count, node->operation != HETERODYNE_CONSTANT, 1);
        return;
    }
    const heterodyne_type *to = node->result_types[0], *x = heterodyne_type_of(graph, node->operands[0]);
    const heterodyne_type *y = is_dot ? heterodyne_type_of(graph, node->operands[1]) : NULL;
    const heterodyne_attribute *order = heterodyne_find(node, "permutation");
    const heterodyne_attribute *batch = heterodyne_find(node, "leftBatch"), *pair = heterodyne_find(node, "rightBatch");
    const heterodyne_attribute *inner = heterodyne_find(node, is_dot ? "leftContracting" : "dimensions");
    const heterodyne_attribute *other = heterodyne_find(node, "rightContracting");
    for (uint32_t d = 0; (is_transpose || is_broadcast) && d < to->rank; d++) {
        int64_t from = is_transpose ? order->integers[d] : position(inner, d); /* where x has it */
        add_loop(s, to->extents[d], from < 0 || x->extents[from] != to->extents[d] ? 0 : stride(x, from), 0);
    }
    for (uint64_t i = 0; is_dot && i < batch->count; i++)
        add_loop(s, to->extents[i], stride(x, batch->integers[i]), stride(y, pair->integers[i]));
    for (uint32_t d = 0; (is_dot || is_reduce) && d < x->rank; d++)
        if (position(batch, d) < 0 && position(inner, d) < 0) add_loop(s, x->extents[d], stride(x, d), 0);
    for (uint32_t d = 0; is_dot && d < y->rank; d++)
        if (position(pair, d) < 0 && position(other, d) < 0) add_loop(s, y->extents[d], 0, stride(y, d));
    s->rank = s->loop_count; /* loops so far go over the result; the rest is reduced */
    for (uint64_t i = 0; (is_dot || is_reduce) && i < inner->count; i++) {
        int64_t d = inner->integers[i];
        add_loop(s, x->extents[d], stride(x, d), is_dot ? stride(y, other->integers[i]) : 0);
        s->turns *= x->extents[d];
    }
}

/* [program] */
typedef struct block { uint64_t offset, size, last; } block; /* of the arena; taken until node `last` has run */
typedef struct fact { place place; uint64_t last; } fact;     /* where a node's result is, and who reads it last */
struct heterodyne_program {
    heterodyne_program_info info;
    heterodyne_buffer *constants;
    uint64_t input_count, output_count;
    step *steps;
    heterodyne_string *names; /* of the steps */
    fact *facts;              /* by node, for compiling */
    block *live;              /* what is taken, by offset, for compiling */
    uint64_t live_count;
};

static uint64_t padded(uint64_t size) { return (size + 63) / 64 * 64; }
/* The lowest gap in the arena, among the blocks that are still read, for the result of `node`. */
static place allocate(heterodyne_program *program, uint64_t node, uint64_t size) {
    block *live = program->live;
    uint64_t kept = 0, offset = 0, i;
    for (i = 0; i < program->live_count; i++)
        if (live[i].last >= node) live[kept++] = live[i];
    for (i = 0; i < kept && live[i].offset < offset + size; i++) offset = live[i].offset + live[i].size;
    memmove(live + i + 1, live + i, (kept - i) * sizeof(block));
    live[i] = (block){offset, size, program->facts[node].last};
    program->live_count = kept + 1;
    if (offset + size > program->info.arena_byte_count) program->info.arena_byte_count = offset + size;
    return (place){SLOT_ARENA, offset};
}

static step *add_step(heterodyne_program *program, const struct kernel *kernel, place from, place to, uint64_t count) {
    program->names[program->info.step_count] = heterodyne_text(kernel->name);
    step *s = &program->steps[program->info.step_count++];
    *s = (step){.run = kernel->run, .operands = {from}, .result = to, .count = count, .rank = 1, .turns = 1};
    return s;
}

/* Adds a node's step. Constants are copied to the card now; of those that repeat one element, only that one is. */
static int32_t lower(heterodyne_context *context, heterodyne_program *program, const heterodyne_graph *graph,
    uint64_t index, heterodyne_error *error) {
    const heterodyne_node *node = graph->nodes[index];
    const struct kernel *kernel = find_kernel(graph, node);
    if (!kernel) return fail(error, HETERODYNE_UNSUPPORTED, index + 1, "the Acme NPU has no kernel for this node");
    if (node->operation == HETERODYNE_PARAMETER) return HETERODYNE_OK;
    const heterodyne_type *to = node->result_types[0];
    place stored = program->facts[index].place;
    if (node->operation == HETERODYNE_CONSTANT) {
        const heterodyne_literal *value = heterodyne_find(node, "value")->literal;
        const void *bytes = value->bytes ? value->bytes : &value->splat_bits;
        uint64_t size = value->bytes ? to->byte_count : to->scalar_type == BOOL ? 1 : 4;
        int32_t status = buffer_write(context, program->constants, stored.offset, bytes, size, error);
        if (status != HETERODYNE_OK || value->bytes) return status;
    }
    place result = program->facts[index].place = allocate(program, index, padded(to->byte_count));
    step *s = add_step(program, kernel, stored, result, heterodyne_element_count(to));
    for (uint64_t i = 0; i < node->operand_count; i++) s->operands[i] = program->facts[node->operands[i].node].place;
    add_loops(s, graph, node);
    return HETERODYNE_OK;
}

/* [compile] */
/* Finds lifetimes and places, then lowers node by node; in the end outputs are moved to their buffers. */
static int32_t build(heterodyne_context *context, uint64_t device, heterodyne_program *program,
    const heterodyne_graph *graph, heterodyne_error *error) {
    fact *facts = program->facts;
    for (uint64_t i = 0; i < graph->input_count; i++) facts[graph->inputs[i].node].place.slot = SLOT_INPUTS + i;
    for (uint64_t i = 0, total = 0; i < graph->node_count; i++) {
        const heterodyne_node *node = graph->nodes[i];
        uint64_t size = node->result_count > 0 ? node->result_types[0]->byte_count : 0;
        if (size > ACME_MEMORY || (total += size) > UINT64_MAX / 2)
            return fail(error, HETERODYNE_OUT_OF_MEMORY, i + 1, "%llu bytes are more than there are", (number)size);
        facts[i].last = i;
        for (uint64_t j = 0; j < node->operand_count; j++) facts[node->operands[j].node].last = i;
        if (node->operation != HETERODYNE_CONSTANT) continue;
        facts[i].place = (place){SLOT_CONSTANTS, program->info.constant_byte_count};
        program->info.constant_byte_count += heterodyne_find(node, "value")->literal->bytes ? padded(size) : 64;
    }
    for (uint64_t i = 0; i < graph->output_count; i++) facts[graph->outputs[i].node].last = graph->node_count;
    int32_t status = buffer_allocate(context, device, program->info.constant_byte_count, &program->constants, error);
    for (uint64_t i = 0; i < graph->node_count && status == HETERODYNE_OK; i++)
        status = lower(context, program, graph, i, error);
    for (uint64_t i = 0; i < graph->output_count && status == HETERODYNE_OK; i++) {
        static const struct kernel output = {.name = "output", .run = RESHAPE_reshape_bool}; /* bytes */
        place from = facts[graph->outputs[i].node].place, to = {SLOT_INPUTS + graph->input_count + i, 0};
        step *s = add_step(program, &output, from, to, heterodyne_type_of(graph, graph->outputs[i])->byte_count);
        add_loop(s, (int64_t)s->count, 1, 0);
    }
    return status;
}

static void program_free(heterodyne_context *context, heterodyne_program *program) {
    if (program->constants) buffer_free(context, program->constants);
    free(program->steps), free(program->names), free(program->facts), free(program->live), free(program);
}
static int32_t compile(heterodyne_context *context, uint64_t device, const heterodyne_unit *unit,
    heterodyne_program **result, heterodyne_error *error) {
    uint64_t nodes = unit->graph->node_count + 1, steps = nodes + unit->graph->output_count;
    heterodyne_program *program = calloc(1, sizeof *program);
    if (!program) return fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "the host has no memory left");
    program->input_count = unit->graph->input_count, program->output_count = unit->graph->output_count;
    program->steps = calloc(steps, sizeof(step));
    program->names = calloc(steps, sizeof(heterodyne_string));
    program->facts = calloc(nodes, sizeof(fact));
    program->live = calloc(nodes, sizeof(block));
    program->info = (heterodyne_program_info){.struct_size = sizeof program->info, .steps = program->names};
    int32_t status = program->steps && program->names && program->facts && program->live
        ? build(context, device, program, unit->graph, error)
        : fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "the host has no memory left");
    if (status == HETERODYNE_OK) *result = program;
    else program_free(context, program);
    return status;
}

static int32_t program_info(heterodyne_context *context, heterodyne_program *program,
    const heterodyne_program_info **info, heterodyne_error *error) {
    *info = &program->info;
    return HETERODYNE_OK;
}

/* [execute] */
struct heterodyne_invocation {
    const heterodyne_program *program;
    heterodyne_buffer *buffers[]; /* by slot; the arena is the invocation's own */
};
static int32_t invocation_create(heterodyne_context *context, heterodyne_program *program,
    heterodyne_invocation **result, heterodyne_error *error) {
    uint64_t count = SLOT_INPUTS + program->input_count + program->output_count;
    heterodyne_invocation *invocation = calloc(1, sizeof *invocation + count * sizeof(heterodyne_buffer *));
    if (!invocation) return fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "the host has no memory left");
    invocation->program = program;
    invocation->buffers[SLOT_CONSTANTS] = program->constants;
    int32_t status = buffer_allocate(context, 0, program->info.arena_byte_count, &invocation->buffers[0], error);
    if (status == HETERODYNE_OK) *result = invocation;
    else free(invocation);
    return status;
}

static void invocation_free(heterodyne_context *context, heterodyne_invocation *invocation) {
    buffer_free(context, invocation->buffers[SLOT_ARENA]);
    free(invocation);
}
static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}
/* Runs the steps with the pages of the run's buffers open, and times the first `count` of them. */
static int32_t profile(heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, uint64_t *nanoseconds, uint64_t count, heterodyne_error *error) {
    const heterodyne_program *program = invocation->program;
    heterodyne_buffer **buffers = invocation->buffers;
    uint64_t opened = 0, total = SLOT_INPUTS + program->input_count + program->output_count;
    if (program->input_count > 0) memcpy(buffers + SLOT_INPUTS, inputs, program->input_count * sizeof *inputs);
    for (uint64_t i = 0; i < program->output_count; i++) buffers[SLOT_INPUTS + program->input_count + i] = outputs[i];
    int32_t status = HETERODYNE_OK;
    for (; opened < total; opened++)
        if ((status = pages_open(buffers[opened], error)) != HETERODYNE_OK) break;
    for (uint64_t i = 0; i < program->info.step_count && status == HETERODYNE_OK; i++) {
        uint64_t start = i < count ? now() : 0;
        program->steps[i].run(&program->steps[i], (char *const *)buffers);
        if (i < count) nanoseconds[i] = now() - start;
    }
    while (opened > 0) pages_close(buffers[--opened]);
    return status;
}

/* There is no completion: the device is not HETERODYNE_ASYNCHRONOUS. */
static int32_t execute(heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, heterodyne_completion *completion, heterodyne_error *error) {
    return profile(context, invocation, inputs, outputs, NULL, 0, error);
}

/* [device] */
static int32_t device_count(heterodyne_context *context, uint64_t *count, heterodyne_error *error) {
    *count = 1;
    return HETERODYNE_OK;
}
static int32_t device_describe(heterodyne_context *context, uint64_t device, const heterodyne_device_info **info,
    heterodyne_error *error) {
    static const heterodyne_device_info about = {.struct_size = sizeof about,
        .name = HETERODYNE_TEXT("Acme NPU 100"), .vendor = HETERODYNE_TEXT("Acme"), .kind = HETERODYNE_ACCELERATOR,
        .flags = HETERODYNE_SIMULATED, .threads = 1, .memory_byte_count = ACME_MEMORY,
        .free_memory_byte_count = UINT64_MAX, .fingerprint = HETERODYNE_TEXT("acme npu100 1.0.0")};
    *info = &about;
    return HETERODYNE_OK;
}

static int32_t device_capabilities(heterodyne_context *context, uint64_t device,
    const heterodyne_capabilities **capabilities, heterodyne_error *error) {
    static const uint32_t usages[HETERODYNE_SCALAR_TYPE_COUNT] = {[F32] = HETERODYNE_COMPUTE,
        [I32] = HETERODYNE_STORAGE | HETERODYNE_CONVERTS, [BOOL] = HETERODYNE_STORAGE | HETERODYNE_CONVERTS};
    static const double ulp[HETERODYNE_OPERATION_COUNT] = {[HETERODYNE_EXP] = 1, [HETERODYNE_TANH] = 1};
    static const heterodyne_string claims[] = {HETERODYNE_TEXT("gelu")};
    static const heterodyne_composite_error gelu = {sizeof gelu, NULL, HETERODYNE_TEXT("gelu"), 1};
    static const heterodyne_composite_error *const composite_errors[] = {&gelu};
    static const heterodyne_capabilities all = {.struct_size = sizeof all,
        .usage_count = HETERODYNE_SCALAR_TYPE_COUNT, .usages = usages, .claim_count = 1, .claims = claims,
        .is_inference_only = 1, .maximum_buffer_byte_count = ACME_MEMORY,
        .contracts = 1, /* compilers may round the product and the sum of dot once */
        .ulp_count = HETERODYNE_OPERATION_COUNT, .maximum_ulp = ulp, .composite_error_count = 1,
        .composite_errors = composite_errors};
    *capabilities = &all;
    return HETERODYNE_OK;
}

/* [open] */
int32_t heterodyne_plugin_open(const heterodyne_host *host, uint32_t minimum, uint32_t maximum,
    const heterodyne_plugin **plugin, heterodyne_error *error) {
    static heterodyne_context card;
    static const heterodyne_plugin functions = {.struct_size = sizeof functions, .version = HETERODYNE_PLUGIN_VERSION,
        .name = HETERODYNE_TEXT("acme"), .plugin_version = HETERODYNE_TEXT("1.0.0"), .context = &card,
        .device_count = device_count, .device_describe = device_describe, .device_capabilities = device_capabilities,
        .support = support, .buffer_allocate = buffer_allocate, .buffer_free = buffer_free,
        .buffer_write = buffer_write, .buffer_read = buffer_read, .compile = compile, .program_free = program_free,
        .program_info = program_info, .invocation_create = invocation_create, .invocation_free = invocation_free,
        .execute = execute, .profile = profile};
    if (minimum > HETERODYNE_PLUGIN_VERSION || maximum < HETERODYNE_PLUGIN_VERSION)
        return fail(error, HETERODYNE_VERSION_MISMATCH, 0, "the Acme plugin speaks version 1.0");
    *plugin = &functions;
    return HETERODYNE_OK;
}
