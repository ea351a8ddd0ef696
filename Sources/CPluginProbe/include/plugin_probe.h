// Heterodyne: tries a plugin out in a child process, so that a faulty one harms nobody else.
// SPDX-License-Identifier: Apache-2.0

#ifndef HETERODYNE_PLUGIN_PROBE_H
#define HETERODYNE_PLUGIN_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heterodyne_plugin.h"

/* What the child was doing; the value of a HETERODYNE_PROBE_PHASE record. */
enum heterodyne_probe_phase {
    HETERODYNE_PROBE_STARTING = 0,
    HETERODYNE_PROBE_REQUIREMENTS = 1, /* loads the libraries that the manifest requires */
    HETERODYNE_PROBE_LOADING = 2,
    HETERODYNE_PROBE_OPENING = 3,
    HETERODYNE_PROBE_COUNTING = 4,     /* asks how many devices there are */
    HETERODYNE_PROBE_DESCRIBING = 5,   /* the record's value is the device's number */
    HETERODYNE_PROBE_CAPABILITIES = 6  /* the record's value is the device's number */
};

/* What a record says. */
enum heterodyne_probe_kind {
    HETERODYNE_PROBE_PHASE = 1,       /* code: the phase that begins */
    HETERODYNE_PROBE_MISSING = 2,     /* value: which required library cannot be loaded; text: the loader's words */
    HETERODYNE_PROBE_UNLOADABLE = 3,  /* text: the loader's words */
    HETERODYNE_PROBE_NO_ENTRY = 4,    /* heterodyne_plugin_open is missing; text: the loader's words */
    HETERODYNE_PROBE_FAILED = 5,      /* code: the status that the plugin returned; text: its message */
    HETERODYNE_PROBE_INVALID = 6,     /* text: which rule the plugin breaks */
    HETERODYNE_PROBE_DONE = 7         /* code: the version; value: the number of devices */
};

/* The head of what the child writes; text_size bytes follow. */
typedef struct heterodyne_probe_record {
    uint32_t magic;
    uint32_t kind;
    uint64_t value;
    int32_t code;
    uint32_t text_size;
} heterodyne_probe_record;

#define HETERODYNE_PROBE_MAGIC 0x48745072u
/* Most bytes of text in a record, so that a record is written in one piece. */
#define HETERODYNE_PROBE_TEXT 3072
/* Most devices that one plugin may bring. */
#define HETERODYNE_PROBE_DEVICES 1024

/* A child at work. */
typedef struct heterodyne_probe_child {
    pid_t pid;   /* also its process group */
    int records; /* where its records can be read; does not block */
    int output;  /* where its standard output and error can be read; does not block */
} heterodyne_probe_child;

/* How a child ended. */
enum heterodyne_probe_end {
    HETERODYNE_PROBE_RUNNING = 0,
    HETERODYNE_PROBE_EXITED = 1,   /* value: its exit status */
    HETERODYNE_PROBE_SIGNALLED = 2,/* value: the signal */
    HETERODYNE_PROBE_UNKNOWN = 3   /* somebody else in this process collected it */
};

/* Whether this code is part of the main program, so that another process of it can probe. */
int heterodyne_probe_is_in_main_program(void);

/* Starts a child that probes `library`: a fresh process of this program where `fresh` is not 0, else a fork. Before the
 * library it loads each of `required`. Returns 0 or an errno. */
int heterodyne_probe_start(
    const char *library, const char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum, int fresh,
    heterodyne_probe_child *child);

/* Whether the child ended; does not wait. It stays a zombie, so that its process group keeps its number. */
int heterodyne_probe_poll(pid_t pid, int *value);

/* Kills what is left of the child's process group, and collects the child; later, where it hangs inside the kernel. */
void heterodyne_probe_finish(pid_t pid);

/* Calls `entry`, the address of heterodyne_plugin_open, and checks its table: the version, the size of the struct, the
 * functions that are required. Returns 0, or the kind of the record that says what is wrong, with `status` and
 * `message`. */
int heterodyne_probe_open(
    void *entry, const heterodyne_host *host, uint32_t minimum, uint32_t maximum, const heterodyne_plugin **plugin,
    int32_t *status, char *message, size_t capacity);

/* The versions of the interface that this host speaks. */
static inline uint32_t heterodyne_probe_oldest(void) { return HETERODYNE_VERSION(1, 0); }
static inline uint32_t heterodyne_probe_newest(void) { return HETERODYNE_PLUGIN_VERSION; }

/* The name of a heterodyne_status, NULL for other numbers. */
const char *heterodyne_probe_status_name(int32_t status);

/* Whether the process has more rights than who started it: the environment is not to be trusted then. */
int heterodyne_probe_is_elevated(void);

/* An environment variable; NULL in a process with elevated rights. */
const char *heterodyne_probe_environment(const char *name);

/* Whether `name` matches the shell pattern `pattern` (fnmatch). */
int heterodyne_probe_matches(const char *pattern, const char *name);

#endif
