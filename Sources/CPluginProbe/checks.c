// Heterodyne: what holds of every plugin: checked in the child that probes, and again where the plugin is used.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "internal.h"

// Bytes of a struct up to the end of a field. The table of version 1.0 ends with measurements; later minor versions append.
#define THROUGH(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))
#define LARGEST_STRUCT ((size_t)1 << 20)

// ---------------------------------------------------------------------------------------------- What is handed out

// What the host would read of it is read here, so that memory that is not there ends the child and not the host. Whether the
// values make sense the host asks itself, device by device: one that describes itself wrongly hides no other. As there,
// a field counts where struct_size covers it, and larger texts and lists are taken for garbage and left alone.
#define LARGEST_TEXT (1 << 16)
#define LARGEST_LIST (1 << 16)

static void touch(const void *bytes, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const volatile unsigned char *)bytes)[i];
    (void)sum;
}

static void touch_text(heterodyne_string text) {
    if (text.data && text.size <= LARGEST_TEXT) touch(text.data, (size_t)text.size);
}

// How many elements to look at.
static uint64_t touch_list(const void *elements, uint64_t count, size_t size) {
    if (!elements || count > LARGEST_LIST) return 0;
    touch(elements, (size_t)count * size);
    return count;
}

static void touch_named(const heterodyne_named *named, uint64_t count) {
    count = touch_list(named, count, sizeof *named);
    for (uint64_t i = 0; i < count; i++) {
        touch_text(named[i].name);
        touch_text(named[i].value);
    }
}

static void touch_texts(const heterodyne_string *texts, uint64_t count) {
    count = touch_list(texts, count, sizeof *texts);
    for (uint64_t i = 0; i < count; i++) touch_text(texts[i]);
}

#define TOUCH_TEXT(object, field) \
    if (HETERODYNE_HAS(object, field)) touch_text((object)->field)

void heterodyne_probe_touch_info(const heterodyne_device_info *info) {
    if (!info) return;
    TOUCH_TEXT(info, id);
    TOUCH_TEXT(info, name);
    TOUCH_TEXT(info, vendor);
    if (HETERODYNE_HAS(info, versions)) touch_named(info->versions, info->version_count);
    if (HETERODYNE_HAS(info, details)) touch_named(info->details, info->detail_count);
    TOUCH_TEXT(info, fingerprint);
    TOUCH_TEXT(info, unavailable_reason);
    TOUCH_TEXT(info, remedy);
}

static void touch_exceptions(const heterodyne_exception *const *exceptions, uint64_t count) {
    count = touch_list(exceptions, count, sizeof *exceptions);
    for (uint64_t i = 0; i < count; i++)
        if (exceptions[i]) TOUCH_TEXT(exceptions[i], reason);
}

void heterodyne_probe_touch_capabilities(const heterodyne_capabilities *it) {
    if (!it) return;
    if (HETERODYNE_HAS(it, usages)) touch_list(it->usages, it->usage_count, sizeof *it->usages);
    if (HETERODYNE_HAS(it, exceptions)) touch_exceptions(it->exceptions, it->exception_count);
    if (HETERODYNE_HAS(it, emulations)) {
        uint64_t count = touch_list(it->emulations, it->emulation_count, sizeof *it->emulations);
        for (uint64_t i = 0; i < count; i++) {
            const heterodyne_emulation *emulation = it->emulations[i];
            if (!emulation) continue;
            TOUCH_TEXT(emulation, method);
            if (HETERODYNE_HAS(emulation, exceptions))
                touch_exceptions(emulation->exceptions, emulation->exception_count);
        }
    }
    if (HETERODYNE_HAS(it, claims)) touch_texts(it->claims, it->claim_count);
    if (HETERODYNE_HAS(it, region_composites)) touch_texts(it->region_composites, it->region_composite_count);
    if (HETERODYNE_HAS(it, rates)) {
        uint64_t count = touch_list(it->rates, it->rate_count, sizeof *it->rates);
        for (uint64_t i = 0; i < count; i++) {
            if (!it->rates[i]) continue;
            TOUCH_TEXT(it->rates[i], what);
            TOUCH_TEXT(it->rates[i], source);
        }
    }
    if (HETERODYNE_HAS(it, maximum_ulp)) touch_list(it->maximum_ulp, it->ulp_count, sizeof *it->maximum_ulp);
    if (HETERODYNE_HAS(it, composite_errors)) {
        uint64_t count = touch_list(it->composite_errors, it->composite_error_count, sizeof *it->composite_errors);
        for (uint64_t i = 0; i < count; i++)
            if (it->composite_errors[i]) TOUCH_TEXT(it->composite_errors[i], composite);
    }
}

// ---------------------------------------------------------------------------------------------- The table

static int invalid_size(char *message, size_t capacity, size_t size) {
    snprintf(
        message, capacity,
        "heterodyne_plugin has a struct_size of %zu bytes; version 1.0 has %zu, and later ones only append", size,
        THROUGH(heterodyne_plugin, measurements));
    return HETERODYNE_PROBE_INVALID;
}

static int invalid(char *message, size_t capacity, const char *text) {
    snprintf(message, capacity, "%s", text);
    return HETERODYNE_PROBE_INVALID;
}

int heterodyne_probe_open(
    void *entry, const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    int32_t *status, char *message, size_t capacity) {
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
    if (!table) return invalid(message, capacity, "heterodyne_plugin_open succeeded without handing out a heterodyne_plugin");
    // Whatever else the table holds, a version says how to read it.
    if (table->struct_size < THROUGH(heterodyne_plugin, version))
        return invalid_size(message, capacity, table->struct_size);
    if (table->version == 0) return invalid(message, capacity, "it picked version 0, which is no version");
    if (table->version < minimum || table->version > maximum) {
        snprintf(
            message, capacity, "it picked version %u.%u of the plugin interface, but was offered %u.%u to %u.%u",
            table->version >> 16, table->version & 0xFFFF, minimum >> 16, minimum & 0xFFFF, maximum >> 16,
            maximum & 0xFFFF);
        return HETERODYNE_PROBE_INVALID;
    }
    if (table->struct_size < THROUGH(heterodyne_plugin, measurements) || table->struct_size > LARGEST_STRUCT)
        return invalid_size(message, capacity, table->struct_size);
    touch(table, THROUGH(heterodyne_plugin, measurements));
    touch_text(table->name);
    touch_text(table->plugin_version);
#define REQUIRE(function) \
    if (!table->function) return invalid(message, capacity, "its function " #function " is NULL, but every plugin needs it")
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
