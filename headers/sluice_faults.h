/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice_faults.h - why a request was refused or a response was not passed on, by name
 *
 * One list serves the helper's log, its counters in worker_stats, the metrics
 * (sluice_request_faults_total{reason="..."}, sluice_response_faults_total) and the docs. Numbers
 * are part of the contract: append only.
 */
#ifndef SLUICE_FAULTS_H
#define SLUICE_FAULTS_H

/* X(number, NAME, "metric name", "what it means to an operator") */
#define SLUICE_FAULT_LIST(X)                                                                      \
	X(0, NONE, "none", "no fault")                                                            \
	X(1, BARE_LF, "bare-lf", "a line ends with LF only")                                      \
	X(2, BARE_CR, "bare-cr", "CR without LF after it")                                        \
	X(3, CONTROL_CHARACTER, "control-character", "NUL or another control character")          \
	X(4, EMPTY_LINES, "empty-lines", "more than one empty line before the request line")      \
	X(5, REQUEST_LINE, "request-line", "not three words with one space between them")         \
	X(6, METHOD, "method", "the method is not a token")                                       \
	X(7, METHOD_REFUSED, "method-refused", "CONNECT or TRACE")                                \
	X(8, TARGET, "target", "form of the target, or a character that none may hold")           \
	X(9, TARGET_ESCAPE, "target-escape", "broken escape, or %00")                             \
	X(10, TARGET_LONG, "target-long", "the target is over the limit")                         \
	X(11, VERSION_SYNTAX, "version-syntax", "the version is not HTTP/digit.digit")            \
	X(12, VERSION, "version", "major version other than 1")                                   \
	X(13, PATH_ABOVE_ROOT, "path-above-root", "dot segments lead above the root")             \
	X(14, PATH_ENCODED_SLASH, "path-encoded-slash", "%2F beside a dot segment")               \
	X(15, HOST_MISSING, "host-missing", "HTTP/1.1 without Host")                              \
	X(16, HOST_TWICE, "host-twice", "more than one Host")                                     \
	X(17, HOST, "host", "no host, or no port, that could be")                                 \
	X(18, FIELD_NAME, "field-name", "the name of a field is not a token")                     \
	X(19, FIELD_COLON, "field-colon", "a field line without colon")                           \
	X(20, FIELD_SPACE, "field-space", "white space before a colon or before the first field") \
	X(21, FIELD_FOLD, "field-fold", "a field folded over lines")                              \
	X(22, FIELDS_MANY, "fields-many", "more fields than the limit")                           \
	X(23, HEAD_LONG, "head-long", "the head is over the limit")                               \
	X(24, CONNECTION, "connection", "Connection is not a list of tokens, or too long")        \
	X(25, EXPECT, "expect", "an expectation that is not known")                               \
	X(26, LENGTH, "length", "Content-Length is not one number, or twice")                     \
	X(27, LENGTH_AND_CODING, "length-and-coding", "Content-Length beside Transfer-Encoding")  \
	X(28, CODING, "coding", "Transfer-Encoding is not one chunked, or in HTTP/1.0")           \
	X(29, CODING_UNKNOWN, "coding-unknown", "a transfer coding that is not known")            \
	X(30, CHUNK_SIZE, "chunk-size", "the size of a chunk is not a hexadecimal number")        \
	X(31, CHUNK_EXTENSION, "chunk-extension", "a control character in a chunk extension")     \
	X(32, CHUNK_LINE_LONG, "chunk-line-long", "a chunk line over 4 KB")                       \
	X(33, CHUNK_END, "chunk-end", "no CRLF after the data of a chunk")                        \
	X(34, TRAILERS_LONG, "trailers-long", "the trailer section is over the limit")            \
	X(35, STATUS_LINE, "status-line", "the first line of a response is not a status line")    \
	X(36, STATUS, "status", "the status is not three digits")                                 \
	X(37, SWITCH_UNASKED, "switch-unasked", "101 without a request for it")                   \
	X(38, CUT, "cut", "the body ended early")                                                 \
	X(39, HEAD_TIME, "head-time", "the head did not arrive in time")                          \
	X(40, BODY_TIME, "body-time", "the body stood still")                                     \
	X(41, BODY_LONG, "body-long", "the body is over the limit")                               \
	X(42, CONNS, "conns", "more conns than the limit")                                        \
	X(43, CONNS_SOURCE, "conns-source", "more conns of one address than the limit")           \
	X(44, BUFFERS, "buffers", "more buffers in use than the limit")                           \
	X(45, MISDIRECTED, "misdirected", "a host with other TLS settings than the connection")   \
	X(46, CONNECT_PROTOCOL, "connect-protocol", "extended CONNECT to other than websocket")   \
	X(47, HTTP2_HEAD, "http2-head", "a head that HTTP/2 calls malformed")                     \
	X(48, HTTP2_FRAME, "http2-frame", "a frame that HTTP/2 does not allow there")             \
	X(49, HTTP2_FLOOD, "http2-flood", "resets, idle frames or heads over the limit")

enum sluice_fault {
#define X(number, name, metric, text) FAULT_##name = number,
	SLUICE_FAULT_LIST(X)
#undef X
		FAULT_MAX = 64, /* room, so that a new reason does not change the layout */
};

#endif /* SLUICE_FAULTS_H */
