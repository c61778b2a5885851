// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/tls_profile.h"

#include <stdlib.h>

#include "proxy/tls/tls_profile_priv.h"

void tls_authority_put(struct tls_authority *authority)
{
	if (!authority || --authority->refs)
		return;
	SSL_CTX_free(authority->ctx);
	free(authority->pem);
	free(authority);
}

struct tls_profile *tls_profile_get(struct tls_profile *profile)
{
	profile->refs++;
	return profile;
}

void tls_profile_put(struct tls_profile *profile)
{
	if (!profile || --profile->refs)
		return;
	tls_authority_put(profile->authority);
	for (unsigned int i = 0; i < profile->names_count; i++)
		free(profile->names[i]);
	free(profile->service);
	free(profile);
}
