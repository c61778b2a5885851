/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * splice_head.bpf.h - reads the head of a response, and takes only the plainest of them
 *
 * What it takes, the relay's parser takes with the same meaning and would pass on unchanged but for
 * order, Server, and a "Connection: keep-alive" that is true. A fuzzer holds it to that, in user
 * space: nothing here calls the kernel. All else is refused: it goes up, where it is judged in
 * full.
 *
 * A step is one call of bpf_loop(): up to 32 bytes of a name or of a value, eight at a time, since
 * this is paid for each response. Names are of letters, digits and '-', as all known ones are.
 */
#ifndef SLUICE_SPLICE_HEAD_BPF_H
#define SLUICE_SPLICE_HEAD_BPF_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <stdbool.h>
#endif
#include "sluice_schema.h"

#define HEAD_MASK       (SLUICE_SPLICE_HEAD_MAX - 1)
#define HEAD_STEPS_MAX  256u /* two for each field, and one for each 32 bytes */
#define HEAD_STEP_WORDS 4
#define HEAD_STATUS_END 12  /* of "HTTP/1.1 200" */
#define HEAD_DIGITS_MAX 18u /* of a length: no overflow of 63 bits */

enum head_phase { HEAD_NAME, HEAD_VALUE, HEAD_WHOLE, HEAD_REFUSED };

enum head_field { HEAD_FIELD_OTHER, HEAD_FIELD_LENGTH, HEAD_FIELD_CONNECTION, HEAD_FIELD_DATE };

struct head_scan {
	__u8 *data; /* SLUICE_SPLICE_HEAD_MAX + 64 bytes, of which .bytes are of the message */
	__u64 length_bytes;
	__u32 bytes;
	__u32 at;
	__u32 phase; /* enum head_phase */
	__u32 field; /* enum head_field */
	__u32 name_at;
	__u32 value_at;
	__u32 fields;
	__u32 status;
	__u32 reason; /* enum sluice_splice_reason, when refused */
	bool length_said;
	bool date_said;
};

/* Letters in their order; the first is the lowest byte, as it is loaded. */
/* clang-format off */
#define HEAD_PACK(a, b, c, d, e, f, g, h)                                            \
	((__u64)(h) << 56 | (__u64)(g) << 48 | (__u64)(f) << 40 | (__u64)(e) << 32 | \
	 (__u64)(d) << 24 | (__u64)(c) << 16 | (__u64)(b) << 8 | (__u64)(a))
#define NAME_DATE        HEAD_PACK('d', 'a', 't', 'e', 0, 0, 0, 0)
#define NAME_TE          HEAD_PACK('t', 'e', 0, 0, 0, 0, 0, 0)
#define NAME_UPGRADE     HEAD_PACK('u', 'p', 'g', 'r', 'a', 'd', 'e', 0)
#define NAME_TRAILER     HEAD_PACK('t', 'r', 'a', 'i', 'l', 'e', 'r', 0)
#define FRONT_CONTENT    HEAD_PACK('c', 'o', 'n', 't', 'e', 'n', 't', '-')
#define TAIL_LENGTH      HEAD_PACK('t', '-', 'l', 'e', 'n', 'g', 't', 'h')
#define FRONT_CONNECTION HEAD_PACK('c', 'o', 'n', 'n', 'e', 'c', 't', 'i')
#define TAIL_CONNECTION  HEAD_PACK('n', 'n', 'e', 'c', 't', 'i', 'o', 'n')
#define TAIL_KEEP_ALIVE  HEAD_PACK('e', 'p', '-', 'a', 'l', 'i', 'v', 'e')
#define TAIL_SETTINGS    HEAD_PACK('s', 'e', 't', 't', 'i', 'n', 'g', 's')
#define TAIL_ENCODING    HEAD_PACK('e', 'n', 'c', 'o', 'd', 'i', 'n', 'g')
/* clang-format on */

static inline __u8 head_byte(const struct head_scan *scan, __u32 at)
{
	return scan->data[at & HEAD_MASK];
}

static inline __u32 head_refuse(struct head_scan *scan, __u32 reason)
{
	scan->phase = HEAD_REFUSED;
	scan->reason = reason;
	return 1;
}

/* Eight bytes from @at on, in the order of memory; there is room to read behind the message. */
static inline __u64 head_word(const struct head_scan *scan, __u32 at)
{
	__u64 word;

	__builtin_memcpy(&word, &scan->data[at & HEAD_MASK], sizeof(word));
	return word;
}

/* Which byte of a word has its mark (0x80), the first of them. */
static inline __u32 head_first_mark(__u64 marks)
{
	return ((marks & -marks) >> 7) * 0x0001020304050607ULL >> 56;
}

#define HEAD_EACH(byte) (0x0101010101010101ULL * (byte))
#define HEAD_MARKS      HEAD_EACH(0x80)

/* Marks the bytes of a word that are in no name: neither letter, digit nor '-'. Exact: no sum below
 * carries into the next byte. */
static inline __u64 head_no_name(__u64 word)
{
	__u64 low = word & ~HEAD_MARKS, small = low | HEAD_EACH(0x20);
	__u64 letter = (small + HEAD_EACH(0x80 - 'a')) & ~(small + HEAD_EACH(0x7f - 'z'));
	__u64 digit = (low + HEAD_EACH(0x80 - '0')) & ~(low + HEAD_EACH(0x7f - '9'));
	__u64 dash = ~((low ^ HEAD_EACH('-')) + HEAD_EACH(0x7f));

	return (~(letter | digit | dash) | word) & HEAD_MARKS;
}

/* What a name of @bytes at .name_at means. Return: false: a field that must not be passed on. */
static inline bool head_name_known(struct head_scan *scan, __u32 bytes)
{
	__u64 front = head_word(scan, scan->name_at) | HEAD_EACH(0x20);
	__u64 tail = head_word(scan, scan->name_at + bytes - 8) | HEAD_EACH(0x20);

	scan->field = HEAD_FIELD_OTHER;
	switch (bytes) {
	case 2:
		return (front & 0xffff) != NAME_TE;
	case 4:
		if ((front & 0xffffffff) == NAME_DATE)
			scan->field = HEAD_FIELD_DATE;
		return true;
	case 7:
		front &= ~0ULL >> 8;
		return front != NAME_UPGRADE && front != NAME_TRAILER;
	case 10:
		if (front == FRONT_CONNECTION && tail == TAIL_CONNECTION)
			scan->field = HEAD_FIELD_CONNECTION;
		return tail != TAIL_KEEP_ALIVE;
	case 14:
		if (front == FRONT_CONTENT && tail == TAIL_LENGTH)
			scan->field = HEAD_FIELD_LENGTH;
		return tail != TAIL_SETTINGS;
	case 16: /* Proxy-Connection */
		return tail != TAIL_CONNECTION;
	case 17: /* Transfer-Encoding */
		return tail != TAIL_ENCODING;
	default:
		return true;
	}
}

static inline __u32 head_step_name(struct head_scan *scan)
{
	__u32 at = scan->at;
	__u64 marks = 0;
	__u32 bytes;

	for (int i = 0; i < HEAD_STEP_WORDS; i++) {
		marks = head_no_name(head_word(scan, at));
		if (marks)
			break;
		at += 8;
	}
	if (marks)
		at += head_first_mark(marks);
	if (at >= scan->bytes)
		return head_refuse(scan, SPLICE_WHY_HEAD);
	scan->at = at;
	if (!marks)
		return 0;
	bytes = at - scan->name_at;
	if (head_byte(scan, at) != ':' || !bytes)
		return head_refuse(scan, SPLICE_WHY_HEAD);
	if (!head_name_known(scan, bytes))
		return head_refuse(scan, bytes == 17 ? SPLICE_WHY_FRAMING : SPLICE_WHY_FIELD);
	scan->at = at + 1;
	scan->value_at = at + 1;
	scan->phase = HEAD_VALUE;
	return 0;
}

static inline bool head_read_length(struct head_scan *scan, __u32 at, __u32 end)
{
	__u64 value = 0;

	if (scan->length_said || at >= end || end - at > HEAD_DIGITS_MAX)
		return false;
	for (__u32 i = 0; i < HEAD_DIGITS_MAX; i++) {
		__u8 digit = head_byte(scan, at + i) - '0';

		if (at + i >= end)
			break;
		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	scan->length_bytes = value;
	scan->length_said = true;
	return true;
}

static inline bool head_is_keep_alive(struct head_scan *scan, __u32 at, __u32 end)
{
	__u64 tail;

	if (end - at != 10)
		return false;
	tail = head_word(scan, at + 2) | HEAD_EACH(0x20);
	/* '-' is 0x0d with a bit less: a control character was refused before. */
	return (head_byte(scan, at) | 0x20) == 'k' && (head_byte(scan, at + 1) | 0x20) == 'e' &&
	       tail == TAIL_KEEP_ALIVE && head_byte(scan, at + 4) == '-';
}

/* The value ends at @end, before CR LF. Return: false: refused, .reason says why. */
static inline bool head_value_fits(struct head_scan *scan, __u32 end)
{
	__u32 at = scan->value_at;

	if (at < end && head_byte(scan, at) == ' ')
		at++;
	if (scan->field == HEAD_FIELD_LENGTH) {
		scan->reason = SPLICE_WHY_FRAMING;
		return head_read_length(scan, at, end);
	}
	scan->reason = SPLICE_WHY_FIELD;
	if (scan->field == HEAD_FIELD_CONNECTION)
		return head_is_keep_alive(scan, at, end);
	if (scan->field == HEAD_FIELD_DATE)
		scan->date_said = true;
	return true;
}

/* @at: behind a CR LF: another field, or the empty line. */
static inline __u32 head_begin_line(struct head_scan *scan, __u32 at)
{
	if (head_byte(scan, at) == '\r') {
		if (at + 2 > scan->bytes || head_byte(scan, at + 1) != '\n')
			return head_refuse(scan, SPLICE_WHY_HEAD);
		if (!scan->length_said)
			return head_refuse(scan, SPLICE_WHY_FRAMING);
		if (!scan->date_said)
			return head_refuse(scan, SPLICE_WHY_FIELD);
		scan->at = at + 2;
		scan->phase = HEAD_WHOLE;
		return 1;
	}
	if (++scan->fields > SLUICE_SPLICE_FIELD_MAX)
		return head_refuse(scan, SPLICE_WHY_HEAD);
	scan->at = at;
	scan->name_at = at;
	scan->phase = HEAD_NAME;
	return 0;
}

/* Marks in a word the bytes below 0x20 and 0x7f; the lowest mark is exact, those above may not
 * be. */
static inline __u64 head_controls(__u64 word)
{
	__u64 del = word ^ HEAD_EACH(0x7f);
	__u64 low = (word - HEAD_EACH(0x20)) & ~word;

	return (low | ((del - HEAD_EACH(1)) & ~del)) & HEAD_MARKS;
}

static inline __u32 head_step_value(struct head_scan *scan)
{
	__u32 at = scan->at;
	__u64 marks = 0;

	for (int i = 0; i < HEAD_STEP_WORDS; i++) {
		marks = head_controls(head_word(scan, at));
		if (marks)
			break;
		at += 8;
	}
	if (marks)
		at += head_first_mark(marks);
	if (at >= scan->bytes)
		return head_refuse(scan, SPLICE_WHY_HEAD);
	scan->at = at;
	if (!marks)
		return 0;
	if (at + 2 > scan->bytes || head_byte(scan, at) != '\r' || head_byte(scan, at + 1) != '\n')
		return head_refuse(scan, SPLICE_WHY_HEAD);
	if (!head_value_fits(scan, at))
		return head_refuse(scan, scan->reason);
	return head_begin_line(scan, at + 2);
}

static inline __u32 head_step(struct head_scan *scan)
{
	return scan->phase == HEAD_NAME ? head_step_name(scan) : head_step_value(scan);
}

/* The status line up to the reason phrase, which goes on as a value. Return: 0; 1: refused. */
static inline __u32 head_begin(struct head_scan *scan, __u8 *data, __u32 bytes)
{
	__u32 a, b, c;

	scan->data = data;
	scan->bytes = bytes;
	if (bytes < HEAD_STATUS_END + 2)
		return head_refuse(scan, SPLICE_WHY_HEAD);
	if (data[0] != 'H' || data[1] != 'T' || data[2] != 'T' || data[3] != 'P' ||
	    data[4] != '/' || data[5] != '1' || data[6] != '.' || data[7] != '1' || data[8] != ' ')
		return head_refuse(scan, SPLICE_WHY_STATUS);
	a = data[9] - '0';
	b = data[10] - '0';
	c = data[11] - '0';
	if (a < 2 || a > 5 || b > 9 || c > 9 || (data[12] != ' ' && data[12] != '\r'))
		return head_refuse(scan, SPLICE_WHY_STATUS);
	scan->status = a * 100 + b * 10 + c;
	if (scan->status == 204 || scan->status == 205 || scan->status == 304)
		return head_refuse(scan, SPLICE_WHY_STATUS);
	scan->at = HEAD_STATUS_END;
	scan->value_at = HEAD_STATUS_END;
	scan->phase = HEAD_VALUE;
	scan->field = HEAD_FIELD_OTHER;
	return 0;
}

#endif /* SLUICE_SPLICE_HEAD_BPF_H */
