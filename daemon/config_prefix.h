/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One protected prefix from text: "192.0.2.0/24", "2001:db8::/32 domain=7". */
#ifndef IPACCT_DAEMON_CONFIG_PREFIX_H
#define IPACCT_DAEMON_CONFIG_PREFIX_H

#include "config.h"
#include "config_setting.h"

#define CONFIG_PREFIX_LEGAL "an address or prefix: 192.0.2.0/24, or 2001:db8::/32 domain=7"

/* Words are separated by blanks. An address without a length is a prefix of one address.
 * ret_at:  on failure where in the text the wrong word begins.
 * ret_why: on failure what is wrong and what is legal.
 * Returns 0 or -EINVAL. */
int config_prefix_parse(const char *text, struct config_prefix *ret_prefix, size_t *ret_at,
			char ret_why[SETTING_WHY_BYTES]);

#endif
