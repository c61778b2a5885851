// SPDX-License-Identifier: Apache-2.0
/*
 * The one thread of sluiced, with its loop: also run under ThreadSanitizer (`make unit-tsan`).
 */
#include "unit/lib/table_fixture.h"

#include "base/loop.h"
#include "daemon/node/external_names.h"

/* 127.1 and so on are names to us, and addresses to getaddrinfo(3): nothing goes to the network. */
#define HOSTS     64u
#define POKES     12u
#define ROUNDS    40u
#define WITHIN_MS 10000u

struct scene {
	struct fixture f;
	struct loop *loop;
	struct external_names *names;
	struct loop_timer *too_late, *poke;
	unsigned int changes, wanted, pokes;
	bool late;
};

static void on_changed(void *ctx)
{
	struct scene *s = ctx;

	if (++s->changes == s->wanted)
		loop_stop(s->loop);
}

static void on_late(void *ctx)
{
	struct scene *s = ctx;

	s->late = true;
	loop_stop(s->loop);
}

/* The table is compiled anew while the thread looks up. */
static void on_poke(void *ctx)
{
	struct scene *s = ctx;

	external_names_refresh(s->names);
	if (s->pokes++ < POKES)
		loop_timer_arm(s->poke, 1);
}

static void put(struct scene *s)
{
	for (unsigned int i = 1; i <= HOSTS; i++) {
		char key[64], line[128];

		snprintf(key, sizeof(key), "default/web%u", i);
		snprintf(line, sizeof(line), "port 80; type ExternalName 127.%u", i);
		fixture_service(&s->f, key, 0, line);
		snprintf(key, sizeof(key), "default/a%u", i);
		snprintf(line, sizeof(line), "host a%u.com; prefix / web%u:80", i, i);
		fixture_ingress(&s->f, key, 0, line);
	}
	fixture_update(&s->f);
}

static unsigned int count_unresolved(const struct scene *s)
{
	unsigned int count = 0;

	for (unsigned int i = 1; i <= HOSTS; i++) {
		char key[64];

		snprintf(key, sizeof(key), "default/a%u", i);
		count += fixture_problem(&s->f, key, "ExternalNameNotResolved") != NULL;
	}
	return count;
}

static void open_scene(struct scene *s)
{
	struct table_options options = fixture_options();

	memset(s, 0, sizeof(*s));
	options.allow_external_name = true;
	fixture_open_with(&s->f, &options, NULL);
	assert_int_equal(loop_new(&s->loop), 0);
	assert_int_equal(loop_timer_new(s->loop, on_late, s, &s->too_late), 0);
	assert_int_equal(loop_timer_new(s->loop, on_poke, s, &s->poke), 0);
	assert_int_equal(external_names_new(
				 &(struct external_names_options){
					 .loop = s->loop,
					 .model = &s->f.model,
					 .table = s->f.table,
					 .changed = on_changed,
					 .ctx = s,
				 },
				 &s->names),
			 0);
}

static void close_scene(struct scene *s)
{
	external_names_free(s->names);
	loop_timer_free(s->too_late);
	loop_timer_free(s->poke);
	loop_free(s->loop);
	fixture_close(&s->f);
}

static void external_names__each_name_gets_its_addresses(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	put(&s);
	assert_int_equal(count_unresolved(&s), HOSTS);
	s.wanted = HOSTS;
	external_names_refresh(s.names);
	loop_timer_arm(s.too_late, WITHIN_MS);
	loop_timer_arm(s.poke, 1);
	loop_run(s.loop);
	assert_false(s.late);
	fixture_update(&s.f);
	assert_int_equal(count_unresolved(&s), 0);
	close_scene(&s);
}

/* The thread may be anywhere in its lookup; it ends by itself. */
static void external_names__may_end_while_it_looks_up(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct scene s;

		open_scene(&s);
		put(&s);
		external_names_refresh(s.names);
		if (round % 2)
			usleep(round * 20);
		close_scene(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(external_names__each_name_gets_its_addresses),
		cmocka_unit_test(external_names__may_end_while_it_looks_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
