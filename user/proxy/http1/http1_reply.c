// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_reply.h"

#include <stdio.h>

#include "proxy/http1/http1_copy.h"
#include "proxy/http1/http1_output.h"

static const struct {
	unsigned int status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 305, "Use Proxy" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_status_reason(unsigned int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* "404 Not Found\n"; empty if no text is needed. */
static size_t body_text(unsigned int status, char *out, size_t size)
{
	if (status < 300)
		return 0;
	return (size_t)snprintf(out, size, "%u %s\n", status, http_status_reason(status));
}

/* RFC 9110 8.6: a 204 says no length. */
static void write_body_fields(struct http1_output *o, unsigned int status, size_t body_bytes)
{
	if (status == 204)
		return;
	HTTP1_OUTPUT(o, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: ");
	http1_output_number(o, body_bytes);
	HTTP1_OUTPUT(o, "\r\n");
}

int http1_reply_build(const struct http1_reply *reply, char *out, size_t size)
{
	struct http1_output o = { out, out + size, false };
	char body[64];
	size_t body_bytes = body_text(reply->status, body, sizeof(body));
	const char *reason = http_status_reason(reply->status);

	HTTP1_OUTPUT(&o, "HTTP/1.1 ");
	http1_output_number(&o, reply->status);
	HTTP1_OUTPUT(&o, " ");
	http1_output_text(&o, reason, strlen(reason));
	HTTP1_OUTPUT(&o, "\r\nDate: ");
	http1_output_slice(&o, reply->date);
	HTTP1_OUTPUT(&o, "\r\nServer: " HTTP_SERVER_NAME "\r\n");
	if (reply->location.bytes) {
		HTTP1_OUTPUT(&o, "Location: ");
		http1_output_slice(&o, reply->location);
		HTTP1_OUTPUT(&o, "\r\n");
	}
	/* RFC 9110 15.5.6: a 405 names what is allowed. */
	if (reply->status == 405 || reply->status == 200)
		HTTP1_OUTPUT(&o, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n");
	if (reply->retry_after_s) {
		HTTP1_OUTPUT(&o, "Retry-After: ");
		http1_output_number(&o, reply->retry_after_s);
		HTTP1_OUTPUT(&o, "\r\n");
	}
	if (reply->hsts_max_age_s) {
		HTTP1_OUTPUT(&o, "Strict-Transport-Security: max-age=");
		http1_output_number(&o, reply->hsts_max_age_s);
		if (reply->hsts_subdomains)
			HTTP1_OUTPUT(&o, "; includeSubDomains");
		HTTP1_OUTPUT(&o, "\r\n");
	}
	http1_copy_extra(&o, reply->extra, reply->extra_count);
	write_body_fields(&o, reply->status, body_bytes);
	if (!reply->keep_alive)
		HTTP1_OUTPUT(&o, "Connection: close\r\n");
	else if (reply->confirm_keep_alive)
		HTTP1_OUTPUT(&o, "Connection: keep-alive\r\n");
	HTTP1_OUTPUT(&o, "\r\n");
	if (!reply->head_only)
		http1_output_text(&o, body, body_bytes);
	return http1_output_end(&o, out);
}
