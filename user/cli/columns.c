// SPDX-License-Identifier: Apache-2.0
#include "cli/columns.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* blanks between columns */

/* Takes @text; NULL: out of memory. */
static void push(struct columns *table, char *text)
{
	size_t room = table->room ? table->room * 2 : 64;
	char **grown;

	if (text && table->count == table->room) {
		grown = realloc(table->cells, room * sizeof(*grown));
		if (!grown) {
			free(text);
			text = NULL;
		} else {
			table->cells = grown;
			table->room = room;
		}
	}
	if (!text) {
		table->failed = true;
		return;
	}
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	table->cells[table->count++] = text;
}

void columns_begin(struct columns *table, const char *headings)
{
	*table = (struct columns){};
	for (;;) {
		size_t bytes = strcspn(headings, "|");

		push(table, strndup(headings, bytes));
		table->width++;
		if (!headings[bytes])
			break;
		headings += bytes + 1;
	}
}

void columns_add(struct columns *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	push(table, text);
}

size_t columns_rows(const struct columns *table)
{
	return table->count / table->width - 1;
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	char *const *one = a, *const *other = b;
	const struct columns *table = ctx;

	for (size_t i = 0; i < table->width; i++) {
		int order = strverscmp(one[i], other[i]);

		if (order)
			return order;
	}
	return 0;
}

void columns_sort(struct columns *table)
{
	if (!table->failed)
		qsort_r(table->cells + table->width, columns_rows(table),
			table->width * sizeof(*table->cells), compare_rows, table);
}

/* Characters, not bytes: each takes one column. */
static size_t places(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static size_t widest(const struct columns *table, size_t column)
{
	size_t most = 0;

	for (size_t i = column; i < table->count; i += table->width)
		if (places(table->cells[i]) > most)
			most = places(table->cells[i]);
	return most;
}

/* @row: its first cell. Prints no blanks at the end of a line, and no line for empty cells. */
static void print_row(const struct columns *table, size_t row, const size_t *widths, FILE *out)
{
	size_t cells = table->width;

	while (cells && !table->cells[row + cells - 1][0])
		cells--;
	for (size_t i = 0; i < cells; i++) {
		const char *cell = table->cells[row + i];
		int gap = i + 1 < cells ? (int)(widths[i] - places(cell) + GAP) : 0;

		fprintf(out, "%s%*s", cell, gap, "");
	}
	if (cells)
		fputc('\n', out);
}

void columns_free(struct columns *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct columns){};
}

int columns_print(struct columns *table, FILE *out)
{
	int err = table->failed ? -ENOMEM : 0;
	size_t *widths = calloc(table->width, sizeof(*widths));

	if (!widths)
		err = -ENOMEM;
	for (size_t i = 0; i < table->width && !err; i++)
		widths[i] = widest(table, i);
	for (size_t row = 0; row < table->count && !err; row += table->width)
		print_row(table, row, widths, out);
	if (!err && (fflush(out) || ferror(out)))
		err = -EIO;
	free(widths);
	columns_free(table);
	return err;
}
