// Heterodyne: how the host starts the child that probes.
// SPDX-License-Identifier: Apache-2.0

#ifndef HETERODYNE_PLUGIN_PROBE_START_H
#define HETERODYNE_PLUGIN_PROBE_START_H

#include <stddef.h>
#include <stdint.h>

/* The name under which this program is started to probe. */
#define HETERODYNE_PROBE_NAME "heterodyne-plugin-probe"

/* Probes and exits. Standard input, output, error and descriptor 3, for records, are set up. */
_Noreturn void heterodyne_probe_child_main(
    const char *library, char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum);

#endif
