// SPDX-License-Identifier: Apache-2.0
/*
 * test_table_ids.c - ids keep their meaning: while a thing lives, in quarantine, over a restart
 */
#include <errno.h>

#include "unit/lib/table_fixture.h"
#include "table/table_priv.h"

#define WEB     "port 80"
#define INGRESS "host a.com; prefix / web:80"

static void ids__are_taken_in_turn_and_given_back(void **state)
{
	struct ids ids;
	uint32_t a, b, generation;

	(void)state;
	ids_init(&ids, 10);
	assert_int_equal(ids_take(&ids, "a", 0, &a, &generation), 0);
	assert_int_equal(ids_take(&ids, "b", 0, &b, NULL), 0);
	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
	assert_int_equal(generation, 1);
	ids_park(&ids, "a", a, 100);
	assert_true(ids_is_parked(&ids, a));
	assert_int_equal(ids_take(&ids, "a", 101, &b, &generation), 0);
	assert_int_equal(b, a);
	assert_int_equal(generation, 1);
	assert_false(ids_is_parked(&ids, a));
	ids_free(&ids);
}

static void ids__wait_out_the_quarantine(void **state)
{
	uint32_t id, generation;
	struct ids ids;

	(void)state;
	ids_init(&ids, 10);
	assert_int_equal(ids_take(&ids, "a", 0, &id, NULL), 0);
	ids_park(&ids, "a", id, 1000);
	assert_int_equal(ids_take(&ids, "b", 1000 + TABLE_QUARANTINE_MS - 1, &id, NULL), 0);
	assert_int_equal(id, 2);
	assert_int_equal(ids_take(&ids, "c", 1000 + TABLE_QUARANTINE_MS, &id, &generation), 0);
	assert_int_equal(id, 1);
	assert_int_equal(generation, 2);
	ids_free(&ids);
}

static void ids__when_all_are_used_the_oldest_parked_one_goes(void **state)
{
	uint32_t id, generation;
	struct ids ids;

	(void)state;
	ids_init(&ids, 2);
	assert_int_equal(ids_take(&ids, "a", 0, &id, NULL), 0);
	assert_int_equal(ids_take(&ids, "b", 0, &id, NULL), 0);
	assert_int_equal(ids_take(&ids, "c", 0, &id, NULL), -ENOSPC);
	ids_park(&ids, "b", 2, 5);
	ids_park(&ids, "a", 1, 6);
	assert_int_equal(ids_take(&ids, "c", 7, &id, &generation), 0);
	assert_int_equal(id, 2);
	assert_int_equal(generation, 2);
	ids_free(&ids);
}

static void ids__adopted_ones_stay_with_their_names(void **state)
{
	uint32_t id, generation;
	struct ids ids;

	(void)state;
	ids_init(&ids, 100);
	assert_int_equal(ids_adopt(&ids, "five", 5, 7), 0);
	assert_int_equal(ids_adopt(&ids, "two", 2, 3), 0);
	assert_int_equal(ids_adopt(&ids, "again", 5, 1), -EINVAL);
	assert_int_equal(ids_adopt(&ids, "zero", 0, 1), -EINVAL);
	assert_int_equal(ids_adopt(&ids, "beyond", 101, 1), -EINVAL);
	assert_int_equal(ids_take(&ids, "new", 0, &id, &generation), 0);
	assert_int_equal(id, 6);
	assert_int_equal(generation, 8); /* above whatever a free id of those maps may have had */
	assert_int_equal(ids_take(&ids, "five", 0, &id, &generation), 0);
	assert_int_equal(id, 5);
	assert_int_equal(generation, 7);
	ids_settle(&ids, 100);
	assert_int_equal(ids_take(&ids, "later", 100 + TABLE_QUARANTINE_MS, &id, &generation), 0);
	assert_true(id < 5);
	assert_true(generation > 3);
	ids_free(&ids);
}

static const struct upstream_entry *upstream_of(const struct fixture *f, const char *name)
{
	return strmap_get(&f->table->upstreams, name);
}

static void backends__keep_ids_when_others_change(void **state)
{
	const struct table_delta *delta;
	struct fixture f;
	uint32_t second;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, WEB);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.1; up 10.0.0.2");
	fixture_update(&f);
	second = upstream_of(&f, "default/web:80")->backends[1].id;
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.2; up 10.0.0.3");
	delta = fixture_update(&f);
	assert_int_equal(delta->backends_set_count, 1);
	assert_int_equal(delta->backends_removed_count, 1);
	assert_int_equal(delta->upstreams_set_count, 1);
	assert_int_equal(upstream_of(&f, "default/web:80")->backends[0].id, second);
	fixture_close(&f);
}

static void backends__come_back_with_the_same_id(void **state)
{
	struct table_backend before, after;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, WEB);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.1");
	fixture_update(&f);
	before = upstream_of(&f, "default/web:80")->backends[0];
	fixture_slice(&f, "default/e", "of web; port 80");
	fixture_update(&f);
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.9; up 10.0.0.1");
	f.now_ms += 5000;
	fixture_update(&f);
	after = upstream_of(&f, "default/web:80")->backends[0];
	assert_int_equal(after.id, before.id);
	assert_int_equal(after.generation, before.generation);
	assert_int_not_equal(upstream_of(&f, "default/web:80")->backends[1].id, before.id);
	fixture_close(&f);
}

static void backends__state_changes_keep_the_id(void **state)
{
	const struct table_delta *delta;
	struct fixture f;
	uint32_t id;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, WEB);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.1");
	fixture_update(&f);
	id = upstream_of(&f, "default/web:80")->backends[0].id;
	fixture_slice(&f, "default/e", "of web; port 80; term 10.0.0.1");
	delta = fixture_update(&f);
	assert_int_equal(delta->backends_set_count, 1);
	assert_int_equal(delta->backends_set[0].id, id);
	assert_int_equal(delta->backends_set[0].state, BACKEND_DRAINING);
	assert_int_equal(delta->upstreams_set[0].flags, UPSTREAM_F_FALLBACK);
	assert_int_equal(delta->upstreams_set[0].members_count, 1);
	assert_int_equal(delta->upstreams_set[0].backends_active, 0);
	assert_int_equal(delta->upstreams_set[0].backends_draining, 1);
	fixture_close(&f);
}

static void members__are_in_the_order_of_addresses_not_ids(void **state)
{
	const struct upstream_entry *upstream;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, WEB);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.9");
	fixture_update(&f);
	fixture_slice(&f, "default/e", "of web; port 80; up 10.0.0.9; up 10.0.0.1");
	fixture_update(&f);
	upstream = upstream_of(&f, "default/web:80");
	assert_int_equal(upstream->shown.members_count, 2);
	assert_int_equal(upstream->shown.members[0], 2);
	assert_int_equal(upstream->shown.members[1], 1);
	fixture_close(&f);
}

/* ---- a restart -------------------------------------------------------------------------------- */

static void adopt_all(struct table_ids *ids)
{
	memset(ids, 0, sizeof(*ids));
	ids->upstreams = calloc(2, sizeof(*ids->upstreams));
	ids->upstreams_count = 2;
	ids->upstreams[0].id = 40;
	strcpy(ids->upstreams[0].name, "default/web:80");
	ids->upstreams[1].id = 41;
	strcpy(ids->upstreams[1].name, "default/gone:80");
	ids->backends = calloc(2, sizeof(*ids->backends));
	ids->backends_count = 2;
	ids->backends[0].id = 70;
	ids->backends[0].generation = 9;
	ids->backends[0].upstream_id = 40;
	inet_addr_parse("10.0.0.1", &ids->backends[0].addr);
	ids->backends[0].port = 8080;
	ids->backends[1] = ids->backends[0];
	ids->backends[1].id = 71;
	inet_addr_parse("10.0.0.2", &ids->backends[1].addr);
	ids->frontends = calloc(2, sizeof(*ids->frontends));
	ids->frontends_count = 2;
	ids->frontends[0].id = 90;
	ids->frontends[0].addr = inet_addr_from_v4(0);
	ids->frontends[0].port = 80;
	ids->frontends[0].proto = IPPROTO_TCP;
	ids->frontends[1] = ids->frontends[0];
	ids->frontends[1].id = 91;
	ids->frontends[1].port = 8888;
	ids->generation = 1234;
}

static void restart__ids_of_the_maps_are_kept_and_the_rest_removed(void **state)
{
	struct table_options options = fixture_options();
	const struct table_delta *delta;
	struct table_ids ids;
	struct fixture f;
	bool found = false;

	(void)state;
	adopt_all(&ids);
	fixture_open_with(&f, &options, &ids);
	table_ids_free(&ids);
	fixture_service(&f, "default/web", 0, WEB);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	fixture_slice(&f, "default/e", "of web; port 8080; up 10.0.0.1");
	delta = fixture_update(&f);
	assert_int_equal(delta->upstreams_set_count, 1);
	assert_int_equal(delta->upstreams_set[0].id, 40);
	assert_int_equal(delta->backends_set[0].id, 70);
	assert_int_equal(delta->backends_set[0].generation, 9);
	assert_int_equal(delta->backends_removed_count, 1);
	assert_int_equal(delta->backends_removed[0], 71);
	assert_int_equal(delta->upstreams_removed_count, 1);
	assert_int_equal(delta->upstreams_removed[0], 41);
	assert_int_equal(delta->frontends_removed_count, 1);
	assert_int_equal(delta->frontends_removed[0].id, 91);
	assert_int_equal(delta->frontends_removed[0].port, 8888);
	for (size_t i = 0; i < delta->frontends_set_count; i++)
		found |= delta->frontends_set[i].id == 90;
	assert_true(found);
	assert_true(delta->generation > 1234);
	delta = fixture_update(&f);
	assert_int_equal(delta->backends_removed_count + delta->upstreams_removed_count, 0);
	fixture_close(&f);
}

static void restart__nonsense_in_the_maps_is_survived(void **state)
{
	struct table_options options = fixture_options();
	struct table_ids ids;
	struct fixture f;

	(void)state;
	adopt_all(&ids);
	ids.upstreams[1].id = 40;
	ids.backends[1].id = UINT32_MAX;
	ids.frontends[1].id = 0;
	fixture_open_with(&f, &options, &ids);
	table_ids_free(&ids);
	fixture_service(&f, "default/web", 0, WEB);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	assert_int_equal(fixture_update(&f)->upstreams_set[0].id, 40);
	fixture_close(&f);
}

static void delta__generation_moves_only_with_news(void **state)
{
	uint64_t generation;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	generation = fixture_update(&f)->generation;
	assert_int_equal(fixture_update(&f)->generation, generation);
	fixture_service(&f, "default/web", 0, WEB);
	assert_int_equal(fixture_update(&f)->generation, generation);
	fixture_ingress(&f, "default/a", 0, INGRESS);
	assert_int_equal(fixture_update(&f)->generation, generation + 1);
	assert_int_equal(snapshot_generation(f.snapshot), generation + 1);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids__are_taken_in_turn_and_given_back),
		cmocka_unit_test(ids__wait_out_the_quarantine),
		cmocka_unit_test(ids__when_all_are_used_the_oldest_parked_one_goes),
		cmocka_unit_test(ids__adopted_ones_stay_with_their_names),
		cmocka_unit_test(backends__keep_ids_when_others_change),
		cmocka_unit_test(backends__come_back_with_the_same_id),
		cmocka_unit_test(backends__state_changes_keep_the_id),
		cmocka_unit_test(members__are_in_the_order_of_addresses_not_ids),
		cmocka_unit_test(restart__ids_of_the_maps_are_kept_and_the_rest_removed),
		cmocka_unit_test(restart__nonsense_in_the_maps_is_survived),
		cmocka_unit_test(delta__generation_moves_only_with_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
