// Heterodyne: a plugin from the future: a later minor whose structs all have more fields, or a later major.
// SPDX-License-Identifier: Apache-2.0
//
// The test makes the header of the later minor: that of today, with two fields appended to every struct that may grow.
// With -DONLY_MAJOR_2 the plugin speaks nothing but 2.0.

#include "heterodyne_plugin.h" /* the later one, which is first on the path */

#define SMALL_WITHOUT_OPEN
#include "release-1.0/plugin_1_0.c"

#ifndef ONLY_MAJOR_2
/* What the host of today would crash on, if it looked. */
#define POISON(object)                                                       \
    do {                                                                     \
        (object)->later_count = UINT64_MAX;                                  \
        (object)->later_text.data = (const char *)(uintptr_t)0xDEAD0000BEEF; \
        (object)->later_text.size = UINT64_MAX;                              \
    } while (0)

static int knows_later(size_t struct_size, size_t of_later) { return struct_size >= of_later; }
static const heterodyne_extension unknown = {
    .struct_size = sizeof(heterodyne_extension), .next = NULL, .type = 0x8000000000000007u};
#endif

static const heterodyne_plugin *opened;

int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    heterodyne_error *error) {
#ifdef ONLY_MAJOR_2
    (void)host, (void)plugin, (void)opened, (void)small_fill;
    if (minimum > HETERODYNE_VERSION(2, 0) || maximum < HETERODYNE_VERSION(2, 0))
        return heterodyne_fail(error, HETERODYNE_VERSION_MISMATCH, 0, "this plugin speaks interface 2.0 only");
    return HETERODYNE_INTERNAL;
#else
    /* A host that is older than this header owns shorter structs; what it lacks is not touched. */
    if (knows_later(host->struct_size, sizeof *host) || knows_later(error->struct_size, sizeof *error)
        || HETERODYNE_HAS(host, later_count) || !HETERODYNE_HAS(host, log))
        return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "the host pretends to be from the future");
    if (minimum > HETERODYNE_VERSION(1, 0) || maximum < HETERODYNE_VERSION(1, 0))
        return heterodyne_fail(error, HETERODYNE_VERSION_MISMATCH, 0, "this plugin speaks 1.0 to 1.1007");
    small_fill(maximum < HETERODYNE_PLUGIN_VERSION ? maximum : HETERODYNE_PLUGIN_VERSION);
    POISON(&small_table);
    POISON(&small_info);
    POISON(&small_capabilities);
    for (uint64_t i = 0; i < small_capabilities.exception_count; i++) POISON(&small_exceptions[i]);
    /* Extensions that nobody knows are skipped. */
    small_table.extensions = &unknown;
    small_info.extensions = &unknown;
    small_capabilities.extensions = &unknown;
    small_info.name = heterodyne_text("Device from the future");
    opened = &small_table;
    *plugin = opened;
    return HETERODYNE_OK;
#endif
}
