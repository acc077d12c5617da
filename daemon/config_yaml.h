/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The YAML reader, without filling in what depends on the command line. Private to config*.c. */
#ifndef IPACCT_DAEMON_CONFIG_YAML_H
#define IPACCT_DAEMON_CONFIG_YAML_H

#include "config.h"

/* As config_parse() and config_load(), but on top of *config (changed also on failure), and
 * interfaces keep CONFIG_UNSET until config_resolve(). */
int config_yaml_parse(const char *name, const char *text, size_t text_bytes, struct config *config,
		      char *ret_error, size_t error_bytes);
int config_yaml_load(const char *path, struct config *config, char *ret_error, size_t error_bytes);

#endif
