// Heterodyne: the Vulkan backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneVulkan
import HeterodynePluginKit
