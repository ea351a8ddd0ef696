// Heterodyne: a host in C, to try the probe where Swift's tests cannot: in a library, with elevated rights, with SIGCHLD ignored.
// SPDX-License-Identifier: Apache-2.0
//
// loading_host LIBRARY prints whether the probe is in the main program, and the kinds of the records that the child wrote.

#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin_probe.h"

int main(int argc, char **argv) {
    printf("main %d", argc);
    if (argc != 2) {
        printf(" elevated %d\n", heterodyne_probe_is_elevated());
        return 0;
    }
    // The kernel collects children then, and their status is lost.
    signal(SIGCHLD, SIG_IGN);
    // Descriptors that the child must not see.
    for (int i = 0; i < 8; i++)
        if (dup(1) < 0) return 1;
    int is_main = heterodyne_probe_is_in_main_program();
    heterodyne_probe_child child;
    int failure = heterodyne_probe_start(
        argv[1], NULL, 0, heterodyne_probe_oldest(), heterodyne_probe_newest(), is_main, &child);
    printf(" in-main %d start %d records", is_main, failure);
    if (failure) return 1;
    char bytes[65536];
    size_t size = 0;
    struct pollfd wait = {child.records, POLLIN, 0};
    while (poll(&wait, 1, 10000) > 0) {
        ssize_t count = read(child.records, bytes + size, sizeof bytes - size);
        if (count <= 0) break;
        size += (size_t)count;
    }
    for (size_t at = 0; at + sizeof(heterodyne_probe_record) <= size;) {
        heterodyne_probe_record record;
        memcpy(&record, bytes + at, sizeof record);
        printf(" %u", record.kind);
        at += sizeof record + record.text_size;
    }
    int value = 0, state = HETERODYNE_PROBE_RUNNING;
    for (int i = 0; i < 2000 && state == HETERODYNE_PROBE_RUNNING; i++) {
        state = heterodyne_probe_poll(child.pid, &value);
        usleep(1000);
    }
    printf(" end %d\n", state);
    return 0;
}
