/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_random.h - random changes of a small model, in which names often meet
 */
#ifndef SELFTESTS_TABLE_RANDOM_H
#define SELFTESTS_TABLE_RANDOM_H

#include "unit/lib/table_fixture.h"

static inline int random_pick(int n)
{
	return (int)(random() % n);
}

static inline const char *random_one_of(const char *const *list, int n)
{
	return list[random_pick(n)];
}

#define RANDOM_OF(list) random_one_of(list, (int)(sizeof(list) / sizeof((list)[0])))

static inline void random_ingress(struct fixture *f)
{
	static const char *const hosts[] = { "a.com", "b.com", "*.a.com", "x.a.com", "", "b_d" };
	static const char *const paths[] = { "/",      "/a",   "/a/", "/a/b", "/b",
					     "/b/c/d", "/%7e", "//",  "/r.*", "" };
	static const char *const types[] = { "prefix", "exact", "impl" };
	static const char *const notes[] = {
		"sluice.dev/use-regex=true",        "sluice.dev/ssl-redirect=false",
		"sluice.dev/proxy-body-size=8m",    "sluice.dev/backend-protocol=gopher",
		"sluice.dev/backend-ca=crt1",       "sluice.dev/tls-passthrough=true",
		"kubernetes.io/ingress.class=other"
	};
	static const char *const classes[] = { "sluice", "sluice", "sluice", "other", "-" };
	char text[2048], key[32];
	int n = 0;

	snprintf(key, sizeof(key), "ns%d/i%d", random_pick(2), random_pick(6));
	for (int i = random_pick(3); i >= 0 && random_pick(8); i--) {
		const char *host = RANDOM_OF(hosts);

		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %s;",
			      random_pick(6) || !host[0] ? "host" : "nohttp", host);
		for (int j = random_pick(4); j >= 0; j--) {
			const char *path = RANDOM_OF(paths);
			const char *type = path[0] ? RANDOM_OF(types) : "impl";

			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %s s%d:%s;", type,
				      path[0] ? path : "-", random_pick(6),
				      random_pick(3) ? "80" : "http");
		}
	}
	if (!random_pick(3))
		n += snprintf(text + n, sizeof(text) - (size_t)n, "default s%d:80;",
			      random_pick(6));
	if (!random_pick(3))
		n += snprintf(text + n, sizeof(text) - (size_t)n, "tls crt%d %s;", random_pick(3),
			      random_pick(2) ? "a.com,*.a.com" : "");
	if (!random_pick(2))
		n += snprintf(text + n, sizeof(text) - (size_t)n, "note %s;", RANDOM_OF(notes));
	n += snprintf(text + n, sizeof(text) - (size_t)n, "class %s", RANDOM_OF(classes));
	fixture_ingress(f, key, random_pick(4) ? 1000 + random_pick(5) : 0, text);
}

static inline void random_service(struct fixture *f)
{
	static const char *const lines[] = {
		"port 80",
		"port http 80",
		"port http 8080; port https 80; udp dns 80",
		"port 80; lb 192.0.2.1",
		"port 80; udp u 53; lb 192.0.2.1; external 192.0.2.2; local",
		"port 80; lb 2001:db8::1; external 192.0.2.2",
		"port 80; lb 192.0.2.3; dual",
		"port 80; lb 192.0.2.3; ranges 10.0.0.0/8",
		"port 8080; lb 192.0.2.9",
		"port 80; type ExternalName example.com",
		"port 80; notready; note sluice.dev/load-balance=least-requests",
		"port 80; note sluice.dev/backend-ca=ca1; lb",
		"port 80; app 80 kubernetes.io/h2c",
	};
	char key[32];

	snprintf(key, sizeof(key), "ns%d/s%d", random_pick(2), random_pick(6));
	fixture_service(f, key, random_pick(3) ? 1000 + random_pick(3) : 0, RANDOM_OF(lines));
}

static inline void random_slice(struct fixture *f)
{
	static const char *const states[] = { "up", "up", "up", "down", "term", "on n1", "on n2" };
	static const char *const ports[] = { "port 8080", "port http 8080", "port 8081; udp u 53",
					     "port http 8082; port https 8443" };
	char key[32], text[1024];
	int n;
	bool v6 = random_pick(4) == 0;

	snprintf(key, sizeof(key), "ns%d/e%d", random_pick(2), random_pick(10));
	n = snprintf(text, sizeof(text), "of s%d; %s", random_pick(6), RANDOM_OF(ports));
	for (int i = random_pick(5); i > 0; i--)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      v6 ? "; %s fd00::%d" : "; %s 10.0.0.%d", RANDOM_OF(states),
			      1 + random_pick(8));
	fixture_slice(f, key, text);
}

static inline void random_node(struct fixture *f)
{
	char json[512];

	snprintf(
		json, sizeof(json),
		"{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n%d\"},"
		"\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"192.0.2.%d\"}]}}",
		1 + random_pick(2), 1 + random_pick(4));
	fixture_put_json(f, json);
}

static inline void random_secret(struct fixture *f)
{
	char key[32];

	snprintf(key, sizeof(key), "ns%d/%s%d", random_pick(2), random_pick(3) ? "crt" : "ca",
		 random_pick(3));
	if (random_pick(3))
		fixture_certificate(f, key);
	else
		fixture_secret(f, key, "Opaque", "\"ca.crt\":\"" FIXTURE_CRT "\"");
}

/* Deletes one object of a random kind, if there is one. */
static inline void random_delete(struct fixture *f)
{
	enum object_kind kind = (enum object_kind)random_pick(OBJECT_KINDS);
	const struct strmap *map = &f->model.objects[kind];
	const struct strmap_entry *at = NULL;
	int n = map->count ? random_pick((int)map->count) : -1;
	size_t position = 0;
	char namespace[64], name[64];

	for (; n >= 0; n--)
		at = strmap_next(map, &position);
	if (!at)
		return;
	snprintf(namespace, sizeof(namespace), "%s", ((struct object *)at->value)->namespace);
	snprintf(name, sizeof(name), "%s", ((struct object *)at->value)->name);
	assert_int_equal(model_delete(&f->model, kind, namespace, name), 0);
}

static inline void random_change(struct fixture *f)
{
	switch (random_pick(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		random_ingress(f);
		break;
	case 4:
	case 5:
	case 6:
		random_service(f);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		random_slice(f);
		break;
	case 11:
		random_secret(f);
		break;
	case 12:
		fixture_class(f, random_pick(2) ? "sluice" : "other",
			      random_pick(2) ? "sluice.dev/ingress" : "example.com/other");
		break;
	case 13:
		random_node(f);
		break;
	default:
		random_delete(f);
	}
}

#endif /* SELFTESTS_TABLE_RANDOM_H */
