// Heterodyne: the version of the plugin interface that this host speaks.
// SPDX-License-Identifier: Apache-2.0

import CPluginProbe

/// The newest version of the plugin interface that this host speaks.
let heterodyneVersion = (
    major: Int(heterodyne_probe_newest() >> 16), minor: Int(heterodyne_probe_newest() & 0xFFFF)
)
