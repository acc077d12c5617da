/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program of the tc hooks. */
#ifndef IPACCT_DAEMON_PROGRAM_TC_H
#define IPACCT_DAEMON_PROGRAM_TC_H

#include <stdbool.h>
#include <stdint.h>

#include "maps.h"

/* As program_load(), for a tc hook. no_ethernet: frames of the device begin with IP. */
int program_tc_load(const struct ipacct_maps *maps, uint32_t slot, uint16_t domain,
		    uint32_t domain_slot, bool no_ethernet);

#endif
