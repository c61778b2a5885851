// SPDX-License-Identifier: Apache-2.0
#include "daemon/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/workers/claim.h"
#include "daemon/workers/sockets.h"

#define LEAF             "daemon"
#define TAKEOVER_WORD    't'
#define TAKEOVER_WAIT_MS 10000
#define LOCK_RETRY_MS    5
/* sluice-init looks at the lock now and then, which takes it for a moment. */
#define LOCK_PATIENCE_MS 100
#define ASKERS_MAX       8

/* A process that has connected: it asks for the lock, or only for our pid. */
struct asker {
	struct instance *instance; /* borrowed */
	int fd;    /* owned; -1: free. Our end closes it, which signals that the lock is free */
	pid_t pid; /* 0: not visible from here */
	struct loop_watch *watch;
};

struct instance {
	char *pin_folder; /* owned */
	int lock;         /* owned; the folder, locked */
	int listener;     /* owned */
	struct asker askers[ASKERS_MAX];
	struct loop *loop; /* borrowed */
	struct loop_watch *listener_watch;
	void (*asked)(void *ctx);
	void *ctx;
};

/* The folder <bpffs>/sluice, made if need be. Return: the descriptor; -errno with @error. */
static int open_folder(const char *bpffs, char error[INSTANCE_ERROR_MAX])
{
	char path[INSTANCE_ERROR_MAX - 128];
	struct statfs fs;
	int fd, err;

	if (statfs(bpffs, &fs)) {
		err = -errno;
		snprintf(error, INSTANCE_ERROR_MAX, "--bpffs '%s': %s", bpffs, strerror(errno));
		return err;
	}
	if (fs.f_type != BPF_FS_MAGIC) {
		snprintf(error, INSTANCE_ERROR_MAX,
			 "--bpffs '%s' is not a BPF file system; mount one: mount -t bpf bpf %s",
			 bpffs, bpffs);
		return -ENOENT;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/sluice", bpffs) >= sizeof(path)) {
		snprintf(error, INSTANCE_ERROR_MAX, "--bpffs: the path is too long");
		return -ENAMETOOLONG;
	}
	fd = mkdir(path, 0700) && errno != EEXIST ? -1
						  : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		snprintf(error, INSTANCE_ERROR_MAX, "%s: %s%s", path, strerror(errno),
			 errno == EACCES || errno == EPERM ? "; sluiced needs root" : "");
		return err;
	}
	return fd;
}

static bool try_lock(int folder)
{
	return flock(folder, LOCK_EX | LOCK_NB) == 0;
}

static bool try_lock_patiently(int folder)
{
	for (int waited_ms = 0; !try_lock(folder); waited_ms += LOCK_RETRY_MS) {
		if (waited_ms >= LOCK_PATIENCE_MS)
			return false;
		poll(NULL, 0, LOCK_RETRY_MS);
	}
	return true;
}

/* One descriptor beside the word. */
union word_ancillary {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

/* Connects to the holder. Return: a descriptor that ends with it; -errno. */
static int dial(const char *pin_folder, pid_t *pid)
{
	struct ucred peer;
	int fd;

	fd = sockets_connect_named(pin_folder, LEAF, &peer);
	if (fd >= 0 && peer.uid != 0 && peer.uid != geteuid()) {
		close(fd);
		return -EPERM;
	}
	*pid = peer.pid;
	return fd;
}

/* The word, with the proof that we have the same BPF file system. */
static int send_word(int fd, const char *pin_folder)
{
	char word = TAKEOVER_WORD;
	struct iovec iov = { .iov_base = &word, .iov_len = sizeof(word) };
	union word_ancillary ancillary = {};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.room,
		.msg_controllen = sizeof(ancillary.room),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);
	int folder = claim_open_folder(pin_folder);
	int err = 0;

	if (folder < 0)
		return folder;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &folder, sizeof(int));
	if (sendmsg(fd, &header, MSG_NOSIGNAL) < 0)
		err = -errno;
	close(folder);
	return err;
}

/* Asks the holder to leave. Return: a descriptor that ends with it; -errno. */
static int ask(const char *pin_folder)
{
	pid_t pid;
	int fd, err;

	fd = dial(pin_folder, &pid);
	if (fd < 0)
		return fd;
	err = send_word(fd, pin_folder);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* The process that holds the lock, if it is known. */
static void refuse(const char *bpffs, const char *pin_folder, char error[INSTANCE_ERROR_MAX])
{
	char who[32] = "";
	pid_t pid;
	int fd;

	fd = dial(pin_folder, &pid);
	if (fd >= 0) {
		snprintf(who, sizeof(who), " (pid %d)", pid);
		close(fd);
	}
	snprintf(error, INSTANCE_ERROR_MAX,
		 "another sluiced%s runs with --bpffs %.200s; stop it, give this one a --bpffs of "
		 "its own, or --takeover to continue in its place",
		 who, bpffs);
}

static int take_over(const char *pin_folder, int folder, char error[INSTANCE_ERROR_MAX])
{
	uint64_t end_ms = loop_now_ms() + TAKEOVER_WAIT_MS;
	int holder;

	holder = ask(pin_folder);
	if (holder < 0) {
		snprintf(error, INSTANCE_ERROR_MAX,
			 "--takeover: the running sluiced cannot be asked to leave: %s; stop it "
			 "with SIGTERM",
			 strerror(-holder));
		return holder;
	}
	log_info("instance: asked the running sluiced to leave");
	while (!try_lock(folder)) {
		struct pollfd end = { .fd = holder, .events = POLLIN };

		if (loop_now_ms() >= end_ms) {
			snprintf(error, INSTANCE_ERROR_MAX,
				 "--takeover: the running sluiced has not left after %d s",
				 TAKEOVER_WAIT_MS / 1000);
			close(holder);
			return -ETIMEDOUT;
		}
		if (poll(&end, 1, LOCK_RETRY_MS) > 0)
			poll(NULL, 0, LOCK_RETRY_MS); /* it has closed the one, not yet the other */
	}
	close(holder);
	return 0;
}

int instance_lock(const char *bpffs, const char *pin_folder, bool takeover, struct instance **out,
		  char error[INSTANCE_ERROR_MAX])
{
	struct instance *instance = calloc(1, sizeof(*instance));
	int err = -ENOMEM;

	snprintf(error, INSTANCE_ERROR_MAX, "out of memory");
	if (!instance)
		return err;
	instance->lock = instance->listener = -1;
	for (size_t i = 0; i < ASKERS_MAX; i++)
		instance->askers[i] = (struct asker){ .instance = instance, .fd = -1 };
	instance->pin_folder = strdup(pin_folder);
	if (!instance->pin_folder)
		goto out;
	err = instance->lock = open_folder(bpffs, error);
	if (err < 0)
		goto out;
	err = 0;
	if (!try_lock_patiently(instance->lock)) {
		if (takeover) {
			err = take_over(pin_folder, instance->lock, error);
		} else {
			refuse(bpffs, pin_folder, error);
			err = -EBUSY;
		}
	}
	if (err)
		goto out;
	*out = instance;
	instance = NULL;
out:
	instance_free(instance);
	return err;
}

static void hang_up(struct asker *asker)
{
	loop_watch_remove(asker->watch);
	asker->watch = NULL;
	if (asker->fd >= 0)
		close(asker->fd);
	asker->fd = -1;
}

/* Is the descriptor that came with the word one of the folder that we have locked? */
static bool is_proof(const struct instance *instance, const struct msghdr *header)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(header);
	struct stat ours, theirs;
	bool same;
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return false;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	same = !fstat(fd, &theirs) && !fstat(instance->lock, &ours) &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
	close(fd);
	return same;
}

/* The word, or the end of one that only wanted to know our pid. */
static void asker_ready(void *ctx, int fd, uint32_t events)
{
	struct asker *asker = ctx;
	struct instance *instance = asker->instance;
	char word = 0;
	struct iovec iov = { .iov_base = &word, .iov_len = sizeof(word) };
	union word_ancillary ancillary = {};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.room,
		.msg_controllen = sizeof(ancillary.room),
	};

	(void)events;
	if (recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1 || word != TAKEOVER_WORD) {
		hang_up(asker);
	} else if (!is_proof(instance, &header)) {
		log_warn("instance: process %d asks to take over but does not have our BPF file "
			 "system; refused",
			 asker->pid);
		hang_up(asker);
	} else {
		loop_watch_remove(asker->watch); /* its descriptor ends with this process */
		asker->watch = NULL;
		log_info("instance: another sluiced takes over; ending, all state stays");
		instance->asked(instance->ctx);
	}
}

static struct asker *free_asker(struct instance *instance)
{
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (instance->askers[i].fd < 0)
			return &instance->askers[i];
	return NULL;
}

static void listener_ready(void *ctx, int fd, uint32_t events)
{
	struct instance *instance = ctx;
	struct asker *asker = free_asker(instance);
	struct ucred peer = {};
	socklen_t length = sizeof(peer);
	int asker_fd;

	(void)events;
	asker_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (asker_fd < 0)
		return;
	if (!asker || getsockopt(asker_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		close(asker_fd);
		return;
	}
	asker->fd = asker_fd;
	asker->pid = peer.pid;
	if (loop_watch_add(instance->loop, asker_fd, EPOLLIN, asker_ready, asker, &asker->watch))
		hang_up(asker);
}

int instance_listen(struct instance *instance, struct loop *loop, void (*asked)(void *ctx),
		    void *ctx)
{
	int err;

	instance->loop = loop;
	instance->asked = asked;
	instance->ctx = ctx;
	err = instance->listener = sockets_listen_named(instance->pin_folder, LEAF);
	if (err >= 0)
		err = loop_watch_add(loop, instance->listener, EPOLLIN, listener_ready, instance,
				     &instance->listener_watch);
	if (err < 0)
		log_warn("instance: listen for --takeover: %s; only SIGTERM will end this one",
			 strerror(-err));
	return err;
}

void instance_free(struct instance *instance)
{
	if (!instance)
		return;
	loop_watch_remove(instance->listener_watch);
	if (instance->listener >= 0)
		close(instance->listener);
	if (instance->lock >= 0)
		close(instance->lock);
	for (size_t i = 0; i < ASKERS_MAX; i++)
		hang_up(&instance->askers[i]);
	free(instance->pin_folder);
	free(instance);
}
