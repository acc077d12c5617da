/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One input of the fuzz target for databases, for those who have inputs of their own. */
#ifndef IPACCT_TESTS_FUZZ_MMDB_H
#define IPACCT_TESTS_FUZZ_MMDB_H

#include <stddef.h>
#include <stdint.h>

enum fuzz_mmdb {
	FUZZ_MMDB_REFUSED, /* not opened, for a reason */
	FUZZ_MMDB_SILENT,  /* opened; knows none of the addresses that were asked */
	FUZZ_MMDB_ANSWERED,
};

/* Open and ask. What must not happen ends in abort(). */
enum fuzz_mmdb fuzz_mmdb(const uint8_t *bytes, size_t n_bytes);

#endif
