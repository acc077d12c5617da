/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fuzz_geofile.c has seen, so that whoever feeds it can tell that it was worth while. */
#ifndef IPACCT_TESTS_FUZZ_GEOFILE_H
#define IPACCT_TESTS_FUZZ_GEOFILE_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_geo_seen {
	unsigned long opened;
	unsigned long refused;
	unsigned long answers;
	unsigned long no_answers;
};

extern struct fuzz_geo_seen fuzz_geo_seen;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#endif
