/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The independent account of a capture, its canonical text, and the comparison of two. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "replay_result.h"

#define SMALL "{\"type\":\"address\",\"address\":\"192.0.2.1\",\"domain\":0,\"tx_packets\":2,"

static struct witness witness;

static void setup(void)
{
	cr_assert_eq(witness_init(&witness), 0);
}

static void teardown(void)
{
	witness_finish(&witness);
}

TestSuite(replay_result, .init = setup, .fini = teardown);

/* UDP over IPv4, `n` octets with Ethernet. */
static void packet4(uint32_t source, uint32_t destination, size_t n)
{
	uint8_t frame[2000] = { [12] = 0x08, [14] = 0x45, [23] = 17 };
	uint16_t total = htons((uint16_t)(n - 14));
	uint32_t addresses[2] = { htonl(source), htonl(destination) };

	memcpy(frame + 16, &total, sizeof(total));
	memcpy(frame + 26, addresses, sizeof(addresses));
	cr_assert_eq(witness_frame(&witness, frame, n), 0);
}

/* No next header; the last octets of the addresses. */
static void packet6(uint8_t source, uint8_t destination)
{
	uint8_t frame[54] = { [12] = 0x86, 0xdd, 0x60, [20] = 59, [22] = 0x20, [38] = 0x20 };

	frame[37] = source;
	frame[53] = destination;
	cr_assert_eq(witness_frame(&witness, frame, sizeof(frame)), 0);
}

static struct result result_now(void)
{
	struct result result;

	cr_assert_eq(result_of_witness(&witness, &result), 0);
	return result;
}

static char *text_of(const struct result *result)
{
	char *text = NULL;
	size_t n_bytes;
	FILE *file = open_memstream(&text, &n_bytes);

	result_write(result, file);
	fclose(file);
	return text;
}

Test(replay_result, addresses_are_sorted_ipv4_first)
{
	static const char *const wanted[] = { "192.0.2.1", "192.0.2.2", "198.51.100.1", "2000::1",
					      "2000::2" };
	char text[IPACCT_PREFIX_TEXT_BYTES];
	struct result result;

	packet6(2, 1);
	packet4(0xc6336401, 0xc0000202, 60);
	packet4(0xc0000201, 0xc0000202, 60);
	result = result_now();
	cr_assert_eq(result.n_rows, 5);
	for (size_t i = 0; i < 5; i++) {
		ipacct_key_format(&result.rows[i].key, 128, text, sizeof(text));
		cr_expect_str_eq(text, wanted[i]);
	}
	result_finish(&result);
}

Test(replay_result, sums_are_by_direction_and_the_totals_by_everything)
{
	struct result result;
	char *text;

	packet4(0xc0000201, 0xc0000202, 60);
	packet4(0xc0000201, 0xc0000202, 1514);
	packet4(0xc0000202, 0xc0000201, 61);
	result = result_now();
	text = text_of(&result);
	cr_assert_not_null(strstr(text, SMALL "\"tx_l3_bytes\":1546,\"rx_packets\":1,"
					      "\"rx_l3_bytes\":47}\n"),
			   "%s", text);
	cr_assert_not_null(strstr(text, "{\"type\":\"totals\",\"seen_packets\":3,\"seen_l2_bytes\":"
					"1635,\"accounted_packets\":3,\"accounted_l2_bytes\":1635,"
					"\"ipv4_packets\":3,\"ipv4_l3_bytes\":1593,"),
			   "%s", text);
	cr_assert_not_null(strstr(text, "\"udp_packets\":3,\"udp_l3_bytes\":1593,"));
	cr_assert_not_null(strstr(text, "\"size_64_packets\":1,\"size_65-127_packets\":1,"));
	cr_assert_not_null(strstr(text, "\"size_1024-1518_packets\":1,\"size_1519+_packets\":0,"));
	free(text);
	result_finish(&result);
}

Test(replay_result, thousands_of_addresses_are_each_found_again)
{
	struct result result;

	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 5000; i++)
			packet4(0x0a000000 + i, 0x0b000000 + (i * 7919) % 5000, 60);
	result = result_now();
	cr_assert_eq(result.n_rows, 10000);
	for (size_t i = 0; i < result.n_rows; i++)
		cr_assert_eq(
			result.rows[i].counters.tx_packets + result.rows[i].counters.rx_packets, 3);
	result_finish(&result);
}

Test(replay_result, every_number_that_differs_is_counted_and_the_first_are_told)
{
	struct result_difference told[3] = {};
	struct result before, after;

	packet4(0xc0000201, 0xc0000202, 60);
	before = result_now();
	packet4(0xc0000201, 0xc0000203, 60);
	after = result_now();
	/* seen, accounted, ipv4, udp: 2 each; one bin; 2 of the source; 2 of the new destination */
	cr_assert_eq(result_compare(&before, &after, told, 3), 13);
	cr_assert_str_eq(told[0].what, "totals");
	cr_assert_str_eq(told[0].counter, "seen_packets");
	cr_assert(told[0].counted == 1 && told[0].expected == 2);
	cr_assert_str_eq(told[2].counter, "accounted_packets");
	cr_assert_eq(result_compare(&after, &before, told, 0), 13);
	cr_assert_eq(result_compare(&after, &after, told, 3), 0);
	result_finish(&before);
	result_finish(&after);
}

/* The hash of a text that was written by hand and hashed by sha256sum. */
Test(replay_result, hash_is_that_of_the_canonical_text)
{
	char hash[CAPTURE_SHA256_TEXT_BYTES];
	struct result result = result_now();
	char *text = text_of(&result);

	cr_assert_str_eq(
		text,
		"{\"type\":\"totals\",\"seen_packets\":0,\"seen_l2_bytes\":0,"
		"\"accounted_packets\":0,\"accounted_l2_bytes\":0,\"ipv4_packets\":0,"
		"\"ipv4_l3_bytes\":0,\"ipv6_packets\":0,\"ipv6_l3_bytes\":0,\"tcp_packets\":0,"
		"\"tcp_l3_bytes\":0,\"udp_packets\":0,\"udp_l3_bytes\":0,\"icmp_packets\":0,"
		"\"icmp_l3_bytes\":0,\"other_packets\":0,\"other_l3_bytes\":0,"
		"\"first_fragments\":0,\"other_fragments\":0,\"inner_packets\":0,"
		"\"tunnel_outer_packets\":0,\"size_0-63_packets\":0,"
		"\"size_64_packets\":0,\"size_65-127_packets\":0,\"size_128-255_packets\":0,"
		"\"size_256-511_packets\":0,\"size_512-1023_packets\":0,"
		"\"size_1024-1518_packets\":0,\"size_1519+_packets\":0,"
		"\"ignored_arp_packets\":0,\"ignored_arp_l2_bytes\":0,\"ignored_llc_packets\":0,"
		"\"ignored_llc_l2_bytes\":0,\"ignored_other_ethertype_packets\":0,"
		"\"ignored_other_ethertype_l2_bytes\":0,\"ignored_truncated_l2_packets\":0,"
		"\"ignored_truncated_l2_l2_bytes\":0,\"ignored_vlan_depth_packets\":0,"
		"\"ignored_vlan_depth_l2_bytes\":0,\"ignored_pppoe_control_packets\":0,"
		"\"ignored_pppoe_control_l2_bytes\":0,\"ignored_mpls_depth_packets\":0,"
		"\"ignored_mpls_depth_l2_bytes\":0,\"ignored_mpls_payload_packets\":0,"
		"\"ignored_mpls_payload_l2_bytes\":0,\"ignored_bad_ip_version_packets\":0,"
		"\"ignored_bad_ip_version_l2_bytes\":0,\"ignored_truncated_l3_packets\":0,"
		"\"ignored_truncated_l3_l2_bytes\":0,\"ignored_bad_ihl_packets\":0,"
		"\"ignored_bad_ihl_l2_bytes\":0,\"ignored_bad_length_packets\":0,"
		"\"ignored_bad_length_l2_bytes\":0,\"ignored_ipv6_ext_depth_packets\":0,"
		"\"ignored_ipv6_ext_depth_l2_bytes\":0,\"ignored_internal_packets\":0,"
		"\"ignored_internal_l2_bytes\":0}\n");
	cr_assert_eq(result_hash(&result, hash), 0);
	cr_assert_str_eq(hash, "f5922dba3d5033bee953c106117da752e98d5f14196d409104933963d7469057");
	free(text);
	result_finish(&result);
}
