// Heterodyne: a chip as data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
