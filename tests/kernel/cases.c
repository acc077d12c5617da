// SPDX-License-Identifier: GPL-2.0-or-later
/* The parts of the packet table as one. */
#include "cases.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t n_cases(void)
{
	return n_cases_ethernet + n_cases_ipv4 + n_cases_ipv6 + n_cases_tunnel;
}

const struct packet_case *case_at(size_t index)
{
	if (index < n_cases_ethernet)
		return &cases_ethernet[index];
	index -= n_cases_ethernet;
	if (index < n_cases_ipv4)
		return &cases_ipv4[index];
	index -= n_cases_ipv4;
	if (index < n_cases_ipv6)
		return &cases_ipv6[index];
	return &cases_tunnel[index - n_cases_ipv6];
}

static int address(int family, const char *text, uint8_t *ret_address)
{
	char mapped[INET6_ADDRSTRLEN];

	/* RFC 4291 2.5.5.2 */
	(void)snprintf(mapped, sizeof(mapped), "%s%s", family == 4 ? "::ffff:" : "", text);
	return inet_pton(AF_INET6, mapped, ret_address) == 1 ? 0 : -EINVAL;
}

int case_outcome(const struct packet_case *row, bool inner, struct outcome *ret_outcome)
{
	const struct packet_expect *expect =
		inner && row->inner.tunnel ? &row->inner : &row->expect;
	struct outcome outcome = { .ignored = expect->ignored };

	if (expect->ignored == OUTCOME_ACCOUNTED) {
		int family = expect->family;
		const char *source = family == 4 ? "192.0.2.1" : "2001:db8::1";
		const char *destination = family == 4 ? "198.51.100.2" : "3fff:1::2";

		outcome.family = family;
		outcome.protocol = expect->protocol;
		outcome.fragment = expect->fragment;
		outcome.tunnel = expect->tunnel;
		outcome.l3_bytes = expect->l3_bytes;
		if (address(family, expect->source ? expect->source : source, outcome.source) ||
		    address(family, expect->destination ? expect->destination : destination,
			    outcome.destination))
			return -EINVAL;
	}
	*ret_outcome = outcome;
	return 0;
}
