// Heterodyne: choice of the instruction set at run time, and facts about scalar types that the kernels share.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic int current_level = -1;
static pthread_once_t level_once = PTHREAD_ONCE_INIT;

int hk_cpu_level_supported(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) return 0;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")
        || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return 1;
    return 2;
#else
    return 0;
#endif
}

static void choose_level(void) {
    int level = hk_cpu_level_supported();
    const char *text = getenv("HETERODYNE_CPU_LEVEL");
    if (text != NULL && text[0] >= '0' && text[0] <= '2' && text[1] == 0 && text[0] - '0' < level)
        level = text[0] - '0';
    atomic_store(&current_level, level);
}

int hk_cpu_level(void) {
    const int level = atomic_load_explicit(&current_level, memory_order_acquire);
    if (level >= 0) return level;
    pthread_once(&level_once, choose_level);
    return atomic_load(&current_level);
}

int hk_cpu_set_level(int level) {
    hk_cpu_level();
    const int best = hk_cpu_level_supported();
    level = level < 0 ? 0 : level > best ? best : level;
    atomic_store(&current_level, level);
    return level;
}

const hk_kernels *hk_current(void) {
    switch (hk_cpu_level()) {
#if defined(__x86_64__)
    case 2: return &hk_kernels_avx512;
    case 1: return &hk_kernels_avx2;
#endif
    default: return &hk_kernels_baseline;
    }
}

int hk_class_of(uint8_t type) {
    static const int8_t classes[HK_TYPE_COUNT] = {C_BOOL, -1, -1, C_I8, C_I16, C_I32, C_I64, C_U8, C_U16,
                                                  C_U32, C_U64, C_F32, C_F32, C_F32, C_F32, C_F32, C_F64};
    return type < HK_TYPE_COUNT ? classes[type] : -1;
}

int hk_narrow_of(uint8_t type) {
    switch (type) {
    case HK_F16: return N_F16;
    case HK_BF16: return N_BF16;
    case HK_F8E4M3: return N_F8E4M3;
    case HK_F8E5M2: return N_F8E5M2;
    default: return -1;
    }
}

size_t hk_class_size(int cls) {
    static const uint8_t sizes[C_COUNT] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
    return cls >= 0 && cls < C_COUNT ? sizes[cls] : 0;
}

int hk_check_dims(int rank, const int64_t *dims, int64_t *count) {
    if (rank < 0 || rank > HK_MAX_RANK || (rank > 0 && dims == NULL)) return HK_ERR_SHAPE;
    int64_t n = 1;
    int zero = 0;
    for (int d = 0; d < rank; d++) {
        if (dims[d] < 0) return HK_ERR_SHAPE;
        if (dims[d] == 0) zero = 1;
        else if (__builtin_mul_overflow(n, dims[d], &n)) return HK_ERR_SHAPE;
    }
    if (n > INT64_MAX / 16) return HK_ERR_SHAPE;
    *count = zero ? 0 : n;
    return HK_OK;
}
