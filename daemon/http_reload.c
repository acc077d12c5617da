/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other settings of the HTTP endpoint while the daemon runs. */
#include <string.h>

#include "http_reload.h"
#include "supervisor.h"

/* X(member): what a reload takes over; a collector is told it when it begins. */
#define HTTP_SETTINGS(X)    \
	X(listen)           \
	X(listen_tls_cert)  \
	X(listen_tls_key)   \
	X(listen_auth_file) \
	X(top_countries)    \
	X(top_asns)         \
	X(top_groups)       \
	X(top_addresses)

static bool listen_moves(const struct supervisor *supervisor, const struct config *fresh)
{
	/* the service manager's socket is the one, whatever `listen` says */
	return strcmp(supervisor->config.listen, fresh->listen) && !supervisor->http.activated;
}

int http_reload_prepare(const struct supervisor *supervisor, const struct config *fresh,
			struct http_reload *ret_reload, struct ipacct_problem *ret_problem)
{
	struct http_reload reload = { .fresh = fresh, .listener.fd = -1 };
	int ret = http_secrets_read(fresh, &reload.secrets, ret_problem);

	if (!ret && listen_moves(supervisor, fresh))
		ret = http_listen_open(fresh, supervisor->place.gid, 0, &reload.listener,
				       ret_problem);
	if (ret)
		http_reload_drop(&reload);
	else
		*ret_reload = reload;
	return ret;
}

void http_reload_drop(struct http_reload *reload)
{
	http_listen_close(reload->fresh, &reload->listener);
	http_secrets_finish(&reload->secrets);
}

bool http_reload_commit(struct supervisor *supervisor, struct http_reload *reload)
{
	struct config *config = &supervisor->config;
	bool differ = !http_secrets_equal(&supervisor->secrets, &reload->secrets);

	if (listen_moves(supervisor, reload->fresh)) {
		http_listen_close(config, &supervisor->http);
		supervisor->http = reload->listener;
	}
	http_secrets_finish(&supervisor->secrets);
	supervisor->secrets = reload->secrets;
#define TAKE(member)                                                                            \
	differ |= memcmp(&config->member, &reload->fresh->member, sizeof(config->member)) != 0; \
	memcpy(&config->member, &reload->fresh->member, sizeof(config->member));
	HTTP_SETTINGS(TAKE)
#undef TAKE
	return differ;
}
