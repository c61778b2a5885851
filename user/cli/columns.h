/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns.h - a table for people: headings, rows, each column as wide as its widest cell
 */
#ifndef SLUICE_CLI_COLUMNS_H
#define SLUICE_CLI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct columns {
	size_t width; /* columns */
	char **cells; /* owned array of owned texts, row by row, headings first */
	size_t count, room;
	bool failed; /* out of memory once: columns_print() reports it */
};

/**
 * columns_begin - an empty table
 * @headings: "KIND|ADDRESS|PORT"; an empty heading is allowed
 */
void columns_begin(struct columns *table, const char *headings);

/* Adds one cell; rows begin automatically. Control characters become '?'. */
void columns_add(struct columns *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Rows without the headings. */
size_t columns_rows(const struct columns *table);

/* Sorts the rows by their cells, first column first; numbers in the text count as numbers. */
void columns_sort(struct columns *table);

/**
 * columns_print - write the table and free it
 * Return: 0; -ENOMEM; -EIO if @out cannot be written.
 */
int columns_print(struct columns *table, FILE *out);

void columns_free(struct columns *table);

#endif /* SLUICE_CLI_COLUMNS_H */
