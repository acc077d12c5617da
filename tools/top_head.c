// SPDX-License-Identifier: GPL-2.0-or-later
/* The head of a frame: where the figures come from, the last minute, interfaces, proof, own cost. */
#include "top_draw.h"

#include <stdio.h>
#include <string.h>

#include <ipacct/counters.h>

#define LINES_FEW      12u /* of a terminal: below it only the first two lines of the head */
#define INTERFACES_FEW 4u  /* shown at once; `i` goes through all of them */
#define WIDE           84u /* columns: room for the longest name of an interface */
#define DATE_BYTES     11u /* "2026-11-21 " */
#define SPARK_BESIDE   37u /* columns that text takes beside the last minute */

char *top_rate_text(double per_second, char buffer[TEXT_NUMBER_BYTES])
{
	return text_rate(per_second, TEXT_SI, buffer);
}

/* "1.23 Mbit/s", "7 bit/s". */
static char *bits_text(double per_second, char buffer[TEXT_NUMBER_BYTES])
{
	size_t n = strlen(top_rate_text(per_second, buffer));
	bool prefixed = strchr(buffer, ' ') != NULL;

	(void)snprintf(buffer + n, TEXT_NUMBER_BYTES - n, "%sbit/s", prefixed ? "" : " ");
	return buffer;
}

double top_total_bits(const struct top *top)
{
	uint64_t octets = 0;

	for (size_t i = 0; i < top->n_interfaces; i++)
		octets += top->moved[i].totals.seen.l2_bytes;
	return 8 * top_per_second(octets, top->covered_ns);
}

static void source_line(struct top *top)
{
	static const char *const words[] = { "cut", "live, after cut", "STANDS STILL at cut",
					     "NOT READABLE, last cut" };
	struct top_frame *frame = &top->frame;
	struct top_line *line = top_frame_line(frame);
	enum top_source_state state = top->source.state;
	bool screen = top->settings.format == TOP_SCREEN; /* whoever looks at it knows the day */
	bool slowed = top->pace_ns > top->settings.interval_ns;
	char number[TEXT_NUMBER_BYTES], time[TEXT_TIME_BYTES];

	top_put(frame, line, 0, TOP_BOLD, "ipacct-top");
	if (top->paused)
		top_put(frame, line, 0, TOP_WARN, " PAUSED");
	(void)text_time(top->head.live ? top->head.read_time_ns : top->head.cut_time_ns, time);
	if (screen && time[0] != '-')
		memmove(time, time + DATE_BYTES, strlen(time + DATE_BYTES) + 1);
	top_putf(frame, line, 0, TOP_PLAIN, " %s UTC  ", time);
	top_putf(frame, line, 0, state >= TOP_STANDS_STILL ? TOP_BAD : TOP_PLAIN, "%s %llu",
		 words[state], (unsigned long long)top->head.cut);
	if (slowed)
		top_putf(frame, line, 0, TOP_WARN, "  every %s (1 %%)",
			 text_age(top->pace_ns, time));
	else if (state == TOP_FROM_CUTS || frame->width >= WIDE) /* else what moves has no room */
		top_putf(frame, line, 0, TOP_PLAIN, "  every %s",
			 text_age(top->settings.interval_ns, time));
	if (slowed && frame->width < WIDE) {
		top_putf(frame, line, 0, TOP_PLAIN, "  %s moving",
			 text_count(top->view.n_all, TEXT_SI, number));
		return;
	}
	top_putf(frame, line, 0, TOP_PLAIN, "  %s addresses",
		 text_count(top->n_addresses, TEXT_SI, number));
	top_putf(frame, line, 0, TOP_PLAIN, ", %s moving",
		 text_count(top->view.n_all, TEXT_SI, number));
}

static void minute_line(struct top *top)
{
	struct top_frame *frame = &top->frame;
	struct top_line *line = top_frame_line(frame);
	char spark[TOP_SPARK_BYTES], now[TEXT_NUMBER_BYTES], peak[TEXT_NUMBER_BYTES];
	size_t room = frame->width > SPARK_BESIDE ? frame->width - SPARK_BESIDE : 8;

	top_put(frame, line, 0, TOP_PLAIN, "minute ");
	top_put(frame, line, 0, TOP_GOOD,
		top_history_text(&top->history, room, frame->ascii, spark));
	top_put(frame, line, 12, TOP_BOLD, bits_text(top_total_bits(top), now));
	top_putf(frame, line, 0, TOP_DIM, "  peak %s",
		 bits_text(top_history_peak(&top->history), peak));
}

static void interface_line(struct top *top, size_t i)
{
	const struct ipacct_interface *interface = &top->moved[i].interface;
	const struct ipacct_totals *totals = &top->moved[i].totals;
	struct ipacct_packets_l2 ignored = dump_ignored(totals);
	struct top_frame *frame = &top->frame;
	struct top_line *line = top_frame_line(frame);
	char name[DUMP_NAME_BYTES], text[TEXT_NUMBER_BYTES];
	uint64_t ns = top->covered_ns;

	bool generic = interface->mode == IPACCT_MODE_GENERIC;
	bool attached = interface->state == IPACCT_IF_ATTACHED;

	top_put(frame, line, frame->width < WIDE ? -12 : -16, TOP_BOLD,
		dump_ifname(&top->settings.dump, interface, name));
	top_putf(frame, line, -11, generic || !attached ? TOP_WARN : TOP_DIM, "%s%s%s",
		 dump_name(ipacct_hook_name(interface->hook)), generic || !attached ? " " : "",
		 !attached ? dump_name(ipacct_if_state_name(interface->state))
		 : generic ? dump_name(ipacct_mode_name(interface->mode))
			   : "");
	top_put(frame, line, 0, TOP_DIM, " seen");
	top_put(frame, line, 12, TOP_PLAIN,
		bits_text(8 * top_per_second(totals->seen.l2_bytes, ns), text));
	top_putf(frame, line, 8, TOP_PLAIN, "%s",
		 top_rate_text(top_per_second(totals->seen.packets, ns), text));
	top_put(frame, line, 0, TOP_DIM, " p/s  acc");
	top_putf(frame, line, 7, TOP_PLAIN, "%s",
		 top_rate_text(top_per_second(totals->accounted.packets, ns), text));
	top_put(frame, line, 0, TOP_DIM, "  ign");
	top_putf(frame, line, 7, ignored.packets ? TOP_PLAIN : TOP_DIM, "%s",
		 top_rate_text(top_per_second(ignored.packets, ns), text));
}

static bool shown(const struct top *top, size_t i)
{
	const char *device = top->device[0] ? top->device : top->settings.dump.device;

	return !device || strncmp(device, top->moved[i].interface.ifname, IPACCT_IFNAME_BYTES) == 0;
}

static void interface_lines(struct top *top)
{
	size_t n = 0, hidden = 0;

	for (size_t i = 0; i < top->n_interfaces; i++) {
		if (!shown(top, i))
			continue;
		if (n++ < INTERFACES_FEW)
			interface_line(top, i);
		else
			hidden++;
	}
	if (hidden)
		top_putf(&top->frame, top_frame_line(&top->frame), 0, TOP_DIM,
			 "and %zu more interfaces: i goes through all", hidden);
}

static void conservation_line(struct top *top)
{
	const struct ipacct_conservation *c = &top->head.conservation;
	struct top_frame *frame = &top->frame;
	struct top_line *line = top_frame_line(frame);
	bool exact = !c->error_packets && !c->error_l2_bytes && !c->error_l3_bytes;
	char number[TEXT_NUMBER_BYTES];

	top_put(frame, line, 0, exact ? TOP_GOOD : TOP_BAD,
		exact ? "conserved: exact" : "NOT CONSERVED");
	if (!exact)
		top_putf(frame, line, 0, TOP_BAD, ": %llu packets, %llu octets apart",
			 (unsigned long long)c->error_packets,
			 (unsigned long long)(c->error_l3_bytes ? c->error_l3_bytes
								: c->error_l2_bytes));
	else
		top_put(frame, line, 0, TOP_DIM,
			" (seen = accounted + ignored = sum of addresses)");
	if (top->head.facts.unrecorded_keys)
		top_putf(frame, line, 0, TOP_WARN, "  %s keys found the ledger full",
			 text_count(top->head.facts.unrecorded_keys, TEXT_SI, number));
}

/* Cuts take less than a millisecond where there are few addresses. */
static char *short_time(uint64_t ns, char buffer[TEXT_TIME_BYTES])
{
	if (ns >= NS_PER_MS)
		return text_age(ns, buffer);
	(void)snprintf(buffer, TEXT_TIME_BYTES, "%.0f us", (double)ns / 1000);
	return buffer;
}

static void cost_line(struct top *top)
{
	const struct top_daemon *daemon = &top->daemon;
	struct top_frame *frame = &top->frame;
	struct top_line *line = top_frame_line(frame);
	char text[TEXT_NUMBER_BYTES], age[TEXT_TIME_BYTES];
	uint64_t interval_ns = top->head.interval_ns;

	top_putf(frame, line, 0, TOP_DIM, "cost: ");
	top_putf(frame, line, 0, TOP_PLAIN, "cut %s", short_time(top->head.facts.duration_ns, age));
	if (interval_ns)
		top_putf(frame, line, 0, TOP_PLAIN, " of %s (%.2f %%)", text_age(interval_ns, age),
			 100 * (double)top->head.facts.duration_ns / (double)interval_ns);
	if (top->settings.format == TOP_SCREEN)
		top_putf(frame, line, 0, TOP_PLAIN, ", top %.2f %%", 100 * top->cpu_share);
	if (daemon->state == TOP_DAEMON_NOT_RUNNING)
		top_put(frame, line, 0, TOP_WARN, ", daemon: not running, counting goes on");
	if (daemon->state == TOP_DAEMON_SILENT)
		top_putf(frame, line, 0, TOP_WARN, ", daemon: %s", strerror(-daemon->error));
	if (daemon->state != TOP_DAEMON_RUNS)
		return;
	if (daemon->ns_per_run > 0)
		top_putf(frame, line, 0, TOP_PLAIN, ", %.0f ns/packet", daemon->ns_per_run);
	top_putf(frame, line, 0, TOP_PLAIN, ", maps %s",
		 text_octets(daemon->maps_bytes, TEXT_IEC, text));
	if (frame->width >= WIDE)
		top_putf(frame, line, 0, TOP_PLAIN, ", collector %s",
			 text_octets(daemon->collector_bytes, TEXT_IEC, text));
	if (daemon->over_budget)
		top_put(frame, line, 0, TOP_BAD, "  OVER BUDGET");
}

void top_draw_head(struct top *top)
{
	source_line(top);
	minute_line(top);
	if (top->source.state >= TOP_STANDS_STILL)
		top_putf(&top->frame, top_frame_line(&top->frame), 0, TOP_BAD,
			 "%s; waiting for it to come back",
			 top->source.problem.text[0] ? top->source.problem.text
						     : "no cut and no readable maps");
	if (top->frame.height && top->frame.height < LINES_FEW)
		return;
	interface_lines(top);
	conservation_line(top);
	cost_line(top);
}
