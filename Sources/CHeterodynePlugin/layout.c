// Heterodyne: freezes the plugin interface: within a major version no field moves and no code changes.
// SPDX-License-Identifier: Apache-2.0
//
// Made by scripts/plugin_layout.py from heterodyne_plugin.h, for processors with 64-bit pointers (LP64:
// x86-64, aarch64). With HETERODYNE_LATER_MINOR it asks whether a later header still has all of this.

#include "heterodyne_plugin.h"

#ifdef HETERODYNE_LATER_MINOR
#define AT_LEAST >=
#else
#define AT_LEAST ==
#endif

#define VERSION(major, minor)                                                                            \
    _Static_assert(                                                                                      \
        HETERODYNE_PLUGIN_VERSION >> 16 == major && (HETERODYNE_PLUGIN_VERSION & 0xFFFF) AT_LEAST minor, \
        "the interface is not version " #major "." #minor)
#define PLAIN(type, bytes) _Static_assert(sizeof(type) == bytes, #type " never changes")
#define STRUCT(type, bytes) \
    _Static_assert(sizeof(type) AT_LEAST bytes, #type " changed its size: run scripts/plugin_layout.py")
#define FIELD(type, field, offset, bytes, ...)                                            \
    _Static_assert(                                                                       \
        offsetof(type, field) == offset && sizeof(((type *)0)->field) == bytes,           \
        #type "." #field " moved");                                                       \
    _Static_assert(                                                                       \
        _Generic(((type *)0)->field, __VA_ARGS__: 1, default: 0), #type "." #field " changed its type")
#define CODE(code, value) _Static_assert((code) == (value), #code " changed its value")
#define COUNT(code, value) _Static_assert((code) AT_LEAST (value), #code " changed")

#if UINTPTR_MAX == 0xFFFFFFFFFFFFFFFF

VERSION(1, 0);

PLAIN(heterodyne_string, 16);
FIELD(heterodyne_string, data, 0, 8, const char *);
FIELD(heterodyne_string, size, 8, 8, uint64_t);

PLAIN(heterodyne_value, 8);
FIELD(heterodyne_value, node, 0, 4, uint32_t);
FIELD(heterodyne_value, result, 4, 4, uint32_t);

PLAIN(heterodyne_named, 32);
FIELD(heterodyne_named, name, 0, 16, heterodyne_string);
FIELD(heterodyne_named, value, 16, 16, heterodyne_string);

PLAIN(heterodyne_extension, 24);
FIELD(heterodyne_extension, struct_size, 0, 8, size_t);
FIELD(heterodyne_extension, next, 8, 8, const struct heterodyne_extension *);
FIELD(heterodyne_extension, type, 16, 8, uint64_t);

STRUCT(heterodyne_error, 64);
FIELD(heterodyne_error, struct_size, 0, 8, size_t);
FIELD(heterodyne_error, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_error, message, 16, 8, char *);
FIELD(heterodyne_error, message_capacity, 24, 8, uint64_t);
FIELD(heterodyne_error, message_size, 32, 8, uint64_t);
FIELD(heterodyne_error, node, 40, 8, int64_t);
FIELD(heterodyne_error, vendor_code, 48, 8, int64_t);
FIELD(heterodyne_error, is_retryable, 56, 8, uint64_t);

STRUCT(heterodyne_host, 48);
FIELD(heterodyne_host, struct_size, 0, 8, size_t);
FIELD(heterodyne_host, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_host, name, 16, 16, heterodyne_string);
FIELD(heterodyne_host, context, 32, 8, void *);
FIELD(heterodyne_host, log, 40, 8, void (*)(void *context, uint32_t level, heterodyne_string text));

STRUCT(heterodyne_type, 40);
FIELD(heterodyne_type, struct_size, 0, 8, size_t);
FIELD(heterodyne_type, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_type, scalar_type, 16, 4, uint32_t);
FIELD(heterodyne_type, rank, 20, 4, uint32_t);
FIELD(heterodyne_type, extents, 24, 8, const int64_t *);
FIELD(heterodyne_type, byte_count, 32, 8, uint64_t);

STRUCT(heterodyne_literal, 40);
FIELD(heterodyne_literal, struct_size, 0, 8, size_t);
FIELD(heterodyne_literal, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_literal, type, 16, 8, const heterodyne_type *);
FIELD(heterodyne_literal, bytes, 24, 8, const void *);
FIELD(heterodyne_literal, splat_bits, 32, 8, uint64_t);

STRUCT(heterodyne_attribute, 112);
FIELD(heterodyne_attribute, struct_size, 0, 8, size_t);
FIELD(heterodyne_attribute, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_attribute, name, 16, 16, heterodyne_string);
FIELD(heterodyne_attribute, kind, 32, 4, uint32_t);
FIELD(heterodyne_attribute, integer, 40, 8, int64_t);
FIELD(heterodyne_attribute, number, 48, 8, double);
FIELD(heterodyne_attribute, count, 56, 8, uint64_t);
FIELD(heterodyne_attribute, integers, 64, 8, const int64_t *);
FIELD(heterodyne_attribute, numbers, 72, 8, const double *);
FIELD(heterodyne_attribute, strings, 80, 8, const heterodyne_string *);
FIELD(heterodyne_attribute, type, 88, 8, const heterodyne_type *);
FIELD(heterodyne_attribute, literal, 96, 8, const heterodyne_literal *);
FIELD(heterodyne_attribute, graph, 104, 8, const struct heterodyne_graph *);

STRUCT(heterodyne_node, 112);
FIELD(heterodyne_node, struct_size, 0, 8, size_t);
FIELD(heterodyne_node, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_node, operation, 16, 4, uint32_t);
FIELD(heterodyne_node, name, 24, 16, heterodyne_string);
FIELD(heterodyne_node, operand_count, 40, 8, uint64_t);
FIELD(heterodyne_node, operands, 48, 8, const heterodyne_value *);
FIELD(heterodyne_node, result_count, 56, 8, uint64_t);
FIELD(heterodyne_node, result_types, 64, 8, const heterodyne_type * const *);
FIELD(heterodyne_node, attribute_count, 72, 8, uint64_t);
FIELD(heterodyne_node, attributes, 80, 8, const heterodyne_attribute * const *);
FIELD(heterodyne_node, decomposition, 88, 8, const struct heterodyne_graph *);
FIELD(heterodyne_node, location, 96, 16, heterodyne_string);

STRUCT(heterodyne_graph, 72);
FIELD(heterodyne_graph, struct_size, 0, 8, size_t);
FIELD(heterodyne_graph, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_graph, node_count, 16, 8, uint64_t);
FIELD(heterodyne_graph, nodes, 24, 8, const heterodyne_node * const *);
FIELD(heterodyne_graph, input_count, 32, 8, uint64_t);
FIELD(heterodyne_graph, inputs, 40, 8, const heterodyne_value *);
FIELD(heterodyne_graph, output_count, 48, 8, uint64_t);
FIELD(heterodyne_graph, outputs, 56, 8, const heterodyne_value *);
FIELD(heterodyne_graph, output_names, 64, 8, const heterodyne_string *);

STRUCT(heterodyne_unit, 72);
FIELD(heterodyne_unit, struct_size, 0, 8, size_t);
FIELD(heterodyne_unit, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_unit, graph, 16, 8, const heterodyne_graph *);
FIELD(heterodyne_unit, donated_input_count, 24, 8, uint64_t);
FIELD(heterodyne_unit, donated_inputs, 32, 8, const uint64_t *);
FIELD(heterodyne_unit, emulated_types, 40, 8, uint64_t);
FIELD(heterodyne_unit, is_uncontracted, 48, 4, uint32_t);
FIELD(heterodyne_unit, threads, 52, 4, uint32_t);
FIELD(heterodyne_unit, label, 56, 16, heterodyne_string);

STRUCT(heterodyne_device_info, 176);
FIELD(heterodyne_device_info, struct_size, 0, 8, size_t);
FIELD(heterodyne_device_info, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_device_info, id, 16, 16, heterodyne_string);
FIELD(heterodyne_device_info, name, 32, 16, heterodyne_string);
FIELD(heterodyne_device_info, vendor, 48, 16, heterodyne_string);
FIELD(heterodyne_device_info, kind, 64, 4, uint32_t);
FIELD(heterodyne_device_info, flags, 68, 4, uint32_t);
FIELD(heterodyne_device_info, threads, 72, 8, uint64_t);
FIELD(heterodyne_device_info, memory_byte_count, 80, 8, uint64_t);
FIELD(heterodyne_device_info, free_memory_byte_count, 88, 8, uint64_t);
FIELD(heterodyne_device_info, version_count, 96, 8, uint64_t);
FIELD(heterodyne_device_info, versions, 104, 8, const heterodyne_named *);
FIELD(heterodyne_device_info, detail_count, 112, 8, uint64_t);
FIELD(heterodyne_device_info, details, 120, 8, const heterodyne_named *);
FIELD(heterodyne_device_info, fingerprint, 128, 16, heterodyne_string);
FIELD(heterodyne_device_info, unavailable_reason, 144, 16, heterodyne_string);
FIELD(heterodyne_device_info, remedy, 160, 16, heterodyne_string);

STRUCT(heterodyne_exception, 40);
FIELD(heterodyne_exception, struct_size, 0, 8, size_t);
FIELD(heterodyne_exception, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_exception, operation, 16, 4, uint32_t);
FIELD(heterodyne_exception, scalar_type, 20, 4, uint32_t);
FIELD(heterodyne_exception, reason, 24, 16, heterodyne_string);

STRUCT(heterodyne_emulation, 72);
FIELD(heterodyne_emulation, struct_size, 0, 8, size_t);
FIELD(heterodyne_emulation, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_emulation, scalar_type, 16, 4, uint32_t);
FIELD(heterodyne_emulation, usages, 20, 4, uint32_t);
FIELD(heterodyne_emulation, method, 24, 16, heterodyne_string);
FIELD(heterodyne_emulation, precision, 40, 4, uint32_t);
FIELD(heterodyne_emulation, cost_factor, 48, 8, double);
FIELD(heterodyne_emulation, exception_count, 56, 8, uint64_t);
FIELD(heterodyne_emulation, exceptions, 64, 8, const heterodyne_exception * const *);

STRUCT(heterodyne_rate, 56);
FIELD(heterodyne_rate, struct_size, 0, 8, size_t);
FIELD(heterodyne_rate, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_rate, what, 16, 16, heterodyne_string);
FIELD(heterodyne_rate, per_second, 32, 8, double);
FIELD(heterodyne_rate, source, 40, 16, heterodyne_string);

STRUCT(heterodyne_composite_error, 40);
FIELD(heterodyne_composite_error, struct_size, 0, 8, size_t);
FIELD(heterodyne_composite_error, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_composite_error, composite, 16, 16, heterodyne_string);
FIELD(heterodyne_composite_error, maximum_ulp, 32, 8, double);

STRUCT(heterodyne_capabilities, 208);
FIELD(heterodyne_capabilities, struct_size, 0, 8, size_t);
FIELD(heterodyne_capabilities, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_capabilities, usage_count, 16, 8, uint64_t);
FIELD(heterodyne_capabilities, usages, 24, 8, const uint32_t *);
FIELD(heterodyne_capabilities, exception_count, 32, 8, uint64_t);
FIELD(heterodyne_capabilities, exceptions, 40, 8, const heterodyne_exception * const *);
FIELD(heterodyne_capabilities, emulation_count, 48, 8, uint64_t);
FIELD(heterodyne_capabilities, emulations, 56, 8, const heterodyne_emulation * const *);
FIELD(heterodyne_capabilities, claim_count, 64, 8, uint64_t);
FIELD(heterodyne_capabilities, claims, 72, 8, const heterodyne_string *);
FIELD(heterodyne_capabilities, is_inference_only, 80, 4, uint32_t);
FIELD(heterodyne_capabilities, has_unified_memory, 84, 4, uint32_t);
FIELD(heterodyne_capabilities, maximum_buffer_byte_count, 88, 8, uint64_t);
FIELD(heterodyne_capabilities, fuses_elementwise, 96, 4, uint32_t);
FIELD(heterodyne_capabilities, fuses_dot_epilogues, 100, 4, uint32_t);
FIELD(heterodyne_capabilities, maximum_region_operands, 104, 8, uint64_t);
FIELD(heterodyne_capabilities, maximum_region_nodes, 112, 8, uint64_t);
FIELD(heterodyne_capabilities, region_types, 120, 8, uint64_t);
FIELD(heterodyne_capabilities, region_composite_count, 128, 8, uint64_t);
FIELD(heterodyne_capabilities, region_composites, 136, 8, const heterodyne_string *);
FIELD(heterodyne_capabilities, rate_count, 144, 8, uint64_t);
FIELD(heterodyne_capabilities, rates, 152, 8, const heterodyne_rate * const *);
FIELD(heterodyne_capabilities, flushes_denormals, 160, 4, uint32_t);
FIELD(heterodyne_capabilities, loses_nan, 164, 4, uint32_t);
FIELD(heterodyne_capabilities, contracts, 168, 4, uint32_t);
FIELD(heterodyne_capabilities, is_inexact, 172, 4, uint32_t);
FIELD(heterodyne_capabilities, ulp_count, 176, 8, uint64_t);
FIELD(heterodyne_capabilities, maximum_ulp, 184, 8, const double *);
FIELD(heterodyne_capabilities, composite_error_count, 192, 8, uint64_t);
FIELD(heterodyne_capabilities, composite_errors, 200, 8, const heterodyne_composite_error * const *);

STRUCT(heterodyne_program_info, 96);
FIELD(heterodyne_program_info, struct_size, 0, 8, size_t);
FIELD(heterodyne_program_info, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_program_info, arena_byte_count, 16, 8, uint64_t);
FIELD(heterodyne_program_info, constant_byte_count, 24, 8, uint64_t);
FIELD(heterodyne_program_info, step_count, 32, 8, uint64_t);
FIELD(heterodyne_program_info, steps, 40, 8, const heterodyne_string *);
FIELD(heterodyne_program_info, in_place_count, 48, 8, uint64_t);
FIELD(heterodyne_program_info, in_place, 56, 8, const uint64_t (*)[2]);
FIELD(heterodyne_program_info, input_count, 64, 8, uint64_t);
FIELD(heterodyne_program_info, input_byte_counts, 72, 8, const uint64_t *);
FIELD(heterodyne_program_info, output_count, 80, 8, uint64_t);
FIELD(heterodyne_program_info, output_byte_counts, 88, 8, const uint64_t *);

STRUCT(heterodyne_measurement, 72);
FIELD(heterodyne_measurement, struct_size, 0, 8, size_t);
FIELD(heterodyne_measurement, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_measurement, name, 16, 16, heterodyne_string);
FIELD(heterodyne_measurement, value, 32, 8, double);
FIELD(heterodyne_measurement, unit, 40, 16, heterodyne_string);
FIELD(heterodyne_measurement, source, 56, 16, heterodyne_string);

STRUCT(heterodyne_completion, 32);
FIELD(heterodyne_completion, struct_size, 0, 8, size_t);
FIELD(heterodyne_completion, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_completion, error, 16, 8, heterodyne_error *);
FIELD(heterodyne_completion, done, 24, 8, void (*)(struct heterodyne_completion *completion, int32_t status));

STRUCT(heterodyne_plugin, 224);
FIELD(heterodyne_plugin, struct_size, 0, 8, size_t);
FIELD(heterodyne_plugin, extensions, 8, 8, const heterodyne_extension *);
FIELD(heterodyne_plugin, version, 16, 4, uint32_t);
FIELD(heterodyne_plugin, flags, 20, 4, uint32_t);
FIELD(heterodyne_plugin, name, 24, 16, heterodyne_string);
FIELD(heterodyne_plugin, plugin_version, 40, 16, heterodyne_string);
FIELD(heterodyne_plugin, context, 56, 8, heterodyne_context *);
FIELD(heterodyne_plugin, close, 64, 8, void (*)(heterodyne_context *context));
FIELD(heterodyne_plugin, device_count, 72, 8, int32_t (*)(heterodyne_context *context, uint64_t *count,
    heterodyne_error *error));
FIELD(heterodyne_plugin, device_describe, 80, 8, int32_t (*)(heterodyne_context *context, uint64_t device, const
    heterodyne_device_info **info, heterodyne_error *error));
FIELD(heterodyne_plugin, device_capabilities, 88, 8, int32_t (*)(heterodyne_context *context, uint64_t device, const
    heterodyne_capabilities **capabilities, heterodyne_error *error));
FIELD(heterodyne_plugin, support, 96, 8, int32_t (*)(heterodyne_context *context, uint64_t device, const
    heterodyne_graph *graph, uint64_t node, uint32_t *support, heterodyne_error *error));
FIELD(heterodyne_plugin, device_reset, 104, 8, int32_t (*)(heterodyne_context *context, uint64_t device,
    heterodyne_error *error));
FIELD(heterodyne_plugin, buffer_allocate, 112, 8, int32_t (*)(heterodyne_context *context, uint64_t device, uint64_t
    byte_count, heterodyne_buffer **buffer, heterodyne_error *error));
FIELD(heterodyne_plugin, buffer_import, 120, 8, int32_t (*)(heterodyne_context *context, uint64_t device, void *bytes,
    uint64_t byte_count, uint32_t is_writable, heterodyne_buffer **buffer, heterodyne_error *error));
FIELD(heterodyne_plugin, buffer_free, 128, 8, void (*)(heterodyne_context *context, heterodyne_buffer *buffer));
FIELD(heterodyne_plugin, buffer_write, 136, 8, int32_t (*)(heterodyne_context *context, heterodyne_buffer *buffer,
    uint64_t offset, const void *bytes, uint64_t count, heterodyne_error *error));
FIELD(heterodyne_plugin, buffer_read, 144, 8, int32_t (*)(heterodyne_context *context, heterodyne_buffer *buffer,
    uint64_t offset, void *bytes, uint64_t count, heterodyne_error *error));
FIELD(heterodyne_plugin, buffer_address, 152, 8, void *(*)(heterodyne_context *context, heterodyne_buffer *buffer));
FIELD(heterodyne_plugin, compile, 160, 8, int32_t (*)(heterodyne_context *context, uint64_t device, const
    heterodyne_unit *unit, heterodyne_program **program, heterodyne_error *error));
FIELD(heterodyne_plugin, program_free, 168, 8, void (*)(heterodyne_context *context, heterodyne_program *program));
FIELD(heterodyne_plugin, program_info, 176, 8, int32_t (*)(heterodyne_context *context, heterodyne_program *program,
    const heterodyne_program_info **info, heterodyne_error *error));
FIELD(heterodyne_plugin, invocation_create, 184, 8, int32_t (*)(heterodyne_context *context, heterodyne_program
    *program, heterodyne_invocation **invocation, heterodyne_error *error));
FIELD(heterodyne_plugin, invocation_free, 192, 8, void (*)(heterodyne_context *context, heterodyne_invocation
    *invocation));
FIELD(heterodyne_plugin, execute, 200, 8, int32_t (*)(heterodyne_context *context, heterodyne_invocation *invocation,
    heterodyne_buffer * const *inputs, heterodyne_buffer * const *outputs, heterodyne_completion *completion,
    heterodyne_error *error));
FIELD(heterodyne_plugin, profile, 208, 8, int32_t (*)(heterodyne_context *context, heterodyne_invocation *invocation,
    heterodyne_buffer * const *inputs, heterodyne_buffer * const *outputs, uint64_t *nanoseconds, uint64_t count,
    heterodyne_error *error));
FIELD(heterodyne_plugin, measurements, 216, 8, int32_t (*)(heterodyne_context *context, heterodyne_invocation
    *invocation, const heterodyne_measurement * const **measurements, uint64_t *count, heterodyne_error *error));

#endif

_Static_assert(
    _Generic(&heterodyne_plugin_open, int32_t (*)(const heterodyne_host *host, uint32_t minimum, uint32_t maximum,
        const heterodyne_plugin **plugin, heterodyne_error *error): 1, default: 0),
    "heterodyne_plugin_open changed its type");

CODE(HETERODYNE_OK, 0);
CODE(HETERODYNE_CANCELLED, 1);
CODE(HETERODYNE_INVALID_ARGUMENT, 2);
CODE(HETERODYNE_UNSUPPORTED, 3);
CODE(HETERODYNE_OUT_OF_MEMORY, 4);
CODE(HETERODYNE_DEVICE_UNAVAILABLE, 5);
CODE(HETERODYNE_LIBRARY_UNAVAILABLE, 6);
CODE(HETERODYNE_COMPILATION_FAILED, 7);
CODE(HETERODYNE_EXECUTION_FAILED, 8);
CODE(HETERODYNE_DEVICE_LOST, 9);
CODE(HETERODYNE_VERSION_MISMATCH, 10);
CODE(HETERODYNE_INTERNAL, 11);

CODE(HETERODYNE_BOOL, 0);
CODE(HETERODYNE_INT4, 1);
CODE(HETERODYNE_UINT4, 2);
CODE(HETERODYNE_INT8, 3);
CODE(HETERODYNE_INT16, 4);
CODE(HETERODYNE_INT32, 5);
CODE(HETERODYNE_INT64, 6);
CODE(HETERODYNE_UINT8, 7);
CODE(HETERODYNE_UINT16, 8);
CODE(HETERODYNE_UINT32, 9);
CODE(HETERODYNE_UINT64, 10);
CODE(HETERODYNE_FLOAT8E4M3FN, 11);
CODE(HETERODYNE_FLOAT8E5M2, 12);
CODE(HETERODYNE_FLOAT16, 13);
CODE(HETERODYNE_BFLOAT16, 14);
CODE(HETERODYNE_FLOAT32, 15);
CODE(HETERODYNE_FLOAT64, 16);
COUNT(HETERODYNE_SCALAR_TYPE_COUNT, 17);

CODE(HETERODYNE_CONSTANT, 0);
CODE(HETERODYNE_IOTA, 1);
CODE(HETERODYNE_CONVERT, 2);
CODE(HETERODYNE_BITCAST, 3);
CODE(HETERODYNE_NEGATE, 4);
CODE(HETERODYNE_ABS, 5);
CODE(HETERODYNE_FLOOR, 6);
CODE(HETERODYNE_EXP, 7);
CODE(HETERODYNE_LOG, 8);
CODE(HETERODYNE_SQRT, 9);
CODE(HETERODYNE_SIN, 10);
CODE(HETERODYNE_COS, 11);
CODE(HETERODYNE_TANH, 12);
CODE(HETERODYNE_ADD, 13);
CODE(HETERODYNE_SUBTRACT, 14);
CODE(HETERODYNE_MULTIPLY, 15);
CODE(HETERODYNE_DIVIDE, 16);
CODE(HETERODYNE_REMAINDER, 17);
CODE(HETERODYNE_POWER, 18);
CODE(HETERODYNE_MAXIMUM, 19);
CODE(HETERODYNE_MINIMUM, 20);
CODE(HETERODYNE_AND, 21);
CODE(HETERODYNE_OR, 22);
CODE(HETERODYNE_XOR, 23);
CODE(HETERODYNE_SHIFT_LEFT, 24);
CODE(HETERODYNE_SHIFT_RIGHT, 25);
CODE(HETERODYNE_COMPARE, 26);
CODE(HETERODYNE_SELECT, 27);
CODE(HETERODYNE_RESHAPE, 28);
CODE(HETERODYNE_TRANSPOSE, 29);
CODE(HETERODYNE_BROADCAST, 30);
CODE(HETERODYNE_SLICE, 31);
CODE(HETERODYNE_PAD, 32);
CODE(HETERODYNE_CONCATENATE, 33);
CODE(HETERODYNE_REVERSE, 34);
CODE(HETERODYNE_GATHER, 35);
CODE(HETERODYNE_SCATTER, 36);
CODE(HETERODYNE_DYNAMIC_SLICE, 37);
CODE(HETERODYNE_DYNAMIC_UPDATE_SLICE, 38);
CODE(HETERODYNE_DOT, 39);
CODE(HETERODYNE_REDUCE, 40);
CODE(HETERODYNE_SORT, 41);
CODE(HETERODYNE_IF, 42);
CODE(HETERODYNE_WHILE, 43);
COUNT(HETERODYNE_OPERATION_COUNT, 44);
CODE(HETERODYNE_PARAMETER, 65536);
CODE(HETERODYNE_COMPOSITE, 65537);

CODE(HETERODYNE_ATTRIBUTE_BOOL, 0);
CODE(HETERODYNE_ATTRIBUTE_INTEGER, 1);
CODE(HETERODYNE_ATTRIBUTE_NUMBER, 2);
CODE(HETERODYNE_ATTRIBUTE_STRING, 3);
CODE(HETERODYNE_ATTRIBUTE_INTEGERS, 4);
CODE(HETERODYNE_ATTRIBUTE_NUMBERS, 5);
CODE(HETERODYNE_ATTRIBUTE_STRINGS, 6);
CODE(HETERODYNE_ATTRIBUTE_EXTENTS, 7);
CODE(HETERODYNE_ATTRIBUTE_SCALAR_TYPE, 8);
CODE(HETERODYNE_ATTRIBUTE_TYPE, 9);
CODE(HETERODYNE_ATTRIBUTE_LITERAL, 10);
CODE(HETERODYNE_ATTRIBUTE_GRAPH, 11);

CODE(HETERODYNE_STORAGE, 1);
CODE(HETERODYNE_CONVERTS, 2);
CODE(HETERODYNE_ARITHMETIC, 4);
CODE(HETERODYNE_DOTS, 8);
CODE(HETERODYNE_ACCUMULATE, 16);
CODE(HETERODYNE_ATOMIC_ADD, 32);
CODE(HETERODYNE_MATRIX_ENGINE, 64);
CODE(HETERODYNE_COMPUTE, 31);

CODE(HETERODYNE_SOFTWARE, 1);
CODE(HETERODYNE_SIMULATED, 2);
CODE(HETERODYNE_ASYNCHRONOUS, 4);

CODE(HETERODYNE_SINGLE_THREAD, 1);

CODE(HETERODYNE_CPU, 0);
CODE(HETERODYNE_DISCRETE_GPU, 1);
CODE(HETERODYNE_INTEGRATED_GPU, 2);
CODE(HETERODYNE_ACCELERATOR, 3);
CODE(HETERODYNE_OTHER, 4);

CODE(HETERODYNE_LOG_DEBUG, 0);
CODE(HETERODYNE_LOG_INFO, 1);
CODE(HETERODYNE_LOG_WARNING, 2);
CODE(HETERODYNE_LOG_ERROR, 3);

CODE(HETERODYNE_SUPPORT_NATIVE, 0);
CODE(HETERODYNE_SUPPORT_EMULATED, 1);
CODE(HETERODYNE_SUPPORT_DECOMPOSED, 2);
CODE(HETERODYNE_SUPPORT_NONE, 3);
