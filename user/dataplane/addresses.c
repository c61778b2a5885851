// SPDX-License-Identifier: Apache-2.0
#include "dataplane/addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/routes.h"

#define FILTER_BITS (SLUICE_FILTER_WORDS * 64)

int addresses_init(struct addresses *addresses)
{
	memset(addresses, 0, sizeof(*addresses));
	addresses->per_bit = calloc(FILTER_BITS, sizeof(*addresses->per_bit));
	return addresses->per_bit ? 0 : -ENOMEM;
}

void addresses_free(struct addresses *addresses)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&addresses->by_text, &position)))
		free(entry->value);
	strmap_clear(&addresses->by_text);
	free(addresses->per_bit);
	free(addresses->node);
	memset(addresses, 0, sizeof(*addresses));
}

void addresses_forget_node(struct addresses *addresses)
{
	addresses->node_is_fresh = false;
}

static int node_read(struct addresses *addresses)
{
	struct ifaddrs *list, *i;
	size_t count = 0;

	if (getifaddrs(&list))
		return -errno;
	for (i = list; i; i = i->ifa_next)
		count++;
	free(addresses->node);
	addresses->node_count = 0;
	addresses->node = calloc(count + 1, sizeof(*addresses->node));
	if (!addresses->node) {
		freeifaddrs(list);
		return -ENOMEM;
	}
	for (i = list; i; i = i->ifa_next) {
		struct inet_addr *addr = &addresses->node[addresses->node_count];
		uint16_t port_be;

		if (i->ifa_addr && inet_addr_from_sockaddr(i->ifa_addr, addr, &port_be) == 0)
			addresses->node_count++;
	}
	freeifaddrs(list);
	addresses->node_is_fresh = true;
	return 0;
}

static int node_has(struct addresses *addresses, const struct inet_addr *addr, bool *out)
{
	int err = addresses->node_is_fresh ? 0 : node_read(addresses);

	if (err)
		return err;
	*out = false;
	for (size_t i = 0; i < addresses->node_count; i++) {
		if (inet_addr_compare(&addresses->node[i], addr) == 0)
			*out = true;
	}
	return 0;
}

static uint32_t filter_bit(const struct inet_addr *addr)
{
	__u32 words[4];

	memcpy(words, addr->bytes, sizeof(words));
	return sluice_filter_bit(words);
}

static void bit_add(struct addresses *addresses, uint64_t *word, uint32_t bit)
{
	addresses->per_bit[bit]++;
	__atomic_fetch_or(word, 1ull << (bit % 64), __ATOMIC_RELEASE);
}

static void bit_remove(struct addresses *addresses, uint64_t *word, uint32_t bit)
{
	if (--addresses->per_bit[bit] == 0)
		__atomic_fetch_and(word, ~(1ull << (bit % 64)), __ATOMIC_RELEASE);
}

static int address_new(struct addresses *addresses, struct mapped_array *filter,
		       const struct inet_addr *addr, const char *text)
{
	uint32_t bit = filter_bit(addr);
	uint64_t *word = mapped_array_at(filter, bit / 64);
	struct address *address;
	bool on_node;
	int err;

	if (!word)
		return -ENOMEM;
	err = node_has(addresses, addr, &on_node);
	if (err)
		return err;
	address = calloc(1, sizeof(*address));
	if (!address)
		return -ENOMEM;
	err = strmap_put(&addresses->by_text, text, address, NULL);
	if (err) {
		free(address);
		return err;
	}
	if (!on_node) {
		err = route_add(addr);
		if (err)
			log_warn("dataplane: local route to %s: %s; only XDP sees its packets",
				 text, strerror(-err));
		address->routed = !err;
	}
	address->on_node = on_node;
	address->frontends = 1;
	bit_add(addresses, word, bit);
	return 0;
}

int addresses_add(struct addresses *addresses, struct mapped_array *filter,
		  const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT_MAX];
	struct address *address;

	if (inet_addr_is_any(addr))
		return 0;
	address = strmap_get(&addresses->by_text, inet_addr_format(addr, text));
	if (!address)
		return address_new(addresses, filter, addr, text);
	address->frontends++;
	return 0;
}

void addresses_remove(struct addresses *addresses, struct mapped_array *filter,
		      const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT_MAX];
	struct address *address;
	uint32_t bit;
	int err;

	if (inet_addr_is_any(addr))
		return;
	address = strmap_get(&addresses->by_text, inet_addr_format(addr, text));
	if (!address || --address->frontends > 0)
		return;
	bit = filter_bit(addr);
	bit_remove(addresses, mapped_array_at(filter, bit / 64), bit);
	err = address->routed ? route_remove(addr) : 0;
	if (err)
		log_warn("dataplane: remove local route to %s: %s; keeping it until the next start",
			 text, strerror(-err));
	free(strmap_remove(&addresses->by_text, text));
}

static int route_check(void *ctx, const struct inet_addr *addr)
{
	struct addresses *addresses = ctx;
	char text[INET_ADDR_TEXT_MAX];
	struct address *address = strmap_get(&addresses->by_text, inet_addr_format(addr, text));

	return address && address->routed ? 0 : route_remove(addr);
}

int addresses_reconcile(struct addresses *addresses, struct mapped_array *filter)
{
	for (uint32_t bit = 0; bit < FILTER_BITS; bit++) {
		uint64_t *word = mapped_array_at(filter, bit / 64);

		if (word && addresses->per_bit[bit] == 0)
			__atomic_fetch_and(word, ~(1ull << (bit % 64)), __ATOMIC_RELEASE);
	}
	return routes_each(route_check, addresses);
}
