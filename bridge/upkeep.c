/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "bridge/base/clock.h"
#include "bridge/daemon.h"

#define PRUNE_EVERY_MS 60000
#define PRUNE_BATCH    500
#define TRIM_EVERY_MS  5000

/* ---- the ledger keeps what is young enough ---- */

struct prune_item {
	struct commit_item item;
	struct daemon *daemon;
	int64_t before_ms;
	int removed;
};

static int prune_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct prune_item *prune = (struct prune_item *)item;

	return store_prune(store, prune->before_ms, PRUNE_BATCH, &prune->removed, err);
}

static void prune_done(struct commit_item *item, const struct error *err)
{
	struct prune_item *prune = (struct prune_item *)item;

	/* More to remove: go on soon, but let deliveries in between. */
	if (err == NULL && prune->removed >= PRUNE_BATCH)
		prune->daemon->prune_at_ms = clock_mono_ms() + 100;
	free(prune);
}

static int64_t prune_tick(struct daemon *d, int64_t now_ms)
{
	if (now_ms < d->prune_at_ms)
		return d->prune_at_ms;
	d->prune_at_ms = now_ms + PRUNE_EVERY_MS;
	struct prune_item *prune = calloc(1, sizeof(*prune));
	if (prune == NULL)
		return d->prune_at_ms;
	struct settings *settings = settings_get(&d->settings);
	prune->before_ms = clock_now_ms() - settings->config->limits.keep_ms;
	settings_drop(settings);
	prune->daemon = d;
	prune->item.apply = prune_apply;
	prune->item.done = prune_done;
	if (!committer_push(d->committer, &prune->item))
		free(prune);
	return d->prune_at_ms;
}

/* After a storm, and when there is time: what malloc keeps for the next one goes back. */
static int64_t trim_tick(struct daemon *d, int64_t now_ms)
{
	struct committer_stats store;
	struct deliver_stats deliver;

	if (now_ms < d->trim_at_ms)
		return d->trim_at_ms;
	d->trim_at_ms = now_ms + TRIM_EVERY_MS;
	committer_stats(d->committer, &store);
	deliver_stats(d->deliver, &deliver);
	if (store.items == d->trimmed_items)
		return INT64_MAX; /* nothing has happened since; the next batch brings the next tick */
	if (store.waiting == 0 && deliver.in_flight == 0) {
		d->trimmed_items = store.items;
		(void)malloc_trim(0);
	}
	return d->trim_at_ms;
}

int64_t daemon_upkeep(struct daemon *d, int64_t now_ms)
{
	int64_t prune = prune_tick(d, now_ms);
	int64_t trim = trim_tick(d, now_ms);

	return prune < trim ? prune : trim;
}
