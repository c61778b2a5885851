// SPDX-License-Identifier: Apache-2.0
/*
 * PROXY headers: one that is whole asks for more when it is cut, does not depend on what follows,
 * and says the same after it was written and read again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http/proxy_header.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

static void write_and_read(const struct proxy_header *header)
{
	for (unsigned int version = 1; version <= 2; version++) {
		char out[PROXY_HEADER_WRITE_MAX];
		size_t bytes = proxy_header_write(version, &header->ends, out);
		struct proxy_header again;

		must(proxy_header_parse(out, bytes, &again) == 0);
		must(again.bytes == bytes);
		/* not if an IPv6 address holds an IPv4 one and the other does not */
		if (again.known)
			must(!memcmp(&again.ends, &header->ends, sizeof(again.ends)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct proxy_header header, again;

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	if (proxy_header_parse(copy, size, &header) == 0) {
		must(header.bytes <= size && header.bytes <= PROXY_HEADER_BYTES_MAX);
		must(proxy_header_parse(copy, header.bytes, &again) == 0);
		must(again.bytes == header.bytes && again.known == header.known);
		for (size_t bytes = 0; bytes < header.bytes; bytes++)
			must(proxy_header_parse(copy, bytes, &again) == -EAGAIN);
		if (header.known)
			write_and_read(&header);
	}
	free(copy);
	return 0;
}
