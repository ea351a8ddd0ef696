// Heterodyne: the Simulated backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneSimulated
import HeterodynePluginKit
