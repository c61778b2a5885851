/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * splice_head.bpf.h - reads the head of a response, and takes only the plainest of them
 *
 * What it takes, the relay's parser takes with the same meaning and would pass on unchanged but for
 * order, Server, and a "Connection: keep-alive" that is true. A fuzzer holds it to that, in user
 * space: nothing here calls the kernel. All else is refused: it goes up, where it is judged in full.
 *
 * A step is one call of bpf_loop(): up to eight bytes of a value, or up to sixteen of a name.
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
#define HEAD_STEPS_MAX  1024u
#define HEAD_NAME_STEP  16
#define HEAD_STATUS_END 12  /* of "HTTP/1.1 200" */
#define HEAD_DIGITS_MAX 18u /* of a length: no overflow of 63 bits */

enum head_phase { HEAD_NAME, HEAD_VALUE, HEAD_WHOLE, HEAD_REFUSED };

enum head_field { HEAD_FIELD_OTHER, HEAD_FIELD_LENGTH, HEAD_FIELD_CONNECTION, HEAD_FIELD_DATE };

struct head_scan {
	__u8 *data;  /* SLUICE_SPLICE_HEAD_MAX + 64 bytes, of which .bytes are of the message */
	__u64 front; /* first eight bytes of a name, and the last eight, in small letters */
	__u64 tail;
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

/* Small letter of a token character (RFC 9110 5.6.2), 0 for any other. */
static const __u8 head_token[256] = {
	['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
	['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
	['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
	['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b',   ['C'] = 'c',
	['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',   ['J'] = 'j',
	['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p',   ['Q'] = 'q',
	['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w',   ['X'] = 'x',
	['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',   ['e'] = 'e',
	['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l',
	['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',   ['s'] = 's',
	['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',   ['z'] = 'z',
};

/* clang-format off: letters in their order */
#define HEAD_PACK(a, b, c, d, e, f, g, h)                                            \
	((__u64)(a) << 56 | (__u64)(b) << 48 | (__u64)(c) << 40 | (__u64)(d) << 32 | \
	 (__u64)(e) << 24 | (__u64)(f) << 16 | (__u64)(g) << 8 | (__u64)(h))
#define NAME_DATE        HEAD_PACK(0, 0, 0, 0, 'd', 'a', 't', 'e')
#define NAME_TE          HEAD_PACK(0, 0, 0, 0, 0, 0, 't', 'e')
#define NAME_UPGRADE     HEAD_PACK(0, 'u', 'p', 'g', 'r', 'a', 'd', 'e')
#define NAME_TRAILER     HEAD_PACK(0, 't', 'r', 'a', 'i', 'l', 'e', 'r')
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

/* What the name in .front and .tail means. Return: false: a field that must not be passed on. */
static inline bool head_name_known(struct head_scan *scan, __u32 bytes)
{
	scan->field = HEAD_FIELD_OTHER;
	switch (bytes) {
	case 2:
		return scan->tail != NAME_TE;
	case 4:
		if (scan->tail == NAME_DATE)
			scan->field = HEAD_FIELD_DATE;
		return true;
	case 7:
		return scan->tail != NAME_UPGRADE && scan->tail != NAME_TRAILER;
	case 10:
		if (scan->front == FRONT_CONNECTION && scan->tail == TAIL_CONNECTION)
			scan->field = HEAD_FIELD_CONNECTION;
		return scan->tail != TAIL_KEEP_ALIVE;
	case 14:
		if (scan->front == FRONT_CONTENT && scan->tail == TAIL_LENGTH)
			scan->field = HEAD_FIELD_LENGTH;
		return scan->tail != TAIL_SETTINGS;
	case 16: /* Proxy-Connection */
		return scan->tail != TAIL_CONNECTION;
	case 17: /* Transfer-Encoding */
		return scan->tail != TAIL_ENCODING;
	default:
		return true;
	}
}

static inline __u32 head_step_name(struct head_scan *scan)
{
	__u32 at = scan->at;

	for (int i = 0; i < HEAD_NAME_STEP; i++) {
		__u8 byte = head_byte(scan, at);
		__u32 bytes = at - scan->name_at;
		__u8 small = head_token[byte];

		if (at >= scan->bytes)
			return head_refuse(scan, SPLICE_WHY_HEAD);
		if (byte == ':' && bytes) {
			if (!head_name_known(scan, bytes))
				return head_refuse(scan, bytes == 17 ? SPLICE_WHY_FRAMING
								     : SPLICE_WHY_FIELD);
			scan->at = at + 1;
			scan->value_at = at + 1;
			scan->phase = HEAD_VALUE;
			return 0;
		}
		if (!small)
			return head_refuse(scan, SPLICE_WHY_HEAD);
		scan->tail = scan->tail << 8 | small;
		if (bytes == 7)
			scan->front = scan->tail;
		at++;
	}
	scan->at = at;
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
	__u64 tail = 0;

	if (end - at != 10)
		return false;
	for (__u32 i = 2; i < 10; i++)
		tail = tail << 8 | (head_byte(scan, at + i) | 0x20);
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
	scan->tail = 0;
	scan->front = 0;
	scan->phase = HEAD_NAME;
	return 0;
}

/* Marks in a word the bytes below 0x20 and 0x7f; the lowest mark is exact, those above may not be. */
static inline __u64 head_controls(__u64 word)
{
	__u64 delete = word ^ 0x7f7f7f7f7f7f7f7fULL;
	__u64 low = (word - 0x2020202020202020ULL) & ~word;

	return (low | ((delete - 0x0101010101010101ULL) & ~delete)) & 0x8080808080808080ULL;
}

static inline __u32 head_lowest_byte(__u64 marks)
{
	__u32 index = 0;

	if (!(marks & 0xffffffff)) {
		index += 4;
		marks >>= 32;
	}
	if (!(marks & 0xffff)) {
		index += 2;
		marks >>= 16;
	}
	return index + !(marks & 0xff);
}

static inline __u32 head_step_value(struct head_scan *scan)
{
	__u64 word, marks;
	__u32 at = scan->at;

	if (at >= scan->bytes)
		return head_refuse(scan, SPLICE_WHY_HEAD);
	__builtin_memcpy(&word, &scan->data[at & HEAD_MASK], sizeof(word));
	marks = head_controls(word);
	if (!marks) {
		scan->at = at + sizeof(word);
		return 0;
	}
	at += head_lowest_byte(marks);
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
