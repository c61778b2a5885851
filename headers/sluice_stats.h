/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice_stats.h - what is counted, by name
 *
 * One row serves the map schema, /metrics, sluicectl and the tests; docs/metrics.md is compared
 * with it. Rows are part of the contract: append only. A series with labels has several rows, one
 * after the other. Each series is named sluice_SERIES in /metrics.
 */
#ifndef SLUICE_STATS_H
#define SLUICE_STATS_H

/* Counters of the programs in the kernel, one a CPU.
 * X(number, NAME, "name in sluicectl", "series", "labels", "what it counts") */
/* clang-format off */
#define SLUICE_STAT_LIST(X) \
	X(0, PACKETS_NOT_OURS, "packets_not_ours", "packets_total", "kind=\"not_ours\"", \
	  "Packets seen by XDP and TC, by kind.") \
	X(1, PACKETS_L4, "packets_l4", "packets_total", "kind=\"l4\"", \
	  "Packets seen by XDP and TC, by kind.") \
	X(2, PACKETS_HTTP, "packets_http", "packets_total", "kind=\"http\"", \
	  "Packets seen by XDP and TC, by kind.") \
	X(3, PACKETS_REPLY, "packets_reply", "packets_total", "kind=\"reply\"", \
	  "Packets seen by XDP and TC, by kind.") \
	X(4, FLOWS_CREATED, "flows_created", "flows_created_total", "", "L4 flows begun.") \
	X(5, FLOWS_NOT_INSERTED, "flows_not_inserted", "flows_not_inserted_total", "", \
	  "L4 flows forwarded by hash without an entry.") \
	X(6, FLOWS_REPICKED, "flows_repicked", "flows_repicked_total", "", \
	  "L4 flows that got another backend, because theirs was gone.") \
	X(7, STEERED, "steered", "conns_steered_total", "", \
	  "HTTP connections steered to a worker.") \
	X(8, FLOWS_COLLIDED, "flows_collided", "flows_collided_total", "", \
	  "L4 flows that got another source port: the client port was in use.") \
	X(9, PACKETS_SNAT, "packets_snat", "packets_snat_total", "", \
	  "Packets sent to pods of other nodes with the address of this one.") \
	X(10, PACKETS_DSR, "packets_dsr", "packets_dsr_total", "", \
	  "Packets sent to pods of other nodes encapsulated.") \
	X(11, PACKETS_DECAPSULATED, "packets_decapsulated", "packets_decapsulated_total", "", \
	  "Packets of other nodes decapsulated for pods of this one.") \
	X(12, PACKETS_FRAGMENT, "packets_fragment", "packets_fragment_total", "", \
	  "Later fragments that followed their first.") \
	X(13, PACKETS_BY_STACK, "packets_by_stack", "packets_by_stack_total", "", \
	  "Packets for other nodes that the stack sent, because XDP could not.") \
	X(14, ICMP_ECHOES, "icmp_echoes", "icmp_echoes_total", "", \
	  "Pings of frontend addresses that were answered.") \
	X(15, ICMP_TRANSLATED, "icmp_translated", "icmp_translated_total", "", \
	  "ICMP errors translated for their receiver.") \
	X(16, ICMP_SENT, "icmp_sent", "icmp_sent_total", "", \
	  "ICMP errors made here: time exceeded, too big.") \
	X(17, RESETS_SENT, "resets_sent", "resets_sent_total", "", \
	  "TCP resets sent for flows whose backend is gone.") \
	X(18, AFFINITY_HITS, "affinity_hits", "affinity_hits_total", "", \
	  "New flows that went to their client's previous backend.") \
	X(19, ANNOUNCE_REPLIES, "announce_replies", "announce_replies_total", "", \
	  "Questions for an announced address that were answered.") \
	X(20, TUNNEL_ERRORS_UNREAD, "tunnel_errors_unread", "tunnel_errors_unread_total", "", \
	  "ICMP errors about a tunnel that quote too little to inform the client.") \
	X(21, FLOWS_SWEPT, "flows_swept", "flows_swept_total", "", \
	  "Entries of L4 flows that were over, taken out of the tables.")

/* Counters of one worker of the helper: fields of struct worker_stats, in this order. A GAUGE is
 * what is there now, and ends with the worker.
 * X(field, COUNTER or GAUGE, "series", "labels", "what it counts") */
#define SLUICE_COUNTER_LIST(X) \
	X(conns_open, GAUGE, "conns_open", "", "Client connections open.") \
	X(conns_accepted, COUNTER, "conns_accepted_total", "", "Client connections accepted.") \
	X(requests, COUNTER, "requests_total", "", "Requests read.") \
	X(responses_1xx, COUNTER, "responses_total", "class=\"1xx\"", \
	  "Responses sent to clients, by class of status.") \
	X(responses_2xx, COUNTER, "responses_total", "class=\"2xx\"", \
	  "Responses sent to clients, by class of status.") \
	X(responses_3xx, COUNTER, "responses_total", "class=\"3xx\"", \
	  "Responses sent to clients, by class of status.") \
	X(responses_4xx, COUNTER, "responses_total", "class=\"4xx\"", \
	  "Responses sent to clients, by class of status.") \
	X(responses_5xx, COUNTER, "responses_total", "class=\"5xx\"", \
	  "Responses sent to clients, by class of status.") \
	X(own_replies, COUNTER, "own_replies_total", "", \
	  "Responses made by the helper itself, not by a backend.") \
	X(client_bytes_in, COUNTER, "client_received_bytes_total", "", \
	  "Bytes received from clients.") \
	X(client_bytes_out, COUNTER, "client_sent_bytes_total", "", "Bytes sent to clients.") \
	X(upstream_conns_open, GAUGE, "upstream_conns_open", "", \
	  "Connections to backends, idle ones included.") \
	X(upstream_connects, COUNTER, "upstream_connects_total", "", \
	  "Connections to backends begun.") \
	X(upstream_connect_errors, COUNTER, "upstream_connect_errors_total", "", \
	  "Connections to backends that failed.") \
	X(upstream_reused, COUNTER, "upstream_reused_total", "", \
	  "Exchanges on an existing connection.") \
	X(upstream_retries, COUNTER, "upstream_retries_total", "", \
	  "Requests given to another backend.") \
	X(bad_requests, COUNTER, "bad_requests_total", "", "Requests refused by the parser.") \
	X(bad_responses, COUNTER, "bad_responses_total", "", \
	  "Responses of backends that were not valid HTTP.") \
	X(timeouts, COUNTER, "timeouts_total", "", "Expired time limits.") \
	X(access_log_dropped, COUNTER, "access_log_dropped_total", "", \
	  "Lines of the access log that could not be written in time.") \
	X(tls_handshakes, COUNTER, "tls_handshakes_total", "", \
	  "TLS handshakes with clients that were completed.") \
	X(tls_resumptions, COUNTER, "tls_resumptions_total", "", \
	  "Of these, those that resumed a session.") \
	X(tls_errors, COUNTER, "tls_errors_total", "", \
	  "TLS handshakes with clients that failed.") \
	X(tls_passthroughs, COUNTER, "tls_passthroughs_total", "", \
	  "TLS connections passed to a backend undecrypted.") \
	X(upstream_tls_errors, COUNTER, "upstream_tls_errors_total", "", \
	  "TLS handshakes with backends that failed, untrusted certificates included.") \
	X(proxy_header_errors, COUNTER, "proxy_header_errors_total", "", \
	  "Connections ended for a bad or missing PROXY header.") \
	X(backend_ejections, COUNTER, "backend_ejections_total", "", \
	  "Times that a worker ejected a backend for its failures.") \
	X(health_checks, COUNTER, "health_checks_total", "", \
	  "Active checks of backends that finished.") \
	X(health_check_failures, COUNTER, "health_check_failures_total", "", \
	  "Active checks of backends that failed.") \
	X(http2_conns_open, GAUGE, "http2_conns_open", "", \
	  "Open client connections that use HTTP/2.") \
	X(http2_conns, COUNTER, "http2_conns_total", "", "Client connections that used HTTP/2.") \
	X(http2_streams, COUNTER, "http2_streams_total", "", \
	  "Streams that HTTP/2 clients began.") \
	X(spliced_exchanges, COUNTER, "spliced_exchanges_total", "", \
	  "Responses that the kernel moved completely.") \
	X(spliced_tunnels, COUNTER, "spliced_tunnels_total", "", \
	  "Tunnels whose bytes the kernel may move.") \
	X(spliced_uploads, COUNTER, "spliced_uploads_total", "", \
	  "Requests with a body that the kernel moved, in part or completely.") \
	X(spliced_bytes, COUNTER, "spliced_bytes_total", "", "Bytes that the kernel moved.") \
	X(splice_windows, COUNTER, "splice_takeovers_total", "", \
	  "Times that the relay took over from a slow receiver.")
/* clang-format on */

enum sluice_stat {
#define X(number, name, text, series, labels, help) STAT_##name = number,
	SLUICE_STAT_LIST(X)
#undef X
		STAT_MAX = 32, /* room, so that a new counter does not change the layout */
};

#endif /* SLUICE_STATS_H */
