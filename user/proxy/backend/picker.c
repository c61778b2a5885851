// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/picker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "proxy/http/hash64.h"

/* 2^32 / golden ratio: spreads small worker numbers far apart (Knuth, TAOCP 3, 6.4). */
#define GOLDEN_RATIO_32 0x9e3779b1u

#define LISTS_MAX 4 /* looked at for one exchange, if they change under our eyes */

struct picker_upstream {
	uint64_t word; /* list of members that the notes know of; 0: none yet */
	uint32_t turns;
};

/* How good a candidate is; less is better. */
enum rank {
	RANK_FIT,
	RANK_SLOW,     /* starts slowly, and it was not its turn */
	RANK_DRAINING, /* in a list that is about to be replaced */
	RANK_ASIDE,
	RANK_NONE, /* gone, or tried */
};

/* One list of members, while it is looked through. */
struct list {
	struct picker *picker;
	const struct picker_ask *ask;
	uint32_t offset, count;
};

struct candidate {
	struct backend_view view;
	struct backend_note *note;
	enum rank rank;
};

int picker_init(struct picker *picker, struct maps *maps, uint32_t worker)
{
	/* calloc: pages of unused upstreams are never touched. */
	picker->upstreams = calloc(maps->upstreams_max, sizeof(*picker->upstreams));
	if (!picker->upstreams)
		return -ENOMEM;
	picker->maps = maps;
	picker->first_turn = worker * GOLDEN_RATIO_32;
	if (getrandom(&picker->random, sizeof(picker->random), 0) < 0)
		picker->random = worker; /* only an even spread is needed */
	return backend_notes_init(&picker->notes, maps->backends_max);
}

void picker_free(struct picker *picker)
{
	backend_notes_free(&picker->notes);
	free(picker->upstreams);
	picker->upstreams = NULL;
}

/* ---- members --------------------------------------------------------------------------------- */

static bool was_tried(const struct picker_tried *tried, uint32_t id)
{
	for (uint32_t i = 0; tried && i < tried->count; i++)
		if (tried->ids[i] == id)
			return true;
	return false;
}

/* Member @i of the list, whatever its state. */
static bool member_at(const struct list *list, uint32_t i, struct candidate *out)
{
	struct maps *maps = list->picker->maps;
	const uint64_t *member = mapped_array_at(&maps->members, list->offset + i);
	uint32_t id = member ? (uint32_t)__atomic_load_n(member, __ATOMIC_RELAXED) : 0;

	out->rank = RANK_NONE;
	if (!maps_backend(maps, list->ask->route->upstream_id, id, &out->view))
		return false;
	out->note = backend_note(&list->picker->notes, &out->view);
	return true;
}

/* Its rank, but for a slow start. */
static void rank(const struct list *list, struct candidate *c)
{
	if (was_tried(list->ask->tried, c->view.id) ||
	    (c->view.state != BACKEND_ACTIVE && c->view.state != BACKEND_DRAINING))
		c->rank = RANK_NONE;
	else if (backend_note_aside(c->note, list->ask->now_ms))
		c->rank = RANK_ASIDE;
	else
		c->rank = c->view.state == BACKEND_ACTIVE ? RANK_FIT : RANK_DRAINING;
}

/*
 * A list that was not seen before: new members begin slowly. In the first list no member is new.
 * Membership changes are rare, so the exchange that meets one may check all members.
 */
static void look_at_list(const struct list *list, uint64_t word)
{
	struct picker_upstream *upstream = &list->picker->upstreams[list->ask->route->upstream_id];
	bool first = upstream->word == 0;
	struct candidate c;

	if (upstream->word == word)
		return;
	upstream->word = word;
	for (uint32_t i = 0; i < list->count; i++) {
		if (!member_at(list, i, &c) || c.note->known)
			continue;
		c.note->known = true;
		c.note->since_ms = first ? 0 : list->ask->now_ms;
	}
}

/* ---- the ways to choose ---------------------------------------------------------------------- */

static bool its_turn(const struct list *list, const struct candidate *c)
{
	uint32_t slow_start_ms = list->ask->route->slow_start_ms;
	uint32_t weight;

	if (!slow_start_ms || c->rank != RANK_FIT)
		return true;
	weight = backend_note_weight(c->note, slow_start_ms, list->ask->now_ms);
	return hash64_next(&list->picker->random) % BACKEND_WEIGHT_FULL < weight;
}

static void round_robin(const struct list *list, struct candidate *best)
{
	struct picker_upstream *upstream = &list->picker->upstreams[list->ask->route->upstream_id];
	uint32_t turn = list->picker->first_turn + upstream->turns++;

	for (uint32_t i = 0; i < list->count && best->rank != RANK_FIT; i++) {
		struct candidate c;

		if (!member_at(list, (turn + i) % list->count, &c))
			continue;
		rank(list, &c);
		if (!its_turn(list, &c))
			c.rank = RANK_SLOW;
		if (c.rank < best->rank)
			*best = c;
	}
}

/* Two at random: nearly as good as looking at all (Mitzenmacher, IEEE TPDS 12(10), 2001), and no
 * worker runs with the others to the one that looks idle. */
static void least_requests(const struct list *list, struct candidate *best)
{
	uint64_t random = hash64_next(&list->picker->random);
	uint32_t first = (uint32_t)random % list->count;
	uint32_t places[2] = { first, first };

	if (list->count > 1)
		places[1] =
			(first + 1 + (uint32_t)(random >> 32) % (list->count - 1)) % list->count;
	for (unsigned int i = 0; i < 2; i++) {
		struct candidate c;

		if (!member_at(list, places[i], &c))
			continue;
		rank(list, &c);
		if (c.rank == RANK_FIT && its_turn(list, &c) &&
		    (best->rank != RANK_FIT || c.note->active < best->note->active))
			*best = c;
	}
	if (best->rank != RANK_FIT)
		round_robin(list, best);
}

static void rendezvous(const struct list *list, struct candidate *best)
{
	uint64_t best_score = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		struct candidate c;
		uint64_t score;

		if (!member_at(list, i, &c))
			continue;
		rank(list, &c);
		score = hash64_end(list->ask->key ^ c.note->identity);
		if (c.rank < best->rank || (c.rank == best->rank && score > best_score)) {
			*best = c;
			best_score = score;
		}
	}
}

/* The one that the cookie names, if it can take the exchange. */
static void named(const struct list *list, struct candidate *best)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct candidate c;

		if (!member_at(list, i, &c) ||
		    picker_tag(list->picker, list->ask->route, &c.view) != list->ask->tag)
			continue;
		rank(list, &c);
		if (c.rank < RANK_ASIDE)
			*best = c;
		return;
	}
}

static void choose(const struct list *list, struct candidate *best)
{
	switch (list->ask->route->balance) {
	case BALANCE_LEAST_REQUESTS:
		least_requests(list, best);
		return;
	case BALANCE_HASH_SOURCE:
	case BALANCE_HASH_HEADER:
	case BALANCE_HASH_COOKIE:
	case BALANCE_HASH_TEXT:
		if (list->ask->key)
			rendezvous(list, best);
		break;
	case BALANCE_COOKIE_AFFINITY:
		if (list->ask->tag)
			named(list, best);
		break;
	default:
		break;
	}
	if (best->rank == RANK_NONE)
		round_robin(list, best);
}

static int pick_member(struct picker *picker, uint64_t word, const struct picker_ask *ask,
		       struct backend_view *out)
{
	struct list list = { picker, ask, (uint32_t)(word >> 32), (uint32_t)word };
	struct candidate best = { .rank = RANK_NONE };
	struct maps *maps = picker->maps;

	if (list.count == 0 || list.offset >= maps->members_max ||
	    list.count > maps->members_max - list.offset)
		return -ENOENT;
	look_at_list(&list, word);
	choose(&list, &best);
	if (best.rank == RANK_NONE)
		return -ENOENT;
	backend_note_chosen(best.note, ask->now_ms);
	*out = best.view;
	return 0;
}

/*
 * sluiced writes states, then lists: for a moment the list at hand names what drains already, or
 * what is down by the time we look. What drains still serves; and where nothing is left, there is
 * a new list.
 */
int picker_pick(struct picker *picker, const struct picker_ask *ask, struct backend_view *out)
{
	uint32_t upstream_id = ask->route->upstream_id;
	const struct upstream *upstream =
		upstream_id ? mapped_array_at(&picker->maps->upstreams, upstream_id) : NULL;
	uint64_t word, newer;

	if (!upstream)
		return -ENOENT;
	newer = __atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE);
	for (int i = 0; i < LISTS_MAX; i++) {
		word = newer;
		if (pick_member(picker, word, ask, out) == 0)
			return 0;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		newer = __atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE);
		if (newer == word)
			return -ENOENT;
	}
	return -ENOENT;
}

bool picker_has_backend(const struct picker *picker, uint32_t upstream_id)
{
	const struct upstream *upstream =
		upstream_id ? mapped_array_at(&picker->maps->upstreams, upstream_id) : NULL;

	return upstream && (uint32_t)__atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE);
}

/* ---- affinity -------------------------------------------------------------------------------- */

uint64_t picker_tag(struct picker *picker, const struct route *route,
		    const struct backend_view *backend)
{
	struct backend_note *note = backend_note(&picker->notes, backend);
	unsigned char text[18], mac[EVP_MAX_MD_SIZE];
	unsigned int mac_bytes = sizeof(mac);

	if (note->tag && note->tag_key == route->affinity_key[0])
		return note->tag;
	note->tag_key = route->affinity_key[0];
	memcpy(text, backend->addr.bytes, 16);
	memcpy(text + 16, &backend->port_be, 2);
	if (HMAC(EVP_sha256(), route->affinity_key, sizeof(route->affinity_key), text, sizeof(text),
		 mac, &mac_bytes))
		memcpy(&note->tag, mac, sizeof(note->tag));
	if (!note->tag)
		note->tag = 1; /* 0 is none */
	return note->tag;
}
