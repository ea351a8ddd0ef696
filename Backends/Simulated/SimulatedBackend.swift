// Heterodyne: chips that are not there, computed on the host and timed by a model.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
