/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poison.h - rubbish that lies before a packet in its buffer
 */
#ifndef SELFTESTS_PROG_POISON_H
#define SELFTESTS_PROG_POISON_H

#define POISON_BYTES 128  /* more than any program puts before a packet */
#define POISON       0xa5 /* as the first byte of an Ethernet address: a group's */

#endif /* SELFTESTS_PROG_POISON_H */
