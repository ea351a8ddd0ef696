// Heterodyne: all kernels, compiled for one instruction set: avx512.
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "internal.h"
#include "math_constants.h"
#include <math.h>
#include <immintrin.h>

#define HK_LEVEL 2
#define HK_TABLE hk_kernels_avx512
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "levels/simd.inc.h"
#include "levels/math_f64.inc.h"
#include "levels/math_f32.inc.h"
#include "levels/ops_float.inc.h"
#include "levels/ops_int.inc.h"
#include "levels/convert.inc.h"
#include "levels/move.inc.h"
#include "levels/rows.inc.h"
#include "levels/gemm.inc.h"
#include "levels/windows.inc.h"
#include "levels/table.inc.h"
#pragma clang attribute pop
#endif
