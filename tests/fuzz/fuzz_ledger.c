/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: a ledger file with anything in it, read as the tools read it and continued as the
 * daemon does after a start. The input is a list of changes to a good ledger: part of the file, number of
 * octets, place in that part (2), the octets. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "json_records.h"
#include "ledger_file.h"
#include "publish.h"
#include "reader.h"
#include "series.h"
#include "require.h"

#define ROLLUPS_MAX   (2 * IPACCT_DOMAINS_MAX + 4)
#define ADDRESSES_MAX 16u /* the last cuts of the good one fill it and fold */
#define N_KEYS        12u
#define N_CUTS        3u
#define SEED          42u
#define CHANGE_BYTES  4u /* before its octets */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static uint8_t *good;    /* the good ledger */
static uint8_t *changed; /* the file behind changed_fd */
static int changed_fd;
static size_t ledger_bytes;

/* ---- A good ledger --------------------------------------------------------------------------- */

static struct ipacct_key key_of(uint32_t i)
{
	struct ipacct_key key = { .domain = (uint16_t)(i % 3) };

	key.addr_be[3] = htonl(0xc0000200 + i * 0x10001); /* more than one /16 */
	if (i % 2)
		key.addr_be[2] = htonl(0xffff); /* RFC 4291 2.5.5.2 */
	else
		key.addr_be[0] = htonl(0x20010db8);
	return key;
}

/* What a cut finds in the maps: some addresses, a roll-up of each family, one interface. */
static void epoch_fill(struct ipacct_epoch *epoch, uint32_t cut)
{
	struct ipacct_counters one = { .tx_packets = 1, .tx_l3_bytes = 100 };
	struct ipacct_totals *totals = &epoch->totals[cut % 2];
	struct ipacct_key prefix;
	uint8_t prefix_len;

	ipacct_epoch_reset(epoch);
	epoch->interfaces[cut % 2] = (struct ipacct_interface){ .ifname = "test0",
								.ifindex = 7,
								.hook = IPACCT_HOOK_XDP };
	for (uint32_t i = 0; i < N_KEYS; i++) {
		struct ipacct_key key = key_of(cut * N_KEYS / 2 + i);

		require(!ipacct_table_add(&epoch->addresses, &key, 128, &one));
		prefix_len = ipacct_key_prefix(&key, i % 4 == 0, &prefix);
		require(!ipacct_table_add(&epoch->rollups, &prefix, prefix_len, &one));
	}
	totals->seen.packets = totals->accounted.packets = totals->ipv4.packets = 2 * N_KEYS;
	totals->ipv4.l3_bytes = 2 * N_KEYS * 100;
}

/* One cut more, as the collector makes it. Returns what publisher_apply() returns. */
static int continue_ledger(int fd, uint32_t n_cuts)
{
	struct series_settings settings = { .runtime_dir = "/nonexistent",
					    .top = { 0, 2, 2, 2, 2 },
					    .seed = SEED };
	static struct ipacct_epoch epoch;
	struct publisher publisher = {};
	struct series *series = NULL;
	struct ipacct_problem problem = { "" };
	int ret = publisher_init(&publisher, fd, SEED, &problem);

	if (ret) {
		require(problem.text[0] || ret == -ENOMEM || ret == -EBADMSG);
		return ret;
	}
	require(!series_init(&publisher.ledger, &settings, &series));
	publisher.series = series;
	for (uint32_t i = 0; i < n_cuts && !ret; i++) {
		struct ipacct_ledger_cut facts = { .cut = publisher_cut(&publisher) + 1 };

		facts.cut_time_ns = (i + 1) * 1000000000ULL;
		epoch_fill(&epoch, i);
		ret = publisher_apply(&publisher, &epoch, facts);
		require(ret || publisher_cut(&publisher) == facts.cut);
	}
	publisher_forget_uncommitted(&publisher);
	series_finish(series);
	publisher_finish(&publisher);
	return ret;
}

static void begin(void)
{
	ledger_bytes = ipacct_ledger_bytes(ROLLUPS_MAX, ADDRESSES_MAX);
	changed_fd = memfd_create("ledger", MFD_CLOEXEC);
	require(changed_fd >= 0 && !ledger_file_init(changed_fd, ROLLUPS_MAX, ADDRESSES_MAX));
	require(!continue_ledger(changed_fd, N_CUTS));
	changed = mmap(NULL, ledger_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, changed_fd, 0);
	good = malloc(ledger_bytes);
	require(changed != MAP_FAILED && good);
	memcpy(good, changed, ledger_bytes);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static size_t part_at(uint8_t part)
{
	size_t interfaces = IPACCT_LEDGER_HEADER_BYTES;
	size_t series = interfaces + IPACCT_IFS_MAX * sizeof(struct ipacct_ledger_interface);
	size_t rollups = series + IPACCT_SERIES_MAX * sizeof(struct ipacct_ledger_series);
	size_t addresses = rollups + ROLLUPS_MAX * sizeof(struct ipacct_ledger_record);

	switch (part % 5) {
	case 0:
		return 0;
	case 1:
		return interfaces;
	case 2:
		return series;
	case 3:
		return rollups;
	default:
		return addresses;
	}
}

/* Returns how much of the file is left. */
static size_t change(const uint8_t *data, size_t n_bytes)
{
	size_t n_left = ledger_bytes;

	while (n_bytes >= CHANGE_BYTES) {
		size_t at = part_at(data[0]) + data[2] + (size_t)data[3] * 256, n = data[1];

		data += CHANGE_BYTES;
		n_bytes -= CHANGE_BYTES;
		n = n < n_bytes ? n : n_bytes;
		if (!n && at < n_left)
			n_left = at; /* the file ends here */
		if (at + n <= ledger_bytes)
			memcpy(changed + at, data, n);
		data += n;
		n_bytes -= n;
	}
	return n_left;
}

/* ---- Readers --------------------------------------------------------------------------------- */

/* Every text of it as JSON: what a damaged file says must not leave the quotes. */
static void write_out(const struct ipacct_snapshot *snapshot)
{
	static struct buffer out;
	struct json_writer json = { .buffer = &out };

	buffer_reset(&out);
	json_open(&json, NULL, '[');
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		json_open(&json, NULL, '{');
		json_interface(&json, NULL, &snapshot->interfaces[i].interface,
			       &snapshot->interfaces[i].totals, true);
		json_close(&json, '}');
	}
	for (size_t i = 0; i < snapshot->n_addresses; i++) {
		json_open(&json, NULL, '{');
		json_address(&json, &snapshot->addresses[i]);
		json_close(&json, '}');
	}
	for (size_t i = 0; i < snapshot->n_rollups; i++) {
		json_open(&json, NULL, '{');
		json_rollup(&json, &snapshot->rollups[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	require(!out.failed);
	for (size_t i = 0; i + 1 < out.n; i++)
		require((uint8_t)out.text[i] >= ' ');
}

static void check(const struct ipacct_snapshot *snapshot)
{
	struct ipacct_conservation again;
	struct ipacct_snapshot *delta;

	require(snapshot->n_interfaces <= IPACCT_IFS_MAX);
	require(snapshot->n_addresses <= ADDRESSES_MAX && snapshot->n_rollups <= ROLLUPS_MAX);
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		require(memchr(snapshot->interfaces[i].interface.ifname, '\0',
			       IPACCT_IFNAME_BYTES));
	for (size_t i = 0; i < snapshot->n_addresses; i++)
		require(snapshot->addresses[i].ledger_index < ADDRESSES_MAX &&
			snapshot->addresses[i].last_seen_ns);
	ipacct_snapshot_conservation(snapshot, &again);
	require(!memcmp(&again, &snapshot->conservation, sizeof(again)));
	write_out(snapshot);
	require(!ipacct_snapshot_delta(snapshot, snapshot, &delta));
	/* a damaged file may hold a key twice: then not nothing, but no more than there is */
	require(delta->n_addresses <= snapshot->n_addresses &&
		delta->n_rollups <= snapshot->n_rollups);
	ipacct_snapshot_destroy(delta);
}

/* ret_cut: the number of its last cut. */
static bool read_ledger(int fd, uint64_t *ret_cut)
{
	struct ipacct_problem problem = { "" };
	struct ipacct_snapshot *snapshot;
	struct ipacct_reader *reader;
	int ret = ipacct_reader_of_ledger(fd, &reader, &problem);

	if (ret) {
		require((ret == -EBADMSG || ret == -EPROTO) && problem.text[0]);
		return false;
	}
	require(!ipacct_snapshot_read(reader, 0, &snapshot, &problem));
	check(snapshot);
	*ret_cut = snapshot->cut;
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	uint64_t cut, next_cut;
	int ret;

	if (!good)
		begin();
	memcpy(changed, good, ledger_bytes);
	require(!ftruncate(changed_fd, (off_t)change(data, n_bytes)));
	if (read_ledger(changed_fd, &cut)) {
		ret = continue_ledger(changed_fd, 1);
		require(!ret || ret == -ENOSPC || ret == -EBADMSG);
		require(read_ledger(changed_fd, &next_cut) && (ret || next_cut > cut));
	} else {
		require(continue_ledger(changed_fd, 1) < 0);
	}
	require(!ftruncate(changed_fd, (off_t)ledger_bytes));
	return 0;
}
