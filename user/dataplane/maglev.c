// SPDX-License-Identifier: Apache-2.0
/*
 * maglev.c - the table of Maglev (Eisenbud et al., NSDI'16), filled in two ways
 *
 * In the paper, members take slots in turns, each in its own order of preference (fill_by_turns()).
 * Shares are equal to one slot, but a removed member shifts the turns of all others: at 100 slots a
 * member, the loss of one of 100 moves 2.5 times its share.
 *
 * Up to MATCHED_MEMBERS_MAX members the slots choose instead: each wants the member with the
 * highest hash of (slot, member) (rendezvous hashing; Thaler, Ravishankar, IEEE/ACM ToN 6(1)), a
 * member takes no more than 1.05 times its share, keeps those of its highest hashes and sends the
 * rest to their next choice (deferred acceptance; Gale, Shapley, 1962; the bound as in Mirrokni et
 * al., SODA'18). The order of computation does not change such a matching, and a removed member
 * moves little more than its own slots: 1.3 times at 100 slots a member.
 */
#include "dataplane/maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_schema.h"

/* Above it, the time (members * slots) would delay other changes. */
#define MATCHED_MEMBERS_MAX 655u

/* Limit of a member, in percent of its share. */
#define LOAD_MAX_PERCENT 105u

/* Independent hashes come from one function with different seeds (any odd numbers do). */
#define SEED_OFFSET 0x9e3779b97f4a7c15u
#define SEED_SKIP   0xc2b2ae3d27d4eb4fu
#define SEED_SCORE  0x165667b19e3779f9u

static const struct {
	size_t members_max;
	uint32_t slots;
} sizes[] = {
	{ 1, SLUICE_RING_SLOTS_MIN },
	{ 20, 2039 },
	{ 80, 8191 },
	{ 120, 16381 },
	{ 240, 32749 },
	{ SIZE_MAX, SLUICE_RING_SLOTS_MAX },
};

uint32_t maglev_slots(size_t members_count)
{
	size_t i = 0;

	while (members_count > sizes[i].members_max)
		i++;
	return sizes[i].slots;
}

/* splitmix64's finaliser (Steele et al., OOPSLA'14). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Byte order of the address is that of the network, read as two little-endian words on any host. */
static uint64_t hash_of(const struct maglev_member *member, uint64_t seed)
{
	uint64_t hash = seed + member->port;

	for (int half = 0; half < 2; half++) {
		uint64_t word = 0;

		for (int i = 7; i >= 0; i--)
			word = word << 8 | member->addr.bytes[half * 8 + i];
		hash = mix(hash ^ word);
	}
	return hash;
}

static uint32_t weight_of(const struct maglev_member *member)
{
	return member->weight ? member->weight : 1;
}

/* ---- in turns -------------------------------------------------------------------------------- */

/* A member's own order of preference over the slots: offset, offset + skip, offset + 2 skip, ...
 * The number of slots is prime, so that each member's walk visits all of them. */
struct walk {
	uint32_t next;
	uint32_t skip;
	uint32_t credit; /* a turn adds the weight; a slot costs the greatest of all weights */
};

static int fill_by_turns(uint32_t *slots, uint32_t slots_count, const struct maglev_member *members,
			 size_t count)
{
	struct walk *walks = calloc(count, sizeof(*walks));
	uint32_t filled = 0, weight_max = 1;

	if (!walks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		walks[i].next = hash_of(&members[i], SEED_OFFSET) % slots_count;
		walks[i].skip = hash_of(&members[i], SEED_SKIP) % (slots_count - 1) + 1;
		if (weight_of(&members[i]) > weight_max)
			weight_max = weight_of(&members[i]);
	}
	memset(slots, 0, slots_count * sizeof(*slots));
	while (filled < slots_count) {
		for (size_t i = 0; i < count && filled < slots_count; i++) {
			struct walk *walk = &walks[i];

			walk->credit += weight_of(&members[i]);
			if (walk->credit < weight_max)
				continue;
			walk->credit -= weight_max;
			while (slots[walk->next])
				walk->next = (walk->next + walk->skip) % slots_count;
			slots[walk->next] = members[i].id;
			filled++;
		}
	}
	free(walks);
	return 0;
}

/* ---- by choice ------------------------------------------------------------------------------- */

#define LOG_STEPS    256u
#define LOG_ONE      (UINT64_C(1) << 24) /* 1.0 of a logarithm */
#define NO_SLOT      UINT32_MAX
#define COST_NONE    0u         /* below that of any choice: nothing is excluded */
#define COST_LONGEST UINT64_MAX /* above that of any choice */

/* lowbias32 (Wellons, 2018). */
#define SCORE_FACTOR_1 0x21f0aaadu
#define SCORE_FACTOR_2 0x735a2d97u

#define LANES 8
typedef uint32_t lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));

struct held_slot {
	uint64_t cost;
	uint32_t slot;
};

struct matching {
	uint32_t slots_count;
	size_t count;
	bool weighted; /* not all of one weight */
	uint32_t *seeds;
	uint32_t *weights;
	uint32_t *limits; /* most slots of each member */
	uint32_t *held;   /* slots of each member */
	uint32_t *first;  /* list of the slots that a member holds, NO_SLOT at its end */
	uint32_t *next;   /* by slot */
	uint32_t *waiting;
	uint32_t waiting_count;
	struct held_slot *sorted; /* room for all slots */
	uint64_t *costs; /* by slot: of the choice that it has, and when refused, of that one */
	uint64_t logs[LOG_STEPS + 1];
};

static void matching_free(struct matching *m)
{
	free(m->seeds);
	free(m->weights);
	free(m->limits);
	free(m->held);
	free(m->first);
	free(m->next);
	free(m->waiting);
	free(m->costs);
	free(m->sorted);
}

/* log2(1 + i / LOG_STEPS) in units of LOG_ONE, bit by bit: squaring doubles a logarithm. */
static uint64_t log_of_step(uint32_t i)
{
	uint64_t x = (UINT64_C(1) << 31) + ((uint64_t)i << 31) / LOG_STEPS, log = 0;

	if (i == LOG_STEPS)
		return LOG_ONE;
	for (uint64_t bit = LOG_ONE >> 1; bit; bit >>= 1) {
		x = x * x >> 31;
		if (x >> 32) {
			x >>= 1;
			log |= bit;
		}
	}
	return log;
}

/* -log2((score + 1) / 2^32) in units of LOG_ONE. */
static uint64_t negative_log(const struct matching *m, uint32_t score)
{
	uint64_t x = (uint64_t)score + 1;
	unsigned int top = 63u - (unsigned int)__builtin_clzll(x);
	uint64_t mantissa = x << (40 - top) & ((UINT64_C(1) << 40) - 1); /* 40 bits after the 1 */
	uint64_t i = mantissa >> 32, rest = mantissa & UINT32_MAX;
	uint64_t log = m->logs[i] + ((m->logs[i + 1] - m->logs[i]) * rest >> 32);

	return 32 * LOG_ONE - (top * LOG_ONE + log);
}

/*
 * The cost of a member for a slot falls with the hash of both. If weights differ, it is -log(hash)
 * / weight, exponentially distributed: each member then has the least cost with a probability of
 * its weight (weighted rendezvous hashing).
 */
static uint32_t score_of(uint32_t seed, uint32_t slot_hash)
{
	uint32_t x = seed ^ slot_hash;

	x = (x ^ x >> 16) * SCORE_FACTOR_1;
	x = (x ^ x >> 15) * SCORE_FACTOR_2;
	return x ^ x >> 15;
}

/* The member of least cost above @above; m->count if there is none. */
static size_t choose_by_weight(const struct matching *m, uint32_t slot_hash, uint64_t above,
			       uint64_t *least)
{
	size_t chosen = m->count;

	*least = COST_LONGEST;
	for (size_t i = 0; i < m->count; i++) {
		uint32_t score = score_of(m->seeds[i], slot_hash);
		uint64_t cost = (negative_log(m, score) << 24) / m->weights[i] + 1;

		if (cost > above && cost < *least) {
			*least = cost;
			chosen = i;
		}
	}
	return chosen;
}

/*
 * The member of the greatest score for a slot that is not above @top; of two equal ones the first.
 * Eight at a time, because nearly all the time is spent here. @best: out, 0: there is none, and no
 * member is named.
 */
__attribute__((always_inline)) static inline size_t
greatest_by(const struct matching *m, uint32_t slot_hash, uint32_t top, uint32_t *best)
{
	uint32_t scores[MATCHED_MEMBERS_MAX];
	lanes x, greatest = {}, is_more;
	size_t i = 0;

	for (; i + LANES <= m->count; i += LANES) {
		memcpy(&x, &m->seeds[i], sizeof(x));
		x ^= slot_hash;
		x = (x ^ x >> 16) * SCORE_FACTOR_1;
		x = (x ^ x >> 15) * SCORE_FACTOR_2;
		x ^= x >> 15;
		x &= (lanes)(x <= top);
		memcpy(&scores[i], &x, sizeof(x));
		is_more = (lanes)(x > greatest);
		greatest = (x & is_more) | (greatest & ~is_more);
	}
	*best = 0;
	for (; i < m->count; i++) {
		uint32_t score = score_of(m->seeds[i], slot_hash);

		scores[i] = score <= top ? score : 0;
		*best = scores[i] > *best ? scores[i] : *best;
	}
	for (i = 0; i < LANES; i++)
		*best = greatest[i] > *best ? greatest[i] : *best;
	for (i = 0; i + LANES <= m->count; i += LANES) {
		uint64_t found[LANES / 2];

		memcpy(&x, &scores[i], sizeof(x));
		x = (lanes)(x == *best);
		memcpy(found, &x, sizeof(x));
		if (found[0] | found[1] | found[2] | found[3])
			break;
	}
	while (i < m->count && scores[i] != *best)
		i++;
	return i;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static size_t
greatest_avx2(const struct matching *m, uint32_t slot_hash, uint32_t top, uint32_t *best)
{
	return greatest_by(m, slot_hash, top, best);
}
#endif

static size_t greatest_of(const struct matching *m, uint32_t slot_hash, uint32_t top,
			  uint32_t *best)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return greatest_avx2(m, slot_hash, top, best);
#endif
	return greatest_by(m, slot_hash, top, best);
}

/* The same for equal weights: the cost is then 2^32 - score. */
static size_t choose(const struct matching *m, uint32_t slot_hash, uint64_t above, uint64_t *least)
{
	uint32_t best;
	size_t chosen;

	*least = COST_LONGEST;
	if (above > UINT32_MAX)
		return m->count;
	chosen = greatest_of(m, slot_hash, (uint32_t)(UINT32_MAX - above), &best);
	/* A score of 0 counts as a refusal: it occurs once in 2^32. */
	if (!best)
		return m->count;
	*least = (uint64_t)UINT32_MAX - best + 1;
	return chosen;
}

/* Goes to the member of least cost among those that have not refused the slot. */
static void propose(struct matching *m, uint32_t slot)
{
	uint32_t slot_hash = (uint32_t)mix((uint64_t)slot + 1);
	uint64_t least, above = m->costs[slot];
	size_t chosen = m->weighted ? choose_by_weight(m, slot_hash, above, &least)
				    : choose(m, slot_hash, above, &least);

	/* Two of the same cost count as one; in the end some member has room: limits exceed slots.
	 */
	for (size_t i = 0; chosen == m->count; i++)
		if (m->held[i] < m->limits[i])
			chosen = i;
	m->costs[slot] = least;
	m->next[slot] = m->first[chosen];
	m->first[chosen] = slot;
	m->held[chosen]++;
}

/* Slots with the greatest cost come first; of two equal ones the higher. */
static int held_compare(const void *a, const void *b)
{
	const struct held_slot *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? 1 : -1;
	return x->slot < y->slot ? 1 : -1;
}

/* Sends away the surplus slots of the member. */
static void refuse(struct matching *m, size_t member)
{
	uint32_t count = 0, slot, too_many = m->held[member] - m->limits[member];

	for (slot = m->first[member]; slot != NO_SLOT; slot = m->next[slot])
		m->sorted[count++] = (struct held_slot){ m->costs[slot], slot };
	qsort(m->sorted, count, sizeof(*m->sorted), held_compare);
	for (uint32_t i = 0; i < too_many; i++)
		m->waiting[m->waiting_count++] = m->sorted[i].slot;
	m->first[member] = NO_SLOT;
	for (uint32_t i = too_many; i < count; i++) {
		m->next[m->sorted[i].slot] = m->first[member];
		m->first[member] = m->sorted[i].slot;
	}
	m->held[member] = m->limits[member];
}

static int matching_init(struct matching *m, uint32_t slots_count,
			 const struct maglev_member *members, size_t count)
{
	uint64_t weights_sum = 0;

	*m = (struct matching){ .slots_count = slots_count, .count = count };
	m->seeds = calloc(count, sizeof(*m->seeds));
	m->weights = calloc(count, sizeof(*m->weights));
	m->limits = calloc(count, sizeof(*m->limits));
	m->held = calloc(count, sizeof(*m->held));
	m->first = calloc(count, sizeof(*m->first));
	m->next = calloc(slots_count, sizeof(*m->next));
	m->waiting = calloc(slots_count, sizeof(*m->waiting));
	m->costs = calloc(slots_count, sizeof(*m->costs));
	m->sorted = calloc(slots_count, sizeof(*m->sorted));
	if (!m->seeds || !m->weights || !m->limits || !m->held || !m->first || !m->next ||
	    !m->waiting || !m->costs || !m->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		m->seeds[i] = (uint32_t)hash_of(&members[i], SEED_SCORE);
		m->weights[i] = weight_of(&members[i]);
		m->weighted |= m->weights[i] != m->weights[0];
		m->first[i] = NO_SLOT;
		weights_sum += m->weights[i];
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t share = (uint64_t)slots_count * m->weights[i];
		uint64_t least = (share + weights_sum - 1) / weights_sum;
		uint64_t most = share * LOAD_MAX_PERCENT / 100 / weights_sum;

		m->limits[i] = (uint32_t)(most > least ? most : least);
	}
	for (uint32_t i = 0; m->weighted && i <= LOG_STEPS; i++)
		m->logs[i] = log_of_step(i);
	for (uint32_t slot = 0; slot < slots_count; slot++) {
		m->waiting[slot] = slot;
		m->costs[slot] = COST_NONE;
	}
	m->waiting_count = slots_count;
	return 0;
}

static int fill_by_choice(uint32_t *slots, uint32_t slots_count,
			  const struct maglev_member *members, size_t count)
{
	struct matching m;
	int err = matching_init(&m, slots_count, members, count);

	while (!err && m.waiting_count) {
		uint32_t proposing = m.waiting_count;

		m.waiting_count = 0;
		for (uint32_t i = 0; i < proposing; i++)
			propose(&m, m.waiting[i]);
		for (size_t i = 0; i < count; i++)
			if (m.held[i] > m.limits[i])
				refuse(&m, i);
	}
	for (size_t i = 0; !err && i < count; i++)
		for (uint32_t slot = m.first[i]; slot != NO_SLOT; slot = m.next[slot])
			slots[slot] = members[i].id;
	matching_free(&m);
	return err;
}

int maglev_fill(uint32_t *slots, uint32_t slots_count, const struct maglev_member *members,
		size_t count)
{
	if (!count || slots_count < 2 || count > slots_count)
		return -EINVAL;
	if (count > MATCHED_MEMBERS_MAX)
		return fill_by_turns(slots, slots_count, members, count);
	return fill_by_choice(slots, slots_count, members, count);
}
