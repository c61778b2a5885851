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
#include "daemon/workers/sockets.h"

#define LEAF             "daemon"
#define TAKEOVER_WORD    't'
#define TAKEOVER_WAIT_MS 10000
#define LOCK_RETRY_MS    5

struct instance {
	char *pin_folder;  /* owned */
	int lock;          /* owned; the folder, locked */
	int listener;      /* owned */
	int asker;         /* owned; closed by our end: tells that the lock is free */
	struct loop *loop; /* borrowed */
	struct loop_watch *listener_watch, *asker_watch;
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
			 "--bpffs '%s' is no BPF file system; mount one: mount -t bpf bpf %s",
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

/* Asks the holder to leave. Return: a descriptor that ends with it; -errno. */
static int ask(const char *pin_folder)
{
	const char word = TAKEOVER_WORD;
	pid_t pid;
	int fd;

	fd = dial(pin_folder, &pid);
	if (fd < 0)
		return fd;
	if (send(fd, &word, sizeof(word), MSG_NOSIGNAL) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* Who holds the lock, as far as it can be told. */
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
		 "its own, or --takeover to go on in its place",
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
	instance->lock = instance->listener = instance->asker = -1;
	instance->pin_folder = strdup(pin_folder);
	if (!instance->pin_folder)
		goto out;
	err = instance->lock = open_folder(bpffs, error);
	if (err < 0)
		goto out;
	err = 0;
	if (!try_lock(instance->lock)) {
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

static void hang_up(struct instance *instance)
{
	loop_watch_remove(instance->asker_watch);
	instance->asker_watch = NULL;
	if (instance->asker >= 0)
		close(instance->asker);
	instance->asker = -1;
}

/* The word, or the end of one who only wanted to know who we are. */
static void asker_ready(void *ctx, int fd, uint32_t events)
{
	struct instance *instance = ctx;
	char word = 0;

	(void)events;
	if (recv(fd, &word, sizeof(word), MSG_DONTWAIT) == 1 && word == TAKEOVER_WORD) {
		loop_watch_remove(instance->asker_watch);
		instance->asker_watch = NULL;
		log_info("instance: another sluiced takes over; leaving with all in force");
		instance->asked(instance->ctx);
	} else {
		hang_up(instance);
	}
}

static void listener_ready(void *ctx, int fd, uint32_t events)
{
	struct instance *instance = ctx;
	struct ucred peer = {};
	socklen_t length = sizeof(peer);
	int asker;

	(void)events;
	asker = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (asker < 0)
		return;
	if (getsockopt(asker, SOL_SOCKET, SO_PEERCRED, &peer, &length) ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		close(asker);
		return;
	}
	hang_up(instance); /* one at a time: the newest */
	instance->asker = asker;
	if (loop_watch_add(instance->loop, asker, EPOLLIN, asker_ready, instance,
			   &instance->asker_watch))
		hang_up(instance);
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
	hang_up(instance);
	free(instance->pin_folder);
	free(instance);
}
