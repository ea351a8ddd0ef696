// Heterodyne: freezes the layout of the plugin interface: within a major version nothing moves.
// SPDX-License-Identifier: Apache-2.0

#include "heterodyne_plugin.h"

_Static_assert(offsetof(heterodyne_plugin, version) == 16, "heterodyne_plugin.version moved");
