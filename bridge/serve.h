/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: wires intake, store and deliver together, and runs until a signal ends it. */
#ifndef BRIDGE_SERVE_H
#define BRIDGE_SERVE_H

/* Runs in the foreground. Returns the exit status: 0 ended by a signal, 1 could not start (said on standard error). */
int serve(const char *config_file);

#endif
