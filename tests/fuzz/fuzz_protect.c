/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: the file of protected prefixes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_protect.h"
#include "require.h"

#define ERROR_BYTES 1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_prefix(const struct config_prefix *prefix)
{
	require(prefix->every_domain <= 1 && !(prefix->every_domain && prefix->key.domain_be));
	require(prefix->key.prefixlen >= 16 && prefix->key.prefixlen <= 16 + 128);
	for (uint32_t bit = prefix->key.prefixlen - 16; bit < 128; bit++)
		require(!(prefix->key.address[bit / 8] & 0x80 >> bit % 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static struct config_prefix prefixes[CONFIG_PREFIXES_MAX];
	char *text = malloc(n_bytes + 1), error[ERROR_BYTES] = "";
	size_t n = 0;

	require(text != NULL);
	memcpy(text, data, n_bytes);
	text[n_bytes] = '\0';
	if (config_protect_parse("fuzz", text, n_bytes, prefixes, &n, error, sizeof(error)))
		check_refused(error);
	for (size_t i = 0; i < n; i++)
		check_prefix(&prefixes[i]);
	free(text);
	return 0;
}
