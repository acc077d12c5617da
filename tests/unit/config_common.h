/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the configuration file and of the command line share. Files with their exact
 * messages are in tests/golden/config (the environment variable IPACCT_TEST_GOLDEN names
 * tests/golden). */
#ifndef IPACCT_TESTS_CONFIG_COMMON_H
#define IPACCT_TESTS_CONFIG_COMMON_H

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#define ERROR_BYTES     2048u
#define MS_NS           1000000ULL
#define S_NS            1000000000ULL
#define TEMP_PATH       "/tmp/ipacct_config_XXXXXX"
#define TEMP_PATH_BYTES sizeof(TEMP_PATH)

/* A file with this content; the caller removes it. */
static inline void make_file(char path[TEMP_PATH_BYTES], const char *text, size_t text_bytes)
{
	int fd;

	memcpy(path, TEMP_PATH, TEMP_PATH_BYTES);
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, text_bytes), (ssize_t)text_bytes);
	cr_assert_eq(close(fd), 0);
}

static inline void golden_path(char *path, const char *name)
{
	const char *golden = getenv("IPACCT_TEST_GOLDEN");

	cr_assert_not_null(golden, "IPACCT_TEST_GOLDEN must name tests/golden");
	cr_assert_lt(snprintf(path, PATH_MAX, "%s/config/%s", golden, name), PATH_MAX);
}

/* Content of a file of the golden directory, to be freed. */
static inline char *golden_read(const char *name, size_t *ret_bytes)
{
	char path[PATH_MAX];
	struct stat st;
	char *text;
	FILE *file;

	golden_path(path, name);
	file = fopen(path, "rb");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	cr_assert_eq(fstat(fileno(file), &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	cr_assert_not_null(text);
	cr_assert_eq(fread(text, 1, (size_t)st.st_size, file), (size_t)st.st_size);
	(void)fclose(file); /* was only read */
	*ret_bytes = (size_t)st.st_size;
	return text;
}

static inline int parse_bytes(const char *text, size_t text_bytes, struct config *ret_config,
			      char *error)
{
	struct config defaults;

	config_init(&defaults);
	return config_parse("f.yaml", text, text_bytes, &defaults, ret_config, error, ERROR_BYTES);
}

static inline void expect_good(const char *text, struct config *ret_config)
{
	char error[ERROR_BYTES] = "";

	cr_assert_eq(parse_bytes(text, strlen(text), ret_config, error), 0, "%s", error);
}

static inline void expect_bad(const char *text, const char *expected)
{
	char error[ERROR_BYTES] = "";
	struct config config;

	cr_expect_eq(parse_bytes(text, strlen(text), &config, error), -EINVAL, "%s", text);
	cr_expect_str_eq(error, expected);
}

static inline void load_good(const char *name, struct config *ret_config)
{
	char path[PATH_MAX], error[ERROR_BYTES] = "";
	struct config defaults;

	golden_path(path, name);
	config_init(&defaults);
	cr_assert_eq(config_load(path, &defaults, ret_config, error, sizeof(error)), 0, "%s",
		     error);
}

static inline void expect_interface(const struct config_interface *interface, const char *name,
				    uint8_t mode, uint8_t attach, uint16_t domain, bool optional,
				    unsigned int line)
{
	cr_expect_str_eq(interface->name, name);
	cr_expect_eq(interface->mode, mode, "%s: mode", name);
	cr_expect_eq(interface->attach, attach, "%s: attach", name);
	cr_expect_eq(interface->domain, domain, "%s: domain", name);
	cr_expect_eq(interface->optional, optional, "%s: optional", name);
	cr_expect_eq(interface->line, line, "%s: line %u", name, interface->line);
}

static inline void expect_defaults(const struct config *config)
{
	cr_expect_eq(config->interval_ns, S_NS);
	cr_expect_eq(config->memory_bytes, 0);
	cr_expect_str_eq(config->user, "ipacct");
	cr_expect_str_eq(config->runtime_dir, "/run/ipacct");
	cr_expect_str_eq(config->bpffs_dir, "/run/ipacct/bpf");
	cr_expect_not(config->bpffs_given);
	cr_expect(config->hot);
	cr_expect_not(config->receive_cpus_given);
	cr_expect_eq(config->mode_default, IPACCT_MODE_NATIVE);
	cr_expect_eq(config->attach_default, CONFIG_ATTACH_AUTO);
	cr_expect_eq(config->n_interfaces, 0);
	cr_expect_eq(config->n_protect, 0);
	cr_expect_str_empty(config->protect_file);
	cr_expect_str_empty(config->config_file);
	cr_expect_not(config->check_config || config->dry_run || config->detach);
	cr_expect_eq(config->duration_ns, 0);
	cr_expect_eq(config->confirm_s, 0);
}

#endif
