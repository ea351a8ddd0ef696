// Heterodyne: the part of the Vulkan interface that the Vulkan backend uses.
// SPDX-License-Identifier: Apache-2.0
#ifndef HETERODYNE_VULKAN_H
#define HETERODYNE_VULKAN_H
#include <stdint.h>
#endif
