// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_yaml.c - any text as a manifest: YAML or JSON to trees, trees to objects
 */
#include <stdint.h>
#include <stdlib.h>

#include "files/manifest.h"
#include "model/clone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte tells JSON from YAML, the rest is the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest manifest;

	if (size < 1)
		return 0;
	manifest_read((const char *)data + 1, size - 1, data[0] == 'j', &manifest);
	for (size_t i = 0; i < manifest.count; i++) {
		struct object *copy;

		if (object_clone(manifest.objects[i], &copy))
			abort();
		if (!object_equal(copy, manifest.objects[i]))
			abort();
		object_free(copy);
	}
	manifest_free(&manifest);
	return 0;
}
