// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/occupants.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define LOOK_MS       10000
#define OCCUPANTS_MAX 16
#define ANSWER_BYTES  32768

struct occupant {
	struct inet_addr addr; /* any: all of its family */
	uint16_t port;         /* host order */
	bool also_v4;          /* [::] without IPV6_V6ONLY */
	uint32_t inode, uid;
	char message[512];
};

/* Those of one look. */
struct view {
	struct occupant list[OCCUPANTS_MAX];
	size_t count;
};

struct occupants {
	struct occupants_options options;
	struct loop_timer *timer;
	struct view now;
	int last_err; /* already reported */
};

/* ---- who listens ----------------------------------------------------------------------------- */

static bool is_our_port(const struct occupants *o, uint16_t port)
{
	for (size_t i = 0; i < OCCUPANTS_PORTS_MAX; i++)
		if (port && o->options.ports[i] == port)
			return true;
	return false;
}

/* The first served address that the listener would get connections to; NULL: none. */
static const struct inet_addr *first_taken(const struct occupants *o,
					   const struct occupant *occupant)
{
	const struct inet_addr *served;
	size_t count = o->options.served(o->options.ctx, &served);

	for (size_t i = 0; i < count; i++) {
		bool same_family = inet_addr_is_v4(&served[i]) == inet_addr_is_v4(&occupant->addr);

		if (inet_addr_is_any(&occupant->addr)
			    ? same_family || (occupant->also_v4 && inet_addr_is_v4(&served[i]))
			    : inet_addr_compare(&served[i], &occupant->addr) == 0)
			return &served[i];
	}
	return NULL;
}

static bool is_v6_only(const struct inet_diag_msg *message, size_t bytes)
{
	const struct nlattr *attribute = (const struct nlattr *)(message + 1);
	size_t left = bytes - sizeof(*message);

	while (left >= sizeof(*attribute) && attribute->nla_len >= sizeof(*attribute) &&
	       attribute->nla_len <= left) {
		size_t step = NLA_ALIGN(attribute->nla_len);

		if (attribute->nla_type == INET_DIAG_SKV6ONLY)
			return *((const uint8_t *)(attribute + 1)) != 0;
		if (step >= left)
			break;
		left -= step;
		attribute = (const struct nlattr *)((const char *)attribute + step);
	}
	return false;
}

static void take_listener(struct occupants *o, struct view *view,
			  const struct inet_diag_msg *message, size_t bytes)
{
	struct occupant *occupant = &view->list[view->count];
	uint16_t port = ntohs(message->id.idiag_sport);

	if (view->count == OCCUPANTS_MAX || !is_our_port(o, port))
		return;
	*occupant = (struct occupant){
		.port = port,
		.inode = message->idiag_inode,
		.uid = message->idiag_uid,
	};
	if (message->idiag_family == AF_INET) {
		occupant->addr = inet_addr_from_v4(message->id.idiag_src[0]);
	} else {
		memcpy(occupant->addr.bytes, message->id.idiag_src, sizeof(occupant->addr.bytes));
		occupant->also_v4 = !is_v6_only(message, bytes);
	}
	if (first_taken(o, occupant))
		view->count++;
}

/* Return: 1 at the end of the dump; 0 more is to come; -errno. */
static int take_answer(struct occupants *o, struct view *view, const void *answer, size_t bytes)
{
	size_t left = bytes;

	for (const struct nlmsghdr *head = answer; NLMSG_OK(head, left);
	     head = NLMSG_NEXT(head, left)) {
		if (head->nlmsg_type == NLMSG_DONE)
			return 1;
		if (head->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
		if (NLMSG_PAYLOAD(head, 0) >= sizeof(struct inet_diag_msg))
			take_listener(o, view, NLMSG_DATA(head), NLMSG_PAYLOAD(head, 0));
	}
	return 0;
}

static int read_listeners(struct occupants *o, struct view *view, int netlink, uint8_t family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 ask;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.ask = { .sdiag_family = family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = 1u << TCP_LISTEN },
	};
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	ssize_t got;
	int err = 0;

	if (send(netlink, &request, sizeof(request), 0) < 0)
		return -errno;
	while (!err) {
		got = recv(netlink, answer, sizeof(answer), 0);
		if (got <= 0)
			return got ? -errno : -EPIPE;
		err = take_answer(o, view, answer, (size_t)got);
	}
	return err < 0 ? err : 0;
}

/* ---- which process --------------------------------------------------------------------------- */

static bool holds(const char *fd_folder, const char *wanted)
{
	struct dirent *entry;
	bool found = false;
	char target[64];
	DIR *dir;

	dir = opendir(fd_folder);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (length <= 0)
			continue;
		target[length] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void read_name(const char *pid, char name[32])
{
	char path[320];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd >= 0 ? read(fd, name, 31) : -1;
	if (fd >= 0)
		close(fd);
	name[got > 0 ? got : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

/* Processes of other containers are seen only from the pid namespace of the node. */
static void describe_process(const struct occupant *occupant, char *text, size_t size)
{
	char wanted[64], path[320], name[32];
	struct dirent *entry;
	DIR *proc;

	snprintf(text, size, "a process of user %u that is not visible from here", occupant->uid);
	snprintf(wanted, sizeof(wanted), "socket:[%u]", occupant->inode);
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd", entry->d_name);
		if (!holds(path, wanted))
			continue;
		read_name(entry->d_name, name);
		snprintf(text, size, "%s (pid %.16s)", name, entry->d_name);
		break;
	}
	if (proc)
		closedir(proc);
}

/* ---- a look ---------------------------------------------------------------------------------- */

static void format_listener(const struct occupant *occupant, char *text, size_t size)
{
	char addr[INET_ADDR_TEXT_MAX];

	snprintf(text, size, inet_addr_is_v4(&occupant->addr) ? "%s:%u" : "[%s]:%u",
		 inet_addr_format(&occupant->addr, addr), occupant->port);
}

static void describe(const struct occupants *o, struct occupant *occupant)
{
	char process[96], addr[INET_ADDR_TEXT_MAX];

	describe_process(occupant, process, sizeof(process));
	snprintf(
		occupant->message, sizeof(occupant->message),
		"%s listens there, but Sluice takes new connections to port %u of %s and of all "
		"addresses that it serves; stop it, or name the addresses of Sluice with --address",
		process, occupant->port, inet_addr_format(first_taken(o, occupant), addr));
}

static const struct occupant *find(const struct view *view, const struct occupant *wanted)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->list[i].inode == wanted->inode)
			return &view->list[i];
	return NULL;
}

static void tell_changes(const struct occupants *o, struct view *fresh)
{
	char listener[INET_ADDR_TEXT_MAX + 16];

	for (size_t i = 0; i < fresh->count; i++) {
		const struct occupant *known = find(&o->now, &fresh->list[i]);

		if (known) {
			fresh->list[i] = *known;
			continue;
		}
		describe(o, &fresh->list[i]);
		format_listener(&fresh->list[i], listener, sizeof(listener));
		log_warn("listener %s: %s", listener, fresh->list[i].message);
	}
	for (size_t i = 0; i < o->now.count; i++) {
		if (find(fresh, &o->now.list[i]))
			continue;
		format_listener(&o->now.list[i], listener, sizeof(listener));
		log_info("listener %s: has gone, or Sluice does not serve its address any more",
			 listener);
	}
}

static int look(struct occupants *o)
{
	struct view fresh = {};
	int netlink, err;

	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0)
		return -errno;
	err = read_listeners(o, &fresh, netlink, AF_INET);
	if (!err)
		err = read_listeners(o, &fresh, netlink, AF_INET6);
	close(netlink);
	if (err)
		return err;
	tell_changes(o, &fresh);
	o->now = fresh;
	return 0;
}

static void timer_fired(void *ctx)
{
	struct occupants *o = ctx;
	int err = look(o);

	if (err && err != o->last_err)
		log_warn("listeners: read: %s; servers on the ports of Sluice are not reported",
			 strerror(-err));
	o->last_err = err;
	loop_timer_arm(o->timer, LOOK_MS);
}

int occupants_start(const struct occupants_options *options, struct occupants **out)
{
	struct occupants *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return -ENOMEM;
	o->options = *options;
	err = loop_timer_new(options->loop, timer_fired, o, &o->timer);
	if (err) {
		free(o);
		return err;
	}
	loop_timer_arm(o->timer, 0);
	*out = o;
	return 0;
}

void occupants_stop(struct occupants *o)
{
	if (!o)
		return;
	loop_timer_free(o->timer);
	free(o);
}

void occupants_each(const struct occupants *o,
		    void (*fn)(void *ctx, const char *listener, const char *message), void *ctx)
{
	char listener[INET_ADDR_TEXT_MAX + 16];

	for (size_t i = 0; o && i < o->now.count; i++) {
		format_listener(&o->now.list[i], listener, sizeof(listener));
		fn(ctx, listener, o->now.list[i].message);
	}
}
