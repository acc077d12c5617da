/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: the configuration file. Corpus: tests/golden/config. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "require.h"

#define ERROR_BYTES 1024u
#define MS_NS       1000000ULL
#define HOUR_NS     (3600ULL * 1000 * MS_NS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_accepted(const struct config *config)
{
	require(config->n_interfaces <= IPACCT_IFS_MAX);
	require(config->interval_ns >= 100 * MS_NS && config->interval_ns <= HOUR_NS);
	require(!config->memory_bytes ||
		(config->memory_bytes >= 8ULL << 20 && config->memory_bytes <= 1ULL << 40));
	require(strnlen(config->user, sizeof(config->user)) < sizeof(config->user));
	require(config->runtime_dir[0] == '/' && config->bpffs_dir[0] == '/');
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *interface = &config->interfaces[i];
		size_t n = strnlen(interface->name, sizeof(interface->name));

		require(n > 0 && n < sizeof(interface->name) && !strpbrk(interface->name, "/: \n"));
		require(interface->mode == IPACCT_MODE_NATIVE ||
			interface->mode == IPACCT_MODE_GENERIC);
		require(interface->attach <= CONFIG_ATTACH_LINK && interface->line > 0);
		for (size_t j = 0; j < i; j++)
			require(strcmp(interface->name, config->interfaces[j].name) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct config defaults, config;
	char error[ERROR_BYTES] = "";

	config_init(&defaults);
	if (config_parse("fuzz", (const char *)data, n_bytes, &defaults, &config, error,
			 sizeof(error)))
		check_refused(error);
	else
		check_accepted(&config);
	return 0;
}
