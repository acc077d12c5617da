/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test frames as data: a frame is a list of layers, every length and type field spelled out.
 *
 * Nothing is computed from the layers around: a wrong length is written as easily as a right one.
 * Layers say what they look like on the wire, the layer after them is whatever comes next. */
#ifndef IPACCT_TESTS_FRAMES_H
#define IPACCT_TESTS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX  65536u /* above what BPF_PROG_TEST_RUN takes for an xdp.frags program */
#define FRAME_LAYERS_MAX 18u    /* the longest shape of the tables: Ethernet, 9 labels, IP, data */

/* Addresses where a layer names none: RFC 5737 TEST-NET-1 and -2, RFC 3849, RFC 9637. */
#define FRAME_SOURCE4      "192.0.2.1"
#define FRAME_DESTINATION4 "198.51.100.2"
#define FRAME_SOURCE6      "2001:db8::1"
#define FRAME_DESTINATION6 "3fff:1::2"

enum layer_kind {
	LAYER_END = 0,
	LAYER_ETH,
	LAYER_TAG,
	LAYER_PPPOE,
	LAYER_LABEL,
	LAYER_IP4,
	LAYER_IP6,
	LAYER_EXT,
	LAYER_AH,
	LAYER_FRAG6,
	LAYER_FILL,
	LAYER_BYTES,
};

struct layer {
	enum layer_kind kind;
	uint32_t next;     /* type of what follows; for a label the bottom-of-stack bit */
	uint32_t length;   /* the length field as on the wire; bytes of LAYER_FILL, LAYER_BYTES */
	uint16_t fragment; /* flags and offset field as on the wire */
	uint8_t first;     /* first byte of an IP header; 0 = 0x45 or 0x60 */
	const char *source;
	const char *destination;
	const char *bytes;
};

/* Ethernet II: 14 bytes. type is also how IEEE 802.3 says its length. */
#define ETH(type)                                 \
	{                                         \
		.kind = LAYER_ETH, .next = (type) \
	}
/* The 4 bytes that follow a tag's own ethertype: TCI, then the next ethertype. */
#define TAG(type)                                 \
	{                                         \
		.kind = LAYER_TAG, .next = (type) \
	}
/* RFC 2516 4 and RFC 1661 2: 6 bytes header, 2 bytes protocol. */
#define PPPOE(protocol)                                 \
	{                                               \
		.kind = LAYER_PPPOE, .next = (protocol) \
	}
/* RFC 3032 2.1: 4 bytes. */
#define LABEL(bottom)                                 \
	{                                             \
		.kind = LAYER_LABEL, .next = (bottom) \
	}
/* RFC 791 3.1: IHL * 4 bytes, never less than 20; options are no-operations. */
#define IP4(total, protocol, ...)                                                       \
	{                                                                               \
		.kind = LAYER_IP4, .length = (total), .next = (protocol), ##__VA_ARGS__ \
	}
/* RFC 8200 3: 40 bytes. */
#define IP6(payload, header, ...)                                                       \
	{                                                                               \
		.kind = LAYER_IP6, .length = (payload), .next = (header), ##__VA_ARGS__ \
	}
/* RFC 8200 4.3 and its like: (len + 1) * 8 bytes. */
#define EXT(header, len)                                             \
	{                                                            \
		.kind = LAYER_EXT, .next = (header), .length = (len) \
	}
/* RFC 4302 2.2: (len + 2) * 4 bytes. */
#define AH(header, len)                                             \
	{                                                           \
		.kind = LAYER_AH, .next = (header), .length = (len) \
	}
/* RFC 8200 4.5: 8 bytes; offset in the upper 13 bits, M the lowest. */
#define FRAG6(header, bits)                                               \
	{                                                                 \
		.kind = LAYER_FRAG6, .next = (header), .fragment = (bits) \
	}
/* Bytes that no parser should look at. */
#define FILL(n)                                   \
	{                                         \
		.kind = LAYER_FILL, .length = (n) \
	}
#define TCP_HEADER  FILL(20) /* RFC 9293 3.1 */
#define UDP_HEADER  FILL(8)  /* RFC 768 */
#define ICMP_HEADER FILL(8)  /* RFC 792 */
/* A string literal, its terminator left out. */
#define BYTES(text)                                                              \
	{                                                                        \
		.kind = LAYER_BYTES, .bytes = (text), .length = sizeof(text) - 1 \
	}

struct frame {
	size_t n_bytes;
	uint8_t data[FRAME_BYTES_MAX];
};

/* Put the layers up to LAYER_END (or FRAME_LAYERS_MAX) into one frame.
 * Returns 0, -EMSGSIZE when they do not fit, -EINVAL for an address that is none.
 * ret_frame is written only on success, but for data beyond n_bytes. */
int frame_build(const struct layer *layers, struct frame *ret_frame);

#endif
