/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validating pass that keeps what is wanted. Objects and arrays that lie on the way of a path
 * are walked by calls (never deeper than JSON_MAX_DEPTH); everything else is skipped by
 * json_scan_skip or copied as it stands. A number or string where a path goes on holds no members,
 * so it counts as absent, in an object and in an array.
 */
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/json_keys.h"
#include "bridge/base/json_paths.h"
#include "bridge/base/json_scan.h"

/* A double holds every integer of this many digits. */
#define EXACT_DIGITS 15
/*
 * cJSON up to 1.7.17 reads no number beyond its buffer of 64, and stumbles over the rest of a
 * longer one.
 */
#define NUMBER_MAX 63
/* Paths with up to so many names need no memory of their own. */
#define FEW_NODES 64

struct extract {
	struct json_scan in;
	struct strbuf *out;
	struct json_keys keys; /* names of the objects that are kept whole */
	struct strbuf scratch; /* a name or string without its escapes */
	/*
	 * For each node of the paths, the number of the object in which it was found last: that is
	 * how a second member of the same name is noticed. A node's objects never nest, so one
	 * number each is enough.
	 */
	uint32_t *seen;
	uint32_t objects;
};

/* What a path's end and everything below it look like: all members are wanted. */
static const struct json_node everything = { .keep = true };

static bool walk_value(struct extract *x, const struct json_node *node);

static bool no_memory(struct extract *x)
{
	(void)error_set(x->in.err, ERR_NO_MEMORY, "no memory for reading JSON");
	return false;
}

/* The name or string in its meaning; borrowed until the next call. */
static bool unescape(struct extract *x, const struct json_text *text, const char **ret,
		     size_t *ret_len)
{
	*ret = (const char *)text->ptr;
	*ret_len = text->len;
	if (!text->escaped)
		return true;
	strbuf_reset(&x->scratch);
	json_scan_unescape(text, &x->scratch);
	if (strbuf_failed(&x->scratch))
		return no_memory(x);
	*ret = strbuf_str(&x->scratch);
	*ret_len = x->scratch.len;
	return true;
}

/* A string is copied as it stands, unless it says what neither cJSON nor a database can hold. */
static bool keep_string(struct extract *x)
{
	struct json_text text;
	const char *meaning;
	size_t len;

	if (!json_scan_string(&x->in, &text))
		return false;
	if (!text.unstorable) {
		strbuf_add(x->out, text.ptr - 1, text.len + 2);
		return true;
	}
	if (!unescape(x, &text, &meaning, &len))
		return false;
	strbuf_add_json(x->out, meaning, len);
	return true;
}

static bool keep_scalar(struct extract *x)
{
	const unsigned char *first = x->in.at;
	size_t digits;

	if (!json_scan_scalar(&x->in, &digits))
		return false;
	size_t len = (size_t)(x->in.at - first);
	bool quote = digits > EXACT_DIGITS || len > NUMBER_MAX;
	if (quote)
		strbuf_addc(x->out, '"');
	strbuf_add(x->out, first, len);
	if (quote)
		strbuf_addc(x->out, '"');
	return true;
}

/* 1: this object has had no member of that name before. 0: it has. -1: no memory. */
static int is_first(struct extract *x, const struct json_node *node, const struct json_node *child,
		    uint32_t object, const char *name, size_t len)
{
	if (node->keep)
		return json_keys_add(&x->keys, x->in.depth, name, len);
	if (x->seen[child->index] == object)
		return 0;
	x->seen[child->index] = object;
	return 1;
}

/* Whether the value that follows can hold something that node wants. */
static bool is_wanted(struct extract *x, const struct json_node *node)
{
	if (node == NULL)
		return false;
	unsigned char c = json_scan_peek(&x->in);
	return node->keep || c == '{' || c == '[';
}

/* One member, s->at before its name. *empty: nothing was written into this object yet. */
static bool walk_member(struct extract *x, const struct json_node *node, uint32_t object,
			bool *empty)
{
	struct json_text raw;
	const char *name;
	size_t len;

	if (!json_scan_name(&x->in, &raw) || !unescape(x, &raw, &name, &len))
		return false;
	const struct json_node *child = node->keep ? node : json_paths_child(node, name, len);
	int first = child == NULL ? 0 : is_first(x, node, child, object, name, len);
	if (first < 0)
		return no_memory(x);
	if (first == 0 || !is_wanted(x, child))
		return json_scan_skip(&x->in);
	if (!*empty)
		strbuf_addc(x->out, ',');
	*empty = false;
	if (raw.escaped)
		strbuf_add_json(x->out, name, len);
	else
		strbuf_add(x->out, raw.ptr - 1, raw.len + 2);
	strbuf_addc(x->out, ':');
	return walk_value(x, child);
}

static bool walk_element(struct extract *x, const struct json_node *node, bool *empty)
{
	if (!is_wanted(x, node))
		return json_scan_skip(&x->in);
	if (!*empty)
		strbuf_addc(x->out, ',');
	*empty = false;
	return walk_value(x, node);
}

static bool take_comma(struct extract *x)
{
	bool comma = json_scan_peek(&x->in) == ',';

	x->in.at += comma;
	return comma;
}

/* An object or array, from its opening bracket on. */
static bool walk_container(struct extract *x, const struct json_node *node, unsigned char open)
{
	unsigned char close = open == '{' ? '}' : ']';
	uint32_t object = ++x->objects;
	bool empty = true, ok = true;

	if (!json_scan_enter(&x->in))
		return false;
	x->in.at++;
	strbuf_addc(x->out, (char)open);
	if (json_scan_peek(&x->in) != close) {
		do {
			ok = open == '{' ? walk_member(x, node, object, &empty)
					 : walk_element(x, node, &empty);
		} while (ok && take_comma(x));
	}
	if (!ok)
		return false;
	if (json_scan_peek(&x->in) != close)
		return json_scan_fail(&x->in, x->in.at,
				      open == '{' ? "a comma or }" : "a comma or ]");
	x->in.at++;
	strbuf_addc(x->out, (char)close);
	if (node->keep && open == '{')
		json_keys_close(&x->keys, x->in.depth);
	x->in.depth--;
	return true;
}

static bool walk_value(struct extract *x, const struct json_node *node)
{
	unsigned char c = json_scan_peek(&x->in);

	if (!json_scan_count(&x->in))
		return false;
	if (c == '{' || c == '[')
		return walk_container(x, node, c);
	return c == '"' ? keep_string(x) : keep_scalar(x);
}

static bool walk_document(struct extract *x, const struct json_node *root)
{
	if (json_scan_peek(&x->in) != '{')
		return json_scan_fail(&x->in, x->in.at, "an object");
	if (!walk_value(x, root))
		return false;
	if (json_scan_peek(&x->in) != 0 || x->in.at != x->in.end)
		return json_scan_fail(&x->in, x->in.at, "nothing after the object");
	return true;
}

int json_extract(const char *text, size_t len, const struct json_paths *paths, struct strbuf *out,
		 struct error *err)
{
	const unsigned char *start = (const unsigned char *)text;
	uint32_t few[FEW_NODES] = { 0 };
	struct extract x = { .in = { .start = start, .at = start, .end = start + len, .err = err },
			     .out = out,
			     .keys = JSON_KEYS(len),
			     .scratch = STRBUF(len),
			     .seen = few };

	if (paths != NULL && paths->count > FEW_NODES)
		x.seen = calloc(paths->count, sizeof(*x.seen));
	bool ok = x.seen != NULL ? walk_document(&x, paths == NULL ? &everything : paths->root)
				 : no_memory(&x);
	if (x.seen != few)
		free(x.seen);
	json_keys_release(&x.keys);
	strbuf_release(&x.scratch);
	if (!ok)
		return -1;
	if (strbuf_failed(out))
		return error_set(err, ERR_TOO_LARGE,
				 "JSON of which more than %zu bytes would be kept", out->max);
	return 0;
}
