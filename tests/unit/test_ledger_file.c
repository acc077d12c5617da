/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger as a file: made whole, enlarged, refused, set aside. */
#include <errno.h>
#include <sys/stat.h>

#include "ledger_common.h"

static struct bench bench;

static void setup(void)
{
	bench_init(&bench, 100);
}

static void teardown(void)
{
	bench_finish(&bench);
}

TestSuite(ledger_file, .init = setup, .fini = teardown);

static int prepare(uint32_t *n_rollups, uint32_t *n_addresses, struct ipacct_problem *problem)
{
	return ledger_file_prepare(bench.dir_fd, getuid(), getgid(), n_rollups, n_addresses,
				   problem);
}

Test(ledger_file, new_one_has_all_its_blocks)
{
	struct stat st;

	cr_assert_eq(fstat(bench.ledger_fd, &st), 0);
	cr_assert_eq((uint64_t)st.st_size, ipacct_ledger_bytes(ROLLUPS_MAX, 100));
	cr_assert_geq(st.st_blocks * 512, st.st_size, "a sparse file kills its reader when full");
	cr_assert_eq(st.st_mode & 0777, 0640);
}

Test(ledger_file, enlarged_one_keeps_every_count)
{
	uint32_t n_rollups = ROLLUPS_MAX + 10, n_addresses = 5000;
	struct ipacct_problem problem = {};

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	cr_assert_eq(prepare(&n_rollups, &n_addresses, &problem), 0);
	bench_close(&bench);
	bench_open(&bench);
	cr_assert_eq(bench.publisher.ledger.n_addresses_max, 5000);
	cr_assert_eq(publisher_cut(&bench.publisher), 1);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.addresses, key4(0xc0000201), 128).tx_l3_bytes,
		100);
}

Test(ledger_file, never_shrinks)
{
	uint32_t n_rollups = 130, n_addresses = 1;
	struct ipacct_problem problem = {};

	cr_assert_eq(prepare(&n_rollups, &n_addresses, &problem), 0);
	cr_assert_eq(n_addresses, 100);
	cr_assert_eq(n_rollups, ROLLUPS_MAX);
}

Test(ledger_file, other_abi_version_is_refused_and_untouched)
{
	uint32_t n_rollups = ROLLUPS_MAX, n_addresses = 200;
	struct ipacct_problem problem = {};

	bench.publisher.ledger.header->abi_version = IPACCT_ABI_VERSION + 1;
	cr_assert_eq(prepare(&n_rollups, &n_addresses, &problem), -EPROTO);
	cr_assert_str_eq(problem.text,
			 "the ledger has ABI version 2, this program reads version 1");
	cr_assert_eq(faccessat(bench.dir_fd, "ledger.damaged", F_OK, 0), -1);
}

Test(ledger_file, number_of_cuts_that_could_wrap_is_damage)
{
	struct ipacct_problem problem = {};
	struct ipacct_ledger ledger;

	bench.publisher.ledger.header->cut = IPACCT_LEDGER_CUTS_MAX;
	cr_assert_eq(ipacct_ledger_map(bench.ledger_fd, false, &ledger, &problem), 0);
	ipacct_ledger_unmap(&ledger);
	bench.publisher.ledger.header->cut = IPACCT_LEDGER_CUTS_MAX + 1;
	cr_assert_eq(ipacct_ledger_map(bench.ledger_fd, false, &ledger, &problem), -EBADMSG);
	cr_assert_str_not_empty(problem.text);
}

Test(ledger_file, damaged_one_is_set_aside)
{
	uint32_t n_rollups = ROLLUPS_MAX, n_addresses = 100;
	struct ipacct_problem problem = {};

	bench.publisher.ledger.header->magic ^= 1;
	cr_assert_eq(prepare(&n_rollups, &n_addresses, &problem), 0);
	cr_assert_eq(faccessat(bench.dir_fd, "ledger.damaged", F_OK, 0), 0);
	bench_close(&bench);
	bench_open(&bench);
	cr_assert_eq(publisher_cut(&bench.publisher), 0);
}

Test(ledger_file, symbolic_link_in_its_place_is_not_followed)
{
	uint32_t n_rollups = ROLLUPS_MAX, n_addresses = 100;
	struct ipacct_problem problem = {};

	cr_assert_eq(unlinkat(bench.dir_fd, IPACCT_LEDGER_NAME, 0), 0);
	cr_assert_eq(symlinkat("/etc/hostname", bench.dir_fd, IPACCT_LEDGER_NAME), 0);
	cr_assert_eq(prepare(&n_rollups, &n_addresses, &problem), -ELOOP);
}

static int map_truncated(off_t bytes)
{
	struct ipacct_ledger ledger;
	int ret;

	cr_assert_eq(ftruncate(bench.ledger_fd, bytes), 0);
	ret = ipacct_ledger_map(bench.ledger_fd, false, &ledger, NULL);
	if (!ret)
		ipacct_ledger_unmap(&ledger);
	return ret;
}

Test(ledger_file, every_shorter_length_is_refused)
{
	off_t whole = (off_t)ipacct_ledger_bytes(ROLLUPS_MAX, 100);

	publisher_finish(&bench.publisher); /* its mapping would end behind the file */
	cr_assert_eq(map_truncated(whole), 0);
	for (off_t bytes = whole - 1; bytes > 0; bytes -= 509)
		cr_assert_eq(map_truncated(bytes), -EBADMSG, "at %ld octets", (long)bytes);
	cr_assert_eq(map_truncated(0), -EBADMSG);
	cr_assert_eq(map_truncated(whole), -EBADMSG, "the magic is gone with the content");
	bench.publisher.ledger.at = NULL;
}
