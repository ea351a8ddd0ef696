// Heterodyne: a plugin in C++11 that lets an exception out of heterodyne_plugin_open, or while its library is loaded.
// SPDX-License-Identifier: Apache-2.0

#include "heterodyne_plugin.h"

#include <stdexcept>

#ifdef WHILE_LOADING
static const int loaded = [] { throw std::runtime_error("a constructor of a global threw"); return 1; }();
#endif

int32_t heterodyne_plugin_open(
    const heterodyne_host *, uint32_t, uint32_t, const heterodyne_plugin **, heterodyne_error *) {
#ifdef WHILE_LOADING
    return loaded;
#else
    throw std::runtime_error("the driver is not to its liking");
#endif
}
