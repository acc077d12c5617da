/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole list of protected prefixes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config_check.h"
#include "config_file.h"
#include "config_prefix.h"
#include "config_protect.h"

#define UTF8_BOM "\xef\xbb\xbf" /* RFC 3629 6 */

/* Cut off the comment, the blanks before it and the carriage return of CR LF. */
static void line_trim(char *line)
{
	size_t n = strcspn(line, "#");

	while (n && strchr(" \t\r", line[n - 1]))
		n--;
	line[n] = '\0';
}

/* One line, NUL-terminated. */
static int line_parse(char *line, size_t number, struct config_prefix *prefixes, size_t *n,
		      struct config_error *error)
{
	char why[SETTING_WHY_BYTES];
	size_t at;

	line_trim(line);
	if (!line[strspn(line, " \t")])
		return 0;
	if (*n == CONFIG_PREFIXES_MAX)
		return config_error_at(error, number, 1, "more than %u protected prefixes",
				       CONFIG_PREFIXES_MAX);
	if (config_prefix_parse(line, &prefixes[*n], &at, why))
		return config_error_at(error, number, at + 1, "%s", why);
	++*n;
	return 0;
}

int config_protect_parse(const char *name, char *text, size_t text_bytes,
			 struct config_prefix *prefixes, size_t *n, char *ret_error,
			 size_t error_bytes)
{
	struct config_error error = { .name = name, .text = ret_error, .text_bytes = error_bytes };
	char *line = text, *end = text + text_bytes;
	int ret = 0;

	if (text_bytes > CONFIG_PROTECT_FILE_BYTES_MAX) {
		(void)config_error_at(&error, 1, 1, "the file is larger than %u bytes",
				      CONFIG_PROTECT_FILE_BYTES_MAX); /* always -EINVAL */
		return -EFBIG;
	}
	if (text_bytes >= strlen(UTF8_BOM) && !memcmp(text, UTF8_BOM, strlen(UTF8_BOM)))
		line += strlen(UTF8_BOM);
	for (size_t number = 1; line < end && !ret; number++) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t line_bytes = (size_t)((newline ? newline : end) - line);

		line[line_bytes] = '\0';
		if (strlen(line) != line_bytes)
			return config_error_at(&error, number, strlen(line) + 1, "a NUL");
		ret = line_parse(line, number, prefixes, n, &error);
		line += line_bytes + 1;
	}
	return ret;
}

int config_protect_read(const struct config *config, const struct group_image *groups,
			struct config_prefix **ret_prefixes, size_t *ret_n, char *ret_error,
			size_t error_bytes)
{
	struct config_prefix *prefixes __cleanup(cleanup_free) = NULL;
	char *text __cleanup(cleanup_free) = NULL;
	size_t text_bytes, n = config->n_protect;
	int ret = 0;

	prefixes = malloc(CONFIG_PREFIXES_MAX * sizeof(*prefixes));
	if (!prefixes) {
		(void)snprintf(ret_error, error_bytes, "out of memory"); /* cut to the buffer */
		return -ENOMEM;
	}
	memcpy(prefixes, config->protect, n * sizeof(*prefixes));
	if (config->protect_file[0])
		ret = config_file_read(config->protect_file, CONFIG_PROTECT_FILE_BYTES_MAX, &text,
				       &text_bytes, ret_error, error_bytes);
	if (!ret && text)
		ret = config_protect_parse(config->protect_file, text, text_bytes, prefixes, &n,
					   ret_error, error_bytes);
	if (!ret && groups && groups->header &&
	    groups->header->n_protected > CONFIG_PREFIXES_MAX - n) {
		(void)snprintf(ret_error, error_bytes,
			       "%zu protected prefixes and %u of groups are more than %u", n,
			       groups->header->n_protected, CONFIG_PREFIXES_MAX); /* may cut */
		ret = -EINVAL;
	}
	if (ret)
		return ret;
	if (groups)
		group_image_protected(groups, prefixes, &n);
	*ret_prefixes = take_ptr(prefixes);
	*ret_n = n;
	return 0;
}
