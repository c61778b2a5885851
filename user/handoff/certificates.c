// SPDX-License-Identifier: Apache-2.0
#include "handoff/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct certificates {
	const uint8_t *map; /* owned: munmap */
	size_t bytes;
	struct certificate *list; /* owned; slices of map */
};

static size_t padded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

static size_t record_bytes(const struct certificate *c)
{
	return padded(sizeof(struct certificates_record) + c->name_bytes + c->chain_bytes +
		      c->key_bytes + c->ocsp_bytes);
}

static void put(uint8_t **at, const void *data, size_t bytes)
{
	if (bytes)
		memcpy(*at, data, bytes);
	*at += bytes;
}

static void fill(uint8_t *at, const struct certificate *list,
		 const struct certificates_header *header,
		 const struct certificates_ticket_key *ticket_keys)
{
	put(&at, header, sizeof(*header));
	put(&at, ticket_keys, header->ticket_keys_count * sizeof(*ticket_keys));
	for (uint32_t i = 0; i < header->count; i++) {
		const struct certificate *c = &list[i];
		struct certificates_record record = {
			.name_bytes = (uint32_t)c->name_bytes,
			.chain_bytes = (uint32_t)c->chain_bytes,
			.key_bytes = (uint32_t)c->key_bytes,
			.ocsp_bytes = (uint32_t)c->ocsp_bytes,
		};
		uint8_t *next = at + record_bytes(c);

		put(&at, &record, sizeof(record));
		put(&at, c->name, c->name_bytes);
		put(&at, c->chain, c->chain_bytes);
		put(&at, c->key, c->key_bytes);
		put(&at, c->ocsp, c->ocsp_bytes);
		at = next;
	}
}

int certificates_write(const struct certificate *list, uint32_t count, uint32_t default_index,
		       const struct certificates_ticket_key *ticket_keys,
		       uint32_t ticket_keys_count, int *fd_out, size_t *bytes_out)
{
	struct certificates_header header = {
		.magic = CERTIFICATES_MAGIC,
		.count = count,
		.ticket_keys_count = ticket_keys_count,
		.default_index = default_index,
	};
	size_t bytes = sizeof(header) + ticket_keys_count * sizeof(*ticket_keys);
	uint8_t *map;
	int err = 0;
	int fd;

	if (ticket_keys_count > CERTIFICATES_TICKET_KEYS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++) {
		if (!list[i].name_bytes || !list[i].chain_bytes)
			return -EINVAL;
		if (list[i].name_bytes > CERTIFICATES_NAME_MAX ||
		    list[i].chain_bytes > CERTIFICATES_BYTES_MAX ||
		    list[i].key_bytes > CERTIFICATES_BYTES_MAX ||
		    list[i].ocsp_bytes > CERTIFICATES_BYTES_MAX)
			return -E2BIG;
		bytes += record_bytes(&list[i]);
		if (bytes > CERTIFICATES_BYTES_MAX)
			return -E2BIG;
	}
	fd = memfd_create("sluice-certificates", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes)) {
		err = -errno;
		goto out;
	}
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		goto out;
	}
	fill(map, list, &header, ticket_keys);
	munmap(map, bytes); /* before sealing: a writable mapping forbids F_SEAL_WRITE */
	if (fcntl(fd, F_ADD_SEALS, SEALS)) {
		err = -errno;
		goto out;
	}
	*fd_out = fd;
	*bytes_out = bytes;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	return err;
}

/* Slices all records. Return: 0; -EINVAL if one does not fit into what is mapped. */
static int slice(struct certificates *set)
{
	const struct certificates_header *header = certificates_head(set);
	size_t at = sizeof(*header) +
		    header->ticket_keys_count * sizeof(struct certificates_ticket_key);

	for (uint32_t i = 0; i < header->count; i++) {
		struct certificate *c = &set->list[i];
		struct certificates_record record;

		if (at > set->bytes || set->bytes - at < sizeof(record))
			return -EINVAL;
		memcpy(&record, set->map + at, sizeof(record));
		c->name_bytes = record.name_bytes;
		c->chain_bytes = record.chain_bytes;
		c->key_bytes = record.key_bytes;
		c->ocsp_bytes = record.ocsp_bytes;
		if (!c->name_bytes || c->name_bytes > CERTIFICATES_NAME_MAX ||
		    record_bytes(c) > set->bytes - at)
			return -EINVAL;
		c->name = (const char *)set->map + at + sizeof(record);
		c->chain = c->name + c->name_bytes;
		c->key = c->chain + c->chain_bytes;
		c->ocsp = c->key + c->key_bytes;
		at += record_bytes(c);
	}
	return 0;
}

int certificates_open(int fd, size_t bytes, struct certificates **out)
{
	const struct certificates_header *header;
	struct certificates *set = NULL;
	struct stat st;
	void *map;
	int err = -EINVAL;

	if (bytes < sizeof(*header) || bytes > CERTIFICATES_BYTES_MAX)
		return -EINVAL;
	if (fstat(fd, &st))
		return -errno;
	if ((size_t)st.st_size != bytes || (fcntl(fd, F_GET_SEALS) & SEALS) != SEALS)
		return -EINVAL;
	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	header = map;
	if (header->magic != CERTIFICATES_MAGIC ||
	    header->ticket_keys_count > CERTIFICATES_TICKET_KEYS_MAX ||
	    header->count > bytes / sizeof(struct certificates_record))
		goto out;
	set = calloc(1, sizeof(*set));
	if (!set) {
		err = -ENOMEM;
		goto out;
	}
	set->map = map;
	set->bytes = bytes;
	map = NULL; /* ownership moved to the set */
	set->list = calloc(header->count + 1, sizeof(*set->list));
	err = set->list ? slice(set) : -ENOMEM;
	if (err)
		goto out;
	*out = set;
	set = NULL;
out:
	certificates_close(set);
	if (map)
		munmap(map, bytes);
	return err;
}

void certificates_close(struct certificates *set)
{
	if (!set)
		return;
	munmap((void *)(uintptr_t)set->map, set->bytes);
	free(set->list);
	free(set);
}

const struct certificates_header *certificates_head(const struct certificates *set)
{
	return (const struct certificates_header *)set->map;
}

const struct certificates_ticket_key *certificates_ticket_keys(const struct certificates *set)
{
	return (const struct certificates_ticket_key *)(set->map +
							sizeof(struct certificates_header));
}

struct certificate certificates_get(const struct certificates *set, uint32_t index)
{
	return set->list[index];
}
