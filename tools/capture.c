// SPDX-License-Identifier: GPL-2.0-or-later
/* A capture file. libpcap knows both formats, byte orders and clocks; the stream under it is ours, so
 * that the hash is that of the very octets which were replayed. */
#include "capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/base16.h>

#include "common.h"

#define STREAM_BYTES   (1u << 18) /* one read(2) for hundreds of packets */
#define FCS_WORD_BYTES 2u         /* pcap-savefile(5): the header counts the FCS in 16 bits */

static ssize_t stream_read(void *cookie, char *buffer, size_t n_bytes)
{
	struct capture *capture = cookie;
	ssize_t n;

	do
		n = read(capture->fd, buffer, n_bytes);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n;
	capture->n_bytes += (uint64_t)n;
	if (capture->hashed)
		sha256_update(&capture->hash, (size_t)n, (const uint8_t *)buffer);
	return n;
}

/* Only "where are we", for ftello(). */
static int stream_seek(void *cookie, off64_t *offset, int whence)
{
	const struct capture *capture = cookie;

	if (whence != SEEK_CUR || *offset != 0) {
		errno = ESPIPE;
		return -1;
	}
	*offset = (off64_t)capture->n_bytes;
	return 0;
}

static int link_type_check(struct capture *capture, struct ipacct_problem *problem)
{
	int type = pcap_datalink(capture->pcap), more = pcap_datalink_ext(capture->pcap);
	const char *name = pcap_datalink_val_to_name(type);
	const char *text = pcap_datalink_val_to_description(type);

	if (type != DLT_EN10MB) {
		(void)snprintf(problem->text, sizeof(problem->text),
			       "link type %s%s%s%s: the program counts Ethernet frames, so only "
			       "captures of an Ethernet device can be replayed",
			       name ? name : "unknown", text ? " (" : "", text ? text : "",
			       text ? ")" : "");
		return -EPROTONOSUPPORT;
	}
	if (LT_FCS_LENGTH_PRESENT(more))
		capture->fcs_bytes = FCS_WORD_BYTES * ((unsigned int)LT_FCS_LENGTH(more) & 0xf);
	return 0;
}

int capture_open(struct capture *capture, int fd, bool hashed, struct ipacct_problem *ret_problem)
{
	cookie_io_functions_t functions = { .read = stream_read, .seek = stream_seek };
	char words[PCAP_ERRBUF_SIZE] = "";
	struct stat st;

	*capture = (struct capture){ .fd = fd, .hashed = hashed };
	sha256_init(&capture->hash);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		capture->file_bytes = (uint64_t)st.st_size;
	capture->stream = fopencookie(capture, "r", functions);
	if (!capture->stream || setvbuf(capture->stream, NULL, _IOFBF, STREAM_BYTES) != 0)
		return -ENOMEM;
	(void)__fsetlocking(capture->stream, FSETLOCKING_BYCALLER); /* one thread reads it */
	capture->pcap = pcap_fopen_offline_with_tstamp_precision(capture->stream,
								 PCAP_TSTAMP_PRECISION_NANO, words);
	if (!capture->pcap) {
		(void)snprintf(ret_problem->text, sizeof(ret_problem->text), "%s",
			       !capture->n_bytes && feof(capture->stream) ? "the file is empty"
									  : words);
		return -EINVAL;
	}
	return link_type_check(capture, ret_problem);
}

void capture_close(struct capture *capture)
{
	if (capture->pcap)
		pcap_close(capture->pcap); /* and the stream with it */
	else if (capture->stream)
		(void)fclose(capture->stream); /* nothing was written */
	capture->pcap = NULL;
	capture->stream = NULL;
}

static uint64_t time_ns(const struct pcap_pkthdr *header)
{
	if (header->ts.tv_sec < 0 || header->ts.tv_usec < 0 ||
	    (uint64_t)header->ts.tv_sec >= UINT64_MAX / NS_PER_S)
		return 0;
	return (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec % NS_PER_S;
}

int capture_next(struct capture *capture, struct capture_packet *ret_packet,
		 struct ipacct_problem *ret_problem)
{
	off_t at = ftello(capture->stream);
	struct pcap_pkthdr *header;
	const u_char *frame;
	uint64_t wire_bytes;
	int r = pcap_next_ex(capture->pcap, &header, &frame);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1) {
		(void)snprintf(ret_problem->text, sizeof(ret_problem->text),
			       "packet %" PRIu64 " at octet %lld: %s", capture->n_packets + 1,
			       (long long)at, pcap_geterr(capture->pcap));
		return -EINVAL;
	}
	wire_bytes = header->len > header->caplen ? header->len : header->caplen;
	wire_bytes -= wire_bytes < capture->fcs_bytes ? wire_bytes : capture->fcs_bytes;
	*ret_packet = (struct capture_packet){
		.number = ++capture->n_packets,
		.offset = (uint64_t)at,
		.frame = frame,
		.frame_bytes = header->caplen < wire_bytes ? header->caplen : wire_bytes,
		.wire_bytes = wire_bytes,
		.time_ns = time_ns(header),
	};
	return 1;
}

int capture_hash(struct capture *capture, char ret_text[CAPTURE_SHA256_TEXT_BYTES])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	char rest[4096];

	while (fread(rest, 1, sizeof(rest), capture->stream) > 0)
		continue;
	if (ferror(capture->stream))
		return -EIO;
	sha256_digest(&capture->hash, sizeof(digest), digest);
	base16_encode_update(ret_text, sizeof(digest), digest);
	ret_text[CAPTURE_SHA256_TEXT_BYTES - 1] = '\0';
	return 0;
}
