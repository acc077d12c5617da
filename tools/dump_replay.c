// SPDX-License-Identifier: GPL-2.0-or-later
/* What the outputs of a replay say about the capture. */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>

char *dump_replay_cut_note(const struct dump_replay *replay, enum text_units units,
			   char buffer[DUMP_REPLAY_NOTE_BYTES])
{
	char packets[TEXT_NUMBER_BYTES], missing[TEXT_NUMBER_BYTES];

	buffer[0] = '\0';
	if (replay->cut_packets)
		(void)snprintf(buffer, DUMP_REPLAY_NOTE_BYTES,
			       "%s packets were cut by the capture (%s missing): counted %s",
			       text_count(replay->cut_packets, units, packets),
			       text_octets(replay->cut_l2_bytes, units, missing),
			       replay->padded ? "with zeros in their place" : "as captured");
	return buffer;
}

void dump_replay_table(const struct dump_settings *settings)
{
	const struct dump_replay *replay = settings->replay;
	enum text_units units = dump_units(settings, false);
	char packets[TEXT_NUMBER_BYTES], octets[TEXT_NUMBER_BYTES];
	char first[TEXT_TIME_BYTES], last[TEXT_TIME_BYTES];
	char name[DUMP_NAME_BYTES], note[DUMP_REPLAY_NOTE_BYTES];

	(void)snprintf(name, sizeof(name), "%s", replay->capture);
	printf("%s replayed: %s packets, %s captured", text_make_safe(name),
	       text_count(replay->packets, units, packets),
	       text_octets(replay->l2_bytes, units, octets));
	if (replay->packets)
		printf(", %s to %s UTC", text_time(replay->first_ns, first),
		       text_time_short(replay->last_ns, replay->first_ns, last));
	putchar('\n');
	if (replay->cut_packets)
		puts(dump_replay_cut_note(replay, units, note));
	if (replay->short_packets)
		printf("%s packets are shorter than an Ethernet header: not run, no driver hands "
		       "such to a program\n",
		       text_count(replay->short_packets, units, packets));
}

void dump_replay_json(struct json_writer *json, const struct dump_replay *replay)
{
	json_text(json, "capture", replay->capture);
	json_u64(json, "packets", replay->packets);
	json_u64(json, "l2_bytes", replay->l2_bytes);
	json_u64(json, "cut_packets", replay->cut_packets);
	json_u64(json, "cut_l2_bytes", replay->cut_l2_bytes);
	json_bool(json, "padded", replay->padded);
	json_u64(json, "short_packets", replay->short_packets);
	json_time(json, "first_packet", replay->first_ns);
	json_time(json, "last_packet", replay->last_ns);
}

void dump_replay_oneline(const struct dump_replay *replay)
{
	char text[TEXT_TIME_BYTES], name[DUMP_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "%s", replay->capture);
	printf("replay %s packets %" PRIu64 " l2_bytes %" PRIu64 " cut_packets %" PRIu64
	       " cut_l2_bytes %" PRIu64 " padded %s short_packets %" PRIu64,
	       text_make_safe(name), replay->packets, replay->l2_bytes, replay->cut_packets,
	       replay->cut_l2_bytes, replay->padded ? "yes" : "no", replay->short_packets);
	printf(" first_packet %s", replay->first_ns ? text_rfc3339(replay->first_ns, text) : "-");
	printf(" last_packet %s\n", replay->last_ns ? text_rfc3339(replay->last_ns, text) : "-");
}
