// SPDX-License-Identifier: Apache-2.0
/*
 * What the sanitized builds promise: memory that was given back is out of bounds.
 */
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/loop/buffer.h"
#include "proxy/loop/slab.h"
#include "proxy/loop/stream.h"

#define POOL_BYTES 256u

struct object {
	struct stream stream;
	char more[100];
};

static void slab_put__leaves_the_descriptor_to_look_at_for_a_turn(void **state)
{
	struct object *object, *other;
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(*object));
	object = slab_get(&slab);
	other = slab_get(&slab);
	assert_non_null(object);
	assert_non_null(other);
	object->stream.fd = -1;
	slab_put(&slab, object);
	assert_int_equal(object->stream.fd, -1);
	assert_true(__asan_address_is_poisoned(object->more));
	assert_true(__asan_address_is_poisoned(&object->stream.splice));
	assert_false(__asan_address_is_poisoned(other->more));
	slab_free(&slab);
}

static void slab_settle__frees(void **state)
{
	struct object *object, *other;
	struct slab slab;

	(void)state;
	slab_init(&slab, sizeof(*object));
	object = slab_get(&slab);
	other = slab_get(&slab);
	slab_put(&slab, object);
	slab_settle(&slab);
	assert_true(__asan_address_is_poisoned(&object->stream.fd));
	assert_ptr_not_equal(slab_get(&slab), object);
	assert_int_equal(slab.used_count, 2);
	slab_put(&slab, other);
	slab_free(&slab);
	assert_true(__asan_address_is_poisoned(&other->stream.fd));
}

static void buffer_put__frees(void **state)
{
	struct buffer_pool pool;
	struct buffer *buffer;

	(void)state;
	buffer_pool_init(&pool, POOL_BYTES, 8);
	buffer = buffer_get(&pool);
	assert_non_null(buffer);
	buffer_put(&pool, buffer);
	assert_true(__asan_address_is_poisoned(buffer->data));
	assert_int_equal(pool.used_count, 0);
	assert_int_equal(pool.free_count, 0);
	buffer_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slab_put__leaves_the_descriptor_to_look_at_for_a_turn),
		cmocka_unit_test(slab_settle__frees),
		cmocka_unit_test(buffer_put__frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
