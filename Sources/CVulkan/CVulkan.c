// Heterodyne: C declarations only; this file exists because a C target needs a source.
// SPDX-License-Identifier: Apache-2.0
#include "heterodyne_vulkan.h"
