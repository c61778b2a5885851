// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot_write.c - puts the blocks of all hosts into one sealed memfd
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/table_priv.h"

struct image {
	const struct table *table;
	char *base;     /* owned */
	uint32_t bytes; /* of the whole */
	uint32_t next;  /* where the next block goes */
	uint32_t regexes_written;
};

static struct snapshot_header *header_of(struct image *image)
{
	return (struct snapshot_header *)(void *)image->base;
}

static size_t count_listeners(const struct table *table)
{
	size_t count = 0;

	for (size_t i = 0; i < table->listeners_count; i++)
		if (table->listeners[i])
			count += table->listeners[i]->addresses_count
					 ? table->listeners[i]->addresses_count
					 : 1;
	return count;
}

static int listener_compare(const void *left, const void *right)
{
	const struct snapshot_listener *a = left, *b = right;
	int order = inet_addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->port - (int)b->port;
}

/* That of all Ingresses first, the others in order. */
static void put_listeners(struct image *image)
{
	const struct table *table = image->table;
	struct snapshot_listener *out = (void *)(image->base + header_of(image)->listeners);
	struct snapshot_listener *first = out;

	for (size_t i = 0; i < table->listeners_count; i++) {
		const struct listener *listener = table->listeners[i];
		size_t count = listener && listener->addresses_count ? listener->addresses_count
								     : listener != NULL;

		for (size_t j = 0; j < count; j++) {
			*out = (struct snapshot_listener){
				.port = listener->port,
				.flags = listener->suffix ? SNAPSHOT_LISTENER_F_SUFFIX : 0,
				.number = listener->number,
			};
			if (listener->addresses_count)
				out->addr = listener->addresses[j];
			out++;
		}
	}
	qsort(first + 1, (size_t)(out - first) - 1, sizeof(*first), listener_compare);
}

/* What all blocks together need. Return: 0; -E2BIG. */
static int measure(const struct table *table, struct snapshot_header *header, uint64_t *bytes)
{
	const struct strmap_entry *at;
	uint64_t blocks_bytes = 0;
	size_t position = 0;

	header->slots_count = 2;
	while ((at = strmap_next(&table->hosts, &position))) {
		const struct host_entry *host = at->value;
		const struct snapshot_host *block = host->block;

		if (!block)
			continue;
		blocks_bytes += block->bytes;
		header->regexes_count += block->regexes_count;
		header->hosts_count++;
	}
	while (header->slots_count < header->hosts_count * 2u)
		header->slots_count *= 2;
	header->listeners = sizeof(*header);
	header->listeners_count = (uint32_t)count_listeners(table);
	header->slots = header->listeners +
			header->listeners_count * (uint32_t)sizeof(struct snapshot_listener);
	header->regexes =
		header->slots + header->slots_count * (uint32_t)sizeof(struct snapshot_slot);
	*bytes = header->regexes + (uint64_t)header->regexes_count * sizeof(uint32_t);
	*bytes = (*bytes + SNAPSHOT_ALIGN - 1) / SNAPSHOT_ALIGN * SNAPSHOT_ALIGN;
	*bytes +=
		blocks_bytes + SNAPSHOT_ALIGN; /* the last bytes are the NUL that ends all texts */
	return *bytes > INT32_MAX ? -E2BIG : 0;
}

static void move_text(uint32_t *offset, uint32_t by)
{
	if (*offset)
		*offset += by;
}

#define MOVE_HERE(type, field)
#define MOVE_ROUTE(type, field) MOVE_##type(field)
#define MOVE_NUMBER(field)
#define MOVE_SIZE(field)
#define MOVE_TEXT(field) move_text(&route->field, by);

static void move_policy(struct route *route, uint32_t by)
{
#define X(id, type, field, place, ...) MOVE_##place(type, field)
	POLICY_LIST(X)
#undef X
}

/* Texts count from the start of the snapshot, see snapshot_format.h. */
static void move_texts(struct image *image, struct snapshot_host *host, uint32_t by)
{
	struct route *routes = (void *)((char *)host + host->routes);
	struct rule *rules = (void *)((char *)host + host->rules);

	for (uint32_t i = 0; i < host->routes_count; i++) {
		move_text(&routes[i].upstream_name, by);
		move_text(&routes[i].ingress_name, by);
		move_text(&routes[i].balance_key, by);
		move_text(&routes[i].ca_name, by);
		move_text(&routes[i].redirect_host, by);
		move_text(&routes[i].sources, by);
		move_text(&routes[i].denied, by);
		move_policy(&routes[i], by);
		header_of(image)->checks_count += routes[i].check_path != 0;
	}
	for (uint32_t i = 0; i < host->rules_count; i++)
		move_text(&rules[i].path, by);
	move_text(&host->tls.secret_name, by);
	move_text(&host->tls.upstream_name, by);
}

static void put_regexes(struct image *image, struct snapshot_host *host, uint32_t offset)
{
	uint32_t *texts = (void *)(image->base + header_of(image)->regexes);
	const uint32_t *own = (const void *)((const char *)host + host->regexes);

	host->regex_first = image->regexes_written;
	for (uint32_t i = 0; i < host->regexes_count; i++)
		texts[image->regexes_written++] = offset + own[i];
}

static void put_slot(struct image *image, const struct snapshot_host *host, uint32_t offset)
{
	const char *name = (const char *)host + host->name;
	struct snapshot_header *header = header_of(image);
	struct snapshot_slot *slots = (void *)(image->base + header->slots);
	uint32_t hash = snapshot_hash_more(
		snapshot_hash_listener(header->hash_seed, host->listener), name, host->name_bytes);
	uint32_t i;

	hash = snapshot_hash_end(hash);
	i = hash & (header->slots_count - 1);

	while (slots[i].host)
		i = (i + 1) & (header->slots_count - 1);
	slots[i] = (struct snapshot_slot){ .hash = hash, .host = offset };
}

/* The hosts that have no name: all addresses of their listener lead to them. */
static void put_special(struct image *image, const struct host_entry *entry, uint32_t offset)
{
	struct snapshot_listener *listeners = (void *)(image->base + header_of(image)->listeners);

	for (uint32_t i = 0; i < header_of(image)->listeners_count; i++) {
		if (listeners[i].number != entry->listener->number)
			continue;
		if (entry->name[0])
			listeners[i].default_host = offset;
		else
			listeners[i].any_host = offset;
	}
}

static void put_host(struct image *image, const struct host_entry *entry)
{
	uint32_t offset = image->next;
	struct snapshot_host *host = (void *)(image->base + offset);
	const struct snapshot_host *block = entry->block;

	memcpy(host, block, block->bytes);
	image->next += block->bytes;
	move_texts(image, host, offset);
	put_regexes(image, host, offset);
	if (strcmp(entry->name, DEFAULT_HOST) == 0 || !entry->name[0])
		put_special(image, entry, offset);
	else
		put_slot(image, host, offset);
}

static int build(struct image *image)
{
	const struct table *table = image->table;
	struct snapshot_header header = {
		.magic = SNAPSHOT_MAGIC,
		.version = SNAPSHOT_VERSION,
		.generation = table->generation,
		.hash_seed = table->hash_seed,
	};
	const struct strmap_entry *at;
	size_t position = 0;
	uint64_t bytes;
	int err = measure(table, &header, &bytes);

	if (err)
		return err;
	image->bytes = header.bytes = (uint32_t)bytes;
	image->base = calloc(1, bytes);
	if (!image->base)
		return -ENOMEM;
	memcpy(image->base, &header, sizeof(header));
	put_listeners(image);
	image->next = header.regexes + header.regexes_count * (uint32_t)sizeof(uint32_t);
	image->next = (image->next + SNAPSHOT_ALIGN - 1) / SNAPSHOT_ALIGN * SNAPSHOT_ALIGN;
	while ((at = strmap_next(&table->hosts, &position))) {
		const struct host_entry *host = at->value;

		if (host->block)
			put_host(image, host);
	}
	return 0;
}

static int write_all(int fd, const char *bytes, size_t count)
{
	while (count) {
		ssize_t n = write(fd, bytes, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		count -= (size_t)n;
	}
	return 0;
}

int table_snapshot(const struct table *table, int *fd_out, size_t *bytes_out)
{
	struct image image = { .table = table };
	int fd = -1;
	int err = build(&image);

	if (err)
		goto out;
	fd = memfd_create("sluice-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	err = write_all(fd, image.base, image.bytes);
	if (!err && fcntl(fd, F_ADD_SEALS, SNAPSHOT_SEALS))
		err = -errno;
	if (err)
		goto out;
	*fd_out = fd;
	*bytes_out = image.bytes;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	free(image.base);
	return err;
}
