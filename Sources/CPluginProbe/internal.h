// Heterodyne: what the files of the probe share.
// SPDX-License-Identifier: Apache-2.0

#ifndef HETERODYNE_PLUGIN_PROBE_INTERNAL_H
#define HETERODYNE_PLUGIN_PROBE_INTERNAL_H

#include "plugin_probe.h"

/* Read all that the host would read of what the plugin handed out. */
void heterodyne_probe_touch_info(const heterodyne_device_info *info);
void heterodyne_probe_touch_capabilities(const heterodyne_capabilities *capabilities);

#endif
