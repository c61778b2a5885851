// SPDX-License-Identifier: Apache-2.0
/*
 * flood.c - sends small UDP packets as fast as they are taken, and says what that took
 *
 *   build/bench/flood DEVICE MAC SADDR DADDR PORT FLOWS PACKETS
 *
 * Frames are redirected into DEVICE by live frames of BPF_PROG_TEST_RUN (Linux 5.18), to Ethernet
 * address MAC. What receives them on this machine does so in softirqs of this thread, on its
 * processor. Prints "SECONDS CPU_SECONDS": wall time, and processor time of this thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bench/flood.h"
#include "flood.skel.h"

#define BATCH 64u /* as many as a poll of NAPI takes: no queue on the way fills up */

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint16_t checksum_of(const struct flood_frame *frame)
{
	const uint8_t *ip = &frame->version;
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void frame_fill(struct flood_frame *frame, char **words, uint8_t *smac)
{
	uint8_t *mac = frame->dmac;

	memset(frame, 0, sizeof(*frame));
	must(sscanf(words[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3,
		    mac + 4, mac + 5) == 6,
	     words[2]);
	memcpy(frame->smac, smac, sizeof(frame->smac));
	frame->type = htons(0x0800);
	frame->version = 0x45;
	frame->total_bytes = htons(sizeof(*frame) - 14);
	frame->ttl = 64;
	frame->proto = IPPROTO_UDP;
	must(inet_pton(AF_INET, words[3], frame->saddr) == 1, words[3]);
	must(inet_pton(AF_INET, words[4], frame->daddr) == 1, words[4]);
	frame->dport = htons((uint16_t)atoi(words[5]));
	frame->udp_bytes = htons(8 + FLOOD_PAYLOAD_BYTES);
	frame->check = checksum_of(frame);
}

int main(int argc, char **argv)
{
	uint8_t smac[6] = { 2, 0, 0, 0, 0xf1, 0xd }; /* locally administered, nobody's */
	struct flood *skel;
	double wall, cpu;
	int err;

	errno = EINVAL;
	must(argc == 8, "DEVICE MAC SADDR DADDR PORT FLOWS PACKETS");
	skel = flood__open_and_load();
	must(skel != NULL, "load the program (root is needed)");
	frame_fill(&skel->bss->plan.frame, argv, smac);
	skel->bss->plan.ifindex = if_nametoindex(argv[1]);
	must(skel->bss->plan.ifindex != 0, argv[1]);
	skel->bss->plan.flows_mask = (uint32_t)atoi(argv[6]) - 1;

	struct bpf_test_run_opts options = {
		.sz = sizeof(options),
		.data_in = &skel->bss->plan.frame,
		.data_size_in = sizeof(skel->bss->plan.frame),
		.repeat = atoi(argv[7]),
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = BATCH,
	};

	wall = seconds_of(CLOCK_MONOTONIC);
	cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.generate), &options);
	must(!err, "test run with live frames (Linux 5.18)");
	printf("%.6f %.6f\n", seconds_of(CLOCK_MONOTONIC) - wall,
	       seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu);
	flood__destroy(skel);
	return 0;
}
