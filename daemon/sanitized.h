/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SANITIZED: 1 when the address or thread sanitizer is in it, whose run-time library makes system calls of
 * its own, takes terabytes of address space and replaces malloc; else 0. */
#ifndef IPACCT_DAEMON_SANITIZED_H
#define IPACCT_DAEMON_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
