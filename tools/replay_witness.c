// SPDX-License-Identifier: GPL-2.0-or-later
/* The independent account of a capture. */
#include "replay_witness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/array.h"
#include "outcome.h"

#define CHAINS_AT_FIRST 1024u
#define FCS_BYTES       4u /* IEEE 802.3 3.2.9; RFC 2819 counts it in the size of a packet */

int witness_init(struct witness *ret_witness)
{
	*ret_witness = (struct witness){ .n_rows = 0 };
	return getrandom(ret_witness->secret, sizeof(ret_witness->secret), 0) ==
			       sizeof(ret_witness->secret)
		       ? 0
		       : -EIO;
}

void witness_finish(struct witness *witness)
{
	free(witness->rows);
	free(witness->chains);
	*witness = (struct witness){ .n_rows = 0 };
}

/* Both halves of a product of 128 bits, each factor hidden by a secret. */
static size_t chain_of(const struct witness *witness, const uint8_t address[16])
{
	uint64_t high, low;
	unsigned __int128 product;

	memcpy(&high, address, 8);
	memcpy(&low, address + 8, 8);
	product = (unsigned __int128)(high ^ witness->secret[0]) * (low ^ witness->secret[1]);
	return (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (witness->n_chains - 1);
}

static void link_row(struct witness *witness, uint32_t number)
{
	uint32_t *chain = &witness->chains[chain_of(witness, witness->rows[number].address)];

	witness->rows[number].next = *chain;
	*chain = number;
}

/* Room for one more row, and no more rows than chains. */
static int reserve(struct witness *witness)
{
	size_t n_rows = witness->n_allocated ? 2 * witness->n_allocated : CHAINS_AT_FIRST;

	if (witness->n_rows < witness->n_allocated)
		return 0;
	if (n_rows >= WITNESS_END)
		return -ENOMEM;
	if (array_resize(&witness->rows, sizeof(*witness->rows), n_rows) ||
	    array_resize(&witness->chains, sizeof(*witness->chains), n_rows))
		return -ENOMEM;
	witness->n_allocated = witness->n_chains = n_rows;
	memset(witness->chains, 0xff, n_rows * sizeof(*witness->chains)); /* WITNESS_END */
	for (size_t i = 0; i < witness->n_rows; i++)
		link_row(witness, (uint32_t)i);
	return 0;
}

static struct witness_row *row_of(struct witness *witness, const uint8_t address[16])
{
	struct witness_row *row;

	if (reserve(witness) < 0)
		return NULL;
	for (uint32_t i = witness->chains[chain_of(witness, address)]; i != WITNESS_END;
	     i = row->next) {
		row = &witness->rows[i];
		if (memcmp(row->address, address, sizeof(row->address)) == 0)
			return row;
	}
	row = &witness->rows[witness->n_rows];
	*row = (struct witness_row){ .next = WITNESS_END };
	memcpy(row->address, address, sizeof(row->address));
	link_row(witness, (uint32_t)witness->n_rows++);
	return row;
}

/* RFC 2819 etherStatsPkts*Octets, by their names. */
static unsigned int size_bin(size_t n_bytes)
{
	size_t size = n_bytes + FCS_BYTES;

	if (size < 64)
		return 0;
	if (size == 64)
		return 1;
	if (size <= 127)
		return 2;
	if (size <= 255)
		return 3;
	if (size <= 511)
		return 4;
	if (size <= 1023)
		return 5;
	return size <= 1518 ? 6 : 7;
}

static void count_l2(struct ipacct_packets_l2 *sum, size_t n_bytes)
{
	sum->packets += 1;
	sum->l2_bytes += n_bytes;
}

static void count_l3(struct ipacct_packets_l3 *sum, uint32_t l3_bytes)
{
	sum->packets += 1;
	sum->l3_bytes += l3_bytes;
}

static void count_totals(struct ipacct_totals *totals, const struct outcome *outcome,
			 size_t n_bytes)
{
	count_l2(&totals->seen, n_bytes);
	totals->size_histogram[size_bin(n_bytes)] += 1;
	if (outcome->ignored != OUTCOME_ACCOUNTED) {
		count_l2(&totals->ignored[outcome->ignored], n_bytes);
		return;
	}
	count_l2(&totals->accounted, n_bytes);
	count_l3(outcome->family == 4 ? &totals->ipv4 : &totals->ipv6, outcome->l3_bytes);
	count_l3(&totals->protocol[outcome->protocol], outcome->l3_bytes);
	if (outcome->fragment == OUTCOME_FIRST_FRAGMENT)
		totals->first_fragments += 1;
	if (outcome->fragment == OUTCOME_OTHER_FRAGMENT)
		totals->other_fragments += 1;
	if (outcome->tunnel == OUTCOME_INNER)
		totals->inner_packets += 1;
	if (outcome->tunnel == OUTCOME_TUNNEL_OUTER)
		totals->tunnel_outer_packets += 1;
}

int witness_frame(struct witness *witness, const uint8_t *frame, size_t n_bytes)
{
	struct witness_row *row;
	struct outcome outcome;

	if (witness->inner)
		reference_account_inner(frame, n_bytes, &outcome);
	else
		reference_account(frame, n_bytes, &outcome);
	count_totals(&witness->totals, &outcome, n_bytes);
	if (outcome.ignored != OUTCOME_ACCOUNTED)
		return 0;
	row = row_of(witness, outcome.source);
	if (!row)
		return -ENOMEM;
	row->sent_packets += 1;
	row->sent_l3_bytes += outcome.l3_bytes;
	row = row_of(witness, outcome.destination);
	if (!row)
		return -ENOMEM;
	row->received_packets += 1;
	row->received_l3_bytes += outcome.l3_bytes;
	return 0;
}
