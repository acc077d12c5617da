/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program's own parser without a kernel. */
#ifndef IPACCT_TESTS_NATIVE_H
#define IPACCT_TESTS_NATIVE_H

#include "outcome.h"

/* As reference_account() and reference_account_inner(), by the code that the XDP program is made of. */
void native_account(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome);
void native_account_inner(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome);

#endif
