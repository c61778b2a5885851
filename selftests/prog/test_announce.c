// SPDX-License-Identifier: Apache-2.0
/* xdp_ingress on ARP requests and neighbour solicitations, with --announce l2 and without. */
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "prog/fixture.h"

#define LOOPBACK_IFINDEX 1 /* where BPF_PROG_TEST_RUN says that packets come in */
#define FOR_EVER         UINT64_MAX
#define OVER             1           /* ns after the machine started */
#define BACK_MARK        0x5105ce5eu /* as in bpf/packet/mark.bpf.h */

static const uint8_t node_mac[6] = { 0x02, 0, 0, 0, 0, 1 };
static const uint8_t client_mac[6] = { 0x02, 0, 0, 0, 0, 2 };
static const uint8_t all_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };

static struct fixture opened;

static int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(opened.skel->obj, name);

	assert_true(fd >= 0);
	return fd;
}

/* Whether XDP can send by the device that packets come in by. */
static void set_sends(bool sends)
{
	uint32_t ifindex = LOOPBACK_IFINDEX;

	bpf_map_delete_elem(map_fd("tx_ports"), &ifindex);
	if (sends)
		assert_int_equal(
			bpf_map_update_elem(map_fd("tx_ports"), &ifindex, &ifindex, BPF_ANY), 0);
}

static void set_on(bool on)
{
	struct node_config config;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(map_fd("node_config"), &zero, &config), 0);
	config.announce = on;
	assert_int_equal(bpf_map_update_elem(map_fd("node_config"), &zero, &config, BPF_ANY), 0);
}

static void hold(const char *text, uint32_t ifindex, uint64_t until_ns)
{
	struct announcement held = { .until_ns = until_ns };
	struct announce_key key = { .ifindex = ifindex };
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	memcpy(key.addr, addr.bytes, sizeof(key.addr));
	memcpy(held.mac, node_mac, sizeof(held.mac));
	assert_int_equal(bpf_map_update_elem(map_fd("announced"), &key, &held, BPF_ANY), 0);
}

static void hold_nothing(void)
{
	struct announce_key key;

	while (bpf_map_get_next_key(map_fd("announced"), NULL, &key) == 0)
		bpf_map_delete_elem(map_fd("announced"), &key);
}

static void put(struct packet *packet, const void *bytes, size_t count)
{
	memcpy(packet->bytes + packet->length, bytes, count);
	packet->length += count;
}

static void put_ethernet(struct packet *packet, const uint8_t *to, const uint8_t *from,
			 uint8_t vlan_tags, uint16_t type)
{
	static const uint8_t outer[4] = { 0x88, 0xa8, 0, 7 }, inner[4] = { 0x81, 0, 0, 9 };
	uint16_t type_be = htons(type);

	packet->length = 0;
	put(packet, to, 6);
	put(packet, from, 6);
	if (vlan_tags == 2)
		put(packet, outer, 4);
	if (vlan_tags)
		put(packet, inner, 4);
	put(packet, &type_be, 2);
}

struct arp_spec {
	const uint8_t *eth_to, *eth_from, *sender_mac, *target_mac;
	const char *sender, *target;
	uint16_t operation, hardware;
	uint8_t vlan_tags;
};

static void build_arp(const struct arp_spec *spec, struct packet *packet)
{
	static const uint8_t fixed[4] = { 8, 0, 6, 4 }, padding[18];
	uint16_t hardware = htons(spec->hardware ? spec->hardware : 1);
	uint16_t operation = htons(spec->operation);
	uint32_t sender = inet_addr(spec->sender), target = inet_addr(spec->target);

	put_ethernet(packet, spec->eth_to, spec->eth_from, spec->vlan_tags, 0x0806);
	put(packet, &hardware, 2);
	put(packet, fixed, 4);
	put(packet, &operation, 2);
	put(packet, spec->sender_mac, 6);
	put(packet, &sender, 4);
	put(packet, spec->target_mac, 6);
	put(packet, &target, 4);
	put(packet, padding, sizeof(padding));
}

enum outcome { ANSWERED, LEFT_ALONE, DROPPED };

static const struct arp_row {
	const char *name, *sender, *target;
	bool off;
	uint32_t ifindex; /* where FRONTEND_IP is known */
	uint64_t until_ns;
	uint16_t operation, hardware;
	uint8_t vlan_tags;
	enum outcome outcome;
} arp_rows[] = {
	{ "a question for an address that is held", CLIENT_IP, FRONTEND_IP, false, 1, FOR_EVER, 1,
	  0, 0, ANSWERED },
	{ "in a VLAN", CLIENT_IP, FRONTEND_IP, false, 1, FOR_EVER, 1, 0, 1, ANSWERED },
	{ "in two VLANs", CLIENT_IP, FRONTEND_IP, false, 1, FOR_EVER, 1, 0, 2, ANSWERED },
	{ "a probe", "0.0.0.0", FRONTEND_IP, false, 1, FOR_EVER, 1, 0, 0, ANSWERED },
	{ "a claim of another one", FRONTEND_IP, FRONTEND_IP, false, 1, FOR_EVER, 1, 0, 0,
	  LEFT_ALONE },
	{ "an answer", CLIENT_IP, FRONTEND_IP, false, 1, FOR_EVER, 2, 0, 0, LEFT_ALONE },
	{ "another hardware", CLIENT_IP, FRONTEND_IP, false, 1, FOR_EVER, 1, 6, 0, LEFT_ALONE },
	{ "an address that another node holds", CLIENT_IP, FRONTEND_IP, false, 1, 0, 1, 0, 0,
	  DROPPED },
	{ "held, but its time is over", CLIENT_IP, FRONTEND_IP, false, 1, OVER, 1, 0, 0, DROPPED },
	{ "known on another interface alone", CLIENT_IP, FRONTEND_IP, false, 2, FOR_EVER, 1, 0, 0,
	  LEFT_ALONE },
	{ "an address of the node", CLIENT_IP, NODE_IP, false, 1, FOR_EVER, 1, 0, 0, LEFT_ALONE },
	{ "a stranger's address", CLIENT_IP, STRANGER_IP, false, 1, FOR_EVER, 1, 0, 0, LEFT_ALONE },
	{ "announcing is off", CLIENT_IP, FRONTEND_IP, true, 1, FOR_EVER, 1, 0, 0, LEFT_ALONE },
};

/* Takes the mark off that tells tc_ingress to send a frame back; a test run shows it before the
 * frame. */
static void unmark(struct packet *packet)
{
	uint32_t magic;

	memcpy(&magic, packet->bytes, sizeof(magic));
	assert_int_equal(magic, BACK_MARK);
	packet->length -= sizeof(magic);
	memmove(packet->bytes, packet->bytes + sizeof(magic), packet->length);
}

/* An answer that XDP cannot send goes up, and tc_ingress sends it. */
static uint32_t verdict_of(enum outcome outcome, bool sends)
{
	uint32_t verdicts[] = { sends || FIXTURE_IS_TC ? VERDICT_BACK : XDP_PASS, XDP_PASS,
				XDP_DROP };

	return verdicts[outcome];
}

static void check_arp(const struct arp_row *row, bool sends)
{
	static const uint8_t nobody[6];
	struct arp_spec spec = {
		.eth_to = all_mac,
		.eth_from = client_mac,
		.sender_mac = client_mac,
		.target_mac = nobody,
		.sender = row->sender,
		.target = row->target,
		.operation = row->operation,
		.hardware = row->hardware,
		.vlan_tags = row->vlan_tags,
	};
	struct packet packet, wanted;

	print_message("ARP: %s\n", row->name);
	fixture_reset(&opened);
	hold_nothing();
	set_on(!row->off);
	set_sends(sends);
	hold(FRONTEND_IP, row->ifindex, row->until_ns);
	build_arp(&spec, &packet);
	if (row->outcome == ANSWERED)
		spec = (struct arp_spec){
			.eth_to = client_mac,
			.eth_from = node_mac,
			.sender_mac = node_mac,
			.target_mac = client_mac,
			.sender = row->target,
			.target = row->sender,
			.operation = 2,
			.vlan_tags = row->vlan_tags,
		};
	build_arp(&spec, &wanted);
	assert_int_equal(fixture_run_xdp(&opened, &packet), verdict_of(row->outcome, sends));
	if (row->outcome == ANSWERED && !sends && !FIXTURE_IS_TC)
		unmark(&packet);
	assert_int_equal(packet.length, wanted.length);
	assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	assert_int_equal(fixture_drop(&opened, DROP_NOT_HOLDER), row->outcome == DROPPED);
	assert_int_equal(fixture_stat(&opened, STAT_ANNOUNCE_REPLIES), row->outcome == ANSWERED);
}

static void announce__arp_is_answered_for_what_is_held(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(arp_rows) / sizeof(arp_rows[0]); i++)
		check_arp(&arp_rows[i / 2], i % 2);
}

/* ---- neighbour discovery --------------------------------------------------------------------- */

static uint32_t sum_of(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

/* IPv6 and ICMPv6 of any kind; the checksum is computed and, to break it, added to. */
static void put_icmp6(struct packet *packet, const struct in6_addr *src, const struct in6_addr *dst,
		      uint8_t hop_limit, uint8_t *icmp, size_t bytes, uint16_t checksum_error)
{
	struct ip6_hdr ip = { .ip6_src = *src, .ip6_dst = *dst };
	uint32_t sum = sum_of(src, 16) + sum_of(dst, 16) + (uint32_t)bytes + IPPROTO_ICMPV6;

	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons((uint16_t)bytes);
	ip.ip6_nxt = IPPROTO_ICMPV6;
	ip.ip6_hlim = hop_limit;
	icmp[2] = icmp[3] = 0;
	sum += sum_of(icmp, bytes);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (~sum & 0xffff) + checksum_error;
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	put(packet, &ip, sizeof(ip));
	put(packet, icmp, bytes);
}

static struct in6_addr addr6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static const struct nd_row {
	const char *name, *src, *dst, *target;
	uint8_t options; /* of eight bytes */
	uint8_t type, code, hop_limit, vlan_tags;
	uint16_t checksum_error;
	bool off, held, over;
	enum outcome outcome;
} nd_rows[] = {
	{ "a question for an address that is held", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1,
	  135, 0, 255, 0, 0, false, true, false, ANSWERED },
	{ "to the address itself", CLIENT_IP6, FRONTEND_IP6, FRONTEND_IP6, 1, 135, 0, 255, 0, 0,
	  false, true, false, ANSWERED },
	{ "without an option", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 0, 135, 0, 255, 0, 0,
	  false, true, false, ANSWERED },
	{ "with two options", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 2, 135, 0, 255, 0, 0,
	  false, true, false, ANSWERED },
	{ "with three options", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 3, 135, 0, 255, 0, 0,
	  false, true, false, LEFT_ALONE },
	{ "a probe", "::", "ff02::1:ff00:80", FRONTEND_IP6, 0, 135, 0, 255, 0, 0, false, true,
	  false, ANSWERED },
	{ "in a VLAN", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135, 0, 255, 1, 0, false,
	  true, false, ANSWERED },
	{ "from behind a router", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135, 0, 254, 0, 0,
	  false, true, false, LEFT_ALONE },
	{ "a wrong checksum", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135, 0, 255, 0, 1,
	  false, true, false, LEFT_ALONE },
	{ "an unknown code", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135, 1, 255, 0, 0,
	  false, true, false, LEFT_ALONE },
	{ "an answer", CLIENT_IP6, "ff02::1", FRONTEND_IP6, 1, 136, 0, 255, 0, 0, false, true,
	  false, LEFT_ALONE },
	{ "an address that another node holds", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135,
	  0, 255, 0, 0, false, false, false, LEFT_ALONE },
	{ "held, but its time is over", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135, 0, 255,
	  0, 0, false, true, true, LEFT_ALONE },
	{ "a stranger's address", CLIENT_IP6, "ff02::1:ff00:99", STRANGER_IP6, 1, 135, 0, 255, 0, 0,
	  false, true, false, LEFT_ALONE },
	{ "announcing is off", CLIENT_IP6, "ff02::1:ff00:80", FRONTEND_IP6, 1, 135, 0, 255, 0, 0,
	  true, true, false, LEFT_ALONE },
};

static void build_question(const struct nd_row *row, struct packet *packet)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0xff, 0, 0, 0x80 };
	struct in6_addr src = addr6(row->src), dst = addr6(row->dst), target = addr6(row->target);
	uint8_t icmp[24 + 3 * 8] = { row->type, row->code };

	memcpy(icmp + 8, &target, 16);
	for (uint8_t i = 0; i < row->options; i++) {
		icmp[24 + i * 8] = i ? 14 : 1; /* a nonce (RFC 3971), after the sender's address */
		icmp[24 + i * 8 + 1] = 1;
		memcpy(icmp + 24 + i * 8 + 2, client_mac, 6);
	}
	put_ethernet(packet, group_mac, client_mac, row->vlan_tags, 0x86dd);
	put_icmp6(packet, &src, &dst, row->hop_limit, icmp, 24 + row->options * 8u,
		  row->checksum_error);
}

static void build_advert(const struct nd_row *row, struct packet *packet)
{
	bool probe = strcmp(row->src, "::") == 0;
	struct in6_addr target = addr6(row->target), to = addr6(probe ? "ff02::1" : row->src);
	uint8_t icmp[32] = { 136, 0, 0, 0, probe ? 0x20 : 0x60 };

	memcpy(icmp + 8, &target, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, node_mac, 6);
	put_ethernet(packet, probe ? all_nodes_mac : client_mac, node_mac, row->vlan_tags, 0x86dd);
	put_icmp6(packet, &target, &to, 255, icmp, sizeof(icmp), 0);
}

static void check_nd(const struct nd_row *row, bool sends)
{
	struct packet packet, wanted;

	print_message("neighbour discovery: %s\n", row->name);
	fixture_reset(&opened);
	hold_nothing();
	set_on(!row->off);
	set_sends(sends);
	if (row->held)
		hold(FRONTEND_IP6, LOOPBACK_IFINDEX, row->over ? OVER : FOR_EVER);
	build_question(row, &packet);
	wanted = packet;
	if (row->outcome == ANSWERED)
		build_advert(row, &wanted);
	assert_int_equal(fixture_run_xdp(&opened, &packet), verdict_of(row->outcome, sends));
	if (row->outcome == ANSWERED && !sends && !FIXTURE_IS_TC)
		unmark(&packet);
	assert_int_equal(packet.length, wanted.length);
	assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	assert_int_equal(fixture_drops(&opened), 0);
	assert_int_equal(fixture_stat(&opened, STAT_ANNOUNCE_REPLIES), row->outcome == ANSWERED);
}

static void announce__solicitations_are_answered_for_what_is_held(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(nd_rows) / sizeof(nd_rows[0]); i++)
		check_nd(&nd_rows[i / 2], i % 2);
}

static void announce__packets_cut_short_pass(void **state)
{
	struct packet whole, packet;

	(void)state;
	fixture_reset(&opened);
	set_on(true);
	hold(FRONTEND_IP6, LOOPBACK_IFINDEX, FOR_EVER);
	build_question(&nd_rows[0], &whole);
	/* No test run of TC takes less than the headers of what the frame claims to be. */
	for (size_t length = FIXTURE_IS_TC ? 54 : 14; length < whole.length; length++) {
		packet = whole;
		packet.length = length;
		assert_int_equal(fixture_run_xdp(&opened, &packet), XDP_PASS);
	}
}

static int open_fixture(void **state)
{
	(void)state;
	fixture_open(&opened);
	return 0;
}

static int close_fixture(void **state)
{
	(void)state;
	fixture_close(&opened);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announce__arp_is_answered_for_what_is_held),
		cmocka_unit_test(announce__solicitations_are_answered_for_what_is_held),
		cmocka_unit_test(announce__packets_cut_short_pass),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
