// SPDX-License-Identifier: Apache-2.0
#include "admin/drop_log.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/inet.h"
#include "dataplane/dataplane.h"

#define IPV4_HEAD_BYTES 20u
#define IPV6_HEAD_BYTES 40u

/* The readable part of a packet's head. Ports are 0 if there are none, or the head does not show
 * them. */
struct packet {
	struct inet_addr saddr, daddr;
	uint16_t sport, dport; /* host order */
	uint8_t proto;
};

void drop_log_add(struct drop_log *log, const struct drop_event *event)
{
	struct timespec now;
	size_t place = log->next++ % DROP_LOG_MAX;

	clock_gettime(CLOCK_REALTIME, &now);
	log->events[place] = *event;
	log->unix_ms[place] = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The head comes from a client: every length is checked. Return: false if it holds no IP header. */
static bool read_packet(const struct drop_event *event, struct packet *out)
{
	size_t filled = event->head_bytes < EVENT_HEAD_BYTES ? event->head_bytes : EVENT_HEAD_BYTES;
	size_t at = event->l3_off_bytes, ports_at;
	const uint8_t *head = event->head;
	bool later_fragment = false;
	__be32 v4;

	*out = (struct packet){};
	if (at >= filled)
		return false;
	if (head[at] >> 4 == 4 && filled - at >= IPV4_HEAD_BYTES) {
		memcpy(&v4, head + at + 12, sizeof(v4));
		out->saddr = inet_addr_from_v4(v4);
		memcpy(&v4, head + at + 16, sizeof(v4));
		out->daddr = inet_addr_from_v4(v4);
		out->proto = head[at + 9];
		later_fragment = (head[at + 6] & 0x1f) || head[at + 7];
		ports_at = at + (size_t)(head[at] & 0xf) * 4;
	} else if (head[at] >> 4 == 6 && filled - at >= IPV6_HEAD_BYTES) {
		memcpy(out->saddr.bytes, head + at + 8, 16);
		memcpy(out->daddr.bytes, head + at + 24, 16);
		out->proto = head[at + 6];
		ports_at = at + IPV6_HEAD_BYTES;
	} else {
		return false;
	}
	if ((out->proto == IPPROTO_TCP || out->proto == IPPROTO_UDP) && !later_fragment &&
	    ports_at + 4 <= filled) {
		out->sport = (uint16_t)(head[ports_at] << 8 | head[ports_at + 1]);
		out->dport = (uint16_t)(head[ports_at + 2] << 8 | head[ports_at + 3]);
	}
	return true;
}

static void write_head(const struct drop_event *event, struct json_text *out)
{
	char hex[2 * EVENT_HEAD_BYTES + 1] = "";

	for (size_t i = 0; i < event->head_bytes && i < EVENT_HEAD_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", event->head[i]);
	json_text_string(out, "head", hex);
}

static void write_one(uint64_t number, uint64_t unix_ms, const struct drop_event *event,
		      struct json_text *out)
{
	const char *reason = dataplane_drop_name(event->reason);
	char text[INET_ADDR_TEXT_MAX], device[IF_NAMESIZE];
	struct packet packet;

	json_text_begin(out, NULL, '{');
	json_text_number(out, "number", number);
	json_text_number(out, "unix_ms", unix_ms);
	json_text_string(out, "reason", reason ? reason : "unknown");
	json_text_string(out, "interface", if_indextoname(event->ifindex, device) ? device : NULL);
	json_text_number(out, "packet_bytes", event->packet_bytes);
	if (read_packet(event, &packet)) {
		json_text_number(out, "ip_protocol", packet.proto);
		json_text_string(out, "source_address", inet_addr_format(&packet.saddr, text));
		json_text_number(out, "source_port", packet.sport);
		json_text_string(out, "destination_address", inet_addr_format(&packet.daddr, text));
		json_text_number(out, "destination_port", packet.dport);
	}
	write_head(event, out);
	json_text_end(out, '}');
}

void drop_log_write(const struct drop_log *log, uint64_t from, struct json_text *out)
{
	uint64_t oldest = log->next > DROP_LOG_MAX ? log->next - DROP_LOG_MAX : 0;

	json_text_begin(out, NULL, '{');
	json_text_begin(out, "events", '[');
	for (uint64_t i = from > oldest ? from : oldest; i < log->next; i++)
		write_one(i, log->unix_ms[i % DROP_LOG_MAX], &log->events[i % DROP_LOG_MAX], out);
	json_text_end(out, ']');
	json_text_number(out, "next", log->next);
	json_text_end(out, '}');
}
