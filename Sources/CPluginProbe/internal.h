// Heterodyne: what the files of the probe share.
// SPDX-License-Identifier: Apache-2.0

#ifndef HETERODYNE_PLUGIN_PROBE_INTERNAL_H
#define HETERODYNE_PLUGIN_PROBE_INTERNAL_H

#include "plugin_probe.h"

/* Where a check says what is wrong, and with which device. */
typedef struct checker {
    char *message;
    size_t capacity;
    uint64_t device;
} checker;

/* Each returns 0, or HETERODYNE_PROBE_INVALID with the message filled. They read all that the plugin handed out. */
int heterodyne_probe_size(checker *checker, const char *what, size_t size, size_t least);
int heterodyne_probe_check_info(checker *checker, const heterodyne_device_info *info);
int heterodyne_probe_check_capabilities(checker *checker, const heterodyne_capabilities *capabilities);

#endif
