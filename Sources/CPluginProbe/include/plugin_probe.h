// Heterodyne: tries a plugin out in a child process, so that a faulty one harms nobody else.
// SPDX-License-Identifier: Apache-2.0

#ifndef HETERODYNE_PLUGIN_PROBE_H
#define HETERODYNE_PLUGIN_PROBE_H

#endif
