/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named points at which a test can kill the process, or have something fail, to prove that nothing is lost between any two steps. They exist
 * only in builds with -DFAULT_POINTS (make FAULTS=1); elsewhere they are nothing.
 */
#ifndef BRIDGE_BASE_FAULT_H
#define BRIDGE_BASE_FAULT_H

#include <stdbool.h>

#ifdef FAULT_POINTS
/* Raises SIGKILL when NAIRI_BRIDGE_FAULT is "name" or "name:n" and this is the n-th passage. Any thread. */
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(name)
/* Whether NAIRI_BRIDGE_FAULT is "name": for what goes wrong without anybody dying. Any thread. */
bool fault_is_chosen(const char *name);
#define FAULT_IS_CHOSEN(name) fault_is_chosen(name)
#else
#define FAULT_POINT(name)     ((void)0)
#define FAULT_IS_CHOSEN(name) false
#endif

#endif
