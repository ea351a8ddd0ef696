// Heterodyne: the C interface between the host and a plugin that brings devices.
// SPDX-License-Identifier: Apache-2.0

/* A plugin is a shared library that exports one function, heterodyne_plugin_open, and is announced by a JSON manifest
 * (docs/Plugins.md). This header is all that it needs; it is C11 and C++11 and includes only the standard's headers.
 * docs/WritingABackend.md walks through a complete plugin.
 *
 * RULES
 *
 * Versions. The host offers a range of interface versions; the plugin picks one inside it. Within a major version, fields
 * and functions are only appended and codes are only added (CHANGELOG-plugin.md has an entry per minor version).
 *
 * Structs. Each begins with struct_size, which the side that owns the memory sets to its own sizeof, and a chain of
 * extensions. A reader uses a field only where HETERODYNE_HAS(struct, field) holds, and skips extensions that it does not
 * know. Arrays of structs are arrays of pointers, so that elements may grow. The three plain values heterodyne_string,
 * heterodyne_value and heterodyne_named never change.
 *
 * Memory. What the host passes is valid during the call, unless its comment says longer. What the plugin hands out through
 * `const` pointers belongs to the plugin and stays valid and unchanged until close. Neither side frees the other's memory.
 *
 * Text is UTF-8, a pointer and a length in bytes, without a terminating zero; {NULL, 0} is empty. Sizes have 64 bits.
 * Pointers are NULL only where a comment says so.
 *
 * Threads. Every function may be called from any thread, and different threads may be inside the plugin at the same time.
 * The host uses one invocation, and writes one buffer, from one thread at a time. A plugin that cannot do this sets
 * HETERODYNE_SINGLE_THREAD, and the host then calls it from one thread at a time.
 *
 * Errors. A function returns HETERODYNE_OK or another heterodyne_status, and then fills the error that the host passed
 * (heterodyne_fail does it). Where it fails it has no effect, and what it should have handed out is not looked at.
 *
 * Conduct. No exception or longjmp crosses this interface. A plugin never calls exit or abort, prints nothing (the host has
 * a log), installs no signal handlers, and registers nothing with atexit. The host calls heterodyne_plugin_open and
 * the functions that describe devices in a child process first, and takes two seconds without an answer as a refusal.
 */
#ifndef HETERODYNE_PLUGIN_H
#define HETERODYNE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An interface version as one number that orders as versions do. Zero is no version. */
#define HETERODYNE_VERSION(major, minor) (((uint32_t)(major) << 16) | (uint32_t)(minor))
/* The version that this header describes. */
#define HETERODYNE_PLUGIN_VERSION HETERODYNE_VERSION(1, 0)
/* Whether the owner of `object`, a pointer to a struct, knows `field` and has set it. */
#define HETERODYNE_HAS(object, field) \
    ((object)->struct_size >= (size_t)((const char *)&(object)->field - (const char *)(object)) + sizeof((object)->field))
/* A literal as a heterodyne_string that may stand in an initializer: `.name = HETERODYNE_TEXT("Acme NPU")`. */
#define HETERODYNE_TEXT(literal) {"" literal, sizeof(literal) - 1}
/* Exports a function from a library that hides its symbols. */
#define HETERODYNE_EXPORT __attribute__((visibility("default")))

/* ------------------------------------------------------------------------------------------------ Plain values */

/* Text: UTF-8, `size` bytes, not terminated. */
typedef struct heterodyne_string {
    const char *data;
    uint64_t size;
} heterodyne_string;

/* One result of one node of a graph. */
typedef struct heterodyne_value {
    uint32_t node;
    uint32_t result;
} heterodyne_value;

/* A name with a text, for versions and details. */
typedef struct heterodyne_named {
    heterodyne_string name;
    heterodyne_string value;
} heterodyne_named;

/* One link of the chain that any struct may carry: the start of a struct that `type`, which the project allots, names and
 * struct_size measures. It never changes either. There are none in version 1.0. */
typedef struct heterodyne_extension {
    size_t struct_size;
    const struct heterodyne_extension *next; /* NULL at the end */
    uint64_t type;
} heterodyne_extension;

/* ------------------------------------------------------------------------------------------------ Codes */

/* Why a function failed. */
typedef enum heterodyne_status {
    HETERODYNE_OK = 0,
    HETERODYNE_CANCELLED = 1,
    HETERODYNE_INVALID_ARGUMENT = 2,   /* a buffer or index that does not fit */
    HETERODYNE_UNSUPPORTED = 3,        /* the device cannot do it; never after support said that it can */
    HETERODYNE_OUT_OF_MEMORY = 4,
    HETERODYNE_DEVICE_UNAVAILABLE = 5, /* no such device, or it cannot be used */
    HETERODYNE_LIBRARY_UNAVAILABLE = 6,/* a library that is loaded at run time is missing */
    HETERODYNE_COMPILATION_FAILED = 7,
    HETERODYNE_EXECUTION_FAILED = 8,
    HETERODYNE_DEVICE_LOST = 9,        /* the device must be opened again: device_reset, where there is one */
    HETERODYNE_VERSION_MISMATCH = 10,  /* from heterodyne_plugin_open: the range holds no version that the plugin speaks */
    HETERODYNE_INTERNAL = 11
} heterodyne_status;

/* The type of an element, heterodyne_type.scalar_type. Little-endian; 4-bit integers two per byte, the low half first. */
typedef enum heterodyne_scalar_type {
    HETERODYNE_BOOL = 0, /* one byte, 0 or 1 */
    HETERODYNE_INT4 = 1,
    HETERODYNE_UINT4 = 2,
    HETERODYNE_INT8 = 3,
    HETERODYNE_INT16 = 4,
    HETERODYNE_INT32 = 5,
    HETERODYNE_INT64 = 6,
    HETERODYNE_UINT8 = 7,
    HETERODYNE_UINT16 = 8,
    HETERODYNE_UINT32 = 9,
    HETERODYNE_UINT64 = 10,
    HETERODYNE_FLOAT8E4M3FN = 11,
    HETERODYNE_FLOAT8E5M2 = 12,
    HETERODYNE_FLOAT16 = 13,
    HETERODYNE_BFLOAT16 = 14,
    HETERODYNE_FLOAT32 = 15,
    HETERODYNE_FLOAT64 = 16,
    HETERODYNE_SCALAR_TYPE_COUNT = 17 /* of this minor version */
} heterodyne_scalar_type;

/* What a node does, heterodyne_node.operation. docs/Primitives.md has the definition and the attributes of each. */
typedef enum heterodyne_operation {
    HETERODYNE_CONSTANT = 0, HETERODYNE_IOTA = 1, HETERODYNE_CONVERT = 2, HETERODYNE_BITCAST = 3,
    HETERODYNE_NEGATE = 4, HETERODYNE_ABS = 5, HETERODYNE_FLOOR = 6, HETERODYNE_EXP = 7, HETERODYNE_LOG = 8,
    HETERODYNE_SQRT = 9, HETERODYNE_SIN = 10, HETERODYNE_COS = 11, HETERODYNE_TANH = 12,
    HETERODYNE_ADD = 13, HETERODYNE_SUBTRACT = 14, HETERODYNE_MULTIPLY = 15, HETERODYNE_DIVIDE = 16,
    HETERODYNE_REMAINDER = 17, HETERODYNE_POWER = 18, HETERODYNE_MAXIMUM = 19, HETERODYNE_MINIMUM = 20,
    HETERODYNE_AND = 21, HETERODYNE_OR = 22, HETERODYNE_XOR = 23, HETERODYNE_SHIFT_LEFT = 24,
    HETERODYNE_SHIFT_RIGHT = 25, HETERODYNE_COMPARE = 26, HETERODYNE_SELECT = 27,
    HETERODYNE_RESHAPE = 28, HETERODYNE_TRANSPOSE = 29, HETERODYNE_BROADCAST = 30, HETERODYNE_SLICE = 31,
    HETERODYNE_PAD = 32, HETERODYNE_CONCATENATE = 33, HETERODYNE_REVERSE = 34,
    HETERODYNE_GATHER = 35, HETERODYNE_SCATTER = 36, HETERODYNE_DYNAMIC_SLICE = 37,
    HETERODYNE_DYNAMIC_UPDATE_SLICE = 38, HETERODYNE_DOT = 39, HETERODYNE_REDUCE = 40, HETERODYNE_SORT = 41,
    HETERODYNE_IF = 42, HETERODYNE_WHILE = 43,
    HETERODYNE_OPERATION_COUNT = 44, /* of this minor version */
    HETERODYNE_PARAMETER = 0x10000,  /* an input of the graph */
    HETERODYNE_COMPOSITE = 0x10001   /* known by its name, defined by its decomposition */
} heterodyne_operation;

/* The kind of an attribute, and which of its fields holds the value. */
typedef enum heterodyne_attribute_kind {
    HETERODYNE_ATTRIBUTE_BOOL = 0,        /* integer: 0 or 1 */
    HETERODYNE_ATTRIBUTE_INTEGER = 1,     /* integer */
    HETERODYNE_ATTRIBUTE_NUMBER = 2,      /* number */
    HETERODYNE_ATTRIBUTE_STRING = 3,      /* strings[0] */
    HETERODYNE_ATTRIBUTE_INTEGERS = 4,    /* integers, count */
    HETERODYNE_ATTRIBUTE_NUMBERS = 5,     /* numbers, count */
    HETERODYNE_ATTRIBUTE_STRINGS = 6,     /* strings, count */
    HETERODYNE_ATTRIBUTE_EXTENTS = 7,     /* integers, count: extents or positions in a shape */
    HETERODYNE_ATTRIBUTE_SCALAR_TYPE = 8, /* integer: a heterodyne_scalar_type */
    HETERODYNE_ATTRIBUTE_TYPE = 9,        /* type */
    HETERODYNE_ATTRIBUTE_LITERAL = 10,    /* literal */
    HETERODYNE_ATTRIBUTE_GRAPH = 11       /* graph: a region */
} heterodyne_attribute_kind;

/* What a device can do with a scalar type; bits of heterodyne_capabilities.usages. */
enum {
    HETERODYNE_STORAGE = 1 << 0,       /* hold and move tensors of it */
    HETERODYNE_CONVERTS = 1 << 1,      /* convert from and to the other types */
    HETERODYNE_ARITHMETIC = 1 << 2,    /* elementwise primitives */
    HETERODYNE_DOTS = 1 << 3,          /* operands of dot */
    HETERODYNE_ACCUMULATE = 1 << 4,    /* accumulation in dot and reduce */
    HETERODYNE_ATOMIC_ADD = 1 << 5,
    HETERODYNE_MATRIX_ENGINE = 1 << 6,
    HETERODYNE_COMPUTE = 31            /* the first five */
};

/* Bits of heterodyne_device_info.flags. */
enum {
    HETERODYNE_SOFTWARE = 1 << 0,  /* emulated on the processor: never preferred */
    HETERODYNE_SIMULATED = 1 << 1, /* stands for hardware that is not there: used only where it is named */
    HETERODYNE_ASYNCHRONOUS = 1 << 2 /* execute takes a completion */
};

/* Bits of heterodyne_plugin.flags. */
enum { HETERODYNE_SINGLE_THREAD = 1 << 0 };

typedef enum heterodyne_device_kind {
    HETERODYNE_CPU = 0, HETERODYNE_DISCRETE_GPU = 1, HETERODYNE_INTEGRATED_GPU = 2, HETERODYNE_ACCELERATOR = 3,
    HETERODYNE_OTHER = 4
} heterodyne_device_kind;

typedef enum heterodyne_log_level {
    HETERODYNE_LOG_DEBUG = 0, HETERODYNE_LOG_INFO = 1, HETERODYNE_LOG_WARNING = 2, HETERODYNE_LOG_ERROR = 3
} heterodyne_log_level;

/* How a device runs a node; the answer of heterodyne_plugin.support. */
typedef enum heterodyne_support {
    HETERODYNE_SUPPORT_NATIVE = 0,
    HETERODYNE_SUPPORT_EMULATED = 1,   /* in kernels that use another type, as heterodyne_capabilities.emulations says */
    HETERODYNE_SUPPORT_DECOMPOSED = 2, /* a composite: give its decomposition instead */
    HETERODYNE_SUPPORT_NONE = 3
} heterodyne_support;

/* ------------------------------------------------------------------------------------------------ Host and errors */

/* What went wrong. The host owns it and passes it zeroed but for struct_size, message and message_capacity. */
typedef struct heterodyne_error {
    size_t struct_size;
    const heterodyne_extension *extensions;
    char *message;             /* for people: what failed and what to do; filled by the plugin */
    uint64_t message_capacity; /* bytes that fit */
    uint64_t message_size;     /* bytes that the plugin wrote */
    int64_t node;              /* one more than the index of the node in the compiled graph; 0 for none */
    int64_t vendor_code;       /* the vendor's own number, shown as it is */
    uint64_t is_retryable;     /* 1 where trying again may help */
} heterodyne_error;

/* What the host offers. Valid until close returns. */
typedef struct heterodyne_host {
    size_t struct_size;
    const heterodyne_extension *extensions;
    heterodyne_string name; /* for instance "heterodyne 0.6" */
    void *context;          /* for the functions below */
    /* Takes a line for people. Any thread, also inside other calls. */
    void (*log)(void *context, uint32_t level, heterodyne_string text);
} heterodyne_host;

/* ------------------------------------------------------------------------------------------------ Graphs */

/* The type of a value. All extents are known. */
typedef struct heterodyne_type {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint32_t scalar_type;   /* heterodyne_scalar_type */
    uint32_t rank;          /* at most 16; 0 is a scalar */
    const int64_t *extents; /* outermost first; elements lie densely, row-major; NULL for rank 0 */
    uint64_t byte_count;    /* of a tensor of the type */
} heterodyne_type;

/* Constant data. The bytes stay valid and unchanged until the program that they were compiled into is freed, so that a
 * device which reads host memory need not copy them. */
typedef struct heterodyne_literal {
    size_t struct_size;
    const heterodyne_extension *extensions;
    const heterodyne_type *type;
    const void *bytes;   /* type->byte_count of them; NULL where one element repeats */
    uint64_t splat_bits; /* then its bits, in the low end */
} heterodyne_literal;

/* One named attribute; kind says which fields count. */
typedef struct heterodyne_attribute {
    size_t struct_size;
    const heterodyne_extension *extensions;
    heterodyne_string name;
    uint32_t kind; /* heterodyne_attribute_kind */
    int64_t integer;
    double number;
    uint64_t count;
    const int64_t *integers;
    const double *numbers;
    const heterodyne_string *strings;
    const heterodyne_type *type;
    const heterodyne_literal *literal;
    const struct heterodyne_graph *graph;
} heterodyne_attribute;

/* One operation applied to operands. */
typedef struct heterodyne_node {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint32_t operation;     /* heterodyne_operation */
    heterodyne_string name; /* of the operation; of the input for HETERODYNE_PARAMETER */
    uint64_t operand_count;
    const heterodyne_value *operands; /* results of earlier nodes */
    uint64_t result_count;
    const heterodyne_type *const *result_types;
    uint64_t attribute_count;
    const heterodyne_attribute *const *attributes; /* in the order in which the operation declares them */
    /* For composites of a compiled graph: the definition, whose inputs are the operands and whose outputs are the
     * results. NULL for everything else and in questions about support. */
    const struct heterodyne_graph *decomposition;
    heterodyne_string location; /* where the user built it, "file:line"; may be empty */
} heterodyne_node;

/* A computation. Nodes stand in the order to run them in; operands come before their users. */
typedef struct heterodyne_graph {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint64_t node_count;
    const heterodyne_node *const *nodes;
    uint64_t input_count;
    const heterodyne_value *inputs; /* the HETERODYNE_PARAMETER nodes, by position */
    uint64_t output_count;
    const heterodyne_value *outputs;
    const heterodyne_string *output_names;
} heterodyne_graph;

/* What the plugin is asked to compile. */
typedef struct heterodyne_unit {
    size_t struct_size;
    const heterodyne_extension *extensions;
    const heterodyne_graph *graph; /* every node is one that the plugin said it supports */
    uint64_t donated_input_count;
    const uint64_t *donated_inputs; /* inputs whose buffers the program may overwrite; no others */
    uint64_t emulated_types;        /* bit 1 << scalar_type: compute it by emulation, though the device may have it */
    uint32_t is_uncontracted;       /* 1: every elementwise primitive rounds by itself */
    uint32_t threads;               /* the most to use; 0 for all */
    heterodyne_string label;        /* for profiles and errors */
} heterodyne_unit;

/* ------------------------------------------------------------------------------------------------ Devices */

/* What a device is. */
typedef struct heterodyne_device_info {
    size_t struct_size;
    const heterodyne_extension *extensions;
    /* Names the device among the plugin's: letters, digits, '.', '_' and '-'. The host makes "plugin:id" of it. May be
     * empty where there is one device; the host then calls it by the plugin's name. */
    heterodyne_string id;
    heterodyne_string name;   /* for people: the model */
    heterodyne_string vendor;
    uint32_t kind;            /* heterodyne_device_kind */
    uint32_t flags;           /* HETERODYNE_SOFTWARE, HETERODYNE_SIMULATED, HETERODYNE_ASYNCHRONOUS */
    uint64_t threads;         /* that run at the same time; at least 1 */
    uint64_t memory_byte_count;
    uint64_t free_memory_byte_count; /* UINT64_MAX where unknown */
    uint64_t version_count;
    const heterodyne_named *versions; /* of libraries and drivers */
    uint64_t detail_count;
    const heterodyne_named *details;
    heterodyne_string fingerprint; /* vendor, device, driver and build: equal ones share compiled code */
    /* Where the device cannot be used: why, and what a person can do. Empty otherwise. */
    heterodyne_string unavailable_reason;
    heterodyne_string remedy;
} heterodyne_device_info;

/* A primitive that is missing for a type whose usages promise it. */
typedef struct heterodyne_exception {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint32_t operation;
    uint32_t scalar_type; /* of an operand */
    heterodyne_string reason;
} heterodyne_exception;

/* How kernels compute a type that the device lacks, in units that name it in emulated_types. */
typedef struct heterodyne_emulation {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint32_t scalar_type;
    uint32_t usages;
    heterodyne_string method; /* for people */
    uint32_t precision;       /* significant bits; 0 where results are exact */
    double cost_factor;       /* how many times slower than in the type that stands in */
    uint64_t exception_count;
    const heterodyne_exception *const *exceptions;
} heterodyne_emulation;

/* A peak rate and where the figure comes from. */
typedef struct heterodyne_rate {
    size_t struct_size;
    const heterodyne_extension *extensions;
    heterodyne_string what; /* "float32 dot", "memory bytes" */
    double per_second;
    heterodyne_string source; /* "measured", or who says so */
} heterodyne_rate;

/* The largest error of an elementwise composite that is claimed, in units in the last place of its result. */
typedef struct heterodyne_composite_error {
    size_t struct_size;
    const heterodyne_extension *extensions;
    heterodyne_string composite;
    double maximum_ulp;
} heterodyne_composite_error;

/* What a device can do. Conformance tests hold it to this. */
typedef struct heterodyne_capabilities {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint64_t usage_count;
    const uint32_t *usages; /* by heterodyne_scalar_type; types beyond usage_count are absent */
    uint64_t exception_count;
    const heterodyne_exception *const *exceptions;
    uint64_t emulation_count;
    const heterodyne_emulation *const *emulations;
    uint64_t claim_count;
    const heterodyne_string *claims; /* composites that are run whole, for some types and shapes */
    uint32_t is_inference_only;      /* 1: programs that train are refused */
    uint32_t has_unified_memory;     /* 1: buffer_address and buffer_import exist, and host memory is as good as its own */
    uint64_t maximum_buffer_byte_count;
    /* Fused regions: composites named "fused", with the attributes "kind" ("elementwise" or "dotEpilogue") and "body". */
    uint32_t fuses_elementwise;
    uint32_t fuses_dot_epilogues;
    uint64_t maximum_region_operands;
    uint64_t maximum_region_nodes;
    uint64_t region_types; /* bit 1 << scalar_type */
    uint64_t region_composite_count;
    const heterodyne_string *region_composites;
    uint64_t rate_count;
    const heterodyne_rate *const *rates;
    /* Arithmetic. */
    uint32_t flushes_denormals;
    uint32_t loses_nan;   /* 1: NaN does not always come out where the definition says so */
    uint32_t contracts;   /* 1: a product and a sum may be rounded once in dot, reductions and regions */
    uint32_t is_inexact;  /* 1: add, subtract, multiply, divide, sqrt are not always rounded correctly */
    uint64_t ulp_count;
    const double *maximum_ulp; /* by heterodyne_operation: largest error; 0 for exact or correctly rounded */
    uint64_t composite_error_count;
    const heterodyne_composite_error *const *composite_errors;
} heterodyne_capabilities;

/* What there is to know of a program. */
typedef struct heterodyne_program_info {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint64_t arena_byte_count;    /* intermediate memory of each invocation */
    uint64_t constant_byte_count; /* constants that were copied */
    uint64_t step_count;
    const heterodyne_string *steps; /* a line per step, for profiles */
    /* Outputs computed in the buffer of a donated input: pairs (output, input). The host binds one buffer to both. */
    uint64_t in_place_count;
    const uint64_t (*in_place)[2];
    /* The bytes that the program will read and write, by position; the host compares them with the graph's types. They may
     * be left out: 0 and NULL. */
    uint64_t input_count;
    const uint64_t *input_byte_counts;
    uint64_t output_count;
    const uint64_t *output_byte_counts;
} heterodyne_program_info;

/* Something that was counted or estimated in the last run: simulated time, energy, cache misses. */
typedef struct heterodyne_measurement {
    size_t struct_size;
    const heterodyne_extension *extensions;
    heterodyne_string name;   /* "simulated time" */
    double value;
    heterodyne_string unit;   /* "s", "J", "" for ratios */
    heterodyne_string source; /* "measured", "roofline model" */
} heterodyne_measurement;

/* Tells the host that a run ended. The host owns it; it is valid until done was called. */
typedef struct heterodyne_completion {
    size_t struct_size;
    const heterodyne_extension *extensions;
    heterodyne_error *error; /* to fill before done where the run failed */
    /* To be called once, from any thread, also before execute returns. */
    void (*done)(struct heterodyne_completion *completion, int32_t status);
} heterodyne_completion;

/* ------------------------------------------------------------------------------------------------ Functions */

/* The plugin's own objects, opaque to the host. */
typedef struct heterodyne_context heterodyne_context;
typedef struct heterodyne_buffer heterodyne_buffer;
typedef struct heterodyne_program heterodyne_program;
typedef struct heterodyne_invocation heterodyne_invocation;

/* What a plugin offers. The plugin owns it; it stays valid until the process ends. Every function returns a
 * heterodyne_status unless it returns nothing. Functions marked optional may be NULL. */
typedef struct heterodyne_plugin {
    size_t struct_size;
    const heterodyne_extension *extensions;
    uint32_t version; /* the interface version that the plugin picked */
    uint32_t flags;   /* HETERODYNE_SINGLE_THREAD */
    heterodyne_string name;
    heterodyne_string plugin_version;
    heterodyne_context *context; /* passed to the functions below; may be NULL */

    /* Ends all use. Everything that was made has been freed. Optional. */
    void (*close)(heterodyne_context *context);

    /* How many devices there are, those that cannot be used included. Asked once. */
    int32_t (*device_count)(heterodyne_context *context, uint64_t *count, heterodyne_error *error);
    /* What device number `device` is. Opens nothing that takes long. */
    int32_t (*device_describe)(
        heterodyne_context *context, uint64_t device, const heterodyne_device_info **info, heterodyne_error *error);
    /* What the device can do. May open it. */
    int32_t (*device_capabilities)(
        heterodyne_context *context, uint64_t device, const heterodyne_capabilities **capabilities,
        heterodyne_error *error);
    /* Whether and how the device runs node number `node` of `graph`: heterodyne_support. A reason goes into `error`, also
     * with HETERODYNE_OK, for HETERODYNE_SUPPORT_NONE and _EMULATED. Optional: the capabilities then give the answer.
     * Nobody asks about composites that are not claimed, nor about HETERODYNE_PARAMETER and HETERODYNE_CONSTANT, which every
     * device takes in the types that it stores. */
    int32_t (*support)(
        heterodyne_context *context, uint64_t device, const heterodyne_graph *graph, uint64_t node, uint32_t *support,
        heterodyne_error *error);
    /* Opens a lost device again. Optional. */
    int32_t (*device_reset)(heterodyne_context *context, uint64_t device, heterodyne_error *error);

    /* Memory for `byte_count` bytes, which may be 0. Its content is undefined. */
    int32_t (*buffer_allocate)(
        heterodyne_context *context, uint64_t device, uint64_t byte_count, heterodyne_buffer **buffer,
        heterodyne_error *error);
    /* Host memory as a buffer without a copy; the host keeps it valid until buffer_free. Optional, but needed with unified
     * memory. It must not be written where is_writable is 0. */
    int32_t (*buffer_import)(
        heterodyne_context *context, uint64_t device, void *bytes, uint64_t byte_count, uint32_t is_writable,
        heterodyne_buffer **buffer, heterodyne_error *error);
    void (*buffer_free)(heterodyne_context *context, heterodyne_buffer *buffer);
    /* Copies into the buffer, and out of it, before they return. */
    int32_t (*buffer_write)(
        heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, const void *bytes, uint64_t count,
        heterodyne_error *error);
    int32_t (*buffer_read)(
        heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, void *bytes, uint64_t count,
        heterodyne_error *error);
    /* Where the host can read and write the buffer directly; NULL where it cannot. Optional, but needed with unified
     * memory. */
    void *(*buffer_address)(heterodyne_context *context, heterodyne_buffer *buffer);

    /* Makes a program. A program may have any number of invocations, which may run at the same time. */
    int32_t (*compile)(
        heterodyne_context *context, uint64_t device, const heterodyne_unit *unit, heterodyne_program **program,
        heterodyne_error *error);
    /* All its invocations have been freed. */
    void (*program_free)(heterodyne_context *context, heterodyne_program *program);
    /* What there is to know of it, valid until program_free. Optional. */
    int32_t (*program_info)(
        heterodyne_context *context, heterodyne_program *program, const heterodyne_program_info **info,
        heterodyne_error *error);

    /* One place to run a program: intermediate memory is taken here, so that execute takes none. */
    int32_t (*invocation_create)(
        heterodyne_context *context, heterodyne_program *program, heterodyne_invocation **invocation,
        heterodyne_error *error);
    void (*invocation_free)(heterodyne_context *context, heterodyne_invocation *invocation);
    /* Runs the program on the buffers of its inputs and outputs, in the graph's order. Without a completion it returns when
     * the run has ended. With one (only for HETERODYNE_ASYNCHRONOUS devices) it may return at once; where it returns
     * anything but HETERODYNE_OK, done is not called. The arrays are valid until the run has ended. */
    int32_t (*execute)(
        heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
        heterodyne_buffer *const *outputs, heterodyne_completion *completion, heterodyne_error *error);
    /* As execute without a completion, and the nanoseconds of each step of program_info. Optional. */
    int32_t (*profile)(
        heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
        heterodyne_buffer *const *outputs, uint64_t *nanoseconds, uint64_t count, heterodyne_error *error);
    /* What the last run measured, valid until the next one. Optional. */
    int32_t (*measurements)(
        heterodyne_context *context, heterodyne_invocation *invocation,
        const heterodyne_measurement *const **measurements, uint64_t *count, heterodyne_error *error);
} heterodyne_plugin;

/* The one symbol. The plugin picks the highest version that it speaks from `minimum` to `maximum`, sets its version to it,
 * and hands out its functions; or returns HETERODYNE_VERSION_MISMATCH and says in `error` what it speaks. Called once per
 * process; devices that are missing are no failure but are listed with their reason. */
HETERODYNE_EXPORT int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    heterodyne_error *error);

/* ------------------------------------------------------------------------------------------------ Helpers */

/* Text of a literal or other zero-terminated string, which must outlive the result. */
static inline heterodyne_string heterodyne_text(const char *text) {
    heterodyne_string string = {text, text ? strlen(text) : 0};
    return string;
}

/* Whether `string` is `text`. */
static inline int heterodyne_equals(heterodyne_string string, const char *text) {
    size_t size = strlen(text);
    return string.size == size && (size == 0 || memcmp(string.data, text, size) == 0);
}

/* Fills `error` and returns `status`: `return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "the card is full");`
 * `node` is a node's index plus one, or 0. Messages longer than the host has room for are cut. */
static inline int32_t heterodyne_fail(heterodyne_error *error, int32_t status, int64_t node, const char *message) {
    if (error && error->message && error->message_capacity > 0) {
        size_t size = strlen(message);
        if (size > error->message_capacity) size = (size_t)error->message_capacity;
        memcpy(error->message, message, size);
        error->message_size = size;
        error->node = node;
    }
    return status;
}

/* The attribute called `name` of `node`, or NULL. */
static inline const heterodyne_attribute *heterodyne_find(const heterodyne_node *node, const char *name) {
    for (uint64_t i = 0; i < node->attribute_count; i++)
        if (heterodyne_equals(node->attributes[i]->name, name)) return node->attributes[i];
    return NULL;
}

/* The type of a value of `graph`. */
static inline const heterodyne_type *heterodyne_type_of(const heterodyne_graph *graph, heterodyne_value value) {
    return graph->nodes[value.node]->result_types[value.result];
}

/* The number of elements of a tensor of `type`. */
static inline uint64_t heterodyne_element_count(const heterodyne_type *type) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < type->rank; i++) count *= (uint64_t)type->extents[i];
    return count;
}

#ifdef __cplusplus
}
#endif

#endif /* HETERODYNE_PLUGIN_H */
