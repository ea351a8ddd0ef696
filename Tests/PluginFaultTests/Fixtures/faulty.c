// Heterodyne: a plugin with one fault, which -DFAULT=name chooses; without a fault it is a correct one.
// SPDX-License-Identifier: Apache-2.0
//
// Everything else is the small plugin of release 1.0. -DDEVICE_NAME="text" names the device.

#define _GNU_SOURCE
#include "heterodyne_plugin.h" /* of today, which is first on the path */

#define SMALL_WITHOUT_OPEN
#include "release-1.0/plugin_1_0.c"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum fault {
    none,
    /* When the library is loaded. */
    crash_in_constructor, hang_in_constructor, exit_in_constructor, print_in_constructor,
    /* In heterodyne_plugin_open. */
    crash_in_open, hang_in_open, exit_in_open, quiet_exit_in_open, abort_in_open, stop_in_open, overflow_stack_in_open,
    leave_child_in_open, close_files_in_open, fail_open, fail_open_silently, unknown_status_in_open, long_message_in_open,
    message_beyond_capacity_in_open, garbage_message_in_open, null_table, version_zero, version_too_low, version_too_high,
    table_size_zero, table_size_small, table_size_huge, missing_function, wild_table,
    /* Devices. */
    fail_count, no_devices, absurd_count, crash_in_describe, hang_in_describe, fail_describe, null_info, info_size_zero,
    info_size_small, info_size_huge, invalid_text, null_text, huge_text, same_ids, same_empty_ids, slash_in_id,
    control_in_name, long_id, unknown_kind, no_threads, absurd_memory, absurd_version_count, null_versions,
    unavailable,
    /* Capabilities. */
    crash_in_capabilities, hang_in_capabilities, fail_capabilities, null_capabilities, capabilities_size_small,
    absurd_usage_count, null_usages, absurd_exception_count, null_exception, unknown_exception, not_a_number,
    unified_without_address, absurd_claims, prints_everywhere,
    /* Programs. */
    unknown_support, refuse_to_compile, null_program, unknown_status, fail_allocation, null_buffer, null_invocation,
    wrong_results, fail_run, fail_run_nowhere, fail_run_silently, message_beyond_capacity, garbage_message,
    wrong_byte_counts, wrong_input_count, null_program_info, wild_in_place, fail_write, fail_read, absurd_measurements,
    null_measurements, never_done, done_twice, done_later, done_with_error, done_and_failed, done_with_unknown_status
};

#ifndef FAULT
#define FAULT none
#endif
#ifndef MISSING
#define MISSING execute
#endif
#ifndef DEVICE_NAME
#define DEVICE_NAME "Faulty device"
#endif

static const enum fault fault = FAULT;
static int is(enum fault one) { return fault == one; }

static void crash(void) { *(volatile int *)(uintptr_t)16 = 1; }
static void hang(void) {
    for (;;) sleep(1000);
}
static int overflow_stack(volatile char *above) {
    static volatile int endless = 1;
    volatile char room[4096];
    room[0] = above ? (char)(above[0] + 1) : 1;
    return endless ? overflow_stack(room) + room[0] : 0;
}

__attribute__((constructor)) static void construct(void) {
    if (is(crash_in_constructor)) crash();
    if (is(hang_in_constructor)) hang();
    if (is(exit_in_constructor)) exit(3);
    if (is(print_in_constructor) || is(prints_everywhere)) {
        printf("{\"printed\": \"by a constructor\"}\n");
        fflush(stdout);
    }
}

static void print(const char *where) {
    if (!is(prints_everywhere)) return;
    printf("{\"printed\": \"in %s\"}\n", where);
    fflush(stdout);
}

static char long_text[100000];
static char megabyte[1 << 20];
static const heterodyne_string invalid = {"\xff\xfe\xc0\x80 not UTF-8 \xed\xa0\x80", 18};

static void fill_error(heterodyne_error *error) {
    if (is(message_beyond_capacity) || is(message_beyond_capacity_in_open)) {
        /* As if snprintf had been asked to write far more. */
        memcpy(error->message, "cut off", 8);
        error->message_size = UINT64_MAX / 2;
    } else if (is(garbage_message) || is(garbage_message_in_open)) {
        uint64_t size = invalid.size < error->message_capacity ? invalid.size : error->message_capacity;
        memcpy(error->message, invalid.data, size);
        error->message_size = size;
        error->node = INT64_MIN;
    }
}

/* ---------------------------------------------------------------------------------------------------- Devices */

static heterodyne_device_info infos[2];
static heterodyne_capabilities faulty_capabilities;

static int32_t faulty_count(heterodyne_context *context, uint64_t *count, heterodyne_error *error) {
    (void)context;
    print("device_count");
    if (is(fail_count)) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "the driver counts to no number");
    *count = is(no_devices) ? 0 : is(absurd_count) ? UINT64_MAX : is(same_ids) || is(same_empty_ids) ? 2 : 1;
    return HETERODYNE_OK;
}

static int32_t faulty_describe(
    heterodyne_context *context, uint64_t device, const heterodyne_device_info **info, heterodyne_error *error) {
    (void)context;
    print("device_describe");
    if (is(crash_in_describe)) crash();
    if (is(hang_in_describe)) hang();
    if (is(fail_describe)) return heterodyne_fail(error, HETERODYNE_DEVICE_UNAVAILABLE, 0, "the card fell off the bus");
    if (is(null_info)) {
        *info = NULL;
        return HETERODYNE_OK;
    }
    heterodyne_device_info *one = &infos[device & 1];
    *one = small_info;
    one->name = heterodyne_text(DEVICE_NAME);
    if (is(info_size_zero)) one->struct_size = 0;
    if (is(info_size_small)) one->struct_size = offsetof(heterodyne_device_info, name);
    if (is(info_size_huge)) one->struct_size = SIZE_MAX;
    if (is(invalid_text)) one->name = invalid;
    if (is(null_text)) one->name.data = NULL;
    if (is(huge_text)) one->name.size = (uint64_t)1 << 63;
    if (is(same_ids)) one->id = heterodyne_text("0");
    if (is(slash_in_id)) one->id = heterodyne_text("../0:1");
    if (is(control_in_name)) one->name = heterodyne_text("Chip\n\x1b[31mopenblas  \"}");
    if (is(long_id)) one->id = (heterodyne_string){megabyte, sizeof megabyte};
    if (is(unknown_kind)) one->kind = 4000000000u;
    if (is(no_threads)) one->threads = 0;
    if (is(absurd_memory)) one->memory_byte_count = UINT64_MAX;
    if (is(absurd_version_count)) one->version_count = (uint64_t)1 << 62;
    if (is(null_versions)) one->version_count = 3;
    if (is(unavailable)) {
        one->unavailable_reason = heterodyne_text("the driver is from last year");
        one->remedy = heterodyne_text("install driver 12");
    }
    *info = one;
    return HETERODYNE_OK;
}

static int32_t faulty_capable(
    heterodyne_context *context, uint64_t device, const heterodyne_capabilities **capabilities,
    heterodyne_error *error) {
    (void)context, (void)device;
    static heterodyne_exception strange = {.struct_size = sizeof strange, .operation = 4711, .scalar_type = 200};
    static heterodyne_rate rate = {.struct_size = sizeof rate};
    static const heterodyne_rate *rates[] = {&rate};
    static const heterodyne_exception *strange_list[] = {&strange};
    static double ulps[HETERODYNE_OPERATION_COUNT];
    print("device_capabilities");
    if (is(crash_in_capabilities)) crash();
    if (is(hang_in_capabilities)) hang();
    if (is(fail_capabilities)) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "the card does not answer");
    if (is(null_capabilities)) {
        *capabilities = NULL;
        return HETERODYNE_OK;
    }
    faulty_capabilities = small_capabilities;
    if (is(capabilities_size_small)) faulty_capabilities.struct_size = offsetof(heterodyne_capabilities, usages);
    if (is(absurd_usage_count)) faulty_capabilities.usage_count = (uint64_t)1 << 60;
    if (is(null_usages)) faulty_capabilities.usages = NULL;
    if (is(absurd_exception_count)) faulty_capabilities.exception_count = (uint64_t)1 << 60;
    if (is(null_exception)) small_exception_list[0] = NULL;
    if (is(unknown_exception)) {
        faulty_capabilities.exceptions = strange_list;
        faulty_capabilities.exception_count = 1;
    }
    if (is(not_a_number)) {
        rate.what = heterodyne_text("float32 dot");
        rate.per_second = NAN;
        faulty_capabilities.rates = rates;
        faulty_capabilities.rate_count = 1;
        for (int i = 0; i < HETERODYNE_OPERATION_COUNT; i++) ulps[i] = NAN;
        faulty_capabilities.maximum_ulp = ulps;
        faulty_capabilities.ulp_count = HETERODYNE_OPERATION_COUNT;
    }
    if (is(unified_without_address)) faulty_capabilities.has_unified_memory = 1;
    if (is(absurd_claims)) faulty_capabilities.claim_count = UINT64_MAX;
    *capabilities = &faulty_capabilities;
    return HETERODYNE_OK;
}

/* ---------------------------------------------------------------------------------------------------- Programs */

static int32_t faulty_support(
    heterodyne_context *context, uint64_t device, const heterodyne_graph *graph, uint64_t node, uint32_t *support,
    heterodyne_error *error) {
    print("support");
    int32_t status = small_support(context, device, graph, node, support, error);
    if (is(unknown_support)) *support = 77;
    return status;
}

static int32_t faulty_compile(
    heterodyne_context *context, uint64_t device, const heterodyne_unit *unit, heterodyne_program **program,
    heterodyne_error *error) {
    print("compile");
    if (is(refuse_to_compile))
        return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, 1, "on second thoughts, not on a Sunday");
    if (is(unknown_status)) return heterodyne_fail(error, 12345, 0, "something with a number");
    if (is(null_program)) {
        *program = NULL;
        return HETERODYNE_OK;
    }
    return small_compile(context, device, unit, program, error);
}

static int32_t faulty_program_info(
    heterodyne_context *context, heterodyne_program *program, const heterodyne_program_info **info,
    heterodyne_error *error) {
    static const uint64_t pairs[1][2] = {{UINT64_MAX, 1u << 31}};
    (void)context, (void)error;
    print("program_info");
    if (is(wrong_byte_counts))
        for (uint64_t i = 0; i < program->output_count; i++) program->output_bytes[i] += 4;
    if (is(wrong_input_count)) program->info.input_count = UINT64_MAX;
    if (is(wild_in_place)) {
        program->info.in_place_count = 1;
        program->info.in_place = pairs;
    }
    *info = is(null_program_info) ? NULL : &program->info;
    return HETERODYNE_OK;
}

static int32_t faulty_allocate(
    heterodyne_context *context, uint64_t device, uint64_t size, heterodyne_buffer **buffer, heterodyne_error *error) {
    print("buffer_allocate");
    if (is(fail_allocation)) {
        *buffer = (heterodyne_buffer *)(uintptr_t)0xBAD; /* not to be looked at */
        return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "the card is full; close other programs");
    }
    if (is(null_buffer)) {
        *buffer = NULL;
        return HETERODYNE_OK;
    }
    return small_allocate(context, device, size, buffer, error);
}

static int32_t faulty_write(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, const void *bytes, uint64_t count,
    heterodyne_error *error) {
    if (is(fail_write)) return heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 0, "the link went down while writing");
    return small_write(context, buffer, offset, bytes, count, error);
}

static int32_t faulty_read(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, void *bytes, uint64_t count,
    heterodyne_error *error) {
    if (is(fail_read)) return heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 0, "the link went down while reading");
    return small_read(context, buffer, offset, bytes, count, error);
}

static int32_t faulty_invocation_create(
    heterodyne_context *context, heterodyne_program *program, heterodyne_invocation **invocation,
    heterodyne_error *error) {
    print("invocation_create");
    if (is(null_invocation)) {
        *invocation = NULL;
        return HETERODYNE_OK;
    }
    return small_invocation_create(context, program, invocation, error);
}

static int32_t run(
    heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, heterodyne_error *error) {
    uint64_t last = invocation->program->step_count;
    if (is(fail_run)) {
        error->vendor_code = 717;
        error->is_retryable = 1;
        return heterodyne_fail(error, HETERODYNE_EXECUTION_FAILED, (int64_t)last, "the kernel took a wrong turn");
    }
    if (is(fail_run_nowhere))
        return heterodyne_fail(error, HETERODYNE_EXECUTION_FAILED, INT64_MAX, "somewhere beyond the graph");
    if (is(fail_run_silently)) return HETERODYNE_EXECUTION_FAILED;
    if (is(message_beyond_capacity) || is(garbage_message)) {
        fill_error(error);
        return HETERODYNE_EXECUTION_FAILED;
    }
    int32_t status = small_execute(context, invocation, inputs, outputs, NULL, error);
    if (is(wrong_results))
        for (uint64_t i = 0; i < invocation->program->output_count; i++)
            for (uint64_t k = 0; k + 4 <= outputs[i]->size; k += 4) outputs[i]->bytes[k + 2] ^= 0x10;
    return status;
}

/* What a thread finishes after execute has returned. */
typedef struct later_run {
    heterodyne_context *context;
    heterodyne_invocation *invocation;
    heterodyne_buffer *const *inputs;
    heterodyne_buffer *const *outputs;
    heterodyne_completion *completion;
} later_run;

static void *finish(void *argument) {
    later_run *later = argument;
    usleep(20000);
    heterodyne_error *error = later->completion->error;
    int32_t status = run(later->context, later->invocation, later->inputs, later->outputs, error);
    if (is(done_with_error)) status = heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 1, "lost on the way home");
    if (is(done_with_unknown_status)) status = -5;
    later->completion->done(later->completion, status);
    free(later);
    return NULL;
}

static int32_t faulty_execute(
    heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, heterodyne_completion *completion, heterodyne_error *error) {
    print("execute");
    if (!completion) return run(context, invocation, inputs, outputs, error);
    if (is(never_done)) return HETERODYNE_OK;
    if (is(done_later) || is(done_with_error) || is(done_with_unknown_status)) {
        later_run *later = malloc(sizeof *later);
        pthread_t thread;
        if (!later) return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no memory");
        *later = (later_run){context, invocation, inputs, outputs, completion};
        if (pthread_create(&thread, NULL, finish, later) != 0) {
            free(later);
            return heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no thread");
        }
        pthread_detach(thread);
        return HETERODYNE_OK;
    }
    int32_t status = run(context, invocation, inputs, outputs, error);
    completion->done(completion, status);
    if (is(done_twice)) completion->done(completion, HETERODYNE_DEVICE_LOST);
    if (is(done_and_failed)) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "done, and failed");
    return HETERODYNE_OK;
}

static int32_t faulty_measurements(
    heterodyne_context *context, heterodyne_invocation *invocation, const heterodyne_measurement *const **measurements,
    uint64_t *count, heterodyne_error *error) {
    static heterodyne_measurement one = {.struct_size = sizeof one, .value = 1};
    static const heterodyne_measurement *list[] = {&one, NULL};
    (void)context, (void)invocation, (void)error;
    one.name = heterodyne_text("simulated time");
    *measurements = list;
    *count = is(absurd_measurements) ? UINT64_MAX : 2;
    return HETERODYNE_OK;
}

/* ---------------------------------------------------------------------------------------------------- Opening */

static void misbehave_in_open(void) {
    if (is(crash_in_open)) crash();
    if (is(hang_in_open)) hang();
    if (is(exit_in_open)) exit(3);
    if (is(quiet_exit_in_open)) _exit(0);
    if (is(abort_in_open)) abort();
    if (is(stop_in_open)) raise(SIGSTOP);
    if (is(overflow_stack_in_open)) overflow_stack(NULL);
    if (is(leave_child_in_open) && strstr(program_invocation_name, "probe") && fork() == 0) {
        /* A child that inherits every open file and goes on for a while, where the plugin is tried out. */
        sleep(60);
        _exit(0);
    }
    if (is(close_files_in_open))
        for (int file = 0; file < 1024; file++) close(file);
}

int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    heterodyne_error *error) {
    (void)host, (void)minimum;
    print("open");
    misbehave_in_open();
    memset(long_text, 'x', sizeof long_text - 1);
    memset(megabyte, 'm', sizeof megabyte);
    if (is(fail_open)) return heterodyne_fail(error, HETERODYNE_DEVICE_UNAVAILABLE, 0, "the licence server is away");
    if (is(fail_open_silently)) return HETERODYNE_INTERNAL;
    if (is(unknown_status_in_open)) return heterodyne_fail(error, -99, 0, "a number of our own");
    if (is(long_message_in_open)) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, long_text);
    if (is(message_beyond_capacity_in_open) || is(garbage_message_in_open)) {
        fill_error(error);
        return HETERODYNE_INTERNAL;
    }
    if (is(null_table)) {
        *plugin = NULL;
        return HETERODYNE_OK;
    }
    if (is(wild_table)) {
        *plugin = (const heterodyne_plugin *)(uintptr_t)0x10;
        return HETERODYNE_OK;
    }
    small_fill(maximum);
    small_table.device_count = faulty_count;
    small_table.device_describe = faulty_describe;
    small_table.device_capabilities = faulty_capable;
    small_table.support = faulty_support;
    small_table.buffer_allocate = faulty_allocate;
    small_table.buffer_write = faulty_write;
    small_table.buffer_read = faulty_read;
    small_table.compile = faulty_compile;
    small_table.program_info = faulty_program_info;
    small_table.invocation_create = faulty_invocation_create;
    small_table.execute = faulty_execute;
    if (is(absurd_measurements) || is(null_measurements)) small_table.measurements = faulty_measurements;
    if (fault >= never_done) small_info.flags |= HETERODYNE_ASYNCHRONOUS;
    if (is(version_zero)) small_table.version = 0;
    if (is(version_too_low)) small_table.version = HETERODYNE_VERSION(0, 9);
    if (is(version_too_high)) small_table.version = HETERODYNE_VERSION(1, 4000);
    if (is(table_size_zero)) small_table.struct_size = 0;
    if (is(table_size_small)) small_table.struct_size = offsetof(heterodyne_plugin, device_describe);
    if (is(table_size_huge)) small_table.struct_size = SIZE_MAX;
    if (is(missing_function)) small_table.MISSING = NULL;
    *plugin = &small_table;
    return HETERODYNE_OK;
}
