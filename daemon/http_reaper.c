/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may stay connected. */
#include <string.h>

#include "http_reaper.h"

static struct in6_addr peer_of(const struct sockaddr *peer)
{
	struct in6_addr address = IN6ADDR_ANY_INIT;

	if (peer && peer->sa_family == AF_INET6) {
		address = ((const struct sockaddr_in6 *)peer)->sin6_addr;
	} else if (peer && peer->sa_family == AF_INET) {
		address.s6_addr32[2] = htonl(0xffff); /* RFC 4291 2.5.5.2 */
		address.s6_addr32[3] = ((const struct sockaddr_in *)peer)->sin_addr.s_addr;
	}
	return address;
}

static void end(struct reaper *reaper, struct reaper_slot *slot)
{
	(void)shutdown(slot->fd, SHUT_RDWR); /* the peer may have ended it already */
	slot->phase = REAPER_ENDED;
	reaper->n_live--;
}

/* Whose end costs least: who has not asked for anything, then who reads slowly; the oldest. */
static bool worse(const struct reaper_slot *a, const struct reaper_slot *b)
{
	return a->phase != b->phase ? a->phase < b->phase : a->since_ms < b->since_ms;
}

/* peer: NULL means anybody. */
static struct reaper_slot *worst(struct reaper *reaper, const struct in6_addr *peer)
{
	struct reaper_slot *found = NULL;

	for (struct reaper_slot *slot = reaper->slot; slot < reaper->slot + REAPER_SLOTS; slot++) {
		if (slot->phase != REAPER_HEADER && slot->phase != REAPER_ANSWER)
			continue;
		if (peer && memcmp(peer, &slot->peer, sizeof(*peer)))
			continue;
		if (!found || worse(slot, found))
			found = slot;
	}
	return found;
}

static uint32_t n_of(const struct reaper *reaper, const struct in6_addr *peer)
{
	uint32_t n = 0;

	for (const struct reaper_slot *slot = reaper->slot; slot < reaper->slot + REAPER_SLOTS;
	     slot++)
		n += (slot->phase == REAPER_HEADER || slot->phase == REAPER_ANSWER) &&
		     !memcmp(peer, &slot->peer, sizeof(*peer));
	return n;
}

struct reaper_slot *reaper_add(struct reaper *reaper, int fd, const struct sockaddr *peer,
			       uint64_t now_ms)
{
	struct in6_addr address = peer_of(peer);
	struct reaper_slot *slot = reaper->slot;

	while (slot < reaper->slot + REAPER_SLOTS && slot->phase != REAPER_FREE)
		slot++;
	if (slot == reaper->slot + REAPER_SLOTS) {
		(void)shutdown(fd, SHUT_RDWR); /* as end() */
		reaper->n_evicted++;
		return NULL;
	}
	if (n_of(reaper, &address) >= REAPER_PER_PEER_MAX) {
		end(reaper, worst(reaper, &address));
		reaper->n_evicted++;
	} else if (reaper->n_live >= REAPER_CONNECTIONS_MAX) {
		end(reaper, worst(reaper, NULL));
		reaper->n_evicted++;
	}
	*slot = (struct reaper_slot){
		.phase = REAPER_HEADER, .fd = fd, .since_ms = now_ms, .peer = address
	};
	reaper->n_used++;
	reaper->n_live++;
	return slot;
}

static void phase_set(struct reaper_slot *slot, enum reaper_phase phase, uint64_t now_ms)
{
	if (!slot || slot->phase == REAPER_ENDED)
		return;
	slot->phase = phase;
	slot->since_ms = now_ms;
}

void reaper_answering(struct reaper_slot *slot, uint64_t now_ms)
{
	phase_set(slot, REAPER_ANSWER, now_ms);
}

void reaper_waiting(struct reaper_slot *slot, uint64_t now_ms)
{
	phase_set(slot, REAPER_HEADER, now_ms);
}

void reaper_remove(struct reaper *reaper, struct reaper_slot *slot)
{
	if (!slot)
		return;
	if (slot->phase != REAPER_ENDED)
		reaper->n_live--;
	reaper->n_used--;
	slot->phase = REAPER_FREE;
}

int reaper_tick(struct reaper *reaper, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (struct reaper_slot *slot = reaper->slot; slot < reaper->slot + REAPER_SLOTS; slot++) {
		uint64_t due = slot->since_ms +
			       (slot->phase == REAPER_ANSWER ? REAPER_ANSWER_MS : REAPER_HEADER_MS);

		if (slot->phase != REAPER_HEADER && slot->phase != REAPER_ANSWER)
			continue;
		if (due <= now_ms) {
			end(reaper, slot);
			reaper->n_expired++;
		} else if (due < next) {
			next = due;
		}
	}
	return next == UINT64_MAX ? -1 : (int)(next - now_ms);
}
