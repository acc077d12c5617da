/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program of a user: what all interfaces saw and accounted, by libipacct's public header alone. */
#include <ipacct/ipacct.h>

#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct ipacct_problem problem = { "" };
	struct ipacct_snapshot *snapshot;
	struct ipacct_reader *reader;
	uint64_t seen = 0, accounted = 0;

	if (ipacct_reader_open(NULL, NULL, &reader, &problem)) {
		fprintf(stderr, "%s\n", problem.text);
		return 1;
	}
	if (ipacct_snapshot_read(reader, 0, &snapshot, &problem)) {
		fprintf(stderr, "%s\n", problem.text);
		ipacct_reader_close(reader);
		return 1;
	}
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		seen += snapshot->interfaces[i].totals.seen.packets;
		accounted += snapshot->interfaces[i].totals.accounted.packets;
	}
	printf("%" PRIu64 " %" PRIu64 "\n", seen, accounted);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
	return 0;
}
