/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_CLI_UNKNOWN_H
#define BRIDGE_CLI_UNKNOWN_H

/*
 * Says on standard error that there is no such verb, and which one may have been meant. Returns the exit
 * status.
 */
int unknown_verb(const char *name);

#endif
