/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture reader: times, lengths, errors. Whole files of every format are in tests/replay. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <nettle/base16.h>

#include "capture.h"

static struct capture capture;
static struct ipacct_problem problem;
static uint8_t file[4096];
static size_t n_file;
static int fd;

static void setup(void)
{
	fd = memfd_create("capture", MFD_CLOEXEC);
	cr_assert_geq(fd, 0);
	n_file = 0;
	problem.text[0] = '\0';
}

static void teardown(void)
{
	capture_close(&capture);
	close(fd);
}

TestSuite(capture, .init = setup, .fini = teardown);

static void put32(uint32_t value)
{
	memcpy(file + n_file, &value, sizeof(value));
	n_file += sizeof(value);
}

/* pcap-savefile(5), this machine's byte order. */
static void put_header(uint32_t magic, uint32_t link_type)
{
	put32(magic);
	put32(2 | 4u << 16);
	put32(0);
	put32(0);
	put32(65535);
	put32(link_type);
}

static void put_packet(uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t wire)
{
	put32(seconds);
	put32(fraction);
	put32(captured);
	put32(wire);
	memset(file + n_file, 0xa5, captured);
	n_file += captured;
}

static int open_file(void)
{
	cr_assert_eq(pwrite(fd, file, n_file, 0), (ssize_t)n_file);
	return capture_open(&capture, fd, true, &problem);
}

static struct capture_packet next(void)
{
	struct capture_packet packet;

	cr_assert_eq(capture_next(&capture, &packet, &problem), 1, "%s", problem.text);
	return packet;
}

static void expect_end(void)
{
	struct capture_packet packet;

	cr_assert_eq(capture_next(&capture, &packet, &problem), 0);
}

Test(capture, microseconds_and_nanoseconds_are_told_apart)
{
	put_header(0xa1b2c3d4, 1);
	put_packet(7, 5, 60, 60);
	cr_assert_eq(open_file(), 0);
	cr_assert_eq(next().time_ns, 7000005000u);
	capture_close(&capture);
	n_file = 0;
	put_header(0xa1b23c4d, 1);
	put_packet(7, 5, 60, 60);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	cr_assert_eq(open_file(), 0);
	cr_assert_eq(next().time_ns, 7000000005u);
	expect_end();
}

Test(capture, packets_know_their_number_and_place)
{
	struct capture_packet packet;

	put_header(0xa1b2c3d4, 1);
	put_packet(1, 0, 60, 1500);
	put_packet(1, 1, 14, 14);
	cr_assert_eq(open_file(), 0);
	packet = next();
	cr_assert(packet.number == 1 && packet.offset == 24);
	cr_assert(packet.frame_bytes == 60 && packet.wire_bytes == 1500);
	packet = next();
	cr_assert(packet.number == 2 && packet.offset == 24 + 16 + 60);
	cr_assert(packet.frame_bytes == 14 && packet.wire_bytes == 14);
	expect_end();
	cr_assert_eq(capture.n_packets, 2);
	cr_assert_eq(capture.n_bytes, n_file);
	cr_assert_eq(capture.file_bytes, n_file);
}

Test(capture, wire_length_below_the_captured_one_is_not_believed)
{
	struct capture_packet packet;

	put_header(0xa1b2c3d4, 1);
	put_packet(1, 0, 60, 20);
	cr_assert_eq(open_file(), 0);
	packet = next();
	cr_assert(packet.frame_bytes == 60 && packet.wire_bytes == 60);
}

Test(capture, announced_check_sequence_is_left_out)
{
	struct capture_packet packet;

	put_header(0xa1b2c3d4, 0x24000001); /* f bit, two words of 16 bits */
	put_packet(1, 0, 64, 64);
	put_packet(1, 0, 62, 64); /* cut inside of it */
	put_packet(1, 0, 60, 64); /* cut before it */
	put_packet(1, 0, 3, 3);   /* shorter than it */
	cr_assert_eq(open_file(), 0);
	for (int i = 0; i < 3; i++) {
		packet = next();
		cr_assert(packet.frame_bytes == 60 && packet.wire_bytes == 60, "packet %d", i + 1);
	}
	packet = next();
	cr_assert(packet.frame_bytes == 0 && packet.wire_bytes == 0);
}

Test(capture, damage_is_told_with_packet_and_octet)
{
	struct capture_packet packet;

	put_header(0xa1b2c3d4, 1);
	put_packet(1, 0, 60, 60);
	put_packet(1, 0, 60, 60);
	n_file--;
	cr_assert_eq(open_file(), 0);
	next();
	cr_assert_eq(capture_next(&capture, &packet, &problem), -EINVAL);
	cr_assert_not_null(strstr(problem.text, "packet 2 at octet 100: truncated"), "%s",
			   problem.text);
}

Test(capture, no_octet_is_no_capture)
{
	cr_assert_eq(open_file(), -EINVAL);
	cr_assert_str_eq(problem.text, "the file is empty");
}

Test(capture, other_link_types_are_named)
{
	put_header(0xa1b2c3d4, 113);
	cr_assert_eq(open_file(), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(problem.text, "link type LINUX_SLL (Linux cooked v1)"), "%s",
			   problem.text);
}

Test(capture, hash_is_that_of_every_octet_in_the_file)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	char text[CAPTURE_SHA256_TEXT_BYTES], want[CAPTURE_SHA256_TEXT_BYTES] = "";
	struct sha256_ctx hash;

	put_header(0xa1b2c3d4, 1);
	put_packet(1, 0, 60, 60);
	cr_assert_eq(open_file(), 0);
	next();
	expect_end();
	cr_assert_eq(capture_hash(&capture, text), 0);
	sha256_init(&hash);
	sha256_update(&hash, n_file, file);
	sha256_digest(&hash, sizeof(digest), digest);
	base16_encode_update(want, sizeof(digest), digest);
	cr_assert_str_eq(text, want);
}
