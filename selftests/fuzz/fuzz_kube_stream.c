// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_kube_stream.c - any bytes, in pieces of any size, as a watch and as a list: what comes out
 * of the splitters does not depend on where the bytes were cut, and goes into a model
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kube/intake.h"
#include "kube/split.h"

struct sum {
	uint64_t hash;
	struct intake *intake; /* NULL: only add up */
};

static int take(void *ctx, char *piece, size_t bytes)
{
	struct sum *sum = ctx;
	cJSON *json;

	for (size_t i = 0; i <= bytes; i++)
		sum->hash = sum->hash * 31 + (unsigned char)piece[i];
	if (!sum->intake)
		return 0;
	json = cJSON_ParseWithLength(piece, bytes);
	if (cJSON_IsObject(json)) {
		cJSON *object = cJSON_GetObjectItemCaseSensitive(json, "object");
		bool gone = sum->hash % 5 == 0;

		object = cJSON_IsObject(object) ? object : json;
		if (gone ? intake_delete(sum->intake, object) : intake_put(sum->intake, object))
			abort();
	}
	cJSON_Delete(json);
	return 0;
}

static uint64_t feed_lines(const char *text, size_t size, size_t step, struct intake *intake)
{
	struct split_lines lines = { 0 };
	struct sum sum = { .intake = intake };

	for (size_t at = 0; at < size; at += step)
		if (split_lines_feed(&lines, text + at, size - at < step ? size - at : step, take,
				     &sum))
			abort();
	split_lines_reset(&lines);
	return sum.hash;
}

static uint64_t feed_list(const char *text, size_t size, size_t step, struct intake *intake)
{
	struct split_list list = { 0 };
	struct sum sum = { .intake = intake };
	const char *frame;
	int err = 0;

	for (size_t at = 0; at < size && !err; at += step)
		err = split_list_feed(&list, text + at, size - at < step ? size - at : step, take,
				      &sum);
	frame = err ? NULL : split_list_frame(&list);
	for (; frame && *frame; frame++)
		sum.hash = sum.hash * 31 + (unsigned char)*frame;
	split_list_reset(&list);
	return sum.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the size of the pieces, less one; the second picks the kind. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 2;
	struct model model;
	struct intake intake = { .model = &model };
	size_t step;

	if (size < 3)
		return 0;
	log_setup("fuzz", LOG_TEXT, LOG_ERROR);
	step = (size_t)data[0] + 1;
	intake.kind = data[1] % OBJECT_KINDS;
	size -= 2;
	model_init(&model);
	intake_list_begin(&intake);
	if (feed_lines(text, size, step, &intake) != feed_lines(text, size, size, NULL))
		abort();
	if (intake_list_end(&intake))
		abort();
	intake_list_begin(&intake);
	if (feed_list(text, size, step, &intake) != feed_list(text, size, size, NULL))
		abort();
	if (intake_list_end(&intake))
		abort();
	intake_free(&intake);
	model_free(&model);
	return 0;
}
