/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program of the tc hooks. */
#ifndef IPACCT_DAEMON_PROGRAM_TC_H
#define IPACCT_DAEMON_PROGRAM_TC_H

#include <stdint.h>

#include "maps.h"

/* As program_load(), for a tc hook. */
int program_tc_load(const struct ipacct_maps *maps, uint32_t slot, uint16_t domain,
		    uint32_t domain_slot, uint32_t flags);

#endif
