/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may speak, and does this concern us? Deny by default (design 3.3). Pure; any thread.
 *
 * Order: own output (author is ourselves, or the text bears our marker) is ignored first, so that a loop cannot
 * start; then bots, only by allow-list; then trust; then the trigger. A marker only ever ignores, never trusts.
 */
#ifndef BRIDGE_INTAKE_POLICY_H
#define BRIDGE_INTAKE_POLICY_H

#include "bridge/model/event.h"
#include "config/config.h"

enum policy_verdict {
	POLICY_FORWARD,
	POLICY_ASK,    /* not trusted by what the payload says: ask the forge for the permission, after the ack */
	POLICY_IGNORE,
};

/*
 * Decides about one event of a conversational source (others: always POLICY_FORWARD). addressed: what it says is for the bridge
 * itself, so that the trigger does not count. A machine's result (event.machine) needs neither trust nor trigger: that it is
 * forwarded at all is the operator's word (`forward:`). own_user_id: our id at the
 * origin, or NULL while unknown. can_ask: the source has a token and its handler can ask for permissions.
 * *ret_reason is set with POLICY_IGNORE (static text). For EVENT_EDIT both author and actor must be trusted
 * (webhook-sources 14.2); EVENT_DELETE is always POLICY_FORWARD: withdrawing cannot harm.
 */
enum policy_verdict policy_decide(const struct source_config *source, const struct event *event,
				  const char *own_user_id, bool can_ask, bool addressed, const char **ret_reason);

#endif
