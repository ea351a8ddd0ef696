// Heterodyne: the Reference backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneReference
import HeterodynePluginKit
