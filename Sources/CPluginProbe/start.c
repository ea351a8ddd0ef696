// Heterodyne: starts, watches and ends the child process that tries a plugin out.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugin_probe.h"

extern char **environ;

// dl_iterate_phdr names the main program first.
static int find_own_code(struct dl_phdr_info *info, size_t size, void *found) {
    (void)size;
    uintptr_t own = (uintptr_t)&heterodyne_probe_is_in_main_program;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        uintptr_t start = (uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        if (own >= start && own - start < info->dlpi_phdr[i].p_memsz) *(int *)found = 1;
    }
    return 1;
}

int heterodyne_probe_is_in_main_program(void) {
    int found = 0;
    dl_iterate_phdr(find_own_code, &found);
    return found;
}

// A pipe whose ends are out of the way of the descriptors that the child uses, closed by any exec.
static int open_pipe(int ends[2]) {
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0) return errno;
    ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 10);
    ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 10);
    int failure = ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
    close(low[0]);
    close(low[1]);
    if (failure) {
        if (ends[0] >= 0) close(ends[0]);
        if (ends[1] >= 0) close(ends[1]);
    }
    return failure;
}

// The environment of the child. Swift's own handler of crashes is off in it: it would take seconds to print what nobody reads,
// and the signal is what the host wants to know. Where the array cannot be made, the host's environment stays.
static char **make_environment(void) {
    static char backtrace[] = "SWIFT_BACKTRACE=enable=no";
    size_t count = 0;
    while (environ && environ[count]) count++;
    char **copy = calloc(count + 2, sizeof *copy);
    if (!copy) return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count && environ[i]; i++)
        if (strncmp(environ[i], "SWIFT_BACKTRACE=", 16) != 0) copy[kept++] = environ[i];
    copy[kept] = backtrace;
    return copy;
}

static int start_fresh(
    const char *library, const char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum, int records,
    int output, char **environment, pid_t *pid) {
    char low[16], high[16];
    snprintf(low, sizeof low, "%u", minimum);
    snprintf(high, sizeof high, "%u", maximum);
    char **argv = calloc(required_count + 5, sizeof *argv);
    if (!argv) return ENOMEM;
    char name[] = HETERODYNE_PROBE_NAME;
    argv[0] = name;
    argv[1] = low;
    argv[2] = high;
    argv[3] = (char *)(uintptr_t)library;
    for (size_t i = 0; i < required_count; i++) argv[4 + i] = (char *)(uintptr_t)required[i];

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure) {
        free(argv);
        return failure;
    }
    failure = posix_spawnattr_init(&attributes);
    if (failure) {
        posix_spawn_file_actions_destroy(&actions);
        free(argv);
        return failure;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    if (!failure) failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, output, 2);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, records, 3);
    if (!failure) failure = posix_spawnattr_setpgroup(&attributes, 0);
    if (!failure) failure = posix_spawnattr_setsigmask(&attributes, &none);
    if (!failure) failure = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!failure)
        failure = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!failure) failure = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(argv);
    return failure;
}

#ifdef __GLIBC__
static void leave(int status, void *unused) {
    (void)unused;
    _exit(status);
}
#endif

static int start_fork(
    const char *library, const char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum, int records,
    int output, char **environment, pid_t *pid) {
    // No handler of the host may run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    *pid = fork();
    if (*pid == 0) {
        setpgid(0, 0);
#ifdef __GLIBC__
        // A plugin that calls exit must not run what the host and its drivers registered for their own end: the handler that
        // comes last runs first.
        on_exit(leave, NULL);
#endif
        environ = environment; // setenv takes a lock that another thread of the host may have held
        int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || dup2(records, 3) < 0)
            _exit(71);
        heterodyne_probe_child_main(
            library, (char *const *)(uintptr_t)required, required_count, minimum, maximum);
    }
    int failure = *pid < 0 ? errno : 0;
    if (!failure) setpgid(*pid, *pid); // whoever comes first
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

int heterodyne_probe_start(
    const char *library, const char *const *required, size_t required_count, uint32_t minimum, uint32_t maximum, int fresh,
    heterodyne_probe_child *child) {
    int records[2], output[2];
    int failure = open_pipe(records);
    if (failure) return failure;
    failure = open_pipe(output);
    if (failure) {
        close(records[0]);
        close(records[1]);
        return failure;
    }
    pid_t pid = -1;
    char **own = make_environment();
    char **environment = own ? own : environ;
    failure =
        fresh ? start_fresh(library, required, required_count, minimum, maximum, records[1], output[1], environment, &pid)
              : start_fork(library, required, required_count, minimum, maximum, records[1], output[1], environment, &pid);
    free(own);
    close(records[1]);
    close(output[1]);
    if (failure) {
        close(records[0]);
        close(output[0]);
        return failure;
    }
    *child = (heterodyne_probe_child){pid, records[0], output[0]};
    return 0;
}

int heterodyne_probe_poll(pid_t pid, int *value) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result;
    do result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    while (result != 0 && errno == EINTR);
    *value = 0;
    if (result != 0) return HETERODYNE_PROBE_UNKNOWN;
    if (info.si_pid == 0) return HETERODYNE_PROBE_RUNNING;
    *value = info.si_status;
    return info.si_code == CLD_EXITED ? HETERODYNE_PROBE_EXITED : HETERODYNE_PROBE_SIGNALLED;
}

static void *collect(void *pid) {
    int status;
    while (waitpid((pid_t)(intptr_t)pid, &status, 0) < 0 && errno == EINTR) {}
    return NULL;
}

void heterodyne_probe_finish(pid_t pid) {
    kill(-pid, SIGKILL);
    for (int attempt = 0; attempt < 500; attempt++) {
        int status;
        pid_t result = waitpid(pid, &status, WNOHANG);
        if (result == pid || (result < 0 && errno != EINTR)) return;
        struct timespec millisecond = {0, 1000000};
        nanosleep(&millisecond, NULL);
    }
    // It hangs inside the kernel, as in a driver: somebody else waits for it.
    pthread_t thread;
    if (pthread_create(&thread, NULL, collect, (void *)(intptr_t)pid) == 0) pthread_detach(thread);
}
