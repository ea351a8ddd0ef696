// Heterodyne: a small plugin for tests: adds, multiplies and converts float32 and int32, and claims relu.
// SPDX-License-Identifier: Apache-2.0

// What it does wrong, and how it runs, is chosen with -D when a test compiles it.
#define _GNU_SOURCE
#include "heterodyne_plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct heterodyne_buffer {
    unsigned char *bytes;
    uint64_t size;
    int is_imported;
};

typedef struct step {
    uint32_t operation;
    int is_relu;
    uint32_t type, from;
    uint64_t count, size;
    uint32_t operands[2];
    const void *bytes; // of a constant
    uint64_t splat;
    int64_t input;     // -1 where the step is no parameter
} step;

struct heterodyne_program {
    uint64_t step_count, input_count, output_count, arena;
    step *steps;
    uint32_t *outputs;
    uint64_t *input_sizes, *output_sizes;
    heterodyne_string *lines;
    uint64_t in_place[1][2];
    uint64_t in_place_count;
    heterodyne_program_info info;
};

struct heterodyne_invocation {
    heterodyne_program *program;
    void **values; // of each step that is no input
    heterodyne_buffer *const *inputs, *const *outputs;
    heterodyne_completion *completion, *previous;
    uint64_t runs;
    heterodyne_measurement measurement;
    const heterodyne_measurement *measurements[1];
};

// What tests look at.
_Atomic int64_t adder_live_buffers, adder_live_programs, adder_live_invocations, adder_imports, adder_resets;
_Atomic int64_t adder_asked;
_Atomic int64_t adder_is_lost, adder_done_calls, adder_crowds;
_Atomic int adder_inside;

static void enter(void) {
#ifdef ADDER_SINGLE_THREAD
    if (atomic_fetch_add(&adder_inside, 1) != 0) adder_crowds++;
    usleep(50);
#endif
}

static int32_t leave(int32_t status) {
#ifdef ADDER_SINGLE_THREAD
    atomic_fetch_sub(&adder_inside, 1);
#endif
    return status;
}

#define TEXT(literal) {literal, sizeof(literal) - 1}

static int32_t device_count(heterodyne_context *context, uint64_t *count, heterodyne_error *error) {
    *count = 1;
    return HETERODYNE_OK;
}

static const heterodyne_named versions[] = {{TEXT("driver"), TEXT("7.1")}};

static const heterodyne_device_info info = {
    .struct_size = sizeof(heterodyne_device_info),
    .name = TEXT("Adder 1"),
    .vendor = TEXT("Acme"),
    .kind = HETERODYNE_ACCELERATOR,
    .flags = 0
#ifdef ADDER_ASYNC
             | HETERODYNE_ASYNCHRONOUS
#endif
    ,
    .threads = 1,
    .memory_byte_count = 1 << 30,
    .free_memory_byte_count = UINT64_MAX,
    .version_count = 1,
    .versions = versions,
    .fingerprint = TEXT("acme adder 1"),
};

static int32_t device_describe(
    heterodyne_context *context, uint64_t device, const heterodyne_device_info **result, heterodyne_error *error) {
    *result = &info;
    return HETERODYNE_OK;
}

static const uint32_t usages[HETERODYNE_SCALAR_TYPE_COUNT] = {
    [HETERODYNE_INT32] = HETERODYNE_COMPUTE, [HETERODYNE_FLOAT32] = HETERODYNE_COMPUTE};
static const heterodyne_string claims[] = {TEXT("relu")};

static const heterodyne_capabilities capabilities = {
    .struct_size = sizeof(heterodyne_capabilities),
    .usage_count = HETERODYNE_SCALAR_TYPE_COUNT,
    .usages = usages,
    .claim_count = 1,
    .claims = claims,
#ifdef ADDER_UNIFIED
    .has_unified_memory = 1,
#endif
    .maximum_buffer_byte_count = 1 << 28,
};

static int32_t device_capabilities(
    heterodyne_context *context, uint64_t device, const heterodyne_capabilities **result, heterodyne_error *error) {
    *result = &capabilities;
    return HETERODYNE_OK;
}

static int runs(const heterodyne_graph *graph, const heterodyne_node *node) {
    uint32_t type = node->result_types[0]->scalar_type;
    if (type != HETERODYNE_FLOAT32 && type != HETERODYNE_INT32) return 0;
    switch (node->operation) {
    case HETERODYNE_PARAMETER:
    case HETERODYNE_CONSTANT:
    case HETERODYNE_ADD:
    case HETERODYNE_MULTIPLY: return 1;
    case HETERODYNE_CONVERT: {
        uint32_t from = heterodyne_type_of(graph, node->operands[0])->scalar_type;
        return from == HETERODYNE_FLOAT32 || from == HETERODYNE_INT32;
    }
    case HETERODYNE_COMPOSITE: return heterodyne_equals(node->name, "relu") && type == HETERODYNE_FLOAT32;
    default: return 0;
    }
}

static int32_t support(
    heterodyne_context *context, uint64_t device, const heterodyne_graph *graph, uint64_t node, uint32_t *result,
    heterodyne_error *error) {
    adder_asked++;
#ifdef ADDER_ANSWERS_NONSENSE
    *result = 77;
    return HETERODYNE_OK;
#endif
#ifdef ADDER_SUPPORT_FAILS
    return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "no idea");
#endif
    const heterodyne_node *asked = graph->nodes[node];
    if (asked->decomposition) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "a question with a definition");
    int answer = runs(graph, asked);
#ifdef ADDER_CLAIMS_ALL
    answer = 1;
#endif
    *result = answer ? HETERODYNE_SUPPORT_NATIVE
                     : asked->operation == HETERODYNE_COMPOSITE ? HETERODYNE_SUPPORT_DECOMPOSED
                                                                : HETERODYNE_SUPPORT_NONE;
    return answer ? HETERODYNE_OK : heterodyne_fail(error, HETERODYNE_OK, 0, "the adder only adds and multiplies");
}

static int32_t device_reset(heterodyne_context *context, uint64_t device, heterodyne_error *error) {
    adder_resets++;
#ifdef ADDER_RESET_FAILS
    return heterodyne_fail(error, HETERODYNE_DEVICE_UNAVAILABLE, 0, "the link is down");
#endif
    adder_is_lost = 0;
    return HETERODYNE_OK;
}

static int32_t buffer_allocate(
    heterodyne_context *context, uint64_t device, uint64_t size, heterodyne_buffer **result, heterodyne_error *error) {
    enter();
#ifdef ADDER_FAILS_ALLOCATION
    error->vendor_code = -5;
    error->is_retryable = 1;
    return leave(heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "the card is full"));
#endif
#ifdef ADDER_NULL_BUFFER
    return leave(HETERODYNE_OK);
#endif
    if (adder_is_lost) return leave(heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 0, "still lost"));
    heterodyne_buffer *buffer = calloc(1, sizeof *buffer);
    buffer->bytes = malloc(size ? size : 1);
    buffer->size = size;
    adder_live_buffers++;
    *result = buffer;
    return leave(HETERODYNE_OK);
}

static int32_t buffer_import(
    heterodyne_context *context, uint64_t device, void *bytes, uint64_t size, uint32_t is_writable,
    heterodyne_buffer **result, heterodyne_error *error) {
    heterodyne_buffer *buffer = calloc(1, sizeof *buffer);
    buffer->bytes = bytes;
    buffer->size = size;
    buffer->is_imported = 1;
    adder_live_buffers++;
    adder_imports++;
    *result = buffer;
    return HETERODYNE_OK;
}

static void buffer_free(heterodyne_context *context, heterodyne_buffer *buffer) {
    enter();
    if (!buffer->is_imported) free(buffer->bytes);
    free(buffer);
    adder_live_buffers--;
    leave(0);
}

static int32_t buffer_write(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, const void *bytes, uint64_t count,
    heterodyne_error *error) {
    enter();
    memcpy(buffer->bytes + offset, bytes, count);
    return leave(HETERODYNE_OK);
}

static int32_t buffer_read(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, void *bytes, uint64_t count,
    heterodyne_error *error) {
    enter();
    memcpy(bytes, buffer->bytes + offset, count);
    return leave(HETERODYNE_OK);
}

static void *buffer_address(heterodyne_context *context, heterodyne_buffer *buffer) {
#ifdef ADDER_NULL_ADDRESS
    return NULL;
#endif
    return buffer->bytes;
}

static void program_free(heterodyne_context *context, heterodyne_program *program) {
    free(program->steps);
    free(program->outputs);
    free(program->input_sizes);
    free(program->output_sizes);
    free(program->lines);
    free(program);
    adder_live_programs--;
}

static int32_t compile(
    heterodyne_context *context, uint64_t device, const heterodyne_unit *unit, heterodyne_program **result,
    heterodyne_error *error) {
    const heterodyne_graph *graph = unit->graph;
    for (uint64_t i = 0; i < graph->node_count; i++)
        if (!runs(graph, graph->nodes[i])) {
            char text[200];
            heterodyne_string name = graph->nodes[i]->name;
            snprintf(text, sizeof text, "%.*s is too hard", (int)name.size, name.data);
            return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, (int64_t)i + 1, text);
        }
#ifdef ADDER_NULL_PROGRAM
    return HETERODYNE_OK;
#endif
    heterodyne_program *program = calloc(1, sizeof *program);
    adder_live_programs++;
    program->step_count = graph->node_count;
    program->steps = calloc(graph->node_count, sizeof *program->steps);
    program->lines = calloc(graph->node_count, sizeof *program->lines);
    program->input_count = graph->input_count;
    program->output_count = graph->output_count;
    program->input_sizes = calloc(graph->input_count + 1, sizeof(uint64_t));
    program->output_sizes = calloc(graph->output_count + 1, sizeof(uint64_t));
    program->outputs = calloc(graph->output_count + 1, sizeof(uint32_t));
    for (uint64_t i = 0; i < graph->node_count; i++) {
        const heterodyne_node *node = graph->nodes[i];
        const heterodyne_type *type = node->result_types[0];
        step *to = &program->steps[i];
        to->operation = node->operation;
        to->is_relu = node->operation == HETERODYNE_COMPOSITE;
        if (to->is_relu && !node->decomposition) {
            program_free(context, program);
            return heterodyne_fail(error, HETERODYNE_INTERNAL, (int64_t)i + 1, "relu came without its definition");
        }
        to->type = type->scalar_type;
        to->count = heterodyne_element_count(type);
        to->size = type->byte_count;
        to->input = -1;
        for (uint64_t k = 0; k < node->operand_count && k < 2; k++) to->operands[k] = node->operands[k].node;
        if (node->operand_count) to->from = heterodyne_type_of(graph, node->operands[0])->scalar_type;
        const heterodyne_attribute *value = heterodyne_find(node, "value");
        if (value) {
            to->bytes = value->literal->bytes; // the host keeps them
            to->splat = value->literal->splat_bits;
        }
        program->arena += to->size;
        static const char *names[] = {"add", "multiply", "other"};
        program->lines[i] = heterodyne_text(
            names[node->operation == HETERODYNE_ADD ? 0 : node->operation == HETERODYNE_MULTIPLY ? 1 : 2]);
    }
    for (uint64_t i = 0; i < graph->input_count; i++) {
        program->steps[graph->inputs[i].node].input = (int64_t)i;
        program->input_sizes[i] = heterodyne_type_of(graph, graph->inputs[i])->byte_count;
    }
    for (uint64_t i = 0; i < graph->output_count; i++) {
        program->outputs[i] = graph->outputs[i].node;
        program->output_sizes[i] = heterodyne_type_of(graph, graph->outputs[i])->byte_count;
    }
#ifdef ADDER_IN_PLACE
    if (unit->donated_input_count && program->output_sizes[0] == program->input_sizes[unit->donated_inputs[0]]) {
        program->in_place_count = 1;
        program->in_place[0][0] = 0;
        program->in_place[0][1] = unit->donated_inputs[0];
    }
#endif
    heterodyne_program_info *info = &program->info;
    info->struct_size = sizeof *info;
    info->arena_byte_count = program->arena;
    info->step_count = program->step_count;
    info->steps = program->lines;
    info->in_place_count = program->in_place_count;
    info->in_place = (const uint64_t(*)[2])program->in_place;
    info->input_count = program->input_count;
    info->input_byte_counts = program->input_sizes;
    info->output_count = program->output_count;
    info->output_byte_counts = program->output_sizes;
#ifdef ADDER_TWEAK_INFO
    ADDER_TWEAK_INFO
#endif
    *result = program;
    return HETERODYNE_OK;
}

static int32_t program_info(
    heterodyne_context *context, heterodyne_program *program, const heterodyne_program_info **result,
    heterodyne_error *error) {
    *result = &program->info;
    return HETERODYNE_OK;
}

static int32_t invocation_create(
    heterodyne_context *context, heterodyne_program *program, heterodyne_invocation **result, heterodyne_error *error) {
    heterodyne_invocation *invocation = calloc(1, sizeof *invocation);
    invocation->program = program;
    invocation->values = calloc(program->step_count, sizeof *invocation->values);
    for (uint64_t i = 0; i < program->step_count; i++)
        if (program->steps[i].input < 0) invocation->values[i] = malloc(program->steps[i].size + 1);
    adder_live_invocations++;
    *result = invocation;
    return HETERODYNE_OK;
}

static _Atomic(heterodyne_completion *) adder_stale;

static void invocation_free(heterodyne_context *context, heterodyne_invocation *invocation) {
    // The last run of the invocation before says again that it ended, long after that invocation is gone.
    heterodyne_completion *stale = atomic_exchange(&adder_stale, invocation->previous);
    if (stale) stale->done(stale, HETERODYNE_INTERNAL);
    for (uint64_t i = 0; i < invocation->program->step_count; i++)
        if (invocation->program->steps[i].input < 0) free(invocation->values[i]);
    free(invocation->values);
    free(invocation);
    adder_live_invocations--;
}

static void compute(const step *step, const void *a, const void *b, void *result) {
    float *f = result;
    int32_t *n = result;
    int is_float = step->type == HETERODYNE_FLOAT32;
    for (uint64_t i = 0; i < step->count; i++) {
        switch (step->operation) {
        case HETERODYNE_CONSTANT:
            if (step->bytes) memcpy(&n[i], (const char *)step->bytes + 4 * i, 4);
            else n[i] = (int32_t)(uint32_t)step->splat;
            break;
        case HETERODYNE_ADD:
            if (is_float) f[i] = ((const float *)a)[i] + ((const float *)b)[i];
            else n[i] = (int32_t)(((const uint32_t *)a)[i] + ((const uint32_t *)b)[i]);
            break;
        case HETERODYNE_MULTIPLY:
            if (is_float) f[i] = ((const float *)a)[i] * ((const float *)b)[i];
            else n[i] = (int32_t)(((const uint32_t *)a)[i] * ((const uint32_t *)b)[i]);
            break;
        case HETERODYNE_CONVERT:
            if (step->from == step->type) memcpy(&n[i], (const char *)a + 4 * i, 4);
            else if (is_float) f[i] = (float)((const int32_t *)a)[i];
            else {
                float x = ((const float *)a)[i];
                n[i] = x != x ? 0 : x >= 2147483648.0f ? INT32_MAX : x < -2147483648.0f ? INT32_MIN : (int32_t)x;
            }
            break;
        default: { // relu, which keeps NaN
            float x = ((const float *)a)[i];
            f[i] = x > 0 || x != x ? x : 0;
        }
        }
    }
}

static int32_t run(heterodyne_invocation *invocation, heterodyne_error *error, uint64_t *nanoseconds) {
    heterodyne_program *program = invocation->program;
    invocation->runs++;
#ifdef ADDER_LOSES_DEVICE
    adder_is_lost = 1;
    return heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 0, "fell off the bus");
#endif
    for (uint64_t i = 0; i < program->step_count; i++) {
        const step *step = &program->steps[i];
        if (nanoseconds) nanoseconds[i] = 100 + i;
        if (step->input >= 0) {
            invocation->values[i] = invocation->inputs[step->input]->bytes;
            continue;
        }
#ifdef ADDER_FAILS_RUN
        if (step->operation == HETERODYNE_MULTIPLY) {
            error->vendor_code = 17;
            return heterodyne_fail(error, ADDER_FAILS_RUN, (int64_t)i + ADDER_NODE_OFFSET, "multiplier on fire");
        }
#endif
        void **values = invocation->values;
        compute(step, values[step->operands[0]], values[step->operands[1]], values[i]);
    }
    for (uint64_t i = 0; i < program->output_count; i++)
        memmove(invocation->outputs[i]->bytes, invocation->values[program->outputs[i]], program->output_sizes[i]);
    return HETERODYNE_OK;
}

#ifdef ADDER_ASYNC
static void *work(void *argument) {
    heterodyne_invocation *invocation = argument;
    heterodyne_completion *completion = invocation->completion;
#ifdef ADDER_LATE_DONE
    usleep(ADDER_LATE_DONE);
#endif
#ifdef ADDER_DOUBLE_DONE
    // The run before says again that it ended, while this one is under way.
    if (invocation->previous) invocation->previous->done(invocation->previous, HETERODYNE_INTERNAL);
    invocation->previous = completion;
    usleep(100);
#endif
    int32_t status = run(invocation, completion->error, NULL);
#ifndef ADDER_NEVER_DONE
    completion->done(completion, status);
#ifdef ADDER_DOUBLE_DONE
    completion->done(completion, HETERODYNE_INTERNAL); // at once
#endif
    adder_done_calls++;
#endif
    return NULL;
}
#endif

static int32_t execute(
    heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, heterodyne_completion *completion, heterodyne_error *error) {
    invocation->inputs = inputs;
    invocation->outputs = outputs;
    invocation->completion = completion;
#ifdef ADDER_ASYNC
    if (completion) {
#ifdef ADDER_REFUSES_TO_START
        completion->done(completion, HETERODYNE_OK); // it should not, since it fails
        return heterodyne_fail(error, HETERODYNE_EXECUTION_FAILED, 0, "the queue is closed");
#endif
#ifdef ADDER_INLINE_DONE
        completion->done(completion, run(invocation, completion->error, NULL));
        return HETERODYNE_OK;
#endif
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, invocation) != 0) return HETERODYNE_INTERNAL;
        pthread_detach(thread);
        return HETERODYNE_OK;
    }
#endif
    enter();
    return leave(run(invocation, error, NULL));
}

static int32_t profile(
    heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, uint64_t *nanoseconds, uint64_t count, heterodyne_error *error) {
    invocation->inputs = inputs;
    invocation->outputs = outputs;
    if (count != invocation->program->step_count) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "wrong count");
    return run(invocation, error, nanoseconds);
}

static int32_t measurements(
    heterodyne_context *context, heterodyne_invocation *invocation, const heterodyne_measurement *const **result,
    uint64_t *count, heterodyne_error *error) {
    heterodyne_measurement one = {
        .struct_size = sizeof one, .name = TEXT("runs"), .value = (double)invocation->runs, .source = TEXT("measured")};
#ifdef ADDER_NAN_MEASUREMENT
    one.value = 0.0 / 0.0;
#endif
    invocation->measurement = one;
    invocation->measurements[0] = &invocation->measurement;
    *result = invocation->measurements;
    *count = 1;
#ifdef ADDER_HUGE_MEASUREMENTS
    *count = UINT64_MAX;
#endif
    return HETERODYNE_OK;
}

static const heterodyne_plugin plugin = {
#ifdef ADDER_SHORT_TABLE
    .struct_size = offsetof(heterodyne_plugin, profile),
#else
    .struct_size = sizeof(heterodyne_plugin),
#endif
    .version = HETERODYNE_PLUGIN_VERSION,
#ifdef ADDER_SINGLE_THREAD
    .flags = HETERODYNE_SINGLE_THREAD,
#endif
    .name = TEXT("adder"),
    .plugin_version = TEXT("3.2.1"),
    .device_count = device_count,
    .device_describe = device_describe,
    .device_capabilities = device_capabilities,
#ifndef ADDER_NO_SUPPORT
    .support = support,
#endif
#ifndef ADDER_NO_RESET
    .device_reset = device_reset,
#endif
    .buffer_allocate = buffer_allocate,
    .buffer_import = buffer_import,
    .buffer_free = buffer_free,
    .buffer_write = buffer_write,
    .buffer_read = buffer_read,
    .buffer_address = buffer_address,
    .compile = compile,
    .program_free = program_free,
    .program_info = program_info,
    .invocation_create = invocation_create,
    .invocation_free = invocation_free,
    .execute = execute,
    .profile = profile,
    .measurements = measurements,
};

int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **result,
    heterodyne_error *error) {
    *result = &plugin;
    return HETERODYNE_OK;
}
