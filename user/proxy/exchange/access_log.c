// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange/access_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proxy/exchange/exchange.h"
#include "proxy/http/routing.h"

#define LINES_BYTES    (256u * 1024)
#define FLUSH_BYTES    (32u * 1024)
#define FLUSH_MS       1000u
#define LINE_MAX_BYTES 8192u
#define LINE_END_BYTES 3u    /* room that is always kept: "}\n" and the NUL of printf */
#define TEXT_MAX_BYTES 1024u /* kept of one text of a request */
#define TEXT_LINE_BYTES \
	1200u /* of one text in a line, escapes counted: six such texts fit into a line */

enum record_text {
	TEXT_METHOD,
	TEXT_TARGET,
	TEXT_HOST,
	TEXT_REFERER,
	TEXT_AGENT,
	TEXT_ID,
	TEXT_COUNT
};

struct access_record {
	const char *why; /* borrowed literal; NULL */
	char version[9]; /* "HTTP/1.1" */
	uint16_t bytes[TEXT_COUNT];
	char text[]; /* TEXT_COUNT pieces of at most TEXT_MAX_BYTES, one after the other */
};

static struct http_slice field_text(const struct http1_request *request, const char *name,
				    size_t name_bytes)
{
	const struct http_field *field = http_fields_find_name(&request->fields, name, name_bytes);

	return field ? (struct http_slice){ field->value, field->value_bytes }
		     : (struct http_slice){ 0 };
}

struct access_record *access_record_new(const struct http1_request *request)
{
	struct http_slice texts[TEXT_COUNT] = {
		[TEXT_METHOD] = request->method,
		[TEXT_TARGET] = request->target,
		[TEXT_HOST] = request->authority,
		[TEXT_REFERER] = field_text(request, "referer", 7),
		[TEXT_AGENT] = field_text(request, "user-agent", 10),
		[TEXT_ID] = { NULL, HTTP1_REQUEST_ID_BYTES },
	};
	size_t bytes = sizeof(struct access_record);
	struct access_record *record;
	char *at;

	for (int i = 0; i < TEXT_COUNT; i++) {
		if (texts[i].bytes > TEXT_MAX_BYTES)
			texts[i].bytes = TEXT_MAX_BYTES;
		bytes += texts[i].bytes;
	}
	record = calloc(1, bytes);
	if (!record)
		return NULL;
	at = record->text;
	for (int i = 0; i < TEXT_COUNT; i++) {
		if (texts[i].data)
			memcpy(at, texts[i].data, texts[i].bytes);
		record->bytes[i] = texts[i].data ? (uint16_t)texts[i].bytes : 0;
		at += record->bytes[i];
	}
	if (request->flags & HTTP1_REQUEST_F_HTTP2)
		memcpy(record->version, "HTTP/2.0", 9);
	else
		memcpy(record->version, request->version_minor ? "HTTP/1.1" : "HTTP/1.0", 9);
	return record;
}

struct access_record *access_record_new_passed(struct http_slice name)
{
	const struct http1_request like = {
		.method = HTTP_SLICE("CONNECT"),
		.target = name,
		.authority = name,
	};
	struct access_record *record = access_record_new(&like);

	if (record)
		memcpy(record->version, "TLS", 4);
	return record;
}

void access_record_free(struct access_record *record)
{
	free(record);
}

static struct http_slice text_of(const struct access_record *record, enum record_text which)
{
	const char *at = record->text;

	for (unsigned int i = 0; i < which; i++)
		at += record->bytes[i];
	return (struct http_slice){ at, record->bytes[which] };
}

void access_record_request_id(struct access_record *record, struct http_slice id)
{
	struct http_slice room = text_of(record, TEXT_ID);

	if (id.bytes > HTTP1_REQUEST_ID_BYTES)
		id.bytes = HTTP1_REQUEST_ID_BYTES;
	memcpy((char *)(uintptr_t)room.data, id.data, id.bytes);
	record->bytes[TEXT_ID] = (uint16_t)id.bytes;
}

void access_record_note(struct access_record *record, const char *why)
{
	if (!record->why)
		record->why = why;
}

/* ---- writing a line ----------------------------------------------------------------------- */

struct line {
	char data[LINE_MAX_BYTES];
	size_t used;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->data) - line->used;
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(line->data + line->used, room, format, args);
	va_end(args);
	if (bytes > 0)
		line->used += (size_t)bytes < room ? (size_t)bytes : room - 1;
}

/* One octet as it stands in quotes. Return: bytes of @out that are used. */
static size_t quote(unsigned char c, bool json, char out[8])
{
	if (c < 0x20 || c >= 0x7f)
		return (size_t)snprintf(out, 8, json ? "\\u%04x" : "\\x%02x", c);
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	out[0] = (char)c;
	return 1;
}

/* Text of a client: nothing of it may end the quotes, the line, or speak to a terminal. What is too
 * long is cut, but never within an escape. */
static void add_quoted(struct line *line, struct http_slice text, bool json)
{
	size_t room = sizeof(line->data) - LINE_END_BYTES - line->used;
	size_t end = line->used + (room < TEXT_LINE_BYTES ? room : TEXT_LINE_BYTES);

	for (uint32_t i = 0; i < text.bytes; i++) {
		char quoted[8];
		size_t bytes = quote((unsigned char)text.data[i], json, quoted);

		if (line->used + bytes > end)
			break;
		memcpy(line->data + line->used, quoted, bytes);
		line->used += bytes;
	}
}

/* A member is there as a whole, or it is not: without it the line is still JSON. */
static void keep_whole(struct line *line, size_t before)
{
	if (line->used > sizeof(line->data) - LINE_END_BYTES)
		line->used = before;
}

static void add_pair(struct line *line, const char *key, struct http_slice text, bool json)
{
	size_t before = line->used;

	if (line->used + strlen(key) + 8 > sizeof(line->data) - LINE_END_BYTES)
		return;
	if (json)
		add(line, ",\"%s\":\"", key);
	else
		add(line, " %s=\"", key);
	add_quoted(line, text, json);
	add(line, "\"");
	keep_whole(line, before);
}

static struct http_slice slice_of(const char *text)
{
	return (struct http_slice){ text, text ? (uint32_t)strlen(text) : 0 };
}

static void add_text_begin(struct line *line, const struct exchange *x, const char *client,
			   time_t now_s)
{
	struct http_slice target = text_of(x->record, TEXT_TARGET);
	char when[40];
	struct tm utc;

	gmtime_r(&now_s, &utc);
	strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S +0000", &utc);
	add(line, "%s - - [%s] \"", client, when);
	add_quoted(line, text_of(x->record, TEXT_METHOD), false);
	add(line, " ");
	add_quoted(line, target, false);
	add(line, " %s\" %u %llu \"", x->record->version, x->status,
	    (unsigned long long)x->down.moved_bytes);
	add_quoted(line, text_of(x->record, TEXT_REFERER), false);
	add(line, "\" \"");
	add_quoted(line, text_of(x->record, TEXT_AGENT), false);
	add(line, "\"");
}

static void add_json_begin(struct line *line, const struct exchange *x, const char *client,
			   time_t now_s)
{
	char when[40];
	struct tm utc;

	gmtime_r(&now_s, &utc);
	strftime(when, sizeof(when), "%FT%TZ", &utc);
	add(line, "{\"time\":\"%s\",\"client\":\"%s\"", when, client);
	add_pair(line, "method", text_of(x->record, TEXT_METHOD), true);
	add_pair(line, "target", text_of(x->record, TEXT_TARGET), true);
	add(line, ",\"version\":\"%s\",\"status\":%u,\"bytes\":%llu", x->record->version, x->status,
	    (unsigned long long)x->down.moved_bytes);
	add_pair(line, "referer", text_of(x->record, TEXT_REFERER), true);
	add_pair(line, "user_agent", text_of(x->record, TEXT_AGENT), true);
}

static void add_number(struct line *line, const char *key, uint64_t number, bool json)
{
	size_t before = line->used;

	add(line, json ? ",\"%s\":%llu" : " %s=%llu", key, (unsigned long long)number);
	keep_whole(line, before);
}

static void compose(struct line *line, const struct exchange *x, bool json, bool aborted)
{
	char client[INET_ADDR_TEXT_MAX];
	const char *why = x->record->why;

	inet_addr_format(&x->peer->addr, client);
	if (json)
		add_json_begin(line, x, client, x->turn->now_s);
	else
		add_text_begin(line, x, client, x->turn->now_s);
	add_pair(line, "host", text_of(x->record, TEXT_HOST), json);
	if (x->route)
		add_pair(line, "upstream",
			 slice_of(snapshot_text(routing_snapshot(x->routing),
						x->route->upstream_name)),
			 json);
	add_number(line, "time_us", exchange_end_us(x) - x->started_us, json);
	if (x->upstream_us)
		add_number(line, "upstream_us", x->upstream_us - x->started_us, json);
	if (x->record->bytes[TEXT_ID])
		add_pair(line, "id", text_of(x->record, TEXT_ID), json);
	if (aborted && !why)
		why = "aborted";
	if (why)
		add_pair(line, "why", slice_of(why), json);
	add(line, json ? "}\n" : "\n");
}

/* ---- to the descriptor -------------------------------------------------------------------- */

/* Writes whole lines in pieces that a pipe takes without waiting once it is writable. */
static void flush(struct access_log *log)
{
	size_t done = 0;

	while (done < log->used_bytes) {
		struct pollfd ready = { .fd = log->fd, .events = POLLOUT };
		size_t bytes = log->used_bytes - done;
		ssize_t written;

		if (bytes > PIPE_BUF) {
			const char *end = memrchr(log->lines + done, '\n', PIPE_BUF);

			bytes = end ? (size_t)(end + 1 - (log->lines + done)) : PIPE_BUF;
		}
		if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
			break;
		written = write(log->fd, log->lines + done, bytes);
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	memmove(log->lines, log->lines + done, log->used_bytes - done);
	log->used_bytes -= done;
}

static void on_flush(struct timer *timer)
{
	struct access_log *log =
		(struct access_log *)((char *)timer - offsetof(struct access_log, flush));

	flush(log);
	if (log->used_bytes)
		turn_arm(log->turn, &log->flush, FLUSH_MS);
}

void access_log_exchange(struct access_log *log, const struct exchange *x, bool aborted)
{
	struct line line;

	line.used = 0;
	compose(&line, x, log->form == ACCESS_LOG_JSON, aborted);
	if (log->used_bytes + line.used > LINES_BYTES)
		flush(log);
	if (log->used_bytes + line.used > LINES_BYTES) {
		x->turn->stats->access_log_dropped++;
		return;
	}
	memcpy(log->lines + log->used_bytes, line.data, line.used);
	log->used_bytes += line.used;
	if (log->used_bytes >= FLUSH_BYTES)
		flush(log);
	if (log->used_bytes && !log->flush.deadline_ms)
		turn_arm(x->turn, &log->flush, FLUSH_MS);
}

int access_log_init(struct access_log *log, struct turn *turn)
{
	log->turn = turn;
	log->form = turn->settings->access_log;
	log->fd = STDOUT_FILENO;
	log->flush.fn = on_flush;
	if (log->form == ACCESS_LOG_OFF)
		return 0;
	log->lines = malloc(LINES_BYTES);
	if (!log->lines)
		return -ENOMEM;
	return turn_timer_room(turn);
}

void access_log_free(struct access_log *log)
{
	if (log->lines)
		flush(log);
	free(log->lines);
	log->lines = NULL;
}
