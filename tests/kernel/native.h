/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program's own parser without a kernel. */
#ifndef IPACCT_TESTS_NATIVE_H
#define IPACCT_TESTS_NATIVE_H

#include <stdbool.h>

#include "outcome.h"

/* As reference_account() and reference_account_inner(), by the code that the XDP program is made of. */
void native_account(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome);
void native_account_inner(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome);

/* Of what has no Ethernet header: type says what it begins with, as on an interface of layer 3. */
void native_account_bare(const uint8_t *octets, size_t n_bytes, uint32_t type,
			 struct outcome *ret_outcome);

/* The program's short way for plain packets of one family; false: it leaves the frame to the parser.
 * type: as above, 0: an Ethernet header. */
bool native_account_plain(const uint8_t *octets, size_t n_bytes, uint32_t type, uint32_t wanted,
			  struct outcome *ret_outcome);

/* Whether the short way must leave it to the parser, since it may be a tunnel's. */
bool native_maybe_tunnel(const uint8_t *octets, size_t n_bytes, uint32_t type, uint32_t wanted);

#endif
