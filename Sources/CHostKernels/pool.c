// Heterodyne: the thread pool (dynamic chunks, short spin, futex sleep) and per-thread working memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "internal.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HK_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define HK_PAUSE() __asm__ volatile("yield")
#else
#define HK_PAUSE() ((void)0)
#endif

enum { SPIN_NANOSECONDS = 40000 };

/// `state` is one word so that joining and closing cannot race: bit 0...31 workers inside the job, bit 32 open,
/// bits 33... the job's number. A worker that is late finds the job closed and never touches its fields.
#define OPEN ((uint64_t)1 << 32)
#define EPOCH ((uint64_t)1 << 33)

struct hk_pool {
    _Alignas(64) _Atomic uint64_t state;
    _Alignas(64) _Atomic int64_t next;
    int64_t chunks;
    hk_pool_fn fn;
    void *context;
    _Alignas(64) _Atomic uint32_t wake;
    _Atomic uint32_t sleepers;
    _Atomic int busy;
    _Atomic int stop;
    int threads;
    pthread_t *workers;
};

typedef struct {
    hk_pool *pool;
    int index;
} worker_start;

static _Thread_local int inside_chunk;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
    syscall(SYS_futex, (uint32_t *)word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void work(hk_pool *pool, int thread) {
    const hk_pool_fn fn = pool->fn;
    void *const context = pool->context;
    const int64_t chunks = pool->chunks;
    inside_chunk = 1;
    for (;;) {
        const int64_t chunk = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (chunk >= chunks) break;
        fn(context, chunk, thread);
    }
    inside_chunk = 0;
}

static void *worker_main(void *argument) {
    const worker_start start = *(worker_start *)argument;
    free(argument);
    hk_pool *const pool = start.pool;
    uint64_t seen = 0;
    for (;;) {
        int64_t deadline = now() + SPIN_NANOSECONDS;
        uint64_t state;
        for (unsigned spin = 0;;) {
            state = atomic_load_explicit(&pool->state, memory_order_acquire);
            if ((state & OPEN) && state / EPOCH != seen) break;
            if (atomic_load_explicit(&pool->stop, memory_order_acquire)) return NULL;
            HK_PAUSE();
            if (++spin % 64 == 0 && now() > deadline) {
                const uint32_t word = atomic_load(&pool->wake);
                atomic_fetch_add(&pool->sleepers, 1);
                state = atomic_load(&pool->state);
                if (!((state & OPEN) && state / EPOCH != seen) && !atomic_load(&pool->stop))
                    futex(&pool->wake, FUTEX_WAIT, word);
                atomic_fetch_sub(&pool->sleepers, 1);
                deadline = now() + SPIN_NANOSECONDS;
            }
        }
        if (!atomic_compare_exchange_strong(&pool->state, &state, state + 1)) continue;
        seen = state / EPOCH;
        work(pool, start.index);
        atomic_fetch_sub_explicit(&pool->state, 1, memory_order_release);
    }
}

hk_pool *hk_pool_create(int threads) {
    threads = threads < 1 ? 1 : threads > 256 ? 256 : threads;
    hk_pool *pool = aligned_alloc(64, sizeof(hk_pool));
    if (pool == NULL) return NULL;
    memset(pool, 0, sizeof(hk_pool));
    pool->threads = 1;
    pool->workers = calloc((size_t)threads, sizeof(pthread_t));
    if (pool->workers == NULL) {
        free(pool);
        return NULL;
    }
    for (int i = 1; i < threads; i++) {
        worker_start *start = malloc(sizeof(worker_start));
        if (start != NULL) *start = (worker_start){pool, i};
        if (start == NULL || pthread_create(&pool->workers[i], NULL, worker_main, start) != 0) {
            free(start);
            hk_pool_destroy(pool);
            return NULL;
        }
        pool->threads = i + 1;
    }
    return pool;
}

void hk_pool_destroy(hk_pool *pool) {
    if (pool == NULL) return;
    atomic_store(&pool->stop, 1);
    atomic_fetch_add(&pool->wake, 1);
    futex(&pool->wake, FUTEX_WAKE, INT32_MAX);
    for (int i = 1; i < pool->threads; i++) pthread_join(pool->workers[i], NULL);
    free(pool->workers);
    free(pool);
}

int hk_pool_threads(const hk_pool *pool) { return pool == NULL ? 1 : pool->threads; }

void hk_pool_run(hk_pool *pool, hk_pool_fn fn, void *context, int64_t chunks) {
    if (pool == NULL || pool->threads == 1 || chunks <= 1 || inside_chunk
        || atomic_exchange_explicit(&pool->busy, 1, memory_order_acquire)) {
        for (int64_t i = 0; i < chunks; i++) fn(context, i, 0);
        return;
    }
    pool->fn = fn;
    pool->context = context;
    pool->chunks = chunks;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    // No worker is inside and the job is closed, so only this thread writes the word.
    const uint64_t state = atomic_load_explicit(&pool->state, memory_order_relaxed);
    atomic_store(&pool->state, (state & ~(EPOCH - 1)) + EPOCH + OPEN);
    atomic_fetch_add(&pool->wake, 1);
    if (atomic_load(&pool->sleepers) != 0)
        futex(&pool->wake, FUTEX_WAKE, (uint32_t)hk_min64(chunks - 1, pool->threads - 1));
    work(pool, 0);
    atomic_fetch_and(&pool->state, ~OPEN);
    for (unsigned spin = 0; (atomic_load_explicit(&pool->state, memory_order_acquire) & (OPEN - 1)) != 0; spin++) {
        if (spin < 4000) HK_PAUSE();
        else sched_yield();
    }
    atomic_store_explicit(&pool->busy, 0, memory_order_release);
}

// MARK: - Working memory of a thread

typedef struct {
    void *memory;
    size_t bytes;
} scratch_block;

/// Own: for the thread alone. Shared: for what a caller prepares for all threads of its pool. Windows: a tile of them.
enum { OWN, SHARED, WINDOWS, SCRATCH_KINDS };

static _Thread_local scratch_block scratch[SCRATCH_KINDS];
static pthread_key_t scratch_keys[SCRATCH_KINDS];
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static int scratch_keys_made;

static void make_keys(void) {
    scratch_keys_made = pthread_key_create(&scratch_keys[OWN], free) == 0
        && pthread_key_create(&scratch_keys[SHARED], free) == 0
        && pthread_key_create(&scratch_keys[WINDOWS], free) == 0;
}

static void *scratch_of(int kind, size_t bytes) {
    scratch_block *const block = &scratch[kind];
    if (bytes <= block->bytes) return block->memory;
    if (bytes > HK_SCRATCH_LIMIT) return NULL;
    pthread_once(&scratch_once, make_keys);
    const size_t rounded = (bytes + 65535) / 65536 * 65536;
    void *memory = aligned_alloc(64, rounded);
    if (memory == NULL) return NULL;
    free(block->memory);
    *block = (scratch_block){memory, rounded};
    if (scratch_keys_made) pthread_setspecific(scratch_keys[kind], memory);
    return memory;
}

void *hk_scratch(size_t bytes) { return scratch_of(OWN, bytes); }

void *hk_shared_scratch(size_t bytes) { return scratch_of(SHARED, bytes); }

void *hk_window_scratch(size_t bytes) { return scratch_of(WINDOWS, bytes); }

size_t hk_thread_scratch_limit(void) { return HK_SCRATCH_LIMIT; }
