/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the configuration file and of the command line share. */
#ifndef IPACCT_TESTS_CONFIG_COMMON_H
#define IPACCT_TESTS_CONFIG_COMMON_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
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
