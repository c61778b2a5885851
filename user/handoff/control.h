/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the protocol between sluiced and a worker of the helper
 *
 * Each worker is a process of its own: a crash takes one event loop, not all. sluiced makes for
 * each worker two TCP listeners (127.0.0.1 and ::1, any port: only sk_lookup sends connections
 * there) and a listening SOCK_SEQPACKET socket with the abstract name
 *
 *     @sluice/<16 hex digits: FNV-1a 64 of the pin folder's path>/worker-<slot>
 *
 * (abstract names belong to the network namespace and need no file system), starts the worker with
 * them and the map descriptors inherited, and connects. A new sluiced connects by the same name,
 * and so adopts workers that outlived the one before: it sends CLAIM, and the worker answers with
 * HELLO and its listeners. A worker serves one control connection, the newest, from uid 0
 * (SO_PEERCRED) or its own, that has shown a descriptor of the folder above the pin folder: only a
 * process with this BPF file system has one. When the connection ends it goes on with what it has.
 *
 * One message a packet: struct control_message, then .bytes of payload; descriptors by SCM_RIGHTS.
 *
 *   from      | type        | payload                   | descriptors            | answer
 *   ----------+-------------+---------------------------+------------------------+--------------
 *   sluiced   | CLAIM       | -                         | stdout, stderr, folder | HELLO
 *   worker    | HELLO       | control_hello             | IPv4, IPv6 listener    | -
 *   sluiced   | SNAPSHOT    | control_snapshot          | sealed memfd           | SNAPSHOT_DONE
 *   sluiced   | CERTIFICATES| control_certificates      | sealed memfd           | -
 *   sluiced   | DRAIN       | control_drain             | -                      | -
 *   worker    | SNAPSHOT_DONE | control_snapshot_done   | -                      | -
 *
 * Inherited descriptors, by number (see --help of sluice-proxy, which names the same):
 *   3 control listener   4 IPv4 listener   5 IPv6 listener (absent: /dev/null)
 *   6 upstreams          7 backends        8 members          9 worker_stats
 *   10 socks             11 sinks          12 slots           13 events, the worker's ring
 *   (10 to 13 /dev/null: without --splice on)
 */
#ifndef SLUICE_HANDOFF_CONTROL_H
#define SLUICE_HANDOFF_CONTROL_H

#include <stdint.h>

#define CONTROL_FD_LISTENER     3
#define CONTROL_FD_LISTEN_V4    4
#define CONTROL_FD_LISTEN_V6    5
#define CONTROL_FD_UPSTREAMS    6
#define CONTROL_FD_BACKENDS     7
#define CONTROL_FD_MEMBERS      8
#define CONTROL_FD_WORKER_STATS 9
#define CONTROL_FD_SOCKS        10
#define CONTROL_FD_SINKS        11
#define CONTROL_FD_SLOTS        12
#define CONTROL_FD_EVENTS       13

#define CONTROL_VERSION      2u
#define CONTROL_BUILD_ID_MAX 48
/*
 * How long a worker may take to answer before it counts as hung, wherever that is asked: a loop
 * that serves a full machine is slow before it is dead, and its place costs its connections.
 */
#define CONTROL_ANSWER_WAIT_MS 5000u

#define CONTROL_MESSAGE_MAX 4096 /* bytes, header included */

enum control_type {
	CONTROL_HELLO = 1,
	CONTROL_SNAPSHOT = 2,
	CONTROL_SNAPSHOT_DONE = 3,
	CONTROL_CERTIFICATES = 4,
	CONTROL_DRAIN = 5,
	CONTROL_CLAIM = 6,
};

struct control_message {
	uint32_t type;  /* enum control_type */
	uint32_t bytes; /* of payload that follows */
};

struct control_hello {
	uint32_t version; /* CONTROL_VERSION */
	uint32_t worker;  /* number given by --worker */
	uint32_t pid;
	uint32_t draining;
	uint64_t generation; /* snapshot in force, 0: none */
	uint64_t
		settings; /* value of --settings-hash: shows sluiced whether the flags are its own */
	char build_id[CONTROL_BUILD_ID_MAX]; /* SLUICE_BUILD_ID of the worker */
};

struct control_snapshot {
	uint64_t generation;
	uint64_t bytes;
};

struct control_snapshot_done {
	uint64_t generation;
	int32_t error; /* 0, or -errno: the one before stays in force */
	uint32_t pad;
};

/*
 * Certificates: a memfd with cJSON-free records, see handoff/certificates.h. Sealed, and zeroed
 * by the worker's own copy discipline: mapped, parsed, unmapped at once.
 */
struct control_certificates {
	uint64_t bytes;
	uint32_t count;
	uint32_t pad;
};

/*
 * DRAIN: new connections are steered elsewhere already, but some wait in the accept queues and some
 * are in their handshake. So the worker goes on accepting until nothing came for a second (at once
 * with timeout_ms 0), answers with Connection: close, and exits 0 when it has no conn left.
 */
struct control_drain {
	uint32_t timeout_ms; /* then conns that are left are closed and the worker exits 0 */
	uint32_t pad;
};

/*
 * CLAIM: the first message on each connection. Its first two descriptors are where the worker
 * writes its access log and its messages from now on. A worker must not keep them when sluiced
 * has gone, or what reads them (a pipe, a container runtime) would never see the end. So
 * CONTROL_LOG_KEEP_MS after its connection has ended, without another one, it writes to
 * /dev/null. The third is the proof.
 */
#define CONTROL_CLAIM_FDS    3
#define CONTROL_CLAIM_FOLDER 2
#define CONTROL_LOG_KEEP_MS  5000u

#define CONTROL_NAME_MAX 64

/**
 * control_name - abstract socket name of one worker slot, without the leading NUL
 * @pin_folder: "<bpffs>/sluice/v2"
 * Return: length of the text in @name.
 */
int control_name(const char *pin_folder, uint32_t slot, char name[CONTROL_NAME_MAX]);

/**
 * control_send - one message with payload and descriptors
 * @fds: borrowed, not closed; fds_count <= 4
 * Return: 0; -EAGAIN the peer does not read; -errno.
 */
int control_send(int socket, uint32_t type, const void *payload, uint32_t bytes, const int *fds,
		 unsigned int fds_count);

/**
 * control_receive - one message
 * @buffer: out, header and payload
 * @fds: out, up to 4, owned by the caller, close-on-exec; *fds_count set also to 0
 * Return: bytes received; 0 at the end; -EAGAIN; -EBADMSG cut or inconsistent; -errno.
 */
int control_receive(int socket, void *buffer, uint32_t size, int fds[4], unsigned int *fds_count);

#endif /* SLUICE_HANDOFF_CONTROL_H */
