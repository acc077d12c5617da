/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libmaxminddb 1.7 forgets some hundred octets when the metadata it opens is broken; not our leak. */
#ifndef IPACCT_TESTS_LSAN_MAXMINDDB_H
#define IPACCT_TESTS_LSAN_MAXMINDDB_H

/* The name is the sanitizer's (sanitizer/lsan_interface.h). */
__attribute__((weak, visibility("default"))) const char *__lsan_default_suppressions(void);

__attribute__((weak)) const char *__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb.so\n";
}

#endif
