// Heterodyne: what the child process does that tries a plugin out.
// SPDX-License-Identifier: Apache-2.0

#include "plugin_probe.h"
#include "heterodyne_plugin.h"
