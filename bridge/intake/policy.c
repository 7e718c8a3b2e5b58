/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/intake/policy.h"

#include <string.h>
#include <strings.h>

#include "bridge/deliver/reply_text.h"
#include "bridge/intake/trigger.h"

static const char bot_suffix[] = "[bot]";

static bool is_number(const char *text)
{
	return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* GitHub's Apps end in "[bot]", which no user can: brackets are not allowed in a login. */
static size_t bare_length(const char *login)
{
	size_t len = strlen(login), suffix = sizeof(bot_suffix) - 1;

	return len > suffix && strcasecmp(login + len - suffix, bot_suffix) == 0 ? len - suffix : len;
}

static bool same_login(const char *a, const char *b, bool bot)
{
	size_t a_len = bot ? bare_length(a) : strlen(a), b_len = bot ? bare_length(b) : strlen(b);

	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

/* An entry is an id (never chosen by its bearer), or a login; one of digits alone is an id only. */
static bool is_listed(const struct config_strings *list, const struct person *person, bool bot)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *entry = list->items[i];
		if (entry[0] == '\0')
			continue;
		if (person->id != NULL && strcmp(entry, person->id) == 0)
			return true;
		if (person->login != NULL && !is_number(entry) && same_login(entry, person->login, bot))
			return true;
	}
	return false;
}

static bool has_association(const struct config_strings *list, const char *association)
{
	for (size_t i = 0; association != NULL && i < list->count; i++) {
		if (strcmp(list->items[i], association) == 0)
			return true;
	}
	return false;
}

static bool is_bot(const struct person *person)
{
	return person->bot || (person->login != NULL && bare_length(person->login) < strlen(person->login));
}

static bool is_trusted(const struct trust_config *trust, const struct person *person)
{
	if (is_bot(person))
		return is_listed(&trust->bots, person, true);
	return has_association(&trust->associations, person->association) || is_listed(&trust->users, person, false);
}

static bool is_known(const struct person *person)
{
	return person->login != NULL || person->id != NULL;
}

/* By id where both have one: logins change hands. */
static bool is_same(const struct person *a, const struct person *b)
{
	if (a->id != NULL && b->id != NULL)
		return strcmp(a->id, b->id) == 0;
	return a->login != NULL && b->login != NULL && strcasecmp(a->login, b->login) == 0;
}

static bool is_own(const struct event *event, const char *own_user_id)
{
	if (own_user_id != NULL && own_user_id[0] != '\0') {
		if (event->author.id != NULL && strcmp(event->author.id, own_user_id) == 0)
			return true;
		if (event->actor.id != NULL && strcmp(event->actor.id, own_user_id) == 0)
			return true;
	}
	return reply_has_marker(event->text);
}

static enum policy_verdict ignore(const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return POLICY_IGNORE;
}

/* Is somebody else than the author behind this, who must be trusted too? An editor who is not named is nobody we trust. */
static bool has_other_actor(const struct event *event)
{
	if (!is_known(&event->actor))
		return event->kind == EVENT_EDIT;
	return !is_same(&event->author, &event->actor);
}

enum policy_verdict policy_decide(const struct source_config *source, const struct event *event,
				  const char *own_user_id, bool can_ask, bool addressed, const char **ret_reason)
{
	if (!source->type->conversational || event->kind == EVENT_DELETE)
		return POLICY_FORWARD;
	if (is_own(event, own_user_id))
		return ignore(ret_reason, event->machine ? "caused by ourselves" : "own comment");
	if (event->machine)
		return POLICY_FORWARD;

	const struct person *author = &event->author, *actor = &event->actor;
	bool other = has_other_actor(event);
	bool author_trusted = is_trusted(&source->trust, author);
	bool actor_trusted = !other || is_trusted(&source->trust, actor);
	if ((is_bot(author) && !author_trusted) || (other && is_bot(actor) && !actor_trusted))
		return ignore(ret_reason, "bot");

	/* The forge is asked by login: whoever has none stays untrusted. */
	bool askable = can_ask && (author_trusted || author->login != NULL) &&
		       (actor_trusted || actor->login != NULL);
	if (!author_trusted && !askable)
		return ignore(ret_reason, "untrusted author");
	if (!actor_trusted && !askable)
		return ignore(ret_reason, event->kind == EVENT_EDIT ?
						  "edited by somebody who is not trusted" :
						  "caused by somebody who is not trusted");
	if (!addressed && !trigger_matches(&source->trigger, event->text))
		return ignore(ret_reason, "no trigger");
	return author_trusted && actor_trusted ? POLICY_FORWARD : POLICY_ASK;
}
