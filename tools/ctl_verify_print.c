// SPDX-License-Identifier: GPL-2.0-or-later
/* Print what ipacctctl verify found. */
#include "ctl_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "common_table.h"
#include "common_text.h"
#include "ctl.h"

static char *ifname_of(const struct ipacct_interface *interface,
		       char buffer[IPACCT_IFNAME_BYTES + 1])
{
	memcpy(buffer, interface->ifname, IPACCT_IFNAME_BYTES);
	buffer[IPACCT_IFNAME_BYTES] = '\0';
	return buffer;
}

static const char *hook_of(uint8_t hook)
{
	const char *name = ipacct_hook_name(hook);

	return name ? name : "?";
}

/* Is there an interface whose departures are counted? */
static bool departures_seen(const struct ipacct_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		if (snapshot->interfaces[i].interface.hook == IPACCT_HOOK_TC_EGRESS)
			return true;
	return false;
}

static void json_interval(struct json_writer *json, const char *key,
			  const struct witness_interval *interval)
{
	json_open(json, key, '[');
	json_u64(json, NULL, interval->least);
	json_u64(json, NULL, interval->most);
	json_close(json, ']');
}

static void json_witness(struct json_writer *json, const struct ipacct_interface *interface,
			 const struct witness *w, uint32_t xdp_prog_id)
{
	bool sent = interface->hook == IPACCT_HOOK_TC_EGRESS;
	char name[IPACCT_IFNAME_BYTES + 1];

	json_text(json, "ifname", ifname_of(interface, name));
	json_text(json, "hook", ipacct_hook_name(interface->hook));
	json_text(json, "mode", ipacct_mode_name(interface->mode));
	json_bool(json, "applies", !w->not_applicable);
	json_text(json, "why_not", w->not_applicable);
	if (w->not_applicable)
		return;
	json_bool(json, "closes", w->closes);
	json_u64(json, "xdp_prog_id", xdp_prog_id);
	json_u64(json, "seen_packets", w->seen_packets);
	json_interval(json, sent ? "kernel_tx_packets" : "kernel_rx_packets", &w->kernel_packets);
	json_open(json, "residue_packets", '[');
	json_i64(json, NULL, w->residue_packets_least);
	json_i64(json, NULL, w->residue_packets_most);
	json_close(json, ']');
	json_text(json, "packets_cause", w->packets_cause);
	json_u64(json, "attach_packets", w->attach_packets);
	json_u64(json, "reading_packets", w->reading_packets);
	json_u64(json, "in_flight_allowed_packets", w->allowed_packets);
	json_u64(json, "seen_l2_bytes", w->seen_l2_bytes);
	json_interval(json, sent ? "kernel_tx_bytes" : "kernel_rx_bytes", &w->kernel_bytes);
	json_bool(json, "bytes_explained", w->bytes_explained);
	json_i64(json, "kernel_bytes_per_packet_more", w->bytes_per_packet);
	json_text(json, "bytes_cause", w->bytes_cause);
	json_u64(json, "bytes_unexplained", w->bytes_unexplained);
}

static void json_equation(struct json_writer *json, const struct equation *e)
{
	char name[IPACCT_IFNAME_BYTES + 1];

	json_text(json, "ifname", e->interface ? ifname_of(e->interface, name) : NULL);
	json_text(json, "hook", e->interface ? ipacct_hook_name(e->interface->hook) : NULL);
	json_text(json, "equation", e->text);
	json_text(json, "unit", e->unit);
	json_u64(json, "left", e->left);
	json_u64(json, "right", e->right);
	json_bool(json, "holds", e->left == e->right);
}

void verify_print_json(const struct ctl_settings *settings, const struct verification *v)
{
	struct json_writer json = { .file = stdout, .pretty = settings->pretty };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "ipacct.verify/1");
	json_bool(&json, "closed", v->closed);
	json_bool(&json, "conserved", v->conserved);
	json_u64(&json, "cut", v->snapshot->cut);
	json_time(&json, "cut_time", v->snapshot->cut_time_ns);
	json_open(&json, "equations", '[');
	for (size_t i = 0; i < v->equations.n; i++) {
		json_open(&json, NULL, '{');
		json_equation(&json, &v->equations.equation[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_bool(&json, "witness_heard", v->witness_heard);
	json_text(&json, "witness_problem", v->witness_heard ? NULL : v->no_maps.text);
	json_open(&json, "witness", '[');
	for (size_t i = 0; v->witness_heard && i < v->snapshot->n_interfaces; i++) {
		json_open(&json, NULL, '{');
		json_witness(&json, &v->snapshot->interfaces[i].interface, &v->witness[i],
			     v->xdp_prog_id[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_text(&json, "tx", departures_seen(v->snapshot) ? NULL : VERIFY_TX_NOT_OBSERVED);
	json_close(&json, '}');
}

static void fill_equation(const void *context, size_t index, struct table_row *row)
{
	const struct verification *v = context;
	const struct equation *e = &v->equations.equation[index];
	char name[IPACCT_IFNAME_BYTES + 1];
	bool first = index == 0 || v->equations.equation[index - 1].interface != e->interface;

	snprintf(row->cell[0], TABLE_CELL_BYTES, "%s",
		 !first         ? ""
		 : e->interface ? text_make_safe(ifname_of(e->interface, name))
				: "all");
	snprintf(row->cell[1], TABLE_CELL_BYTES, "%s",
		 first && e->interface ? hook_of(e->interface->hook) : "");
	snprintf(row->cell[2], TABLE_CELL_BYTES, "%s", e->text);
	snprintf(row->cell[3], TABLE_CELL_BYTES, "%s", e->unit);
	snprintf(row->cell[4], TABLE_CELL_BYTES, "%" PRIu64, e->left);
	snprintf(row->cell[5], TABLE_CELL_BYTES, "%" PRIu64, e->right);
	if (e->left != e->right) {
		snprintf(row->cell[6], TABLE_CELL_BYTES, "OFF BY %" PRId64,
			 (int64_t)(e->left - e->right));
		row->color = "red";
	} else {
		snprintf(row->cell[6], TABLE_CELL_BYTES, "holds");
	}
}

static int print_equations(const struct ctl_settings *settings, const struct verification *v)
{
	struct table table = {
		.n_columns = 7,
		.columns = { { .header = "INTERFACE" },
			     { .header = "HOOK" },
			     { .header = "EQUATION" },
			     { .header = "UNIT" },
			     { .header = "LEFT", .right = true },
			     { .header = "RIGHT", .right = true },
			     { .header = "RESULT" } },
		.color = text_color_wanted(settings->color),
		.fill = fill_equation,
		.context = v,
		.n_rows = v->equations.n,
	};

	return table_print(&table);
}

/* "5015", or "5010 to 5020" where it is only known so far. */
static void print_interval(const struct witness_interval *interval)
{
	if (interval->least == interval->most)
		printf("%" PRIu64, interval->least);
	else
		printf("%" PRIu64 " to %" PRIu64, interval->least, interval->most);
}

static void print_residue(const struct witness *w)
{
	uint64_t far = 0;

	if (w->residue_packets_least > 0)
		far = (uint64_t)w->residue_packets_least;
	if (w->residue_packets_most < 0)
		far = (uint64_t)-w->residue_packets_most;
	if (far == 0 && w->residue_packets_least == w->residue_packets_most) {
		printf("  residue 0 packets%s%s\n", w->packets_cause ? ": " : "",
		       w->packets_cause ? w->packets_cause : "");
		return;
	}
	printf("  residue %+" PRId64 " to %+" PRId64 " packets", w->residue_packets_least,
	       w->residue_packets_most);
	if (w->packets_cause)
		printf(": %s", w->packets_cause);
	else if (far && w->closes)
		printf(": %" PRIu64 " in flight between program and driver counters (up to %" PRIu64
		       " allowed: %u for each queue)",
		       far, w->allowed_packets, WITNESS_IN_FLIGHT_PER_QUEUE);
	else if (far)
		printf(": %" PRIu64 " UNEXPLAINED", far);
	else
		fputs(" contains 0", stdout);
	putchar('\n');
	if (w->attach_packets)
		printf("    attach moment: %" PRIu64
		       " packets arrived while the program was being attached\n",
		       w->attach_packets);
	if (w->reading_packets)
		printf("    reading moment: %" PRIu64 " packets arrived between the readings\n",
		       w->reading_packets);
}

static void print_witness(const struct ipacct_interface *interface, const struct witness *w,
			  uint32_t xdp_prog_id)
{
	char name[IPACCT_IFNAME_BYTES + 1];

	printf("%s %s: ", text_make_safe(ifname_of(interface, name)), hook_of(interface->hook));
	if (w->not_applicable) {
		puts(w->not_applicable);
		return;
	}
	printf("%s; since the attach the program saw %" PRIu64 " packets, the kernel counted ",
	       w->closes ? "agrees" : "DOES NOT AGREE", w->seen_packets);
	print_interval(&w->kernel_packets);
	putchar('\n');
	print_residue(w);
	if (xdp_prog_id == 0 && interface->hook == IPACCT_HOOK_XDP)
		puts("  no XDP program is attached to the device any more");
	printf("  octets: %" PRIu64 " here, ", w->seen_l2_bytes);
	print_interval(&w->kernel_bytes);
	if (!w->bytes_explained)
		printf(" there: %" PRIu64 " unexplained\n", w->bytes_unexplained);
	else if (w->bytes_per_packet)
		printf(" there: %+d a packet, %s\n", w->bytes_per_packet, w->bytes_cause);
	else
		puts(" there");
}

/* A witness that was not heard, or had nothing to say, is not said to agree. */
static void print_verdict(const struct verification *v)
{
	bool applies = false;

	for (size_t i = 0; v->witness_heard && i < v->snapshot->n_interfaces; i++)
		applies |= !v->witness[i].not_applicable;
	if (!v->conserved)
		puts("NOT CLOSED: sums that must be equal are not");
	else if (!v->closed)
		puts("NOT CLOSED: the sums are equal, the witness disagrees");
	else if (applies)
		puts("closed: every sum is equal and the witness agrees");
	else
		puts("closed: every sum is equal; there was no witness");
}

int verify_print_text(const struct ctl_settings *settings, const struct verification *v)
{
	char time[TEXT_TIME_BYTES];
	int r;

	printf("conservation at cut %" PRIu64 ", %s UTC\n", v->snapshot->cut,
	       text_time(v->snapshot->cut_time_ns, time));
	r = print_equations(settings, v);
	if (r < 0)
		return r;
	puts("tx, rx: sums over all addresses and roll-ups\n");
	puts("second witness: the kernel's counters of the device, rx or tx (rtnl_link_stats64)");
	if (!v->witness_heard)
		printf("not heard: %s\n", v->no_maps.text);
	for (size_t i = 0; v->witness_heard && i < v->snapshot->n_interfaces; i++)
		print_witness(&v->snapshot->interfaces[i].interface, &v->witness[i],
			      v->xdp_prog_id[i]);
	puts(departures_seen(v->snapshot) ? "" : VERIFY_TX_NOT_OBSERVED "\n");
	print_verdict(v);
	return 0;
}
