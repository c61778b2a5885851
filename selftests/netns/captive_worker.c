// SPDX-License-Identifier: Apache-2.0
/*
 * captive_worker.c - a worker that was taken over: what can it still do?
 *
 *   sluiced --proxy-binary build/tests/captive-worker ...   a worker with the real descriptors
 *   captive-worker --deadly NAME                            one call that has to kill the process
 *
 * It starts as sluice-proxy does, enters the same sandbox, and then tries what an intruder would.
 * Each attempt is a line of its log, "captive: NAME: ok" or "captive: NAME: <errno>". After that
 * it serves, so that the test can see what became of the node.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "handoff/control.h"
#include "proxy/options/settings.h"
#include "proxy/sandbox.h"
#include "proxy/splice/splice_calls.h"
#include "proxy/worker.h"
#include "sluice_schema.h"

#define OTHER_NUMBER 200 /* a descriptor that nobody has */

static void tell(const char *name, bool worked)
{
	log_info("captive: %s: %s", name, worked ? "ok" : strerrorname_np(errno));
}

/* ---- maps ------------------------------------------------------------------------------------ */

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static bool update(int fd, const void *value)
{
	union bpf_attr attr = { 0 };
	uint32_t key = 1;

	attr.map_fd = (uint32_t)fd;
	attr.key = (uint64_t)(uintptr_t)&key;
	attr.value = (uint64_t)(uintptr_t)value;
	return bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0;
}

static bool map_shared(int fd, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, prot, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return false;
	munmap(at, page);
	return true;
}

/* A mapping to read that becomes one to write. */
static bool map_then_protect(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	bool worked = at != MAP_FAILED && mprotect(at, page, PROT_READ | PROT_WRITE) == 0;
	int err = errno;

	if (at != MAP_FAILED)
		munmap(at, page);
	errno = err;
	return worked;
}

static void try_maps(struct maps *all)
{
	const struct {
		const char *name;
		int fd;
		struct mapped_array *array;
	} maps[] = {
		{ "upstreams", CONTROL_FD_UPSTREAMS, &all->upstreams },
		{ "backends", CONTROL_FD_BACKENDS, &all->backends },
		{ "members", CONTROL_FD_MEMBERS, &all->members },
	};
	static char value[1024];
	char name[64];

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		snprintf(name, sizeof(name), "update %s", maps[i].name);
		tell(name, update(maps[i].fd, value));
		snprintf(name, sizeof(name), "read %s", maps[i].name);
		tell(name, mapped_array_at(maps[i].array, 1) != NULL);
		snprintf(name, sizeof(name), "make %s writable", maps[i].name);
		tell(name, mprotect(maps[i].array->base, (size_t)sysconf(_SC_PAGESIZE),
				    PROT_READ | PROT_WRITE) == 0);
		snprintf(name, sizeof(name), "map %s to write", maps[i].name);
		tell(name, map_shared(maps[i].fd, PROT_READ | PROT_WRITE));
		snprintf(name, sizeof(name), "map %s, then write", maps[i].name);
		tell(name, map_then_protect(maps[i].fd));
	}
}

static void try_bpf_commands(void)
{
	static const struct {
		const char *name;
		int command;
	} commands[] = {
		{ "bpf MAP_CREATE", BPF_MAP_CREATE },
		{ "bpf MAP_LOOKUP_ELEM", BPF_MAP_LOOKUP_ELEM },
		{ "bpf MAP_DELETE_ELEM", BPF_MAP_DELETE_ELEM },
		{ "bpf MAP_UPDATE_BATCH", BPF_MAP_UPDATE_BATCH },
		{ "bpf MAP_DELETE_BATCH", BPF_MAP_DELETE_BATCH },
		{ "bpf MAP_FREEZE", BPF_MAP_FREEZE },
		{ "bpf PROG_LOAD", BPF_PROG_LOAD },
		{ "bpf PROG_ATTACH", BPF_PROG_ATTACH },
		{ "bpf OBJ_GET", BPF_OBJ_GET },
		{ "bpf OBJ_PIN", BPF_OBJ_PIN },
		{ "bpf MAP_GET_FD_BY_ID", BPF_MAP_GET_FD_BY_ID },
		{ "bpf LINK_CREATE", BPF_LINK_CREATE },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		union bpf_attr attr = { 0 };

		attr.map_fd = CONTROL_FD_BACKENDS;
		tell(commands[i].name, bpf(commands[i].command, &attr) >= 0);
	}
}

/* The page that holds the arguments of the calls of bpf() that pass. */
static void try_calls(void)
{
	const struct splice_calls_place place = splice_calls_place();
	const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	const int prot = PROT_READ | PROT_WRITE;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = (char *)place.above - page;
	char *data = mmap(NULL, 2 * page, prot, anonymous, -1, 0);

	if (!place.above || data == MAP_FAILED) /* without splice there is no such page */
		return;
	tell("page of calls, mprotect", mprotect(at, page, prot) == 0);
	tell("page of calls, munmap", munmap(at, page) == 0);
	tell("page of calls, munmap from below", munmap(at - page, 2 * page) == 0);
	tell("page of calls, madvise", madvise(at, page, MADV_DONTNEED) == 0);
	tell("page of calls, mmap over it",
	     mmap(at, page, prot, anonymous | MAP_FIXED, -1, 0) != MAP_FAILED);
	tell("page of calls, mmap from below",
	     mmap(at - page, 2 * page, prot, anonymous | MAP_FIXED, -1, 0) != MAP_FAILED);
	tell("page of calls, slots over it",
	     mmap(at, page, prot, MAP_SHARED | MAP_FIXED, CONTROL_FD_SLOTS, 0) != MAP_FAILED);
	tell("page of calls, mremap over it",
	     mremap(data, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED);
	tell("page of calls, mremap away",
	     mremap(at, page, 2 * page, MREMAP_MAYMOVE) != MAP_FAILED);
}

/* ---- everything else ------------------------------------------------------------------------- */

static void try_sockets(void)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} sockets[] = {
		{ "socket TCP", AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP },
		{ "socket TCP 6", AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		  IPPROTO_TCP },
		{ "socket UDP", AF_INET, SOCK_DGRAM, 0 },
		{ "socket UDP 6", AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP },
		{ "socket ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
		{ "socket raw", AF_INET, SOCK_RAW, IPPROTO_TCP },
		{ "socket SCTP", AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		  IPPROTO_SCTP },
		{ "socket MPTCP", AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		  IPPROTO_MPTCP },
		{ "socket unix", AF_UNIX, SOCK_SEQPACKET, 0 },
		{ "socket netlink", AF_NETLINK, SOCK_RAW, 0 },
		{ "socket packet", AF_PACKET, SOCK_RAW, 0 },
		{ "socket vsock", AF_VSOCK, SOCK_STREAM, 0 },
		{ "socket alg", AF_ALG, SOCK_SEQPACKET, 0 },
	};
	struct sockaddr_in any = { .sin_family = AF_INET };
	int pair[2];

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		int fd = socket(sockets[i].family, sockets[i].type, sockets[i].protocol);

		tell(sockets[i].name, fd >= 0);
		if (fd >= 0 && i == 0) {
			tell("bind", bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0);
			tell("listen", listen(fd, 1) == 0);
		}
		if (fd >= 0)
			close(fd);
	}
	tell("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static void try_processes(void)
{
	tell("signal sluiced", kill(getppid(), SIGTERM) == 0);
	tell("signal init", kill(1, 0) == 0);
	tell("signal all", kill(-1, SIGTERM) == 0);
	tell("tgkill of another", syscall(SYS_tgkill, 1, 1, 0) == 0);
	tell("pidfd_open", syscall(SYS_pidfd_open, 1, 0) >= 0);
	tell("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0) >= 0);
	tell("process_madvise", syscall(SYS_process_madvise, 0, NULL, 0, 0, 0) >= 0);
	tell("prlimit of another", syscall(SYS_prlimit64, 1, 0, NULL, NULL) == 0);
	tell("clone", syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) >= 0);
	tell("clone3", syscall(SYS_clone3, NULL, 0) >= 0);
	tell("setuid", setuid(0) == 0);
	tell("prctl", syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0) == 0);
	tell("seccomp", syscall(SYS_seccomp, 1, 0, NULL) == 0);
	tell("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0) >= 0);
}

static void try_files(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	tell("open", open("/proc/self/mem", O_RDWR) >= 0);
	tell("openat2", syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0) >= 0);
	tell("memfd_create", memfd_create("x", 0) >= 0);
	tell("dup", dup(CONTROL_FD_SLOTS) >= 0);
	tell("dup3 to another number", dup3(0, OTHER_NUMBER, 0) >= 0);
	tell("dup3 to a map's number", dup3(CONTROL_FD_EVENTS, CONTROL_FD_WORKER_STATS, 0) >= 0);
	tell("fcntl F_DUPFD", fcntl(0, F_DUPFD, OTHER_NUMBER) >= 0);
	tell("fcntl F_SETFL", fcntl(0, F_SETFL, 0) >= 0);
	tell("ioctl", ioctl(1, 0x5401 /* TCGETS */, NULL) >= 0);
	tell("code", code != MAP_FAILED);
	tell("shared memory", shared != MAP_FAILED);
	tell("code by mprotect", mprotect(data, 4096, PROT_READ | PROT_EXEC) == 0);
}

static int die_of(const char *name)
{
	static const struct {
		const char *name;
		long call;
	} deadly[] = {
		{ "ptrace", SYS_ptrace },
		{ "execve", SYS_execve },
		{ "execveat", SYS_execveat },
		{ "process_vm_readv", SYS_process_vm_readv },
		{ "process_vm_writev", SYS_process_vm_writev },
		{ "unshare", SYS_unshare },
		{ "setns", SYS_setns },
		{ "mount", SYS_mount },
		{ "io_uring_setup", SYS_io_uring_setup },
		{ "userfaultfd", SYS_userfaultfd },
		{ "keyctl", SYS_keyctl },
	};

	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		if (strcmp(deadly[i].name, name) != 0)
			continue;
		if (sandbox_enter())
			return 2;
		syscall(deadly[i].call, 0, 0, 0, 0, 0, 0);
		return 0; /* it lived */
	}
	return 3;
}

int main(int argc, char **argv)
{
	struct worker *worker = NULL;
	struct settings settings;

	if (argc == 3 && strcmp(argv[1], "--deadly") == 0)
		return die_of(argv[2]);
	if (settings_parse(argc, argv, &settings))
		return EXIT_FAILURE;
	log_setup("captive", settings.log_format, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (worker_new(&settings, &worker) || maps_seal(&worker->maps) || sandbox_enter())
		return EXIT_FAILURE;
	try_maps(&worker->maps);
	tell("update slots", update(CONTROL_FD_SLOTS, &settings));
	tell("update socks", update(CONTROL_FD_SOCKS, &settings));
	tell("update worker_stats", update(CONTROL_FD_WORKER_STATS, &settings));
	tell("map worker_stats to write",
	     map_shared(CONTROL_FD_WORKER_STATS, PROT_READ | PROT_WRITE));
	try_bpf_commands();
	try_calls();
	try_sockets();
	try_processes();
	try_files();
	log_info("captive: done");
	return turn_run(&worker->turn) ? EXIT_FAILURE : EXIT_SUCCESS;
}
