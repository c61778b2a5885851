// SPDX-License-Identifier: Apache-2.0
/*
 * ClientHello: what is whole stays so when it is cut into other records; what is a part of it asks
 * for more; the name is never longer than may be.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/tls/client_hello.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

/* The message again, in records of one byte each. */
static size_t recut(const uint8_t *data, size_t size, uint8_t *out)
{
	size_t at = 0, used = 0, left = 0;

	while (at < size) {
		if (!left) {
			left = (size_t)data[at + 3] << 8 | data[at + 4];
			at += 5;
			if (at >= size)
				break;
		}
		memcpy(out + used, "\x16\x03\x01\x00\x01", 5);
		out[used + 5] = data[at++];
		used += 6;
		left--;
	}
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1), *cut;
	struct client_hello hello, again;
	size_t whole = size;

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	if (client_hello_parse(copy, size, &hello) == 0) {
		must(hello.server_name_bytes <= CLIENT_HELLO_NAME_MAX);
		/* The shortest beginning that is whole; one less asks for more. */
		while (whole > 0 && client_hello_parse(copy, whole - 1, &again) == 0)
			whole--;
		must(client_hello_parse(copy, whole - 1, &again) == -EAGAIN);
		cut = malloc(whole * 6);
		must(cut != NULL);
		must(client_hello_parse(cut, recut(copy, whole, cut), &again) == 0);
		must(again.server_name_bytes == hello.server_name_bytes);
		must(!memcmp(again.server_name, hello.server_name, hello.server_name_bytes));
		free(cut);
	}
	free(copy);
	return 0;
}
