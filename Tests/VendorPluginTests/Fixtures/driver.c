// Heterodyne: calls the functions of a plugin directly, as the tests of the vendor's sample ask.
// SPDX-License-Identifier: Apache-2.0

#define _DEFAULT_SOURCE
#include "heterodyne_plugin.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const heterodyne_plugin *plugin;

/* Calls that must succeed. */
static void need(int32_t status, const heterodyne_error *error) {
    if (status == HETERODYNE_OK) return;
    fprintf(stderr, "status %d: %.*s (node %lld)\n", status, (int)error->message_size, error->message,
        (long long)error->node);
    exit(2);
}

static heterodyne_error fresh(char *room, size_t size) {
    return (heterodyne_error){.struct_size = sizeof(heterodyne_error), .message = room, .message_capacity = size};
}

#define LIST(NAME, COUNT, ...) \
    {.struct_size = sizeof(heterodyne_attribute), .name = HETERODYNE_TEXT(NAME), \
     .kind = HETERODYNE_ATTRIBUTE_INTEGERS, .count = COUNT, .integers = (const int64_t[]){__VA_ARGS__}}
#define WORD(NAME, VALUE) \
    {.struct_size = sizeof(heterodyne_attribute), .name = HETERODYNE_TEXT(NAME), \
     .kind = HETERODYNE_ATTRIBUTE_STRING, .count = 1, .strings = (const heterodyne_string[]){HETERODYNE_TEXT(VALUE)}}
#define TYPE(BYTES, RANK, ...) \
    {.struct_size = sizeof(heterodyne_type), .scalar_type = HETERODYNE_FLOAT32, .rank = RANK, \
     .extents = (const int64_t[]){__VA_ARGS__}, .byte_count = BYTES}

/* a[2, 3, 4] · b[2, 5, 4] over the last dimension, moved to [3, 2, 5], gelu, summed to [3, 5]; the product and a are
 * outputs too. */
static const heterodyne_type types[] = {
    TYPE(96, 3, 2, 3, 4), TYPE(160, 3, 2, 5, 4), TYPE(120, 3, 2, 3, 5), TYPE(120, 3, 3, 2, 5), TYPE(60, 2, 3, 5)};
static const heterodyne_type *const pointers[] = {&types[0], &types[1], &types[2], &types[3], &types[4]};
static const heterodyne_attribute attributes[] = {
    LIST("leftBatch", 1, 0), LIST("rightBatch", 1, 0), LIST("leftContracting", 1, 2), LIST("rightContracting", 1, 2),
    {.struct_size = sizeof(heterodyne_attribute), .name = HETERODYNE_TEXT("accumulation"),
     .kind = HETERODYNE_ATTRIBUTE_SCALAR_TYPE, .integer = HETERODYNE_FLOAT32},
    LIST("permutation", 3, 1, 0, 2), WORD("approximation", "none"), WORD("kind", "sum"), LIST("dimensions", 1, 1)};
static const heterodyne_attribute *const listed[] = {
    &attributes[0], &attributes[1], &attributes[2], &attributes[3], &attributes[4], &attributes[5], &attributes[6],
    &attributes[7], &attributes[8]};
static const heterodyne_value values[] = {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {2, 0}, {0, 0}};
#define NODE(OPERATION, NAME, OPERANDS, FIRST, RESULT, ATTRIBUTES, AT) \
    {.struct_size = sizeof(heterodyne_node), .operation = OPERATION, .name = HETERODYNE_TEXT(NAME), \
     .operand_count = OPERANDS, .operands = &values[FIRST], .result_count = 1, .result_types = &pointers[RESULT], \
     .attribute_count = ATTRIBUTES, .attributes = &listed[AT]}
static const heterodyne_node nodes[] = {
    NODE(HETERODYNE_PARAMETER, "a", 0, 0, 0, 0, 0), NODE(HETERODYNE_PARAMETER, "b", 0, 0, 1, 0, 0),
    NODE(HETERODYNE_DOT, "dot", 2, 0, 2, 5, 0), NODE(HETERODYNE_TRANSPOSE, "transpose", 1, 2, 3, 1, 5),
    NODE(HETERODYNE_COMPOSITE, "gelu", 1, 3, 3, 1, 6), NODE(HETERODYNE_REDUCE, "reduce", 1, 4, 4, 2, 7)};
static const heterodyne_node *const order[] = {&nodes[0], &nodes[1], &nodes[2], &nodes[3], &nodes[4], &nodes[5]};
static const heterodyne_graph graph = {
    .struct_size = sizeof graph, .node_count = 6, .nodes = order, .input_count = 2, .inputs = values,
    .output_count = 3, .outputs = &values[5]};

static float a[24], b[40];
static heterodyne_buffer *inputs[2];
static heterodyne_program *program;

/* Runs the program in an invocation of its own, often, and compares every element with float64. */
static void *work(void *result) {
    char room[256];
    heterodyne_error error = fresh(room, sizeof room);
    heterodyne_invocation *invocation;
    heterodyne_buffer *outputs[3];
    uint64_t sizes[3] = {60, 120, 96};
    float sums[15], product[30], copy[24];
    double worst = 0;
    need(plugin->invocation_create(plugin->context, program, &invocation, &error), &error);
    for (int i = 0; i < 3; i++)
        need(plugin->buffer_allocate(plugin->context, 0, sizes[i], &outputs[i], &error), &error);
    for (int turn = 0; turn < 50; turn++) {
        need(plugin->execute(plugin->context, invocation, inputs, outputs, NULL, &error), &error);
        need(plugin->buffer_read(plugin->context, outputs[0], 0, sums, sizeof sums, &error), &error);
        need(plugin->buffer_read(plugin->context, outputs[1], 0, product, sizeof product, &error), &error);
        need(plugin->buffer_read(plugin->context, outputs[2], 0, copy, sizeof copy, &error), &error);
        if (memcmp(copy, a, sizeof a) != 0) worst = INFINITY;
        for (int x = 0; x < 3; x++)
            for (int y = 0; y < 5; y++) {
                double total = 0;
                for (int z = 0; z < 2; z++) {
                    double exact = 0;
                    for (int k = 0; k < 4; k++) exact += (double)a[z * 12 + x * 4 + k] * b[z * 20 + y * 4 + k];
                    worst = fmax(worst, fabs(exact - product[z * 15 + x * 5 + y]));
                    total += exact * 0.5 * erfc(-exact / sqrt(2));
                }
                worst = fmax(worst, fabs(total - sums[x * 5 + y]));
            }
    }
    for (int i = 0; i < 3; i++) plugin->buffer_free(plugin->context, outputs[i]);
    plugin->invocation_free(plugin->context, invocation);
    *(double *)result = worst;
    return NULL;
}

/* driver LIBRARY run|read|write: runs the program on four threads, or touches device memory as a host must not. */
int main(int count, char **arguments) {
    if (count != 3) return 64;
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 3;
    int32_t (*open)(const heterodyne_host *, uint32_t, uint32_t, const heterodyne_plugin **, heterodyne_error *);
    *(void **)&open = dlsym(library, "heterodyne_plugin_open");
    if (!open) return fprintf(stderr, "%s\n", dlerror()), 3;
    static heterodyne_host host = {.struct_size = sizeof host, .name = HETERODYNE_TEXT("driver")};
    char room[256];
    heterodyne_error error = fresh(room, sizeof room);
    need(open(&host, HETERODYNE_PLUGIN_VERSION, HETERODYNE_PLUGIN_VERSION, &plugin, &error), &error);
    for (int i = 0; i < 24; i++) a[i] = sinf((float)i);
    for (int i = 0; i < 40; i++) b[i] = cosf((float)i);
    need(plugin->buffer_allocate(plugin->context, 0, sizeof a, &inputs[0], &error), &error);
    need(plugin->buffer_allocate(plugin->context, 0, sizeof b, &inputs[1], &error), &error);
    need(plugin->buffer_write(plugin->context, inputs[0], 0, a, sizeof a, &error), &error);
    need(plugin->buffer_write(plugin->context, inputs[1], 0, b, sizeof b, &error), &error);
    heterodyne_unit unit = {.struct_size = sizeof unit, .graph = &graph};
    need(plugin->compile(plugin->context, 0, &unit, &program, &error), &error);

    pthread_t threads[4];
    double worst[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, &worst[i]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    plugin->program_free(plugin->context, program);
    puts("ran");
    fflush(stdout);
    /* A handle is an address on the card. */
    if (strcmp(arguments[2], "read") == 0) return *(volatile char *)inputs[0];
    if (strcmp(arguments[2], "write") == 0) *(volatile char *)inputs[0] = 1;
    for (int i = 0; i < 2; i++) plugin->buffer_free(plugin->context, inputs[i]);
    for (int i = 0; i < 4; i++)
        if (!(worst[i] < 1e-6)) return fprintf(stderr, "thread %d is off by %g\n", i, worst[i]), 4;
    return 0;
}
