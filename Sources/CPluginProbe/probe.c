// Heterodyne: the child process that tries a plugin out.
// SPDX-License-Identifier: Apache-2.0
//
// All of this is C: it runs in a constructor before Swift is set up, or between fork and _exit of a process with threads.

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "start.h"

// Where the records go in the child.
#define RECORDS 3

static void write_record(uint32_t kind, uint64_t value, int32_t code, const char *text) {
    struct {
        heterodyne_probe_record head;
        char text[HETERODYNE_PROBE_TEXT];
    } record = {{HETERODYNE_PROBE_MAGIC, kind, value, code, 0}, {0}};
    size_t size = text ? strlen(text) : 0;
    if (size > sizeof record.text) size = sizeof record.text;
    if (size > 0) memcpy(record.text, text, size);
    record.head.text_size = (uint32_t)size;
    while (write(RECORDS, &record, sizeof record.head + size) < 0 && errno == EINTR) {}
}

static void write_phase(int32_t phase, uint64_t device) { write_record(HETERODYNE_PROBE_PHASE, device, phase, NULL); }

static const char *loader_words(void) {
    const char *words = dlerror();
    return words ? words : "the loader does not say why";
}

// What the plugin logs is shown where it fails, together with what it printed.
static void log_line(void *context, uint32_t level, heterodyne_string text) {
    (void)context;
    if (level < HETERODYNE_LOG_WARNING || !text.data || text.size == 0) return;
    char line[513];
    size_t size = text.size < sizeof line - 1 ? (size_t)text.size : sizeof line - 1;
    memcpy(line, text.data, size);
    line[size] = '\n';
    if (write(STDERR_FILENO, line, size + 1) < 0) return;
}

static int probe_devices(const heterodyne_plugin *plugin, uint64_t *count, int32_t *status, char *message, size_t capacity) {
    char text[HETERODYNE_PROBE_TEXT] = {0};
    heterodyne_error error = {.struct_size = sizeof error, .message = text, .message_capacity = sizeof text};
    *count = 0;
    write_phase(HETERODYNE_PROBE_COUNTING, 0);
    *status = plugin->device_count(plugin->context, count, &error);
    if (*status != HETERODYNE_OK) {
        size_t size = error.message_size < sizeof text ? (size_t)error.message_size : sizeof text - 1;
        if (size >= capacity) size = capacity - 1;
        memcpy(message, text, size);
        message[size] = 0;
        return HETERODYNE_PROBE_FAILED;
    }
    if (*count > HETERODYNE_PROBE_DEVICES) {
        snprintf(
            message, capacity, "it says that it has %llu devices, more than the %d that one plugin may bring",
            (unsigned long long)*count, HETERODYNE_PROBE_DEVICES);
        return HETERODYNE_PROBE_INVALID;
    }
    for (uint64_t device = 0; device < *count; device++) {
        const heterodyne_device_info *info = NULL;
        heterodyne_error ignored = {.struct_size = sizeof ignored, .message = text, .message_capacity = sizeof text};
        write_phase(HETERODYNE_PROBE_DESCRIBING, device);
        // A device that fails or lies is one device with a reason, which the host will show.
        if (plugin->device_describe(plugin->context, device, &info, &ignored) != HETERODYNE_OK) continue;
        heterodyne_probe_touch_info(info);
        if (!info || (HETERODYNE_HAS(info, unavailable_reason) && info->unavailable_reason.size > 0)) continue;
        const heterodyne_capabilities *capabilities = NULL;
        ignored = (heterodyne_error){.struct_size = sizeof ignored, .message = text, .message_capacity = sizeof text};
        write_phase(HETERODYNE_PROBE_CAPABILITIES, device);
        if (plugin->device_capabilities(plugin->context, device, &capabilities, &ignored) != HETERODYNE_OK) continue;
        heterodyne_probe_touch_capabilities(capabilities);
    }
    return 0;
}

_Noreturn static void probe(
    const char *library, char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum) {
    size_t missing = 0;
    for (size_t i = 0; i < required_count; i++) {
        write_phase(HETERODYNE_PROBE_REQUIREMENTS, i);
        if (dlopen(required[i], RTLD_LAZY | RTLD_LOCAL)) continue;
        write_record(HETERODYNE_PROBE_MISSING, i, 0, loader_words());
        missing++;
    }
    write_phase(HETERODYNE_PROBE_LOADING, 0);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        write_record(HETERODYNE_PROBE_UNLOADABLE, 0, 0, loader_words());
        _exit(0);
    }
    if (missing > 0) _exit(0);
    void *entry = dlsym(handle, "heterodyne_plugin_open");
    if (!entry) {
        write_record(HETERODYNE_PROBE_NO_ENTRY, 0, 0, loader_words());
        _exit(0);
    }
    static const char host_name[] = "heterodyne (probe)";
    const heterodyne_host host = {
        .struct_size = sizeof host, .name = {host_name, sizeof host_name - 1}, .log = log_line};
    char message[HETERODYNE_PROBE_TEXT] = {0};
    const heterodyne_plugin *plugin = NULL;
    int32_t status = 0;
    uint64_t count = 0;
    write_phase(HETERODYNE_PROBE_OPENING, 0);
    int failure = heterodyne_probe_open(entry, &host, minimum, maximum, &plugin, &status, message, sizeof message);
    if (!failure) failure = probe_devices(plugin, &count, &status, message, sizeof message);
    if (failure) write_record((uint32_t)failure, 0, status, message);
    else write_record(HETERODYNE_PROBE_DONE, count, (int32_t)plugin->version, NULL);
    _exit(0);
}

static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0) return;
#endif
    struct rlimit limit;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
    for (int i = first; i < end; i++) close(i);
}

_Noreturn void heterodyne_probe_child_main(
    const char *library, char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum) {
    // A crash must end the process at once, whatever handlers there were.
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    // A plugin that hands the pipe on to programs that it starts would keep it open.
    fcntl(RECORDS, F_SETFD, FD_CLOEXEC);
    close_from(RECORDS + 1);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    // Nobody waits for an answer once the host is gone.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    write_phase(HETERODYNE_PROBE_STARTING, 0);
    probe(library, required, required_count, minimum, maximum);
}

// ---------------------------------------------------------------------------------------------- A fresh process

static int parse_number(const char *text, uint32_t *number) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || value > UINT32_MAX) return 0;
    *number = (uint32_t)value;
    return 1;
}

// Takes the place of main where the host started this program to probe: HETERODYNE_PROBE_NAME MINIMUM MAXIMUM LIBRARY
// REQUIRED... A program with elevated rights never does it, whoever starts it.
static void probe_instead(int argc, char **argv) {
    uint32_t minimum, maximum;
    if (argc < 4 || !argv || !argv[0] || strcmp(argv[0], HETERODYNE_PROBE_NAME) != 0) return;
    // A plugin may contain this code too.
    if (heterodyne_probe_is_elevated() || !heterodyne_probe_is_in_main_program()) return;
    if (!parse_number(argv[1], &minimum) || !parse_number(argv[2], &maximum)) _exit(64);
    heterodyne_probe_child_main(argv[3], argv + 4, (size_t)argc - 4, minimum, maximum);
}

#ifdef __GLIBC__
__attribute__((constructor(101))) static void probe_in_constructor(int argc, char **argv, char **environment) {
    (void)environment;
    probe_instead(argc, argv);
}
#else
// Other C libraries pass nothing to constructors; the kernel tells.
__attribute__((constructor(101))) static void probe_in_constructor(void) {
    static char bytes[65536];
    static char *argv[1024];
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    size_t size = 0;
    ssize_t count;
    while (size < sizeof bytes - 1 && (count = read(file, bytes + size, sizeof bytes - 1 - size)) > 0)
        size += (size_t)count;
    close(file);
    int argc = 0;
    for (size_t at = 0; at < size && argc < 1023; at += strlen(bytes + at) + 1) argv[argc++] = bytes + at;
    probe_instead(argc, argv);
}
#endif
