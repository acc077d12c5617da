/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may stay connected: deadlines that a byte now and then does not put off, and a place for every
 * newcomer. A connection is ended with shutdown(2); its owner closes it when it notices. */
#ifndef IPACCT_DAEMON_HTTP_REAPER_H
#define IPACCT_DAEMON_HTTP_REAPER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define REAPER_CONNECTIONS_MAX 64u    /* more: the least useful one is ended */
#define REAPER_PER_PEER_MAX    16u    /* the same among the connections of one address */
#define REAPER_HEADER_MS       5000u  /* from the first byte to the end of a request's header */
#define REAPER_ANSWER_MS       10000u /* from there to the last byte that the peer took */
/* Ended ones are in the table until they are closed. */
#define REAPER_SLOTS (REAPER_CONNECTIONS_MAX + 32u)

enum reaper_phase {
	REAPER_FREE = 0,
	REAPER_HEADER, /* no whole request yet: new, idle, or slow */
	REAPER_ANSWER, /* being answered */
	REAPER_ENDED,  /* shut down, not closed yet */
};

struct reaper_slot {
	enum reaper_phase phase;
	int fd;
	uint64_t since_ms; /* of this phase */
	struct in6_addr peer;
};

struct reaper {
	struct reaper_slot slot[REAPER_SLOTS];
	uint32_t n_used; /* of all phases but free */
	uint32_t n_live; /* without the ended ones */
	uint64_t n_expired;
	uint64_t n_evicted;
};

/* peer: NULL or a socket of the UNIX family counts as one peer. now_ms: any monotonic clock.
 * Returns the slot, or NULL: no slot is free, and the connection was ended. */
struct reaper_slot *reaper_add(struct reaper *reaper, int fd, const struct sockaddr *peer,
			       uint64_t now_ms);

/* slot: NULL is accepted. */
void reaper_answering(struct reaper_slot *slot, uint64_t now_ms);
void reaper_waiting(struct reaper_slot *slot, uint64_t now_ms); /* for the next request */
void reaper_remove(struct reaper *reaper, struct reaper_slot *slot);

/* End what is overdue. Returns the ms until the next deadline, or −1 when there is none. */
int reaper_tick(struct reaper *reaper, uint64_t now_ms);

#endif
