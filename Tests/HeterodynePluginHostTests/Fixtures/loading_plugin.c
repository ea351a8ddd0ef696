// Heterodyne: a plugin with one device that computes nothing, and the faults that a probe must survive.
// SPDX-License-Identifier: Apache-2.0
//
// cc -shared -fPIC -DFAULT=HANG_IN_OPEN -I FOLDER_OF_THE_HEADER loading_plugin.c

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "heterodyne_plugin.h"

enum {
    NONE, CRASH_IN_CONSTRUCTOR, HANG_IN_CONSTRUCTOR, EXIT_IN_CONSTRUCTOR, CRASH_IN_OPEN, HANG_IN_OPEN, EXIT_IN_OPEN,
    ABORT_IN_OPEN, VERSION_ZERO, VERSION_TOO_NEW, SMALL_TABLE, TINY_TABLE, NO_EXECUTE, NO_TABLE, MISMATCH, UNKNOWN_STATUS,
    HANG_IN_COUNT, FAIL_IN_COUNT, TOO_MANY_DEVICES, HANG_IN_DESCRIBE, NO_INFO, SMALL_INFO, WILD_TEXT, LONG_TEXT, NULL_TEXT,
    CRASH_IN_CAPABILITIES, NO_CAPABILITIES, WILD_CLAIMS, PRINTS_AND_CRASHES, PRINTS_FOR_EVER, LEAVES_A_PROCESS,
    WRITES_EVERYWHERE, CLOSES_EVERYTHING, LOGS_GARBAGE, IGNORES_SIGNALS, STOPS, FAILS_DESCRIBE, REPORTS_ITSELF
};

#ifndef FAULT
#define FAULT NONE
#endif
#ifndef NAME
#define NAME "fixture"
#endif

static void crash(void) { *(volatile int *)8 = 1; }
static void hang(void) {
    for (;;) pause();
}

__attribute__((constructor)) static void construct(void) {
    if (FAULT == CRASH_IN_CONSTRUCTOR) crash();
    if (FAULT == HANG_IN_CONSTRUCTOR) hang();
    if (FAULT == EXIT_IN_CONSTRUCTOR) exit(3);
}

static heterodyne_string garbage(void) {
    heterodyne_string wild = {(const char *)8, 100}, longest = {"x", UINT64_MAX}, null = {NULL, 5};
    return FAULT == WILD_TEXT ? wild : FAULT == LONG_TEXT ? longest : FAULT == NULL_TEXT ? null : heterodyne_text("Fixture");
}

static int32_t device_count(heterodyne_context *context, uint64_t *count, heterodyne_error *error) {
    (void)context;
    if (FAULT == HANG_IN_COUNT) hang();
    if (FAULT == FAIL_IN_COUNT) return heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 0, "the bus\ndoes not answer");
    *count = FAULT == TOO_MANY_DEVICES ? 1025 : FAULT == FAILS_DESCRIBE ? 2 : 1;
    return HETERODYNE_OK;
}

static int32_t device_describe(
    heterodyne_context *context, uint64_t device, const heterodyne_device_info **out, heterodyne_error *error) {
    static heterodyne_device_info info;
    (void)context;
    if (FAULT == HANG_IN_DESCRIBE) hang();
    if (FAULT == NO_INFO) return HETERODYNE_OK;
    if (FAULT == FAILS_DESCRIBE && device == 1) return heterodyne_fail(error, HETERODYNE_DEVICE_LOST, 0, "it fell off the bus");
    info.struct_size = FAULT == SMALL_INFO ? 24 : sizeof info;
    info.id = heterodyne_text(FAULT == FAILS_DESCRIBE ? "0" : "");
    info.name = garbage();
    info.vendor = heterodyne_text("Heterodyne tests");
    info.kind = HETERODYNE_ACCELERATOR;
    info.threads = 1;
    info.memory_byte_count = 1 << 20;
    info.free_memory_byte_count = UINT64_MAX;
    info.fingerprint = heterodyne_text("fixture 1");
    *out = &info;
    return HETERODYNE_OK;
}

static int32_t device_capabilities(
    heterodyne_context *context, uint64_t device, const heterodyne_capabilities **out, heterodyne_error *error) {
    static const uint32_t usages[HETERODYNE_SCALAR_TYPE_COUNT] = {
        [HETERODYNE_BOOL] = HETERODYNE_STORAGE, [HETERODYNE_FLOAT32] = HETERODYNE_STORAGE};
    static heterodyne_capabilities capabilities = {.struct_size = sizeof capabilities};
    (void)context, (void)device, (void)error;
    if (FAULT == CRASH_IN_CAPABILITIES) crash();
    if (FAULT == NO_CAPABILITIES) return HETERODYNE_OK;
    capabilities.usage_count = HETERODYNE_SCALAR_TYPE_COUNT;
    capabilities.usages = usages;
    capabilities.maximum_buffer_byte_count = 1 << 20;
    if (FAULT == WILD_CLAIMS) {
        capabilities.claim_count = 3;
        capabilities.claims = (const heterodyne_string *)8;
    }
    *out = &capabilities;
    return HETERODYNE_OK;
}

static int32_t buffer_allocate(
    heterodyne_context *context, uint64_t device, uint64_t byte_count, heterodyne_buffer **buffer, heterodyne_error *error) {
    (void)context, (void)device;
    *buffer = calloc(1, byte_count ? byte_count : 1);
    return *buffer ? HETERODYNE_OK : heterodyne_fail(error, HETERODYNE_OUT_OF_MEMORY, 0, "no memory");
}
static void buffer_free(heterodyne_context *context, heterodyne_buffer *buffer) {
    (void)context;
    free(buffer);
}
static int32_t buffer_write(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, const void *bytes, uint64_t count,
    heterodyne_error *error) {
    (void)context, (void)error;
    memcpy((char *)buffer + offset, bytes, count);
    return HETERODYNE_OK;
}
static int32_t buffer_read(
    heterodyne_context *context, heterodyne_buffer *buffer, uint64_t offset, void *bytes, uint64_t count,
    heterodyne_error *error) {
    (void)context, (void)error;
    memcpy(bytes, (char *)buffer + offset, count);
    return HETERODYNE_OK;
}
static int32_t compile(
    heterodyne_context *context, uint64_t device, const heterodyne_unit *unit, heterodyne_program **program,
    heterodyne_error *error) {
    (void)context, (void)device, (void)unit, (void)program;
    return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, 0, "the fixture computes nothing");
}
static void program_free(heterodyne_context *context, heterodyne_program *program) { (void)context, (void)program; }
static int32_t invocation_create(
    heterodyne_context *context, heterodyne_program *program, heterodyne_invocation **invocation, heterodyne_error *error) {
    (void)context, (void)program, (void)invocation;
    return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, 0, "the fixture computes nothing");
}
static void invocation_free(heterodyne_context *context, heterodyne_invocation *invocation) { (void)context, (void)invocation; }
static int32_t execute(
    heterodyne_context *context, heterodyne_invocation *invocation, heterodyne_buffer *const *inputs,
    heterodyne_buffer *const *outputs, heterodyne_completion *completion, heterodyne_error *error) {
    (void)context, (void)invocation, (void)inputs, (void)outputs, (void)completion;
    return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, 0, "the fixture computes nothing");
}

#ifndef NO_ENTRY
HETERODYNE_EXPORT int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    heterodyne_error *error) {
    static heterodyne_plugin table;
    static int openings;
    (void)minimum;
    // Called once per process: the device count would show a second time.
    if (openings++ > 0) return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "opened twice");
    switch (FAULT) {
    case CRASH_IN_OPEN: crash(); break;
    case HANG_IN_OPEN: hang(); break;
    case EXIT_IN_OPEN: exit(3);
    case ABORT_IN_OPEN: abort();
    case NO_TABLE: return HETERODYNE_OK;
    case MISMATCH: return heterodyne_fail(error, HETERODYNE_VERSION_MISMATCH, 0, "it speaks 7.0 only");
    case UNKNOWN_STATUS: return heterodyne_fail(error, 4711, 0, "\xFF\xFE\n\033[31mgarbage");
    case PRINTS_AND_CRASHES:
        printf("licence server not found\n");
        fflush(stdout);
        fprintf(stderr, "giving up\n");
        crash();
        break;
    case PRINTS_FOR_EVER:
        for (;;)
            if (write(1, "noise ", 6) < 0) return HETERODYNE_INTERNAL;
    case LEAVES_A_PROCESS:
        if (fork() == 0) hang();
        break;
    case WRITES_EVERYWHERE:
        for (int i = 3; i < 64; i++)
            if (write(i, "garbage garbage garbage garbage", 31) < 0) continue;
        break;
    case CLOSES_EVERYTHING:
        for (int i = 0; i < 1024; i++) close(i);
        break;
    case LOGS_GARBAGE: {
        heterodyne_string invalid = {"\xC0\xFF\0\033[2J", 7}, null = {NULL, 12};
        host->log(host->context, HETERODYNE_LOG_ERROR, invalid);
        host->log(host->context, 4711, null);
        host->log(host->context, HETERODYNE_LOG_WARNING, heterodyne_text("a warning"));
        break;
    }
    case IGNORES_SIGNALS:
        for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
        hang();
        break;
    case STOPS: raise(SIGSTOP); break;
    case REPORTS_ITSELF: {
        char input[64] = {0};
        if (readlink("/proc/self/fd/0", input, sizeof input - 1) < 0) return HETERODYNE_INTERNAL;
        struct rlimit core = {1, 1};
        getrlimit(RLIMIT_CORE, &core);
        int open_files = 0;
        for (int i = 4; i < 1024; i++) open_files += fcntl(i, F_GETFD) >= 0;
        printf(
            "input %s, core %d, open files %d, leads its group %d, name %.*s\n", input, (int)core.rlim_cur, open_files,
            getpgrp() == getpid(), (int)host->name.size, host->name.data);
        fflush(stdout);
        _exit(9);
    }
    default: break;
    }
    heterodyne_plugin filled = {
        .struct_size = FAULT == SMALL_TABLE  ? offsetof(heterodyne_plugin, compile)
                       : FAULT == TINY_TABLE ? 8
                                             : sizeof table,
        .version = FAULT == VERSION_ZERO ? 0 : FAULT == VERSION_TOO_NEW ? HETERODYNE_VERSION(7, 3) : maximum,
        .name = heterodyne_text(NAME),
        .plugin_version = heterodyne_text("1.2.3"),
        .device_count = device_count,
        .device_describe = device_describe,
        .device_capabilities = device_capabilities,
        .buffer_allocate = buffer_allocate,
        .buffer_free = buffer_free,
        .buffer_write = buffer_write,
        .buffer_read = buffer_read,
        .compile = compile,
        .program_free = program_free,
        .invocation_create = invocation_create,
        .invocation_free = invocation_free,
        .execute = FAULT == NO_EXECUTE ? NULL : execute,
    };
    table = filled;
    *plugin = &table;
    return HETERODYNE_OK;
}
#endif
