// SPDX-License-Identifier: GPL-2.0-or-later
/* Every packet of a capture, once through the program and, to prove it, once through the witness. */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int complain(struct replay *replay, const struct capture_packet *packet, int error,
		    const struct ipacct_problem *problem)
{
	progress_end(&replay->progress);
	tool_complain("%s: packet %" PRIu64 " at octet %" PRIu64 ": %s",
		      replay->settings->capture_name, packet->number, packet->offset,
		      problem->text[0] ? problem->text : strerror(-error));
	return error;
}

static void facts_add(struct dump_replay *facts, const struct capture_packet *packet)
{
	facts->packets++;
	facts->l2_bytes += packet->frame_bytes;
	if (packet->wire_bytes > packet->frame_bytes) {
		facts->cut_packets++;
		facts->cut_l2_bytes += packet->wire_bytes - packet->frame_bytes;
	}
	if (facts->packets == 1 || packet->time_ns < facts->first_ns)
		facts->first_ns = packet->time_ns;
	if (packet->time_ns > facts->last_ns)
		facts->last_ns = packet->time_ns;
}

/* With --pad: what the capture left out as zeros. */
static int pad(struct replay *replay, struct capture_packet *packet, struct ipacct_problem *problem)
{
	if (packet->wire_bytes <= packet->frame_bytes)
		return 0;
	if (packet->wire_bytes > REPLAY_PADDED_BYTES_MAX) {
		(void)snprintf(problem->text, sizeof(problem->text),
			       "it had %" PRIu64 " octets on the wire, more than %u",
			       packet->wire_bytes, REPLAY_PADDED_BYTES_MAX);
		return -EMSGSIZE;
	}
	memcpy(replay->padded, packet->frame, packet->frame_bytes);
	memset(replay->padded + packet->frame_bytes, 0, packet->wire_bytes - packet->frame_bytes);
	packet->frame = replay->padded;
	packet->frame_bytes = packet->wire_bytes;
	return 0;
}

static int feed_one(struct replay *replay, struct capture_packet *packet,
		    struct ipacct_problem *problem)
{
	const struct replay_settings *settings = replay->settings;
	int r = settings->pad ? pad(replay, packet, problem) : 0;

	if (r < 0)
		return r;
	if (packet->frame_bytes < IPACCT_ENGINE_FRAME_BYTES_MIN) {
		replay->facts.short_packets++;
		return 0;
	}
	if (settings->drill != packet->number)
		r = ipacct_engine_run(replay->engine, packet->frame, packet->frame_bytes,
				      packet->time_ns, problem);
	if (r == 0 && settings->prove)
		r = witness_frame(&replay->witness, packet->frame, packet->frame_bytes);
	return r;
}

int replay_feed(struct replay *replay)
{
	struct ipacct_problem problem = { "" };
	struct capture_packet packet;
	int r;

	if (replay->settings->pad) {
		replay->padded = malloc(REPLAY_PADDED_BYTES_MAX);
		if (!replay->padded)
			return -ENOMEM;
	}
	progress_begin(&replay->progress, replay->capture.file_bytes);
	while ((r = capture_next(&replay->capture, &packet, &problem)) > 0) {
		facts_add(&replay->facts, &packet);
		r = feed_one(replay, &packet, &problem);
		if (r < 0)
			return complain(replay, &packet, r, &problem);
		if (packet.number % PROGRESS_EVERY_PACKETS == 0)
			progress_tick(&replay->progress, replay->capture.n_bytes, packet.number);
	}
	progress_end(&replay->progress);
	if (r < 0)
		tool_complain("%s: %s", replay->settings->capture_name, problem.text);
	return r;
}
