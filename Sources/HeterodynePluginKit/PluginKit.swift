// Heterodyne: any Swift backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// Makes a plugin of a backend.
public enum PluginKit {}
