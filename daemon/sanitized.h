/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SANITIZED: the run-time library of a sanitizer makes system calls of its own. */
#ifndef IPACCT_DAEMON_SANITIZED_H
#define IPACCT_DAEMON_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

#endif
