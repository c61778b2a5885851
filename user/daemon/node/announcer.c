// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/announcer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strmap.h"
#include "daemon/node/gratuitous.h"

#define REVIEW_MS     20u /* changes of so long are looked at in one go */
#define WAIT_READY_MS 100u
#define RETRY_MS      1000u
#define TELLINGS      3u /* a frame may be lost */
#define TELL_AGAIN_MS 1000u

/* An address that exists for frontends alone. */
struct virtual
{
	struct inet_addr addr;
	bool held;                         /* by this node */
	unsigned int told;                 /* times that the neighbours were */
	uint64_t next_ms;                  /* when they are told again */
	int groups[SLUICE_INTERFACES_MAX]; /* owned descriptors: members of the IPv6 group */
	size_t groups_count;
	bool present; /* in the review at hand */
};

struct announcer {
	struct announcer_options options;
	struct loop_timer *review, *tell; /* owned */
	struct strmap virtuals;           /* address -> struct virtual *, owned */
	struct ethernet ethernets[SLUICE_INTERFACES_MAX];
	size_t ethernets_count;
	int packets; /* owned; -1: none could be opened */
	bool review_waits, takes_part, left, for_ever;
	int err; /* of the review at hand, the first */
};

/* ---- one address ----------------------------------------------------------------------------- */

static void leave_groups(struct virtual *virtual)
{
	for (size_t i = 0; i < virtual->groups_count; i++)
		close(virtual->groups[i]);
	virtual->groups_count = 0;
}

static void join_groups(const struct announcer *announcer, struct virtual *virtual)
{
	char text[INET_ADDR_TEXT_MAX];

	leave_groups(virtual);
	if (inet_addr_is_v4(&virtual->addr))
		return;
	for (size_t i = 0; i < announcer->ethernets_count; i++) {
		int fd = gratuitous_join(&virtual->addr, announcer->ethernets[i].ifindex);

		if (fd >= 0)
			virtual->groups[virtual->groups_count++] = fd;
		else
			log_warn("announce: %s: group of its solicitations on interface %u: %s",
				 inet_addr_format(&virtual->addr, text),
				 announcer->ethernets[i].ifindex, strerror(-fd));
	}
}

static void virtual_free(struct virtual *virtual)
{
	leave_groups(virtual);
	free(virtual);
}

static struct virtual *virtual_of(struct announcer *announcer, const struct inet_addr *addr,
				  const char *text)
{
	struct virtual *virtual = strmap_get(&announcer->virtuals, text);

	if (virtual)
		return virtual;
	virtual = calloc(1, sizeof(*virtual));
	if (virtual && strmap_put(&announcer->virtuals, text, virtual, NULL)) {
		free(virtual);
		return NULL;
	}
	if (virtual)
		virtual->addr = *addr;
	return virtual;
}

static void set_held(struct announcer *announcer, struct virtual *virtual, const char *text,
		     bool held)
{
	if (virtual->held == held)
		return;
	virtual->held = held;
	virtual->told = 0;
	virtual->next_ms = 0;
	if (held)
		join_groups(announcer, virtual);
	else
		leave_groups(virtual);
	log_info("announce: %s is %s", text, held ? "this node's now" : "no longer this node's");
}

/* For each virtual address. */
static int look_at(void *ctx, const struct inet_addr *addr)
{
	struct announcer *announcer = ctx;
	char text[INET_ADDR_TEXT_MAX];
	struct virtual *virtual = virtual_of(announcer, addr, inet_addr_format(addr, text));
	uint64_t until_ms = 0, until_ns;
	bool held;
	int err = -ENOMEM;

	held = !announcer->left &&
	       announcer->options.holds(announcer->options.ctx, addr, &until_ms);
	announcer->for_ever = until_ms == UINT64_MAX;
	until_ns = announcer->for_ever ? UINT64_MAX : until_ms * 1000000;
	if (virtual) {
		virtual->present = true;
		err = dataplane_announce(announcer->options.dataplane, addr, held ? until_ns : 0,
					 announcer->ethernets, announcer->ethernets_count);
	}
	if (!err)
		set_held(announcer, virtual, text, held);
	else if (!announcer->err)
		log_error("announce: %s: %s; tried again", text, strerror(-err));
	if (err)
		announcer->err = err;
	return 0;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell_of(const struct announcer *announcer, struct virtual *virtual)
{
	char text[INET_ADDR_TEXT_MAX];

	for (size_t i = 0; i < announcer->ethernets_count && announcer->packets >= 0; i++) {
		const struct ethernet *ethernet = &announcer->ethernets[i];
		int err = gratuitous_send(announcer->packets, &virtual->addr, ethernet->ifindex,
					  ethernet->mac);

		if (err)
			log_warn("announce: tell of %s on interface %u: %s",
				 inet_addr_format(&virtual->addr, text), ethernet->ifindex,
				 strerror(-err));
	}
	virtual->told++;
	virtual->next_ms = loop_now_ms() + TELL_AGAIN_MS;
}

static void tell(void *ctx)
{
	struct announcer *announcer = ctx;
	uint64_t now_ms = loop_now_ms(), next_ms = UINT64_MAX;
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&announcer->virtuals, &position))) {
		struct virtual *virtual = entry->value;

		if (!virtual->held)
			continue;
		if (virtual->told < TELLINGS && virtual->next_ms <= now_ms)
			tell_of(announcer, virtual);
		if (virtual->told < TELLINGS && virtual->next_ms < next_ms)
			next_ms = virtual->next_ms;
	}
	if (next_ms != UINT64_MAX)
		loop_timer_arm(announcer->tell, next_ms > now_ms ? next_ms - now_ms : 0);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool is_ethernet(const struct announcer *announcer, uint32_t ifindex)
{
	for (size_t i = 0; i < announcer->ethernets_count; i++)
		if (announcer->ethernets[i].ifindex == ifindex)
			return true;
	return false;
}

static bool keep(void *ctx, const struct inet_addr *addr, uint32_t ifindex)
{
	const struct announcer *announcer = ctx;
	char text[INET_ADDR_TEXT_MAX];

	return is_ethernet(announcer, ifindex) &&
	       strmap_get(&announcer->virtuals, inet_addr_format(addr, text));
}

static void forget_absent(struct announcer *announcer)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&announcer->virtuals, &position))) {
		struct virtual *virtual = entry->value;

		if (virtual->present) {
			virtual->present = false;
			continue;
		}
		if (virtual->held)
			log_info("announce: %s is served no longer", entry->key);
		strmap_remove(&announcer->virtuals, entry->key);
		virtual_free(virtual);
	}
}

/* Neighbours are told again where interfaces or their MACs have changed. */
static void read_ethernets(struct announcer *announcer)
{
	struct ethernet now[SLUICE_INTERFACES_MAX] = { 0 };
	size_t count = dataplane_ethernets(announcer->options.dataplane, now);
	const struct strmap_entry *entry;
	size_t position = 0;

	if (count == announcer->ethernets_count &&
	    memcmp(now, announcer->ethernets, sizeof(now)) == 0)
		return;
	memcpy(announcer->ethernets, now, sizeof(now));
	announcer->ethernets_count = count;
	while ((entry = strmap_next(&announcer->virtuals, &position))) {
		struct virtual *virtual = entry->value;

		if (!virtual->held)
			continue;
		virtual->told = 0;
		virtual->next_ms = 0;
		join_groups(announcer, virtual);
	}
}

static void review(void *ctx)
{
	struct announcer *announcer = ctx;
	struct dataplane *dp = announcer->options.dataplane;
	int err;

	announcer->review_waits = false;
	if (announcer->left)
		return;
	if (!announcer->options.state->ready) {
		announcer->review_waits = true;
		loop_timer_arm(announcer->review, WAIT_READY_MS);
		return;
	}
	announcer->err = 0;
	if (!announcer->takes_part)
		announcer->err = announcer->options.take_part(announcer->options.ctx, true);
	announcer->takes_part = !announcer->err;
	read_ethernets(announcer);
	dataplane_each_virtual(dp, look_at, announcer);
	forget_absent(announcer);
	err = dataplane_announce_prune(dp, keep, announcer);
	if (err)
		log_error("announce: %s; tried again", strerror(-err));
	if (err || announcer->err)
		loop_timer_arm(announcer->review, RETRY_MS);
	tell(announcer);
}

void announcer_review_soon(struct announcer *announcer)
{
	if (!announcer || announcer->review_waits)
		return;
	announcer->review_waits = true;
	loop_timer_arm(announcer->review, REVIEW_MS);
}

/* ---- start and end --------------------------------------------------------------------------- */

int announcer_new(const struct announcer_options *options, struct announcer **out)
{
	struct announcer *announcer = calloc(1, sizeof(*announcer));
	int err;

	if (!announcer)
		return -ENOMEM;
	announcer->options = *options;
	announcer->packets = gratuitous_open();
	if (announcer->packets < 0)
		log_warn(
			"announce: no packet socket: %s; neighbours learn of a take-over only when "
			"they ask (CAP_NET_RAW is needed to tell them)",
			strerror(-announcer->packets));
	err = loop_timer_new(options->loop, review, announcer, &announcer->review);
	if (!err)
		err = loop_timer_new(options->loop, tell, announcer, &announcer->tell);
	if (err) {
		announcer_free(announcer);
		return err;
	}
	dataplane_node_config(options->dataplane)->announce = 1;
	announcer_review_soon(announcer);
	*out = announcer;
	return 0;
}

static void forget_all(struct announcer *announcer)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&announcer->virtuals, &position)))
		virtual_free(entry->value);
	strmap_clear(&announcer->virtuals);
}

void announcer_leave(struct announcer *announcer)
{
	if (!announcer || announcer->left)
		return;
	/* Silence comes first: our stack would answer for what others take over. */
	announcer->left = true;
	dataplane_each_virtual(announcer->options.dataplane, look_at, announcer);
	if (announcer->takes_part)
		announcer->options.take_part(announcer->options.ctx, false);
}

void announcer_free(struct announcer *announcer)
{
	if (!announcer)
		return;
	if (announcer->review && announcer->tell && !announcer->for_ever)
		announcer_leave(announcer);
	forget_all(announcer);
	loop_timer_free(announcer->review);
	loop_timer_free(announcer->tell);
	if (announcer->packets >= 0)
		close(announcer->packets);
	free(announcer);
}

int announcer_turn_off(struct dataplane *dataplane)
{
	int err;

	dataplane_node_config(dataplane)->announce = 0;
	err = dataplane_announce_prune(dataplane, NULL, NULL);
	if (err)
		log_error("announce: %s", strerror(-err));
	return err;
}
