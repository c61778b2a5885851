/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - a code and the text for people that goes with it
 */
#ifndef SLUICE_DATAPLANE_ERROR_H
#define SLUICE_DATAPLANE_ERROR_H

/* Writes the text (DATAPLANE_ERROR_MAX bytes of room) and returns @err. */
int error_set(char *error, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif /* SLUICE_DATAPLANE_ERROR_H */
