// Heterodyne: C kernels on host memory (everything a CPU backend runs); umbrella header and common types.
// SPDX-License-Identifier: Apache-2.0
//
// Rules for all functions:
//  * Nothing traps. `*_prepare` functions validate their description once and return a status; `*_run` functions and
//    the direct functions trust sizes and strides that the caller has validated, but still return a status where the
//    description itself can be wrong (type, rank, null pointer).
//  * Nothing allocates in steady state (but a sort of lines beyond half a million elements). Working memory is the stack or one buffer per thread that grows to a bounded
//    size on first use (`hk_thread_scratch_limit`) and is freed when its thread ends.
//  * Everything may be called from many threads at once, also with the same prepared object.
//  * A `pool` argument may be NULL: the call then runs on the calling thread.
//  * Results do not depend on the number of threads.
//  * All strides are in elements unless a name says bytes; they may be zero (broadcast) or negative.
//  * Scalar types are one byte with the raw values of HeterodyneGraph.ScalarType.
#ifndef CHOSTKERNELS_H
#define CHOSTKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// Scalar types; equal to the raw values of `HeterodyneGraph.ScalarType`.
enum {
    HK_BOOL = 0, HK_INT4 = 1, HK_UINT4 = 2, HK_INT8 = 3, HK_INT16 = 4, HK_INT32 = 5, HK_INT64 = 6, HK_UINT8 = 7,
    HK_UINT16 = 8, HK_UINT32 = 9, HK_UINT64 = 10, HK_F8E4M3 = 11, HK_F8E5M2 = 12, HK_F16 = 13, HK_BF16 = 14,
    HK_F32 = 15, HK_F64 = 16, HK_TYPE_COUNT = 17
};

/// What a call reports. Zero is success.
enum {
    HK_OK = 0,
    HK_ERR_ARGUMENT = 1,    ///< a null pointer, a negative size, or an option out of range
    HK_ERR_TYPE = 2,        ///< the scalar type is not supported by this operation
    HK_ERR_SHAPE = 3,       ///< rank, dimensions or strides are impossible (or sizes overflow)
    HK_ERR_MEMORY = 4,      ///< working memory could not be allocated
    HK_ERR_LIMIT = 5        ///< too large for the implementation (for example too many live registers); split it
};

/// The highest rank that strided functions take.
#define HK_MAX_RANK 8

/// A constant text for a status ("ok", "argument", ...).
const char *hk_status_text(int status);

/// Bytes of one element; 0 for the packed 4-bit types and for unknown codes.
size_t hk_type_size(uint8_t type);

/// The instruction set in use: 0 baseline (SSE2 or NEON), 1 AVX2 with FMA and F16C, 2 AVX-512 (F, BW, DQ, VL).
/// It is the best that the processor has, lowered by the environment variable HETERODYNE_CPU_LEVEL, read once.
int hk_cpu_level(void);

/// The best level that the processor (and operating system) supports, whatever was configured.
int hk_cpu_level_supported(void);

/// For tests: uses `level` from now on (clamped to what the processor supports) and returns the level now in use.
/// Prepared objects keep the level that they were prepared with. Not to be called while kernels run.
int hk_cpu_set_level(int level);

/// Bytes of working memory that one thread may come to hold (an upper bound).
size_t hk_thread_scratch_limit(void);

// MARK: - Threads

/// A fixed set of threads. The caller of `hk_pool_run` works too, so a pool of n threads starts n - 1 workers.
typedef struct hk_pool hk_pool;

/// Work on one chunk. `thread` is 0 for the caller and below `hk_pool_threads` for workers.
typedef void (*hk_pool_fn)(void *context, int64_t chunk, int thread);

/// Starts a pool of `threads` (clamped to 1...256). NULL when threads or memory are not to be had.
hk_pool *hk_pool_create(int threads);

/// Stops the workers and frees the pool. No call may be running. NULL is allowed.
void hk_pool_destroy(hk_pool *pool);

/// Threads that take part, the caller included; 1 for NULL.
int hk_pool_threads(const hk_pool *pool);

/// Calls `fn` once for each chunk in 0..<chunks, and returns when all have returned. Chunks are claimed one at a time
/// in order. Runs inline, in order, on the caller when the pool is NULL, has one thread, is busy with another caller's
/// run, or when the caller is itself inside a chunk.
void hk_pool_run(hk_pool *pool, hk_pool_fn fn, void *context, int64_t chunks);

// MARK: - Subjects

#include "hk_region.h"
#include "hk_reduce.h"
#include "hk_rows.h"
#include "hk_attention.h"
#include "hk_move.h"
#include "hk_matmul.h"
#include "hk_windows.h"

#endif
