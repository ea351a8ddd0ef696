// Heterodyne: counts the allocations of the process that links this.
// SPDX-License-Identifier: Apache-2.0
#ifndef HETERODYNE_ALLOCATION_COUNTER_H
#define HETERODYNE_ALLOCATION_COUNTER_H

#include <stdint.h>

/// Number of blocks that malloc, calloc, realloc, posix_memalign, aligned_alloc and memalign gave since the start.
uint64_t allocation_count(void);

#endif
