// SPDX-License-Identifier: Apache-2.0
/*
 * test_picker.c - which backend takes the next exchange, in each way to balance
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/http/hash64.h"
#include "proxy/backend/picker.h"

#define UPSTREAM 3u
#define BACKENDS 64u
#define FIRST_MS 5000u

struct world {
	struct maps_fds fds;
	struct maps maps;
	struct picker picker;
	struct upstream *upstreams;
	struct backend *backends;
	uint64_t *members;
	uint32_t members_next;
	struct route route;
	uint64_t now_ms;
};

static void *shared(const char *name, size_t bytes, int *fd)
{
	void *map;

	*fd = memfd_create(name, MFD_CLOEXEC);
	assert_int_equal(ftruncate(*fd, (off_t)bytes), 0);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

/* Backends @from .. @to - 1 are the members from now on. */
static void set_members(struct world *w, uint32_t from, uint32_t to)
{
	uint32_t offset = w->members_next;

	for (uint32_t id = from; id < to; id++) {
		struct backend *backend = &w->backends[id];

		memset(backend->addr, 0, sizeof(backend->addr));
		memcpy(backend->addr + 10, "\xff\xff\x0a\x00", 4);
		backend->addr[15] = (uint8_t)id;
		backend->port = 80;
		backend->upstream_id = UPSTREAM;
		backend->generation = 1;
		backend->state = BACKEND_ACTIVE;
		w->members[w->members_next++] = id;
	}
	w->upstreams[UPSTREAM].members = (uint64_t)offset << 32 | (to - from);
}

static void open_world(struct world *w, enum route_balance balance, uint32_t members)
{
	void *stats;

	memset(w, 0, sizeof(*w));
	w->upstreams = shared("upstreams", 16 * sizeof(*w->upstreams), &w->fds.upstreams);
	w->backends = shared("backends", BACKENDS * sizeof(*w->backends), &w->fds.backends);
	w->members = shared("members", 4096 * sizeof(*w->members), &w->fds.members);
	stats = shared("stats", sizeof(struct worker_stats), &w->fds.worker_stats);
	munmap(stats, sizeof(struct worker_stats));
	assert_int_equal(maps_open(&w->fds, &w->maps), 0);
	assert_int_equal(picker_init(&w->picker, &w->maps, 0), 0);
	w->picker.random = 1; /* the same numbers in each run */
	w->route = (struct route){ .upstream_id = UPSTREAM,
				   .balance = (uint8_t)balance,
				   .affinity_key = { 1, 2 } };
	w->now_ms = FIRST_MS;
	set_members(w, 1, 1 + members);
}

static void close_world(struct world *w)
{
	picker_free(&w->picker);
	maps_close(&w->maps);
	munmap(w->upstreams, 16 * sizeof(*w->upstreams));
	munmap(w->backends, BACKENDS * sizeof(*w->backends));
	munmap(w->members, 4096 * sizeof(*w->members));
	close(w->fds.upstreams);
	close(w->fds.backends);
	close(w->fds.members);
	close(w->fds.worker_stats);
}

/* Id of the backend; 0: none. */
static uint32_t pick_by(struct world *w, uint64_t key, uint64_t tag,
			const struct picker_tried *tried)
{
	const struct picker_ask ask = { &w->route, key, tag, tried, w->now_ms };
	struct backend_view view;

	return picker_pick(&w->picker, &ask, &view) ? 0 : view.id;
}

static uint32_t pick(struct world *w)
{
	return pick_by(w, 0, 0, NULL);
}

static struct backend_note *note(struct world *w, uint32_t id)
{
	struct backend_note *found = backend_note_find(&w->picker.notes, id, 1);

	assert_non_null(found);
	return found;
}

static void fail_at(struct world *w, uint32_t id, enum backend_failure failure)
{
	backend_note_failed(note(w, id), &w->route, failure, w->now_ms);
}

static void count_picks(struct world *w, uint32_t picks, uint32_t counts[BACKENDS])
{
	memset(counts, 0, BACKENDS * sizeof(*counts));
	for (uint32_t i = 0; i < picks; i++)
		counts[pick(w)]++;
}

static uint64_t key_of(uint32_t number)
{
	return hash64_end(hash64_more(HASH64_SEED, &number, sizeof(number))) | 1;
}

/* ---- ways ------------------------------------------------------------------------------------ */

static void round_robin__takes_all_in_turn(void **state)
{
	uint32_t counts[BACKENDS];
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 4);
	count_picks(&w, 400, counts);
	for (uint32_t id = 1; id <= 4; id++)
		assert_int_equal(counts[id], 100);
	close_world(&w);
}

static void pick__passes_over_the_tried(void **state)
{
	struct picker_tried tried = { { 1, 3 }, 2 };
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 3);
	for (int balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_COOKIE_AFFINITY; balance++) {
		w.route.balance = (uint8_t)balance;
		for (uint32_t key = 1; key < 20; key++)
			assert_int_equal(pick_by(&w, key_of(key), 0, &tried), 2);
	}
	tried = (struct picker_tried){ { 1, 2, 3 }, 3 };
	assert_int_equal(pick_by(&w, 0, 0, &tried), 0);
	close_world(&w);
}

static void least_requests__prefers_the_idle(void **state)
{
	uint32_t counts[BACKENDS];
	struct world w;

	(void)state;
	open_world(&w, BALANCE_LEAST_REQUESTS, 4);
	count_picks(&w, 4000, counts);
	for (uint32_t id = 1; id <= 4; id++)
		assert_in_range(counts[id], 850, 1150);
	for (uint32_t id = 2; id <= 4; id++)
		note(&w, id)->active = 10;
	count_picks(&w, 4000, counts);
	/* Drawn in one of two pairs, and then always the one that is taken. */
	assert_in_range(counts[1], 1850, 2150);
	note(&w, 2)->active = 100;
	count_picks(&w, 4000, counts);
	assert_int_equal(counts[2], 0);
	close_world(&w);
}

static void hash__is_stable_and_even(void **state)
{
	uint32_t counts[BACKENDS] = { 0 };
	struct world w, other;

	(void)state;
	open_world(&w, BALANCE_HASH_HEADER, 5);
	open_world(&other, BALANCE_HASH_HEADER, 5);
	other.picker.first_turn = 77; /* another worker */
	for (uint32_t i = 0; i < 5000; i++) {
		uint32_t id = pick_by(&w, key_of(i), 0, NULL);

		assert_int_equal(pick_by(&w, key_of(i), 0, NULL), id);
		assert_int_equal(pick_by(&other, key_of(i), 0, NULL), id);
		counts[id]++;
	}
	for (uint32_t id = 1; id <= 5; id++)
		assert_in_range(counts[id], 850, 1150);
	close_world(&w);
	close_world(&other);
}

static void hash__moves_only_what_it_must(void **state)
{
	static uint32_t before[2000];
	struct world w;

	(void)state;
	open_world(&w, BALANCE_HASH_SOURCE, 5);
	for (uint32_t i = 0; i < 2000; i++)
		before[i] = pick_by(&w, key_of(i), 0, NULL);
	set_members(&w, 1, 5); /* 5 is gone */
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t id = pick_by(&w, key_of(i), 0, NULL);

		if (before[i] != 5)
			assert_int_equal(id, before[i]);
	}
	set_members(&w, 1, 7); /* 5 is back, 6 is new */
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t id = pick_by(&w, key_of(i), 0, NULL);

		if (id != 6)
			assert_int_equal(id, before[i]);
	}
	close_world(&w);
}

static void hash__without_a_key_is_round_robin(void **state)
{
	uint32_t counts[BACKENDS];
	struct world w;

	(void)state;
	open_world(&w, BALANCE_HASH_COOKIE, 4);
	count_picks(&w, 40, counts);
	assert_int_equal(counts[1], 10);
	close_world(&w);
}

static void affinity__goes_where_the_cookie_says(void **state)
{
	struct backend_view view = { .id = 2, .generation = 1, .port_be = 80 };
	uint32_t counts[BACKENDS];
	struct route stranger;
	struct world w;
	uint64_t tag;

	(void)state;
	open_world(&w, BALANCE_COOKIE_AFFINITY, 4);
	assert_true(maps_backend(&w.maps, UPSTREAM, 2, &view));
	tag = picker_tag(&w.picker, &w.route, &view);
	assert_int_not_equal(tag, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick_by(&w, 0, tag, NULL), 2);
	stranger = w.route; /* another Service's key makes another name of the same address */
	stranger.affinity_key[0] = 9;
	assert_int_not_equal(picker_tag(&w.picker, &stranger, &view), tag);
	assert_int_equal(picker_tag(&w.picker, &w.route, &view), tag);
	/* Backends come; it stays. It goes: another one. It is back: it again. */
	set_members(&w, 1, 9);
	assert_int_equal(pick_by(&w, 0, tag, NULL), 2);
	set_members(&w, 3, 9);
	assert_in_range(pick_by(&w, 0, tag, NULL), 3, 8);
	set_members(&w, 1, 5);
	assert_int_equal(pick_by(&w, 0, tag, NULL), 2);
	/* A name that nobody has, and none at all. */
	assert_in_range(pick_by(&w, 0, tag + 1, NULL), 1, 4);
	count_picks(&w, 400, counts);
	assert_int_equal(counts[3], 100);
	/* One that fails loses its sessions for that time. */
	fail_at(&w, 2, FAILURE_CONNECT);
	assert_int_not_equal(pick_by(&w, 0, tag, NULL), 2);
	close_world(&w);
}

/* ---- what is learnt of backends -------------------------------------------------------------- */

static void failed_connect__is_remembered(void **state)
{
	uint32_t counts[BACKENDS];
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 3);
	count_picks(&w, 3, counts);
	fail_at(&w, 2, FAILURE_CONNECT);
	w.now_ms += CONNECT_ASIDE_MS - 1;
	count_picks(&w, 300, counts);
	assert_int_equal(counts[2], 0);
	/* Then one exchange tries it, the others wait for what comes of that. */
	w.now_ms++;
	count_picks(&w, 300, counts);
	assert_int_equal(counts[2], 1);
	/* It fails again: twice as long. */
	fail_at(&w, 2, FAILURE_CONNECT);
	w.now_ms += 2 * CONNECT_ASIDE_MS - 1;
	count_picks(&w, 300, counts);
	assert_int_equal(counts[2], 0);
	w.now_ms++;
	count_picks(&w, 3, counts);
	assert_int_equal(counts[2], 1);
	backend_note_succeeded(note(&w, 2), w.now_ms);
	count_picks(&w, 300, counts);
	assert_int_equal(counts[2], 100);
	close_world(&w);
}

static void failures__never_put_all_aside(void **state)
{
	struct world w;

	(void)state;
	for (int balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_COOKIE_AFFINITY; balance++) {
		open_world(&w, (enum route_balance)balance, 3);
		for (int i = 0; i < 20; i++)
			pick_by(&w, key_of((uint32_t)i), 0, NULL);
		for (uint32_t id = 1; id <= 3; id++)
			fail_at(&w, id, FAILURE_CONNECT);
		assert_int_not_equal(pick_by(&w, 1, 0, NULL), 0);
		close_world(&w);
	}
}

static void back_off__ends_at_its_most_and_is_forgotten(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 1);
	pick(&w);
	for (int i = 0; i < 20; i++) {
		fail_at(&w, 1, FAILURE_CONNECT);
		w.now_ms = note(&w, 1)->aside_until_ms;
		pick(&w);
	}
	assert_int_equal(note(&w, 1)->aside_ms, CONNECT_ASIDE_MAX_MS);
	backend_note_succeeded(note(&w, 1), w.now_ms);
	w.now_ms += CONNECT_ASIDE_MAX_MS;
	backend_note_succeeded(note(&w, 1), w.now_ms);
	fail_at(&w, 1, FAILURE_CONNECT);
	assert_int_equal(note(&w, 1)->aside_ms, CONNECT_ASIDE_MS);
	close_world(&w);
}

static void bad_answers__count_in_a_row_where_asked_for(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 2);
	pick(&w);
	pick(&w);
	for (int i = 0; i < 100; i++)
		fail_at(&w, 1, FAILURE_ANSWER);
	assert_false(backend_note_aside(note(&w, 1), w.now_ms));
	backend_note_succeeded(note(&w, 1), w.now_ms);
	w.route.eject_after = 3;
	w.route.eject_time_ms = 700;
	fail_at(&w, 1, FAILURE_ANSWER);
	fail_at(&w, 1, FAILURE_ANSWER);
	backend_note_succeeded(note(&w, 1), w.now_ms);
	fail_at(&w, 1, FAILURE_ANSWER);
	fail_at(&w, 1, FAILURE_ANSWER);
	assert_false(backend_note_aside(note(&w, 1), w.now_ms));
	fail_at(&w, 1, FAILURE_ANSWER);
	assert_true(backend_note_aside(note(&w, 1), w.now_ms + 699));
	assert_false(backend_note_aside(note(&w, 1), w.now_ms + 700));
	/* What was on its way then says nothing new, good or bad. */
	fail_at(&w, 1, FAILURE_ANSWER);
	backend_note_succeeded(note(&w, 1), w.now_ms);
	assert_true(backend_note_aside(note(&w, 1), w.now_ms + 699));
	close_world(&w);
}

static void bad_answer__ends_a_trial_where_answers_do_not_count(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 1);
	pick(&w);
	fail_at(&w, 1, FAILURE_CONNECT);
	w.now_ms += CONNECT_ASIDE_MS;
	pick(&w);
	fail_at(&w, 1, FAILURE_ANSWER);
	assert_false(backend_note_aside(note(&w, 1), w.now_ms));
	close_world(&w);
}

static void never_eject__is_kept_to(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 2);
	w.route.flags = ROUTE_F_NEVER_EJECT;
	pick(&w);
	fail_at(&w, note(&w, 1) ? 1 : 2, FAILURE_CONNECT);
	assert_false(backend_note_aside(note(&w, 1), w.now_ms));
	close_world(&w);
}

static void slow_start__gives_a_new_member_less(void **state)
{
	uint32_t counts[BACKENDS];
	struct world w;

	(void)state;
	for (int balance = BALANCE_ROUND_ROBIN; balance <= BALANCE_LEAST_REQUESTS; balance++) {
		open_world(&w, (enum route_balance)balance, 3);
		w.route.slow_start_ms = 10000;
		count_picks(&w, 3000, counts); /* nobody is new in the first list */
		assert_in_range(counts[3], 850, 1150);
		set_members(&w, 1, 5);
		count_picks(&w, 4000, counts);
		assert_in_range(counts[4], 1, 350);
		w.now_ms += 10000;
		count_picks(&w, 4000, counts);
		assert_in_range(counts[4], 850, 1150);
		close_world(&w);
	}
}

static void checks__count_in_a_row(void **state)
{
	uint32_t counts[BACKENDS];
	struct backend_note *n;
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 2);
	count_picks(&w, 2, counts);
	n = note(&w, 1);
	assert_false(backend_note_checked(n, &w.route, false, w.now_ms));
	assert_false(backend_note_checked(n, &w.route, false, w.now_ms));
	assert_false(backend_note_checked(n, &w.route, true, w.now_ms));
	assert_false(backend_note_checked(n, &w.route, false, w.now_ms));
	assert_false(backend_note_checked(n, &w.route, false, w.now_ms));
	assert_true(backend_note_checked(n, &w.route, false, w.now_ms));
	count_picks(&w, 10, counts);
	assert_int_equal(counts[1], 0);
	assert_false(backend_note_checked(n, &w.route, true, w.now_ms));
	assert_true(backend_note_checked(n, &w.route, true, w.now_ms));
	count_picks(&w, 10, counts);
	assert_int_equal(counts[1], 5);
	close_world(&w);
}

static void note__is_of_one_generation(void **state)
{
	struct backend_view view;
	struct world w;

	(void)state;
	open_world(&w, BALANCE_ROUND_ROBIN, 1);
	pick(&w);
	fail_at(&w, 1, FAILURE_CONNECT);
	w.backends[1].generation = 2;
	assert_true(maps_backend(&w.maps, UPSTREAM, 1, &view));
	assert_false(backend_note_aside(backend_note(&w.picker.notes, &view), w.now_ms));
	assert_null(backend_note_find(&w.picker.notes, 1, 1));
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_robin__takes_all_in_turn),
		cmocka_unit_test(pick__passes_over_the_tried),
		cmocka_unit_test(least_requests__prefers_the_idle),
		cmocka_unit_test(hash__is_stable_and_even),
		cmocka_unit_test(hash__moves_only_what_it_must),
		cmocka_unit_test(hash__without_a_key_is_round_robin),
		cmocka_unit_test(affinity__goes_where_the_cookie_says),
		cmocka_unit_test(failed_connect__is_remembered),
		cmocka_unit_test(failures__never_put_all_aside),
		cmocka_unit_test(back_off__ends_at_its_most_and_is_forgotten),
		cmocka_unit_test(bad_answers__count_in_a_row_where_asked_for),
		cmocka_unit_test(bad_answer__ends_a_trial_where_answers_do_not_count),
		cmocka_unit_test(never_eject__is_kept_to),
		cmocka_unit_test(slow_start__gives_a_new_member_less),
		cmocka_unit_test(checks__count_in_a_row),
		cmocka_unit_test(note__is_of_one_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
