/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SANITIZED: built with the address sanitizer, which needs terabytes of address space and system calls
 * of its own. */
#ifndef IPACCT_TESTS_SANITIZED_H
#define IPACCT_TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#endif
