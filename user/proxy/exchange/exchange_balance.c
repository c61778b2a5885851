// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_balance.c - what of a request decides which backend takes it, and what came of that
 */
#include <stdlib.h>
#include <string.h>

#include "proxy/exchange/exchange_priv.h"
#include "proxy/http/hash64.h"
#include "proxy/http/http_cookie.h"

static uint64_t key_of(const void *data, size_t bytes)
{
	return hash64_end(hash64_more(HASH64_SEED, data, bytes)) | 1; /* 0 is not a key */
}

static bool find_cookie(const struct exchange *x, struct http_slice *value)
{
	const char *name = snapshot_text(routing_snapshot(x->routing), x->route->balance_key);

	return http_cookie_find(&x->request.fields, name, strlen(name), value);
}

static uint64_t key_of_header(const struct exchange *x)
{
	const char *name = snapshot_text(routing_snapshot(x->routing), x->route->balance_key);
	size_t bytes = strlen(name);
	const struct http_field *field;

	/* Host is not a field of ours to find: the authority may have come with the target. */
	if (http_text_is(name, bytes, "host", 4))
		return x->request.authority.bytes
			       ? key_of(x->request.host.name, x->request.host.name_bytes)
			       : 0;
	field = http_fields_find_name(&x->request.fields, name, bytes);
	return field && field->value_bytes ? key_of(field->value, field->value_bytes) : 0;
}

/* An empty text is a value, too. */
static uint64_t key_of_text(const struct exchange *x)
{
	const char *text = snapshot_text(routing_snapshot(x->routing), x->route->balance_key);
	char value[2048];
	int bytes = exchange_text(x, text, value, sizeof(value));

	return key_of(value, bytes < 0 ? sizeof(value) : (size_t)bytes);
}

/* "0123456789abcdef"; anything else was not made here: 0. */
static uint64_t read_tag(struct http_slice text)
{
	uint64_t tag = 0;

	if (text.bytes != PICKER_TAG_DIGITS)
		return 0;
	for (uint32_t i = 0; i < text.bytes; i++) {
		const char *hex = "0123456789abcdef";
		const char *at = text.data[i] ? strchr(hex, text.data[i]) : NULL;

		if (!at)
			return 0;
		tag = tag << 4 | (uint64_t)(at - hex);
	}
	return tag;
}

void exchange_read_balance(struct exchange *x)
{
	struct inet_addr source;
	struct http_slice value;

	switch (x->route->balance) {
	case BALANCE_HASH_SOURCE:
		source = exchange_source(x);
		x->balance.key = key_of(source.bytes, sizeof(source.bytes));
		break;
	case BALANCE_HASH_HEADER:
		x->balance.key = key_of_header(x);
		break;
	case BALANCE_HASH_COOKIE:
		if (find_cookie(x, &value) && value.bytes)
			x->balance.key = key_of(value.data, value.bytes);
		break;
	case BALANCE_HASH_TEXT:
		x->balance.key = key_of_text(x);
		break;
	case BALANCE_COOKIE_AFFINITY:
		if (find_cookie(x, &value))
			x->balance.tag = read_tag(value);
		break;
	default:
		break;
	}
}

int exchange_pick(struct exchange *x, struct backend_view *backend)
{
	struct picker *picker = x->services->picker;
	const struct picker_ask ask = {
		.route = x->route,
		.key = x->balance.key,
		.tag = x->balance.tag,
		.tried = &x->retry.tried,
		.now_ms = x->turn->now_ms,
	};
	uint64_t tag;
	int err = picker_pick(picker, &ask, backend);

	if (err || x->route->balance != BALANCE_COOKIE_AFFINITY)
		return err;
	tag = picker_tag(picker, x->route, backend);
	x->balance.new_tag = tag != x->balance.tag ? tag : 0;
	return 0;
}

static struct backend_note *note_of(const struct exchange *x)
{
	const struct upstream_conn *u = x->upstream;

	return u ? backend_note_find(&x->services->picker->notes, u->backend_id,
				     u->backend_generation)
		 : NULL;
}

void exchange_backend_taken(struct exchange *x)
{
	struct backend_note *note = note_of(x);

	if (note)
		note->active++;
}

void exchange_backend_left(struct exchange *x)
{
	struct backend_note *note = note_of(x);

	if (!note)
		return;
	note->active -= note->active > 0;
	/* It took the request, and nothing bad was heard of it. */
	if (note->trial && x->request_writer.sent_bytes)
		backend_note_succeeded(note, x->turn->now_ms);
}

void exchange_let_go(struct exchange *x, bool reuse)
{
	struct upstream_conn *u = x->upstream;

	if (!u)
		return;
	splice_upload_stop(x);
	exchange_backend_left(x);
	x->upstream = NULL;
	u->ops->let_go(u, reuse);
}

static void failed(struct exchange *x, struct backend_note *note, enum backend_failure failure)
{
	if (backend_note_failed(note, x->route, failure, x->turn->now_ms))
		x->turn->stats->backend_ejections++;
}

void exchange_backend_failed(struct exchange *x, enum backend_failure failure)
{
	struct backend_note *note = note_of(x);

	if (note)
		failed(x, note, failure);
}

void exchange_backend_refused(struct exchange *x, const struct backend_view *backend)
{
	failed(x, backend_note(&x->services->picker->notes, backend), FAILURE_CONNECT);
}

void exchange_backend_answered(struct exchange *x, unsigned int status)
{
	struct backend_note *note = note_of(x);

	if (!note)
		return;
	if (status >= 502 && status <= 504)
		failed(x, note, FAILURE_ANSWER);
	else
		backend_note_succeeded(note, x->turn->now_ms);
}
