// Heterodyne: a plugin for tests with many devices, most of which say something wrong, each in one way.
// SPDX-License-Identifier: Apache-2.0

#include "heterodyne_plugin.h"

#include <math.h>

#define TEXT(literal) {literal, sizeof(literal) - 1}
#define GARBAGE {"\xff\xfe\x80", 3}

static heterodyne_device_info infos[64];
static heterodyne_capabilities all[64];
static char ids[64][8];

static const heterodyne_string claims[] = {TEXT("softmax"), GARBAGE};
static const heterodyne_string null_claims[] = {{NULL, 5}};
static const uint32_t usages[40] = {
    [HETERODYNE_FLOAT32] = 0xFFFFFF7F, [HETERODYNE_INT8] = HETERODYNE_STORAGE, [30] = HETERODYNE_COMPUTE};
static const uint32_t no_storage[] = {[HETERODYNE_FLOAT32] = HETERODYNE_ARITHMETIC};
static const double ulp_nan[] = {0, NAN};
static const double ulp_negative[] = {-1};
static const heterodyne_rate rate_infinite = {
    .struct_size = sizeof(heterodyne_rate), .what = TEXT("float32 dot"), .per_second = INFINITY};
static const heterodyne_rate *const infinite_rates[] = {&rate_infinite};
static const heterodyne_rate *const null_rates[] = {NULL};
static const heterodyne_exception unknown_exception = {
    .struct_size = sizeof(heterodyne_exception), .operation = 4000, .scalar_type = HETERODYNE_FLOAT32};
static const heterodyne_exception known_exception = {
    .struct_size = sizeof(heterodyne_exception), .operation = HETERODYNE_EXP, .scalar_type = HETERODYNE_FLOAT32};
static const heterodyne_exception *const exceptions[] = {&unknown_exception, &known_exception};
static const heterodyne_emulation free_emulation = {
    .struct_size = sizeof(heterodyne_emulation), .scalar_type = HETERODYNE_FLOAT64, .cost_factor = 0};
static const heterodyne_emulation good_emulation = {
    .struct_size = sizeof(heterodyne_emulation), .scalar_type = HETERODYNE_FLOAT64, .usages = HETERODYNE_COMPUTE,
    .method = TEXT("pairs"), .precision = 48, .cost_factor = 20};
static const heterodyne_emulation *const free_emulations[] = {&free_emulation};
static const heterodyne_emulation *const two_emulations[] = {&good_emulation, &good_emulation};
static const heterodyne_emulation *const one_emulation[] = {&good_emulation};
static const heterodyne_named nameless[] = {{{NULL, 0}, TEXT("1")}};
static const heterodyne_named escaped[] = {{TEXT("driver"), TEXT("1\x1b[31m\xff")}};
static const heterodyne_composite_error bad_error = {
    .struct_size = sizeof(heterodyne_composite_error), .composite = TEXT("gelu"), .maximum_ulp = -2};
static const heterodyne_composite_error *const bad_errors[] = {&bad_error};

/* The order is that of AdapterHostileTests. */
static void spoil(uint64_t device, heterodyne_device_info *info, heterodyne_capabilities *can) {
    switch (device) {
    case 0: break; // this one is right
    case 1: info->id = (heterodyne_string)GARBAGE; break;
    case 2: info->id = (heterodyne_string)TEXT("a b"); break;
    case 3: info->id = (heterodyne_string){NULL, 7}; break;
    case 4: info->id = (heterodyne_string){"x", UINT64_MAX}; break;
    case 5: info->id = (heterodyne_string){NULL, 0}; break;
    case 6: info->id = infos[0].id; break;
    case 7: info->fingerprint = (heterodyne_string)GARBAGE; break;
    case 8: info->fingerprint = (heterodyne_string){NULL, 0}; break;
    case 9: info->threads = 0; break;
    case 10: info->kind = 99; break;
    case 11: info->version_count = UINT64_MAX; info->versions = escaped; break;
    case 12: info->version_count = 1; info->versions = NULL; break;
    case 13: info->detail_count = 1; info->details = nameless; break;
    case 14: info->struct_size = 3; break;
    case 15: can->claim_count = 2; can->claims = claims; break;
    case 16: can->claim_count = 1; can->claims = null_claims; break;
    case 17: can->claim_count = 1; can->claims = NULL; break;
    case 18: can->usage_count = UINT64_MAX; break;
    case 19: can->usages = no_storage; can->usage_count = HETERODYNE_FLOAT32 + 1; break;
    case 20: can->ulp_count = 2; can->maximum_ulp = ulp_nan; break;
    case 21: can->ulp_count = 1; can->maximum_ulp = ulp_negative; break;
    case 22: can->rate_count = 1; can->rates = infinite_rates; break;
    case 23: can->rate_count = 1; can->rates = null_rates; break;
    case 24: can->emulation_count = 1; can->emulations = free_emulations; break;
    case 25: can->emulation_count = 2; can->emulations = two_emulations; break;
    case 26: can->has_unified_memory = 1; break; // without the functions
    case 27: can->maximum_buffer_byte_count = 0; break;
    case 28: can->composite_error_count = 1; can->composite_errors = bad_errors; break;
    case 29: can->struct_size = 0; break;
    case 30: can->usages = (const uint32_t *)((const char *)usages + 1); break;
    case 31: info->name = (heterodyne_string){NULL, 0}; break;
    case 32: info->unavailable_reason = (heterodyne_string)TEXT("the driver is too old"); break;
    case 33: // says odd things that are to be taken
        info->name = (heterodyne_string)TEXT("A\xff\nB");
        info->memory_byte_count = UINT64_MAX;
        info->free_memory_byte_count = UINT64_MAX - 1;
        info->threads = UINT64_MAX;
        info->version_count = 1;
        info->versions = escaped;
        can->exception_count = 2;
        can->exceptions = exceptions;
        can->emulation_count = 1;
        can->emulations = one_emulation;
        can->region_types = UINT64_MAX;
        can->maximum_region_nodes = UINT64_MAX;
        can->maximum_buffer_byte_count = UINT64_MAX;
        break;
    case 34: // an older plugin, whose structs end earlier
        info->struct_size = offsetof(heterodyne_device_info, unavailable_reason);
        info->unavailable_reason = (heterodyne_string)GARBAGE;
        can->struct_size = offsetof(heterodyne_capabilities, fuses_elementwise);
        can->rate_count = UINT64_MAX;
        break;
    default: break; // and the last, whose functions fail
    }
}

static int32_t device_count(heterodyne_context *context, uint64_t *count, heterodyne_error *error) {
#ifdef HOSTILE_COUNT
    *count = HOSTILE_COUNT;
    return HETERODYNE_OK;
#elif defined(HOSTILE_COUNT_FAILS)
    return heterodyne_fail(error, HETERODYNE_INTERNAL, 0, "bus error\x1b");
#else
    *count = 38;
    return HETERODYNE_OK;
#endif
}

static int32_t device_describe(
    heterodyne_context *context, uint64_t device, const heterodyne_device_info **info, heterodyne_error *error) {
    if (device == 35) return heterodyne_fail(error, HETERODYNE_DEVICE_UNAVAILABLE, 0, "it is asleep");
    if (device == 36) return HETERODYNE_OK; // and hands out nothing
    ids[device][0] = 'd';
    ids[device][1] = (char)('0' + device / 10);
    ids[device][2] = (char)('0' + device % 10);
    infos[device] = (heterodyne_device_info){
        .struct_size = sizeof(heterodyne_device_info),
        .id = {ids[device], 3},
        .name = TEXT("Hostile"),
        .threads = 1,
        .free_memory_byte_count = UINT64_MAX,
        .fingerprint = TEXT("hostile 1")};
    all[device] = (heterodyne_capabilities){
        .struct_size = sizeof(heterodyne_capabilities),
        .usage_count = 40,
        .usages = usages,
        .maximum_buffer_byte_count = 1 << 20};
    spoil(device, &infos[device], &all[device]);
    *info = &infos[device];
    return HETERODYNE_OK;
}

static int32_t device_capabilities(
    heterodyne_context *context, uint64_t device, const heterodyne_capabilities **capabilities,
    heterodyne_error *error) {
    if (device == 37) {
        error->message_size = UINT64_MAX; // claims to have written more than there is room for
        error->node = INT64_MIN;
        return -12345;
    }
    *capabilities = &all[device];
    return HETERODYNE_OK;
}

static int32_t nothing() { return HETERODYNE_INTERNAL; }

static const heterodyne_plugin plugin = {
#ifdef HOSTILE_TABLE_SIZE
    .struct_size = HOSTILE_TABLE_SIZE,
#else
    .struct_size = sizeof(heterodyne_plugin),
#endif
    .version = HETERODYNE_PLUGIN_VERSION,
    .name = GARBAGE,
    .plugin_version = GARBAGE,
    .device_count = device_count,
    .device_describe = device_describe,
    .device_capabilities = device_capabilities,
    .buffer_allocate = (void *)nothing,
    .buffer_free = (void *)nothing,
    .buffer_write = (void *)nothing,
    .buffer_read = (void *)nothing,
    .compile = (void *)nothing,
    .program_free = (void *)nothing,
    .invocation_create = (void *)nothing,
    .invocation_free = (void *)nothing,
#ifndef HOSTILE_NO_EXECUTE
    .execute = (void *)nothing,
#endif
};

int32_t heterodyne_plugin_open(
    const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **result,
    heterodyne_error *error) {
    *result = &plugin;
    return HETERODYNE_OK;
}
