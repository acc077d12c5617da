/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificate, key and users of the HTTP endpoint. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http_secrets.h"
#include "http_server.h"
#include "log.h"
#include "maps.h"

static int problem_file(struct ipacct_problem *ret_problem, const char *path, const char *what)
{
	ipacct_problem_set(ret_problem, "%.128s: %.100s", path, what);
	return -EINVAL;
}

/* path: "" means that there is none, and *ret_text stays NULL. */
static int file_read(const char *path, char **ret_text, struct ipacct_problem *ret_problem)
{
	/* a fifo must not block a reload for ever */
	int fd __cleanup(cleanup_fd) = -1;
	char *text __cleanup(cleanup_free) = NULL;
	size_t used = 0;
	struct stat st;
	ssize_t n;

	if (!path[0])
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return problem_file(ret_problem, path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > SECRET_BYTES_MAX)
		return problem_file(ret_problem, path, "not a regular file of at most 64 KiB");
	text = calloc(1, SECRET_BYTES_MAX + 2);
	if (!text)
		return -ENOMEM;
	while (used <= SECRET_BYTES_MAX &&
	       (n = read(fd, text + used, SECRET_BYTES_MAX + 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return problem_file(ret_problem, path, strerror(errno));
	if (used > SECRET_BYTES_MAX || strlen(text) != used)
		return problem_file(ret_problem, path, "not a text of at most 64 KiB");
	if (st.st_mode & 07)
		log_warning("%s: everybody on this machine may read it (chmod o= %s)", path, path);
	*ret_text = take_ptr(text);
	return 0;
}

static int users_read(const char *path, struct http_auth **ret_auth,
		      struct ipacct_problem *ret_problem)
{
	char *text __cleanup(cleanup_free) = NULL;
	struct ipacct_problem why = { "" };
	int ret = file_read(path, &text, ret_problem);

	if (ret || !text)
		return ret;
	*ret_auth = calloc(1, sizeof(**ret_auth));
	if (!*ret_auth)
		return -ENOMEM;
	ret = auth_parse(text, *ret_auth, &why);
	return ret ? problem_file(ret_problem, path, why.text) : 0;
}

int http_secrets_read(const struct config *config, struct http_secrets *ret_secrets,
		      struct ipacct_problem *ret_problem)
{
	struct http_secrets secrets = { .cert = NULL };
	int ret = 0;

	if (!config->listen_tls_cert[0] != !config->listen_tls_key[0]) {
		ipacct_problem_set(ret_problem, "listen_tls_cert and listen_tls_key go together");
		return -EINVAL;
	}
	ret = file_read(config->listen_tls_cert, &secrets.cert, ret_problem);
	if (!ret)
		ret = file_read(config->listen_tls_key, &secrets.key, ret_problem);
	if (!ret && secrets.cert)
		ret = http_tls_check(secrets.cert, secrets.key, ret_problem);
	if (!ret)
		ret = users_read(config->listen_auth_file, &secrets.auth, ret_problem);
	if (ret) {
		http_secrets_finish(&secrets);
		return ret;
	}
	*ret_secrets = secrets;
	return 0;
}

static void text_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void http_secrets_finish(struct http_secrets *secrets)
{
	text_free(secrets->cert);
	text_free(secrets->key);
	free(secrets->auth);
	memset(secrets, 0, sizeof(*secrets));
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool http_secrets_equal(const struct http_secrets *a, const struct http_secrets *b)
{
	bool auth = a->auth && b->auth ? a->auth->n_users == b->auth->n_users &&
						 !memcmp(a->auth->users, b->auth->users,
							 sizeof(a->auth->users))
				       : a->auth == b->auth;

	return auth && text_equal(a->cert, b->cert) && text_equal(a->key, b->key);
}
