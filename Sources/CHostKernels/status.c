// Heterodyne: names of statuses and sizes of scalar types.
// SPDX-License-Identifier: Apache-2.0
#include "CHostKernels.h"

const char *hk_status_text(int status) {
    switch (status) {
    case HK_OK: return "ok";
    case HK_ERR_ARGUMENT: return "an argument is null or out of range";
    case HK_ERR_TYPE: return "the scalar type is not supported by this operation";
    case HK_ERR_SHAPE: return "rank, dimensions or strides are impossible";
    case HK_ERR_MEMORY: return "working memory could not be allocated";
    case HK_ERR_LIMIT: return "too large for one kernel; split it";
    default: return "unknown status";
    }
}

size_t hk_type_size(uint8_t type) {
    static const uint8_t sizes[HK_TYPE_COUNT] = {1, 0, 0, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 2, 2, 4, 8};
    return type < HK_TYPE_COUNT ? sizes[type] : 0;
}
