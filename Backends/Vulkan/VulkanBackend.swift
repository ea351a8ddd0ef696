// Heterodyne: the Vulkan backend.
// SPDX-License-Identifier: Apache-2.0
