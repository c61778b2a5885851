// SPDX-License-Identifier: Apache-2.0
/*
 * fault_calls.c - one call of the helper fails, at a time that a test chooses
 *
 * Linked into a sanitized helper with --wrap for each call below. $SLUICE_FAULTS names a file of
 * one struct faults, which the test writes: the .countdown-th call of .kind fails, once. Without
 * the file nothing fails. test_faults.py reads the list of calls from this file.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Result of the call, its name, what it returns and errno when it fails, parameters, arguments. */
#define FAULT_LIST(CALL)                                                                           \
	CALL(void *, malloc, NULL, ENOMEM, (size_t bytes), (bytes))                                \
	CALL(void *, calloc, NULL, ENOMEM, (size_t count, size_t bytes), (count, bytes))           \
	CALL(void *, realloc, NULL, ENOMEM, (void *old, size_t bytes), (old, bytes))               \
	CALL(char *, strdup, NULL, ENOMEM, (const char *text), (text))                             \
	CALL(int, accept4, -1, EMFILE, (int fd, struct sockaddr *name, socklen_t *bytes, int how), \
	     (fd, name, bytes, how))                                                               \
	CALL(int, socket, -1, EMFILE, (int family, int type, int protocol),                        \
	     (family, type, protocol))                                                             \
	CALL(int, connect, -1, EADDRNOTAVAIL, (int fd, const struct sockaddr *name, socklen_t n),  \
	     (fd, name, n))                                                                        \
	CALL(int, epoll_create1, -1, EMFILE, (int flags), (flags))                                 \
	CALL(int, getsockname, -1, ENOTCONN, (int fd, struct sockaddr *name, socklen_t *bytes),    \
	     (fd, name, bytes))                                                                    \
	CALL(int, setsockopt, -1, ENOBUFS,                                                         \
	     (int fd, int level, int what, const void *value, socklen_t bytes),                    \
	     (fd, level, what, value, bytes))                                                      \
	CALL(int, getsockopt, -1, ENOBUFS,                                                         \
	     (int fd, int level, int what, void *value, socklen_t *bytes),                         \
	     (fd, level, what, value, bytes))                                                      \
	CALL(int, shutdown, -1, broken(fd, ENOTCONN), (int fd, int how), (fd, how))                \
	CALL(ssize_t, recv, -1, broken(fd, ECONNRESET),                                            \
	     (int fd, void *data, size_t bytes, int flags), (fd, data, bytes, flags))              \
	CALL(ssize_t, recvmsg, -1, broken(fd, ECONNRESET),                                         \
	     (int fd, struct msghdr *message, int flags), (fd, message, flags))                    \
	CALL(ssize_t, send, -1, broken(fd, EPIPE),                                                 \
	     (int fd, const void *data, size_t bytes, int flags), (fd, data, bytes, flags))        \
	CALL(ssize_t, sendmsg, -1, broken(fd, EPIPE),                                              \
	     (int fd, const struct msghdr *message, int flags), (fd, message, flags))              \
	CALL(int, memfd_create, -1, EMFILE, (const char *name, unsigned int flags), (name, flags)) \
	CALL(int, ftruncate, -1, ENOSPC, (int fd, off_t bytes), (fd, bytes))                       \
	CALL(void *, mmap, MAP_FAILED, ENOMEM,                                                     \
	     (void *at, size_t bytes, int access, int how, int fd, off_t from),                    \
	     (at, bytes, access, how, fd, from))                                                   \
	CALL(ssize_t, getrandom, -1, EAGAIN, (void *data, size_t bytes, unsigned int flags),       \
	     (data, bytes, flags))

/* epoll_ctl() is not in the list, as only its additions need memory; nor the memory of OpenSSL. */
#define KIND(result, name, failed, error, parameters, arguments) KIND_##name,
enum { FAULT_LIST(KIND) KIND_epoll_add, KIND_crypto, KINDS };

int __real_shutdown(int fd, int how);

struct faults {
	uint32_t kind, countdown, fired;
	uint32_t calls[KINDS];
};

static struct faults none;
static struct faults *faults = &none;

static bool is_due(unsigned int kind)
{
	faults->calls[kind]++;
	if (faults->kind != kind || !faults->countdown || --faults->countdown)
		return false;
	faults->fired = 1;
	return true;
}

/* A connection that fails does so for good. Return: @error. */
static int broken(int fd, int error)
{
	__real_shutdown(fd, SHUT_RDWR);
	return error;
}

#define WRAP(result, name, failed, error, parameters, arguments) \
	result __real_##name parameters;                         \
	result __wrap_##name parameters;                         \
	result __wrap_##name parameters                          \
	{                                                        \
		if (is_due(KIND_##name)) {                       \
			errno = error;                           \
			return failed;                           \
		}                                                \
		return __real_##name arguments;                  \
	}
FAULT_LIST(WRAP)

int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	if (what == EPOLL_CTL_ADD && is_due(KIND_epoll_add)) {
		errno = ENOSPC;
		return -1;
	}
	return __real_epoll_ctl(epoll, what, fd, event);
}

static void *crypto_malloc(size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_due(KIND_crypto) ? NULL : __real_malloc(bytes);
}

static void *crypto_realloc(void *old, size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_due(KIND_crypto) ? NULL : __real_realloc(old, bytes);
}

static void crypto_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

__attribute__((constructor)) static void open_faults(void)
{
	const char *path = getenv("SLUICE_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED
			   : __real_mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED,
					 fd, 0);

	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return;
	faults = map;
	CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}
