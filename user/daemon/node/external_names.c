// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/external_names.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strmap.h"

#define TICK_MS       1000u
#define ADDRESSES_MAX 64u /* of one name */

/* One question and its answer; on one of the two lists of struct desk, or in the thread's hands. */
struct lookup {
	struct lookup *next;
	char *host; /* owned */
	struct inet_addr addresses[ADDRESSES_MAX];
	size_t count;
	int error; /* EAI_* */
};

/* What loop and thread share. It ends with the last of the two: a lookup cannot be cut short. */
struct desk {
	pthread_mutex_t lock;
	pthread_cond_t asked;
	struct lookup *questions, *answers; /* owned */
	int event_fd;                       /* owned; signals that there are answers */
	unsigned int users;
	bool stop;
};

struct name {
	struct inet_addr *addresses; /* owned; ascending */
	size_t count;
	uint64_t next_ms; /* when to ask again */
	bool asked;       /* the answer is awaited */
	bool wanted;
	bool told; /* that it is not found */
};

struct external_names {
	struct external_names_options options;
	struct desk *desk;   /* one use of it */
	struct strmap names; /* host -> struct name *, owned */
	struct loop_watch *watch;
	struct loop_timer *tick;
};

/* ---- the thread ------------------------------------------------------------------------------ */

static void free_lookups(struct lookup *lookup)
{
	while (lookup) {
		struct lookup *next = lookup->next;

		free(lookup->host);
		free(lookup);
		lookup = next;
	}
}

/* Takes the lock with it. */
static void desk_leave(struct desk *desk)
{
	bool last = --desk->users == 0;

	pthread_mutex_unlock(&desk->lock);
	if (!last)
		return;
	free_lookups(desk->questions);
	free_lookups(desk->answers);
	close(desk->event_fd);
	pthread_cond_destroy(&desk->asked);
	pthread_mutex_destroy(&desk->lock);
	free(desk);
}

static int compare(const void *a, const void *b)
{
	return inet_addr_compare(a, b);
}

static void look_up(struct lookup *lookup)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	size_t kept = 0;

	lookup->error = getaddrinfo(lookup->host, NULL, &hints, &found);
	if (lookup->error)
		return;
	for (struct addrinfo *at = found; at && lookup->count < ADDRESSES_MAX; at = at->ai_next) {
		uint16_t port_be;

		if (inet_addr_from_sockaddr(at->ai_addr, &lookup->addresses[lookup->count],
					    &port_be) == 0)
			lookup->count++;
	}
	freeaddrinfo(found);
	if (lookup->count)
		qsort(lookup->addresses, lookup->count, sizeof(lookup->addresses[0]), compare);
	for (size_t i = 0; i < lookup->count; i++)
		if (!kept || inet_addr_compare(&lookup->addresses[kept - 1], &lookup->addresses[i]))
			lookup->addresses[kept++] = lookup->addresses[i];
	lookup->count = kept;
}

static void *run(void *arg)
{
	struct desk *desk = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&desk->lock);
	while (!desk->stop) {
		struct lookup *lookup = desk->questions;

		if (!lookup) {
			pthread_cond_wait(&desk->asked, &desk->lock);
			continue;
		}
		desk->questions = lookup->next;
		pthread_mutex_unlock(&desk->lock);
		look_up(lookup);
		pthread_mutex_lock(&desk->lock);
		lookup->next = desk->answers;
		desk->answers = lookup;
		if (write(desk->event_fd, &one, sizeof(one)) < 0)
			continue; /* it is full of earlier signals, which wake the loop too */
	}
	desk_leave(desk);
	return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct desk *desk)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	err = -pthread_create(&thread, &attributes, run, desk);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static int desk_new(struct desk **out)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	int err;

	if (!desk)
		return -ENOMEM;
	pthread_mutex_init(&desk->lock, NULL);
	pthread_cond_init(&desk->asked, NULL);
	desk->users = 2;
	desk->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = desk->event_fd < 0 ? -errno : start_thread(desk);
	if (err) {
		pthread_mutex_lock(&desk->lock);
		desk->users = 1;
		desk_leave(desk);
		return err;
	}
	*out = desk;
	return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void ask(struct external_names *names, const char *host, struct name *name)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	struct desk *desk = names->desk;

	if (lookup)
		lookup->host = strdup(host);
	if (!lookup || !lookup->host) {
		free(lookup);
		return; /* asked again at the next tick */
	}
	name->asked = true;
	pthread_mutex_lock(&desk->lock);
	lookup->next = desk->questions;
	desk->questions = lookup;
	pthread_cond_signal(&desk->asked);
	pthread_mutex_unlock(&desk->lock);
}

static void tell(struct external_names *names, const char *host, const struct name *name)
{
	int err = table_set_external(names->options.table, host, name->addresses, name->count);

	if (err)
		log_error("external names: %s: %s", host, strerror(-err));
	else
		names->options.changed(names->options.ctx);
}

static void take_answer(struct external_names *names, const struct lookup *lookup)
{
	struct name *name = strmap_get(&names->names, lookup->host);
	struct inet_addr *copy;
	bool same;

	if (!name) /* not wanted any more */
		return;
	name->asked = false;
	name->next_ms =
		loop_now_ms() + (lookup->count ? EXTERNAL_NAMES_AGAIN_MS : EXTERNAL_NAMES_RETRY_MS);
	if (!lookup->count && !name->told)
		log_warn("external names: %s: %s; %s", lookup->host,
			 lookup->error ? gai_strerror(lookup->error) : "no address",
			 name->count ? "the addresses known before stay" : "503 is answered");
	name->told = !lookup->count;
	same = lookup->count == name->count &&
	       (!lookup->count || memcmp(lookup->addresses, name->addresses,
					 lookup->count * sizeof(lookup->addresses[0])) == 0);
	if (!lookup->count || same)
		return;
	copy = malloc(lookup->count * sizeof(*copy));
	if (!copy)
		return;
	memcpy(copy, lookup->addresses, lookup->count * sizeof(*copy));
	free(name->addresses);
	name->addresses = copy;
	name->count = lookup->count;
	log_info("external names: %s has %zu addresses", lookup->host, name->count);
	tell(names, lookup->host, name);
}

static void on_answers(void *ctx, int fd, uint32_t events)
{
	struct external_names *names = ctx;
	struct desk *desk = names->desk;
	struct lookup *answers;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) < 0 && errno == EAGAIN)
		return;
	pthread_mutex_lock(&desk->lock);
	answers = desk->answers;
	desk->answers = NULL;
	pthread_mutex_unlock(&desk->lock);
	for (const struct lookup *at = answers; at; at = at->next)
		take_answer(names, at);
	free_lookups(answers);
}

static void on_tick(void *ctx)
{
	struct external_names *names = ctx;
	const struct strmap_entry *at;
	uint64_t now_ms = loop_now_ms();
	size_t position = 0;

	while ((at = strmap_next(&names->names, &position))) {
		struct name *name = at->value;

		if (!name->asked && name->next_ms <= now_ms)
			ask(names, at->key, name);
	}
	if (names->names.count)
		loop_timer_arm(names->tick, TICK_MS);
}

static int want(void *ctx, const char *host)
{
	struct external_names *names = ctx;
	struct name *name = strmap_get(&names->names, host);
	int err;

	if (!name) {
		name = calloc(1, sizeof(*name));
		err = name ? strmap_put(&names->names, host, name, NULL) : -ENOMEM;
		if (err) {
			free(name);
			return err;
		}
		ask(names, host, name);
	}
	name->wanted = true;
	return 0;
}

static void drop(struct external_names *names, const struct strmap_entry *entry)
{
	struct name *name = entry->value;

	if (name->count)
		table_set_external(names->options.table, entry->key, NULL, 0);
	free(name->addresses);
	free(name);
	strmap_remove(&names->names, entry->key);
}

void external_names_refresh(struct external_names *names)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int err;

	while ((at = strmap_next(&names->names, &position)))
		((struct name *)at->value)->wanted = false;
	err = table_each_external(names->options.table, names->options.model, want, names);
	if (err) {
		log_error("external names: %s", strerror(-err));
		return;
	}
	position = 0;
	while ((at = strmap_next(&names->names, &position)))
		if (!((struct name *)at->value)->wanted)
			drop(names, at);
	if (names->names.count)
		loop_timer_arm(names->tick, TICK_MS);
}

/* ---- life ------------------------------------------------------------------------------------ */

int external_names_new(const struct external_names_options *options, struct external_names **out)
{
	struct external_names *names = calloc(1, sizeof(*names));
	int err;

	if (!names)
		return -ENOMEM;
	names->options = *options;
	err = desk_new(&names->desk);
	if (!err)
		err = loop_watch_add(options->loop, names->desk->event_fd, EPOLLIN, on_answers,
				     names, &names->watch);
	if (!err)
		err = loop_timer_new(options->loop, on_tick, names, &names->tick);
	if (err) {
		external_names_free(names);
		return err;
	}
	*out = names;
	return 0;
}

void external_names_free(struct external_names *names)
{
	const struct strmap_entry *at;
	size_t position = 0;

	if (!names)
		return;
	loop_watch_remove(names->watch);
	loop_timer_free(names->tick);
	if (names->desk) {
		pthread_mutex_lock(&names->desk->lock);
		names->desk->stop = true;
		pthread_cond_signal(&names->desk->asked);
		desk_leave(names->desk);
	}
	while ((at = strmap_next(&names->names, &position))) {
		free(((struct name *)at->value)->addresses);
		free(at->value);
	}
	strmap_clear(&names->names);
	free(names);
}
