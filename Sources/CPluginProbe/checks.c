// Heterodyne: what holds of every plugin: checked in the child that probes, and again where the plugin is used.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "internal.h"

// The structs of version 1.0 end with these fields; later minor versions append.
#define THROUGH(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))
#define LARGEST_STRUCT ((size_t)1 << 20)

int heterodyne_probe_size(checker *checker, const char *what, size_t size, size_t least) {
    if (size >= least && size <= LARGEST_STRUCT) return 0;
    snprintf(
        checker->message, checker->capacity,
        "%s has a struct_size of %zu bytes; version 1.0 has %zu, and later ones only append", what, size, least);
    return HETERODYNE_PROBE_INVALID;
}

static int invalid(checker *checker, const char *message) {
    snprintf(checker->message, checker->capacity, "%s", message);
    return HETERODYNE_PROBE_INVALID;
}

int heterodyne_probe_open(
    void *entry, const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    int32_t *status, char *message, size_t capacity) {
    checker checker = {message, capacity, 0};
    __typeof__(&heterodyne_plugin_open) open;
    memcpy(&open, &entry, sizeof open);
    char text[HETERODYNE_PROBE_TEXT] = {0};
    heterodyne_error error = {.struct_size = sizeof error, .message = text, .message_capacity = sizeof text};
    const heterodyne_plugin *table = NULL;
    *plugin = NULL;
    *status = open(host, minimum, maximum, &table, &error);
    if (*status != HETERODYNE_OK) {
        size_t size = error.message_size < sizeof text ? (size_t)error.message_size : sizeof text;
        if (size >= capacity) size = capacity - 1;
        memcpy(message, text, size);
        message[size] = 0;
        return HETERODYNE_PROBE_FAILED;
    }
    if (!table) return invalid(&checker, "heterodyne_plugin_open succeeded without handing out a heterodyne_plugin");
    // Whatever else the table holds, a version says how to read it.
    if (table->struct_size < THROUGH(heterodyne_plugin, version))
        return heterodyne_probe_size(
            &checker, "heterodyne_plugin", table->struct_size, THROUGH(heterodyne_plugin, measurements));
    if (table->version == 0) return invalid(&checker, "it picked version 0, which is no version");
    if (table->version < minimum || table->version > maximum) {
        snprintf(
            message, capacity, "it picked version %u.%u of the plugin interface, but was offered %u.%u to %u.%u",
            table->version >> 16, table->version & 0xFFFF, minimum >> 16, minimum & 0xFFFF, maximum >> 16,
            maximum & 0xFFFF);
        return HETERODYNE_PROBE_INVALID;
    }
    int failure = heterodyne_probe_size(
        &checker, "heterodyne_plugin", table->struct_size, THROUGH(heterodyne_plugin, measurements));
    if (failure) return failure;
#define REQUIRE(function) \
    if (!table->function) return invalid(&checker, "its function " #function " is NULL, but every plugin needs it")
    REQUIRE(device_count);
    REQUIRE(device_describe);
    REQUIRE(device_capabilities);
    REQUIRE(buffer_allocate);
    REQUIRE(buffer_free);
    REQUIRE(buffer_write);
    REQUIRE(buffer_read);
    REQUIRE(compile);
    REQUIRE(program_free);
    REQUIRE(invocation_create);
    REQUIRE(invocation_free);
    REQUIRE(execute);
#undef REQUIRE
    *plugin = table;
    return 0;
}

// ---------------------------------------------------------------------------------------------- What is handed out

// Reads every byte, so that memory that is not there fails here and not in the host.
static int touch(const void *bytes, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const volatile unsigned char *)bytes)[i];
    return sum != 0;
}

static int check_text(checker *checker, heterodyne_string text, const char *what) {
    if (text.size > 1 << 20 || (text.size > 0 && !text.data)) {
        snprintf(
            checker->message, checker->capacity, "%s of device %llu is a text of %llu bytes%s", what,
            (unsigned long long)checker->device, (unsigned long long)text.size, text.data ? "" : " at address NULL");
        return HETERODYNE_PROBE_INVALID;
    }
    touch(text.data, (size_t)text.size);
    return 0;
}

static int check_array(checker *checker, const void *elements, uint64_t count, size_t size, const char *what) {
    if (count > 1 << 16 || (count > 0 && !elements)) {
        snprintf(
            checker->message, checker->capacity, "%s of device %llu is a list of %llu elements%s", what,
            (unsigned long long)checker->device, (unsigned long long)count, elements ? "" : " at address NULL");
        return HETERODYNE_PROBE_INVALID;
    }
    touch(elements, (size_t)count * size);
    return 0;
}

static int check_element(checker *checker, const void *element, size_t least, const char *what) {
    if (!element) {
        snprintf(
            checker->message, checker->capacity, "%s of device %llu has an element that is NULL", what,
            (unsigned long long)checker->device);
        return HETERODYNE_PROBE_INVALID;
    }
    size_t size;
    memcpy(&size, element, sizeof size); // every struct begins with its struct_size
    return heterodyne_probe_size(checker, what, size, least);
}

#define TRY(expression) \
    do { \
        int failure = (expression); \
        if (failure) return failure; \
    } while (0)

int heterodyne_probe_check_info(checker *checker, const heterodyne_device_info *info) {
    if (!info) return invalid(checker, "device_describe succeeded without handing out a heterodyne_device_info");
    TRY(heterodyne_probe_size(
        checker, "heterodyne_device_info", info->struct_size, THROUGH(heterodyne_device_info, remedy)));
    TRY(check_text(checker, info->id, "id"));
    TRY(check_text(checker, info->name, "name"));
    TRY(check_text(checker, info->vendor, "vendor"));
    TRY(check_text(checker, info->fingerprint, "fingerprint"));
    TRY(check_text(checker, info->unavailable_reason, "unavailable_reason"));
    TRY(check_text(checker, info->remedy, "remedy"));
    TRY(check_array(checker, info->versions, info->version_count, sizeof *info->versions, "versions"));
    for (uint64_t i = 0; i < info->version_count; i++) {
        TRY(check_text(checker, info->versions[i].name, "a name in versions"));
        TRY(check_text(checker, info->versions[i].value, "a value in versions"));
    }
    TRY(check_array(checker, info->details, info->detail_count, sizeof *info->details, "details"));
    for (uint64_t i = 0; i < info->detail_count; i++) {
        TRY(check_text(checker, info->details[i].name, "a name in details"));
        TRY(check_text(checker, info->details[i].value, "a value in details"));
    }
    return 0;
}

static int check_exceptions(
    checker *checker, const heterodyne_exception *const *exceptions, uint64_t count, const char *what) {
    TRY(check_array(checker, exceptions, count, sizeof *exceptions, what));
    for (uint64_t i = 0; i < count; i++) {
        TRY(check_element(checker, exceptions[i], THROUGH(heterodyne_exception, reason), what));
        TRY(check_text(checker, exceptions[i]->reason, "the reason of an exception"));
    }
    return 0;
}

int heterodyne_probe_check_capabilities(checker *checker, const heterodyne_capabilities *it) {
    if (!it) return invalid(checker, "device_capabilities succeeded without handing out a heterodyne_capabilities");
    TRY(heterodyne_probe_size(
        checker, "heterodyne_capabilities", it->struct_size, THROUGH(heterodyne_capabilities, composite_errors)));
    TRY(check_array(checker, it->usages, it->usage_count, sizeof *it->usages, "usages"));
    TRY(check_exceptions(checker, it->exceptions, it->exception_count, "exceptions"));
    TRY(check_array(checker, it->emulations, it->emulation_count, sizeof *it->emulations, "emulations"));
    for (uint64_t i = 0; i < it->emulation_count; i++) {
        const heterodyne_emulation *emulation = it->emulations[i];
        TRY(check_element(checker, emulation, THROUGH(heterodyne_emulation, exceptions), "emulations"));
        TRY(check_text(checker, emulation->method, "the method of an emulation"));
        TRY(check_exceptions(checker, emulation->exceptions, emulation->exception_count, "exceptions of an emulation"));
    }
    TRY(check_array(checker, it->claims, it->claim_count, sizeof *it->claims, "claims"));
    for (uint64_t i = 0; i < it->claim_count; i++) TRY(check_text(checker, it->claims[i], "a name in claims"));
    TRY(check_array(
        checker, it->region_composites, it->region_composite_count, sizeof *it->region_composites,
        "region_composites"));
    for (uint64_t i = 0; i < it->region_composite_count; i++)
        TRY(check_text(checker, it->region_composites[i], "a name in region_composites"));
    TRY(check_array(checker, it->rates, it->rate_count, sizeof *it->rates, "rates"));
    for (uint64_t i = 0; i < it->rate_count; i++) {
        TRY(check_element(checker, it->rates[i], THROUGH(heterodyne_rate, source), "rates"));
        TRY(check_text(checker, it->rates[i]->what, "what of a rate"));
        TRY(check_text(checker, it->rates[i]->source, "the source of a rate"));
    }
    TRY(check_array(checker, it->maximum_ulp, it->ulp_count, sizeof *it->maximum_ulp, "maximum_ulp"));
    TRY(check_array(
        checker, it->composite_errors, it->composite_error_count, sizeof *it->composite_errors, "composite_errors"));
    for (uint64_t i = 0; i < it->composite_error_count; i++) {
        const heterodyne_composite_error *error = it->composite_errors[i];
        TRY(check_element(checker, error, THROUGH(heterodyne_composite_error, maximum_ulp), "composite_errors"));
        TRY(check_text(checker, error->composite, "the name of a composite error"));
    }
    return 0;
}

// ---------------------------------------------------------------------------------------------- The process

const char *heterodyne_probe_status_name(int32_t status) {
    switch ((heterodyne_status)status) {
    case HETERODYNE_OK: return "HETERODYNE_OK";
    case HETERODYNE_CANCELLED: return "HETERODYNE_CANCELLED";
    case HETERODYNE_INVALID_ARGUMENT: return "HETERODYNE_INVALID_ARGUMENT";
    case HETERODYNE_UNSUPPORTED: return "HETERODYNE_UNSUPPORTED";
    case HETERODYNE_OUT_OF_MEMORY: return "HETERODYNE_OUT_OF_MEMORY";
    case HETERODYNE_DEVICE_UNAVAILABLE: return "HETERODYNE_DEVICE_UNAVAILABLE";
    case HETERODYNE_LIBRARY_UNAVAILABLE: return "HETERODYNE_LIBRARY_UNAVAILABLE";
    case HETERODYNE_COMPILATION_FAILED: return "HETERODYNE_COMPILATION_FAILED";
    case HETERODYNE_EXECUTION_FAILED: return "HETERODYNE_EXECUTION_FAILED";
    case HETERODYNE_DEVICE_LOST: return "HETERODYNE_DEVICE_LOST";
    case HETERODYNE_VERSION_MISMATCH: return "HETERODYNE_VERSION_MISMATCH";
    case HETERODYNE_INTERNAL: return "HETERODYNE_INTERNAL";
    }
    return NULL;
}

int heterodyne_probe_is_elevated(void) { return getauxval(AT_SECURE) != 0; }

const char *heterodyne_probe_environment(const char *name) { return secure_getenv(name); }

int heterodyne_probe_matches(const char *pattern, const char *name) { return fnmatch(pattern, name, 0) == 0; }
