// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: what the counters say of themselves. */
#include "ctl_doctor.h"

#include <errno.h>
#include <inttypes.h>

#define ROLLED_WARN_SHARE 0.01          /* one update in a hundred lost its address */
#define STALLED_INTERVALS 3u            /* cuts that did not come … */
#define STALLED_NS        2000000000ULL /* … and as much as a busy machine may be late */
#define LINES_FULL        90u           /* percent: so full a family displaces, … */
#define LINES_IDLE        25u           /* … so empty a family can give half of its lines away */
#define LRU_FULL          90u           /* per cent of its entries since the cut */

/* Say why there is nothing to judge. Returns whether that is so. */
static bool no_ledger(const struct doctor_facts *facts, struct doctor_finding *finding)
{
	if (!facts->ledger_error)
		return false;
	if (facts->ledger_error == -ENOENT)
		doctor_found(finding, DOCTOR_INFO, "nothing is counted yet: no ledger");
	else
		doctor_found(finding, DOCTOR_UNKNOWN, "the ledger cannot be read: %s",
			     facts->ledger_problem);
	doctor_mend(finding, "systemctl start ipacctd");
	return true;
}

static void check_conservation(const struct doctor_facts *facts, const struct doctor_device *device,
			       struct doctor_finding *finding)
{
	(void)device;
	if (facts->ledger_error == -EPROTO || facts->ledger_error == -EBADMSG)
		doctor_found(finding, DOCTOR_ERROR, "%s", facts->ledger_problem);
	else if (!no_ledger(facts, finding) && (facts->error_packets || facts->error_l3_bytes))
		doctor_found(finding, DOCTOR_ERROR,
			     "sums are apart by %" PRIu64 " packets and %" PRIu64 " octets",
			     facts->error_packets, facts->error_l3_bytes);
}

static void check_collector(const struct doctor_facts *facts, const struct doctor_device *device,
			    struct doctor_finding *finding)
{
	uint64_t limit = STALLED_INTERVALS * facts->interval_ns + STALLED_NS;

	(void)device;
	if (facts->ledger_error)
		return; /* said by `conservation` */
	if (!facts->interval_ns || facts->daemon == SWITCH_OFF)
		doctor_found(finding, DOCTOR_WARN,
			     "ipacctd does not run; the last cut is %" PRIu64 ", %.1f s old",
			     facts->cut, (double)facts->cut_age_ns / 1e9);
	else if (facts->cut_age_ns > limit)
		doctor_found(finding, DOCTOR_ERROR,
			     "cut %" PRIu64 " is %.1f s old, one is due each %.1f s", facts->cut,
			     (double)facts->cut_age_ns / 1e9, (double)facts->interval_ns / 1e9);
}

static void check_pressure(const struct doctor_facts *facts, const struct doctor_device *device,
			   struct doctor_finding *finding)
{
	double updates = 2.0 * (double)facts->accounted_packets;
	double share = updates > 0 ? (double)facts->rolled_packets / updates : 0;

	(void)device;
	if (facts->ledger_error)
		return;
	if (share >= ROLLED_WARN_SHARE)
		doctor_found(finding, DOCTOR_WARN,
			     "%.2f %% of all counts are on prefixes, not on addresses; %" PRIu64
			     " inserts refused, %" PRIu64
			     " packets of protected addresses rolled up",
			     100 * share, facts->lru_refused, facts->guard_rolled);
	else if (facts->lru_entries != UNKNOWN && facts->lru_entries &&
		 facts->lru_inserts * 100 > facts->lru_entries * LRU_FULL)
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " of %" PRIu64 " LRU entries used since the cut, %" PRIu64
			     " lines displaced",
			     facts->lru_inserts, facts->lru_entries, facts->hot_displaced);
	else if (facts->rolled_packets)
		doctor_found(finding, DOCTOR_INFO,
			     "%.4f %% of all counts are on prefixes (%" PRIu64 ")", 100 * share,
			     facts->rolled_packets);
}

/* Lines that only the other family may use, while this one has none left. */
static void check_families(const struct doctor_facts *facts, const struct doctor_device *device,
			   struct doctor_finding *finding)
{
	const uint64_t *lines = facts->hot_lines, *used = facts->hot_used;

	(void)device;
	for (int full = 0; full < 2; full++)
		if (lines[full] && used[full] * 100 >= lines[full] * LINES_FULL &&
		    used[!full] * 100 <= lines[!full] * LINES_IDLE)
			doctor_found(finding, DOCTOR_INFO,
				     "IPv4 used %" PRIu64 " of %" PRIu64
				     " lines in the last cut, IPv6 %" PRIu64 " of %" PRIu64,
				     used[0], lines[0], used[1], lines[1]);
}

static void check_ledger_full(const struct doctor_facts *facts, const struct doctor_device *device,
			      struct doctor_finding *finding)
{
	(void)device;
	if (facts->ledger_error)
		return;
	if (facts->unrecorded_keys)
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " times an address found no room; %" PRIu64
			     " idle ones were folded, %" PRIu64 " are held",
			     facts->unrecorded_keys, facts->folded_records, facts->n_addresses);
	else if (facts->folded_records)
		doctor_found(finding, DOCTOR_INFO,
			     "%" PRIu64 " idle addresses were folded into their prefix",
			     facts->folded_records);
}

static void check_pins(const struct doctor_facts *facts, const struct doctor_device *device,
		       struct doctor_finding *finding)
{
	(void)device;
	if (facts->pins_restored)
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " pins were removed by somebody and "
			     "put back",
			     facts->pins_restored);
}

const struct doctor_rule doctor_counts_rules[] = {
	{ "conservation", "sums", false, check_conservation,
	  "seen = accounted + ignored and accounted = tx = rx do not hold: a figure is wrong",
	  "ipacctctl verify  # names the sum; keep its output and report it", false },
	{ "collector", "collector", false, check_collector,
	  "figures are those of the last cut; the program counts on, and nothing is lost",
	  "systemctl restart ipacctd; ipacct-dump --live reads without it", false },
	{ "map-pressure", "map pressure", false, check_pressure,
	  "sums stay exact, but these packets are on their prefix in place of their address",
	  "raise `memory:` (ipacctctl plan says to what); name your own prefixes in `protect:`",
	  false },
	{ "family-share", "memory divided by families", false, check_families,
	  "an address without a line costs ten times as much; the other family has lines to spare",
	  "set `ipv6_share:` to what comes by; it takes effect after ipacctctl detach and a start",
	  false },
	{ "ledger-full", "ledger full", false, check_ledger_full,
	  "an address that was folded begins again at 0 when it returns",
	  "raise `ledger_addresses:` or `memory:`, then restart ipacctd", false },
	{ "pins-removed", "pins removed by somebody", false, check_pins,
	  "between removal and repair a crash would have ended counting",
	  "journalctl -u ipacctd  # when; and who cleans up /run", false },
	{ 0 },
};
