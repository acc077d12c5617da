/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may stay connected, told with real sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "http_reaper.h"

#define CONNECTIONS (REAPER_SLOTS + 8)

static struct reaper reaper;
static int ours[CONNECTIONS], theirs[CONNECTIONS];
static struct reaper_slot *slots[CONNECTIONS];

/* Connection i of peer 192.0.2.`peer`, at that time. */
static void connect_at(int i, int peer, uint64_t now_ms)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(0xc0000200u + (uint32_t)peer) };
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ours[i] = pair[0];
	theirs[i] = pair[1];
	slots[i] = reaper_add(&reaper, pair[0], (struct sockaddr *)&address, now_ms);
}

static void close_at(int i)
{
	reaper_remove(&reaper, slots[i]);
	slots[i] = NULL;
	close(ours[i]);
	close(theirs[i]);
}

/* What the other side sees. */
static bool ended(int i)
{
	struct pollfd wait = { .fd = theirs[i], .events = POLLIN };
	char c;

	return poll(&wait, 1, 0) == 1 && read(theirs[i], &c, 1) == 0;
}

Test(http_reaper, header_has_a_deadline_that_bytes_do_not_put_off)
{
	connect_at(0, 1, 1000);
	cr_expect_eq(reaper_tick(&reaper, 1000), REAPER_HEADER_MS);
	cr_expect_eq(reaper_tick(&reaper, 1000 + REAPER_HEADER_MS - 1), 1);
	cr_expect_not(ended(0));
	cr_expect_eq(reaper_tick(&reaper, 1000 + REAPER_HEADER_MS), -1);
	cr_expect(ended(0));
	cr_expect_eq(reaper.n_expired, 1);
	cr_expect_eq(reaper.n_live, 0);
	cr_expect_eq(reaper.n_used, 1, "until it is closed");
	/* the request may still come to its end: that does not bring it back */
	reaper_answering(slots[0], 7000);
	reaper_waiting(slots[0], 7000);
	cr_expect_eq(slots[0]->phase, REAPER_ENDED);
	close_at(0);
	cr_expect_eq(reaper.n_used, 0);
	cr_expect_eq(reaper.n_live, 0);
}

Test(http_reaper, answer_has_its_own_and_the_next_request_a_new_one)
{
	connect_at(0, 1, 0);
	reaper_answering(slots[0], 4999);
	cr_expect_eq(reaper_tick(&reaper, 5000), REAPER_ANSWER_MS - 1);
	reaper_waiting(slots[0], 6000);
	cr_expect_eq(reaper_tick(&reaper, 6000), REAPER_HEADER_MS);
	reaper_answering(slots[0], 7000);
	cr_expect_eq(reaper_tick(&reaper, 7000 + REAPER_ANSWER_MS), -1);
	cr_expect(ended(0), "somebody who does not read");
	close_at(0);
}

Test(http_reaper, newcomer_of_a_peer_takes_the_place_of_its_oldest_silent_one)
{
	for (int i = 0; i < (int)REAPER_PER_PEER_MAX; i++)
		connect_at(i, 1, (uint64_t)i);
	connect_at(30, 2, 0);
	reaper_answering(slots[0], 20);
	cr_expect_eq(reaper.n_evicted, 0);
	connect_at(31, 1, 30);
	cr_expect_not(ended(0), "it is being answered");
	cr_expect(ended(1));
	cr_expect_not(ended(2));
	cr_expect_not(ended(30), "another peer");
	cr_expect_not(ended(31));
	cr_expect_eq(reaper.n_evicted, 1);
	cr_expect_eq(reaper.n_live, REAPER_PER_PEER_MAX + 1);
}

Test(http_reaper, slow_readers_go_when_there_is_nobody_else)
{
	for (int i = 0; i < (int)REAPER_PER_PEER_MAX; i++) {
		connect_at(i, 1, 0);
		reaper_answering(slots[i], (uint64_t)(100 - i));
	}
	connect_at(30, 1, 200);
	cr_expect(ended(REAPER_PER_PEER_MAX - 1), "the one that reads for the longest time");
	cr_expect_not(ended(30));
}

Test(http_reaper, newcomer_finds_a_place_among_many_peers)
{
	for (int i = 0; i < (int)REAPER_CONNECTIONS_MAX; i++)
		connect_at(i, i, (uint64_t)i);
	cr_expect_eq(reaper.n_evicted, 0);
	for (int i = REAPER_CONNECTIONS_MAX; i < (int)REAPER_SLOTS; i++) {
		connect_at(i, i, (uint64_t)i);
		cr_expect(ended(i - (int)REAPER_CONNECTIONS_MAX));
		cr_expect_not_null(slots[i]);
	}
	cr_expect_eq(reaper.n_live, REAPER_CONNECTIONS_MAX);
	cr_expect_eq(reaper.n_used, REAPER_SLOTS);
	/* the ended ones were not closed: no slot left, so the newcomer itself goes */
	connect_at(REAPER_SLOTS, 99, 999);
	cr_expect_null(slots[REAPER_SLOTS]);
	cr_expect(ended(REAPER_SLOTS));
	close_at(0);
	connect_at(REAPER_SLOTS + 1, 99, 999);
	cr_expect_not_null(slots[REAPER_SLOTS + 1]);
	cr_expect_not(ended(REAPER_SLOTS + 1));
	cr_expect_leq(reaper.n_live, REAPER_CONNECTIONS_MAX);
}

Test(http_reaper, ipv4_and_its_mapped_form_are_one_peer)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	int pair[2];

	cr_assert_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr), 1);
	for (int i = 0; i < (int)REAPER_PER_PEER_MAX; i++)
		connect_at(i, 1, (uint64_t)i);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_expect_not_null(reaper_add(&reaper, pair[0], (struct sockaddr *)&mapped, 50));
	cr_expect(ended(0));
}

Test(http_reaper, many_random_events_keep_the_counts_right)
{
	uint64_t random = 88172645463325252ULL, now = 0;

	for (int round = 0; round < 20000; round++) {
		uint32_t live = 0, used = 0;
		int i;

		random ^= random << 13; /* Marsaglia's xorshift64 */
		random ^= random >> 7;
		random ^= random << 17;
		i = (int)(random >> 8) & 63;
		now += random % 50;
		if (!slots[i]) {
			if (ours[i])
				close(ours[i]), close(theirs[i]);
			connect_at(i, i % 5, now);
		} else if (random % 4 == 0 || slots[i]->phase == REAPER_ENDED) {
			close_at(i);
			ours[i] = 0;
		} else if (random % 4 == 1) {
			reaper_answering(slots[i], now);
		} else if (random % 4 == 2) {
			reaper_waiting(slots[i], now);
		} else {
			(void)reaper_tick(&reaper, now);
		}
		for (uint32_t k = 0; k < REAPER_SLOTS; k++) {
			used += reaper.slot[k].phase != REAPER_FREE;
			live += reaper.slot[k].phase == REAPER_HEADER ||
				reaper.slot[k].phase == REAPER_ANSWER;
		}
		cr_assert_eq(live, reaper.n_live);
		cr_assert_eq(used, reaper.n_used);
		cr_assert_leq(live, REAPER_CONNECTIONS_MAX);
	}
}
