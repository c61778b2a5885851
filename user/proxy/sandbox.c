// SPDX-License-Identifier: Apache-2.0
#include "proxy/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sanitized.h"
#include "handoff/control.h"
#include "proxy/splice/splice_calls.h"

/* A sanitizer traces the process at its end to look for leaks. */
static const unsigned long is_sanitized = SANITIZED;

static const int allowed[] = {
	/* sockets */
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	/* the loop */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	/* memory, and what libc and libcrypto do on their own */
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(sched_yield),
};

/* No bug leads here: only foreign code makes these calls. */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(kexec_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(mount),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(keyctl),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(userfaultfd),
};

/* A call that passes where all of its conditions hold. Return: 0; -errno. */
#define ALLOW(filter, call, count, ...) \
	seccomp_rule_add((filter), SCMP_ACT_ALLOW, SCMP_SYS(call), (count), __VA_ARGS__)

/* TCP to backends, nothing else: no netlink, no unix, no raw sockets, no UDP, SCTP or MPTCP. */
static int allow_sockets(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(families) / sizeof(families[0]); i++)
		err = ALLOW(filter, socket, 3, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
			    SCMP_A1(SCMP_CMP_EQ, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC),
			    SCMP_A2(SCMP_CMP_EQ, IPPROTO_TCP));
	/* what waits in a socket */
	if (!err)
		err = ALLOW(filter, ioctl, 1, SCMP_A1(SCMP_CMP_EQ, SIOCOUTQ));
	return err;
}

/* A place for memory that is not below the page of splice_calls.h, nor in it. */
#define ABOVE(arg, place) SCMP_CMP(arg, SCMP_CMP_GE, (place)->above)

/* mmap() of one form: where the kernel finds a place, or above the page. */
static int allow_mmap(scmp_filter_ctx filter, const struct splice_calls_place *place,
		      struct scmp_arg_cmp how, struct scmp_arg_cmp what)
{
	int err = ALLOW(filter, mmap, 3, SCMP_A0(SCMP_CMP_EQ, 0), how, what);

	return err ? err : ALLOW(filter, mmap, 3, ABOVE(0, place), how, what);
}

/*
 * Memory that is never code. What other processes see of it can be written in the map of splice
 * slots only; its number cannot be given to another file, as dup3() is bounded. The page of
 * splice_calls.h stays as it is.
 */
static int allow_memory(scmp_filter_ctx filter, const struct splice_calls_place *place)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int err;

	err = allow_mmap(filter, place, no_code,
			 SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_PRIVATE));
	if (!err)
		err = allow_mmap(filter, place,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, 0),
				 SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_SHARED));
	if (!err && place->above)
		err = allow_mmap(filter, place, no_code, SCMP_A4(SCMP_CMP_EQ, CONTROL_FD_SLOTS));
	if (!err)
		err = ALLOW(filter, mprotect, 2, ABOVE(0, place), no_code);
	if (!err)
		err = ALLOW(filter, munmap, 1, ABOVE(0, place));
	if (!err)
		err = ALLOW(filter, madvise, 1, ABOVE(0, place));
	if (!err) /* to a place that the kernel finds */
		err = ALLOW(filter, mremap, 2, ABOVE(0, place),
			    SCMP_A3(SCMP_CMP_MASKED_EQ, MREMAP_FIXED, 0));
	return err;
}

/* Sockets of ours into the maps of splice, by arguments that cannot be changed. */
static int allow_splice(scmp_filter_ctx filter, const struct splice_calls_place *place)
{
	int err = 0;

	for (unsigned int i = 0; place->above && !err && i < SPLICE_CALL_COUNT; i++)
		err = ALLOW(filter, bpf, 3, SCMP_A0(SCMP_CMP_EQ, BPF_MAP_UPDATE_ELEM),
			    SCMP_A1(SCMP_CMP_EQ, place->calls[i]),
			    SCMP_A2(SCMP_CMP_EQ, place->call_bytes));
	return err;
}

/* Those of which only some forms are harmless. Return: 0; -errno. */
static int allow_forms(scmp_filter_ctx filter)
{
	const struct splice_calls_place place = splice_calls_place();
	int err = allow_sockets(filter);

	if (!err)
		err = allow_memory(filter, &place);
	if (!err)
		err = allow_splice(filter, &place);
	if (!err)
		err = ALLOW(filter, fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS));
	if (!err)
		err = ALLOW(filter, fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL));
	/* stdout and stderr are exchanged, nothing else */
	if (!err)
		err = ALLOW(filter, dup3, 2, SCMP_A1(SCMP_CMP_EQ, STDOUT_FILENO),
			    SCMP_A2(SCMP_CMP_EQ, 0));
	if (!err)
		err = ALLOW(filter, dup3, 2, SCMP_A1(SCMP_CMP_EQ, STDERR_FILENO),
			    SCMP_A2(SCMP_CMP_EQ, 0));
	/* abort() */
	if (!err)
		err = ALLOW(filter, tgkill, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return err;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !err && i < sizeof(deadly) / sizeof(deadly[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (!err)
		err = allow_forms(filter);
	if (!err) /* the frequent ones are tested first */
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	for (int cap = 0; cap <= 63; cap++) /* EINVAL: no such one; EPERM: not ours to drop */
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

int sandbox_enter(void)
{
	struct rlimit none = { 0 };
	int err;

	err = drop_capabilities();
	if (err) {
		log_error("proxy: drop capabilities: %s", strerror(-err));
		return err;
	}
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, is_sanitized, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		err = -errno;
		log_error("proxy: give up privileges: %s", strerror(-err));
		return err;
	}
	if (is_sanitized) {
		log_warn(
			"proxy: built with sanitizers, which need system calls of their own: no filter");
		return 0;
	}
	err = filter_calls();
	if (err)
		log_error("proxy: system call filter: %s; is seccomp in this kernel?",
			  strerror(-err));
	return err;
}
