// Heterodyne: all kernels, compiled for one instruction set: baseline.
// SPDX-License-Identifier: Apache-2.0
#include "internal.h"
#include "math_constants.h"
#include <math.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define HK_LEVEL 0
#define HK_TABLE hk_kernels_baseline
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
