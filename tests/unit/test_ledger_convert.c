/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ledgers that are not converted. That one is, address by address: T-SCHEMA of tests/faults. */
#include <errno.h>
#include <sys/stat.h>

#include "ledger_common.h"
#include "ledger_convert.h"

static struct bench bench;

static void setup(void)
{
	bench_init(&bench, 100);
}

static void teardown(void)
{
	bench_finish(&bench);
}

TestSuite(ledger_convert, .init = setup, .fini = teardown);

static int convert(void)
{
	struct ipacct_problem problem = {};

	return ledger_convert(bench.dir_fd, getuid(), getgid(), &problem);
}

static ino_t inode_of(const char *name)
{
	struct stat st;

	return fstatat(bench.dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_ino;
}

Test(ledger_convert, versions_of_now_later_and_unknown_are_left_alone)
{
	const uint32_t versions[] = { IPACCT_ABI_VERSION, IPACCT_ABI_VERSION + 1, 0 };
	ino_t inode = inode_of(IPACCT_LEDGER_NAME);

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		bench.publisher.ledger.header->abi_version = versions[i];
		cr_assert_eq(convert(), 0);
		cr_assert_eq(inode_of(IPACCT_LEDGER_NAME), inode);
	}
	bench.publisher.ledger.header->magic ^= 1;
	cr_assert_eq(convert(), 0);
}

Test(ledger_convert, second_name_that_a_crash_left_goes)
{
	cr_assert_eq(linkat(bench.dir_fd, IPACCT_LEDGER_NAME, bench.dir_fd, "ledger.before", 0), 0);
	cr_assert_eq(ledger_file_open(bench.dir_fd), -EMLINK, "as the kill has left it");
	cr_assert_eq(convert(), 0);
	cr_assert_eq(inode_of("ledger.before"), 0);
	cr_assert_neq(inode_of(IPACCT_LEDGER_NAME), 0);
}

Test(ledger_convert, undo_and_settle_without_a_ledger_of_before_do_nothing)
{
	ino_t inode = inode_of(IPACCT_LEDGER_NAME);

	ledger_convert_undo(bench.dir_fd);
	ledger_convert_settle(bench.dir_fd);
	cr_assert_eq(inode_of(IPACCT_LEDGER_NAME), inode);
}
