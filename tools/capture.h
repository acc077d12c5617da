/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture file of Ethernet frames, read once from front to back: pcap or pcapng through libpcap. */
#ifndef IPACCT_TOOLS_CAPTURE_H
#define IPACCT_TOOLS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>
#include <pcap/pcap.h>

#include <ipacct/ipacct.h>

#define CAPTURE_SHA256_TEXT_BYTES (2u * SHA256_DIGEST_SIZE + 1u)

struct capture {
	int fd;
	pcap_t *pcap;
	FILE *stream;        /* counts and hashes what it reads; libpcap's once that is there */
	uint64_t n_bytes;    /* read from the file, also what is buffered */
	uint64_t file_bytes; /* of a regular file, else 0 */
	uint64_t n_packets;
	unsigned int fcs_bytes; /* at the end of each frame, as the file's header says */
	bool hashed;
	struct sha256_ctx hash;
};

struct capture_packet {
	uint64_t number;      /* from 1 */
	uint64_t offset;      /* of its record in the file */
	const uint8_t *frame; /* valid until the next packet */
	size_t frame_bytes;   /* captured, without FCS */
	uint64_t wire_bytes;  /* there were on the wire, without FCS */
	uint64_t time_ns;     /* UTC; 0 when the file says something before 1970 */
};

/* Begin. fd: stays the caller's. hashed: for capture_hash(). Ends with capture_close(), also after an
 * error; the storage must stay where it is. Returns 0, -EINVAL (no capture), -EPROTONOSUPPORT (another
 * link type), -errno; ret_problem says what is wrong with it. */
int capture_open(struct capture *capture, int fd, bool hashed, struct ipacct_problem *ret_problem);
void capture_close(struct capture *capture);

/* Returns 1, 0 at the end, -EINVAL for a damaged file: the text names packet and octet. */
int capture_next(struct capture *capture, struct capture_packet *ret_packet,
		 struct ipacct_problem *ret_problem);

/* SHA-256 of the whole file in hexadecimal digits; reads what is left of it. Only after the end.
 * Returns 0 or -EIO. */
int capture_hash(struct capture *capture, char ret_text[CAPTURE_SHA256_TEXT_BYTES]);

#endif
