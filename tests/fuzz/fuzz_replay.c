/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: a capture through ipacct-replay's reader and its independent account, all that
 * touches a stranger's octets in user space. Corpus: `make_corpus --seeds DIR` (tests/replay). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture.h"
#include "replay_result.h"
#include "replay_witness.h"
#include "require.h"

#define PACKETS_MAX      4096u   /* of one input: enough for every way through */
#define FRAME_BYTES_MAX  262144u /* libpcap's MAXIMUM_SNAPLEN for Ethernet */
#define HEADER_BYTES_MIN 14u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* What the witness made of it adds up, and each address is there once. */
static void check_result(const struct witness *witness)
{
	uint64_t tx = 0, rx = 0, seen = witness->totals.accounted.packets;
	struct result result;
	char hash[CAPTURE_SHA256_TEXT_BYTES];

	require(result_of_witness(witness, &result) == 0);
	for (size_t i = 0; i < result.n_rows; i++) {
		tx += result.rows[i].counters.tx_packets;
		rx += result.rows[i].counters.rx_packets;
		require(!i || memcmp(&result.rows[i].key, &result.rows[i - 1].key,
				     sizeof(result.rows[i].key)) != 0);
	}
	require(tx == witness->totals.accounted.packets && rx == tx);
	for (unsigned int i = 0; i < IPACCT_IGNORED_REASONS; i++)
		seen += witness->totals.ignored[i].packets;
	require(seen == witness->totals.seen.packets);
	require(result_compare(&result, &result, NULL, 0) == 0);
	require(result_hash(&result, hash) == 0 && strlen(hash) == sizeof(hash) - 1);
	result_finish(&result);
}

static void read_capture(int fd)
{
	char hash[CAPTURE_SHA256_TEXT_BYTES];
	struct ipacct_problem problem = { "" };
	struct capture_packet packet;
	struct capture capture;
	struct witness witness;
	uint64_t n_packets = 0;
	int r = capture_open(&capture, fd, true, &problem);

	require(r == 0 || problem.text[0]);
	require(witness_init(&witness) == 0);
	while (r == 0 && n_packets < PACKETS_MAX &&
	       (r = capture_next(&capture, &packet, &problem)) > 0) {
		require(packet.number == ++n_packets);
		require(packet.frame_bytes <= packet.wire_bytes);
		require(packet.frame_bytes <= FRAME_BYTES_MAX);
		if (packet.frame_bytes >= HEADER_BYTES_MIN)
			require(witness_frame(&witness, packet.frame, packet.frame_bytes) == 0);
		r = 0;
	}
	require(r >= 0 || problem.text[0]);
	check_result(&witness);
	if (r == 0 && n_packets < PACKETS_MAX)
		require(capture_hash(&capture, hash) == 0);
	witness_finish(&witness);
	capture_close(&capture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes);
	require(lseek(fd, 0, SEEK_SET) == 0);
	read_capture(fd);
	require(close(fd) == 0);
	return 0;
}
