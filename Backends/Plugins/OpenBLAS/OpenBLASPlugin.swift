// Heterodyne: the OpenBLAS backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneOpenBLAS
import HeterodynePluginKit
