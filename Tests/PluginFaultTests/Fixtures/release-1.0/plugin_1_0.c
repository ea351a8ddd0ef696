// Heterodyne: a small correct plugin of interface 1.0, as it was on the day of that release. It never changes.
// SPDX-License-Identifier: Apache-2.0
//
// One device that adds, subtracts, multiplies, negates and compares sizes of float32 on the processor. Built with the
// header beside it and loaded into the host of today: what was built for 1.0 keeps working.

#include "heterodyne_plugin.h"

#include <math.h>
#include <stdlib.h>

struct heterodyne_buffer {
    uint64_t size;
    unsigned char *bytes;
};

typedef struct small_step {
    uint32_t operation;
    uint32_t operands[2];
    uint64_t elements;
    const void *constant;              /* every element, or NULL for a splat */
    float splat;
    uint64_t input; /* of PARAMETER */
} small_step;

struct heterodyne_program {
    uint64_t step_count, input_count, output_count;
    small_step *steps;
    uint32_t *outputs;
    uint64_t *input_bytes, *output_bytes;
    heterodyne_program_info info;
};

struct heterodyne_invocation {
    heterodyne_program *program;
    float **values; /* by step */
};

static const uint32_t small_operations[] = {
    HETERODYNE_CONSTANT, HETERODYNE_NEGATE, HETERODYNE_ADD, HETERODYNE_SUBTRACT, HETERODYNE_MULTIPLY, HETERODYNE_MAXIMUM,
};

static int small_knows(uint32_t operation) {
    for (size_t i = 0; i < sizeof small_operations / sizeof *small_operations; i++)
        if (small_operations[i] == operation) return 1;
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- The device */

static heterodyne_device_info small_info;
static uint32_t small_usages[HETERODYNE_SCALAR_TYPE_COUNT];
static heterodyne_exception small_exceptions[HETERODYNE_OPERATION_COUNT];
static const heterodyne_exception *small_exception_list[HETERODYNE_OPERATION_COUNT];
static heterodyne_capabilities small_capabilities;

static void small_prepare(void) {
    small_info.struct_size = sizeof small_info;
    small_info.name = heterodyne_text("Small device");
    small_info.vendor = heterodyne_text("Example");
    small_info.kind = HETERODYNE_ACCELERATOR;
    small_info.threads = 1;
    small_info.memory_byte_count = (uint64_t)1 << 30;
    small_info.free_memory_byte_count = UINT64_MAX;
    small_info.fingerprint = heterodyne_text("example small 1.0");
    small_usages[HETERODYNE_FLOAT32] = HETERODYNE_STORAGE | HETERODYNE_ARITHMETIC;
    uint64_t count = 0;
    for (uint32_t operation = 0; operation < HETERODYNE_OPERATION_COUNT; operation++) {
        if (small_knows(operation)) continue;
        small_exceptions[count].struct_size = sizeof small_exceptions[count];
        small_exceptions[count].operation = operation;
        small_exceptions[count].scalar_type = HETERODYNE_FLOAT32;
        small_exceptions[count].reason = heterodyne_text("a small device adds, subtracts and multiplies");
        small_exception_list[count] = &small_exceptions[count];
        count++;
    }
    small_capabilities.struct_size = sizeof small_capabilities;
    small_capabilities.usage_count = HETERODYNE_SCALAR_TYPE_COUNT;
    small_capabilities.usages = small_usages;
    small_capabilities.exception_count = count;
    small_capabilities.exceptions = small_exception_list;
    small_capabilities.maximum_buffer_byte_count = (uint64_t)1 << 30;
}

static int32_t small_device_count(heterodyne_context *context, uint64_t *count, heterodyne_error *error) {
    (void)context, (void)error;
    *count = 1;
    return HETERODYNE_OK;
}

static int32_t small_describe(
    heterodyne_context *context, uint64_t device, const heterodyne_device_info **info, heterodyne_error *error) {
    (void)context;
    if (device != 0) return heterodyne_fail(error, HETERODYNE_DEVICE_UNAVAILABLE, 0, "there is one device");
    *info = &small_info;
    return HETERODYNE_OK;
}

static int32_t small_capable(
    heterodyne_context *context, uint64_t device, const heterodyne_capabilities **capabilities,
    heterodyne_error *error) {
    (void)context;
    if (device != 0) return heterodyne_fail(error, HETERODYNE_DEVICE_UNAVAILABLE, 0, "there is one device");
    *capabilities = &small_capabilities;
    return HETERODYNE_OK;
}

static int32_t small_support(
    heterodyne_context *context, uint64_t device, const heterodyne_graph *graph, uint64_t index, uint32_t *support,
    heterodyne_error *error) {
    (void)context, (void)device;
    const heterodyne_node *node = graph->nodes[index];
    *support = HETERODYNE_SUPPORT_NONE;
    if (!small_knows(node->operation))
        return heterodyne_fail(error, HETERODYNE_OK, 0, "a small device adds, subtracts and multiplies");
    for (uint64_t i = 0; i < node->operand_count; i++)
        if (heterodyne_type_of(graph, node->operands[i])->scalar_type != HETERODYNE_FLOAT32)
            return heterodyne_fail(error, HETERODYNE_OK, 0, "a small device computes float32");
    for (uint64_t i = 0; i < node->result_count; i++)
        if (node->result_types[i]->scalar_type != HETERODYNE_FLOAT32)
            return heterodyne_fail(error, HETERODYNE_OK, 0, "a small device computes float32");
    *support = HETERODYNE_SUPPORT_NATIVE;
    return HETERODYNE_OK;
}

/* ---------------------------------------------------------------------------------------------------- Buffers */

static int32_t small_allocate(
    heterodyne_context *context, uint64_t device, uint64_t size, heterodyne_buffer **buffer, heterodyne_error *error) {
    (void)context, (void)device;
    heterodyne_buffer *made = malloc(sizeof *made);
    unsigned char *bytes = size < ((uint64_t)1 << 30) ? malloc(size > 0 ? size : 1) : NULL;
    if (!made || !bytes) {
        free(made);
        free(bytes);
        return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "a small device has 1 GiB");
    }
    made->size = size;
    made->bytes = bytes;
    *buffer = made;
    return HETERODYNE_OK;
}

static void small_free(heterodyne_context *context, heterodyne_buffer *buffer) {
    (void)context;
    free(buffer->bytes);
    free(buffer);
}

static int small_fits(const heterodyne_buffer *buffer, uint64_t offset, uint64_t count) {
    return offset <= buffer->size && count <= buffer->size - offset;
}

static int32_t small_write(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, const void *bytes, uint64_t count,
    heterodyne_error *error) {
    (void)context;
    if (!small_fits(buffer, offset, count))
        return heterodyne_fail(error, HETERODYNE_INVALID_ARGUMENT, 0, "a write beyond the end of a buffer");
    if (count > 0) memcpy(buffer->bytes + offset, bytes, count);
    return HETERODYNE_OK;
}

static int32_t small_read(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, void *bytes, uint64_t count,
    heterodyne_error *error) {
    (void)context;
    if (!small_fits(buffer, offset, count))
        return heterodyne_fail(error, HETERODYNE_INVALID_ARGUMENT, 0, "a read beyond the end of a buffer");
    if (count > 0) memcpy(bytes, buffer->bytes + offset, count);
    return HETERODYNE_OK;
}

/* ---------------------------------------------------------------------------------------------------- Programs */

static void small_program_free(heterodyne_context *context, heterodyne_program *program) {
    (void)context;
    if (!program) return;
    free(program->steps);
    free(program->outputs);
    free(program->input_bytes);
    free(program->output_bytes);
    free(program);
}

static int32_t small_compile(
    heterodyne_context *context, uint64_t device, const heterodyne_unit *unit, heterodyne_program **program,
    heterodyne_error *error) {
    const heterodyne_graph *graph = unit->graph;
    heterodyne_program *made = calloc(1, sizeof *made);
    if (!made) return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no memory for a program");
    made->step_count = graph->node_count;
    made->input_count = graph->input_count;
    made->output_count = graph->output_count;
    made->steps = calloc(graph->node_count + 1, sizeof *made->steps);
    made->outputs = calloc(graph->output_count + 1, sizeof *made->outputs);
    made->input_bytes = calloc(graph->input_count + 1, sizeof *made->input_bytes);
    made->output_bytes = calloc(graph->output_count + 1, sizeof *made->output_bytes);
    if (!made->steps || !made->outputs || !made->input_bytes || !made->output_bytes) {
        small_program_free(context, made);
        return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no memory for a program");
    }
    for (uint64_t i = 0; i < graph->node_count; i++) {
        const heterodyne_node *node = graph->nodes[i];
        uint32_t support = HETERODYNE_SUPPORT_NATIVE;
        if (node->operation != HETERODYNE_PARAMETER)
            small_support(context, device, graph, i, &support, error);
        else if (node->result_types[0]->scalar_type != HETERODYNE_FLOAT32)
            support = HETERODYNE_SUPPORT_NONE;
        if (support != HETERODYNE_SUPPORT_NATIVE || node->result_count != 1 || node->operand_count > 2) {
            small_program_free(context, made);
            return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, (int64_t)i + 1, "not an operation of a small device");
        }
        small_step *step = &made->steps[i];
        step->operation = node->operation;
        step->elements = heterodyne_element_count(node->result_types[0]);
        for (uint64_t k = 0; k < node->operand_count; k++) step->operands[k] = node->operands[k].node;
        if (node->operation == HETERODYNE_CONSTANT) {
            const heterodyne_literal *literal = heterodyne_find(node, "value")->literal;
            uint32_t bits = (uint32_t)literal->splat_bits;
            step->constant = literal->bytes;
            memcpy(&step->splat, &bits, sizeof bits);
        }
    }
    for (uint64_t i = 0; i < graph->input_count; i++) {
        made->steps[graph->inputs[i].node].input = i;
        made->input_bytes[i] = heterodyne_type_of(graph, graph->inputs[i])->byte_count;
    }
    for (uint64_t i = 0; i < graph->output_count; i++) {
        made->outputs[i] = graph->outputs[i].node;
        made->output_bytes[i] = heterodyne_type_of(graph, graph->outputs[i])->byte_count;
    }
    made->info.struct_size = sizeof made->info;
    made->info.input_count = made->input_count;
    made->info.input_byte_counts = made->input_bytes;
    made->info.output_count = made->output_count;
    made->info.output_byte_counts = made->output_bytes;
    *program = made;
    return HETERODYNE_OK;
}

static int32_t small_program_info(
    heterodyne_context *context, heterodyne_program *program, const heterodyne_program_info **info,
    heterodyne_error *error) {
    (void)context, (void)error;
    *info = &program->info;
    return HETERODYNE_OK;
}

static void small_invocation_free(heterodyne_context *context, heterodyne_invocation *invocation) {
    (void)context;
    if (invocation->values)
        for (uint64_t i = 0; i < invocation->program->step_count; i++) free(invocation->values[i]);
    free(invocation->values);
    free(invocation);
}

static int32_t small_invocation_create(
    heterodyne_context *context, heterodyne_program *program, heterodyne_invocation **invocation,
    heterodyne_error *error) {
    heterodyne_invocation *made = calloc(1, sizeof *made);
    if (!made) return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no memory for an invocation");
    made->program = program;
    made->values = calloc(program->step_count + 1, sizeof *made->values);
    for (uint64_t i = 0; made->values && i < program->step_count; i++) {
        made->values[i] = calloc(program->steps[i].elements + 1, sizeof(float));
        if (!made->values[i]) break;
    }
    if (!made->values || (program->step_count > 0 && !made->values[program->step_count - 1])) {
        small_invocation_free(context, made);
        return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no memory for an invocation");
    }
    *invocation = made;
    return HETERODYNE_OK;
}

static float small_maximum(float x, float y) {
    if (isnan(x) || isnan(y)) return NAN;
    if (x == y) return signbit(x) ? y : x;
    return x > y ? x : y;
}

static int32_t small_execute(
    heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, heterodyne_completion *completion, heterodyne_error *error) {
    (void)context, (void)completion;
    const heterodyne_program *program = invocation->program;
    for (uint64_t i = 0; i < program->input_count; i++)
        if (inputs[i]->size < program->input_bytes[i])
            return heterodyne_fail(error, HETERODYNE_INVALID_ARGUMENT, 0, "an input is too small");
    for (uint64_t i = 0; i < program->output_count; i++)
        if (outputs[i]->size < program->output_bytes[i])
            return heterodyne_fail(error, HETERODYNE_INVALID_ARGUMENT, 0, "an output is too small");
    for (uint64_t i = 0; i < program->step_count; i++) {
        const small_step *step = &program->steps[i];
        float *z = invocation->values[i];
        const float *x = invocation->values[step->operands[0]], *y = invocation->values[step->operands[1]];
        if (step->operation == HETERODYNE_PARAMETER) {
            memcpy(z, inputs[step->input]->bytes, step->elements * sizeof *z);
            continue;
        }
        if (step->operation == HETERODYNE_CONSTANT && step->constant) {
            memcpy(z, step->constant, step->elements * sizeof *z);
            continue;
        }
        for (uint64_t k = 0; k < step->elements; k++) {
            switch (step->operation) {
            case HETERODYNE_CONSTANT: z[k] = step->splat; break;
            case HETERODYNE_NEGATE: z[k] = -x[k]; break;
            case HETERODYNE_ADD: z[k] = x[k] + y[k]; break;
            case HETERODYNE_SUBTRACT: z[k] = x[k] - y[k]; break;
            case HETERODYNE_MULTIPLY: z[k] = x[k] * y[k]; break;
            default: z[k] = small_maximum(x[k], y[k]); break;
            }
        }
    }
    for (uint64_t i = 0; i < program->output_count; i++)
        if (program->output_bytes[i] > 0)
            memcpy(outputs[i]->bytes, invocation->values[program->outputs[i]], program->output_bytes[i]);
    return HETERODYNE_OK;
}

/* ---------------------------------------------------------------------------------------------------- The table */

static heterodyne_plugin small_table;

/* Fills the table; `version` is what the host offered. */
static void small_fill(uint32_t version) {
    small_prepare();
    small_table.struct_size = sizeof small_table;
    small_table.version = version;
    small_table.name = heterodyne_text("small");
    small_table.plugin_version = heterodyne_text("1.0");
    small_table.device_count = small_device_count;
    small_table.device_describe = small_describe;
    small_table.device_capabilities = small_capable;
    small_table.support = small_support;
    small_table.buffer_allocate = small_allocate;
    small_table.buffer_free = small_free;
    small_table.buffer_write = small_write;
    small_table.buffer_read = small_read;
    small_table.compile = small_compile;
    small_table.program_free = small_program_free;
    small_table.program_info = small_program_info;
    small_table.invocation_create = small_invocation_create;
    small_table.invocation_free = small_invocation_free;
    small_table.execute = small_execute;
}

#ifndef SMALL_WITHOUT_OPEN
int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    heterodyne_error *error) {
    (void)host;
    if (minimum > HETERODYNE_PLUGIN_VERSION || maximum < HETERODYNE_VERSION(1, 0))
        return heterodyne_fail(error, HETERODYNE_VERSION_MISMATCH, 0, "this plugin speaks version 1.0");
    small_fill(HETERODYNE_VERSION(1, 0));
    *plugin = &small_table;
    return HETERODYNE_OK;
}
#endif
