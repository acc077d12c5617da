// SPDX-License-Identifier: GPL-2.0-or-later
/* Lay test frames out byte by byte. */
#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FILL_BYTE 0xa5 /* neither an IP version, nor an ethertype, nor an extension header */
#define IP4_NOOP  0x01 /* RFC 791 3.1: option type 1 */

struct writer {
	uint8_t *at;
	size_t n_left;
	int error; /* the first thing that went wrong */
};

static uint8_t *take(struct writer *writer, size_t n_bytes)
{
	static uint8_t nowhere[FRAME_BYTES_MAX + 8]; /* after an error: written, never read */

	if (n_bytes > writer->n_left && !writer->error)
		writer->error = -EMSGSIZE;
	if (writer->error)
		return nowhere;

	uint8_t *at = writer->at;

	writer->at += n_bytes;
	writer->n_left -= n_bytes;
	return at;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_address(struct writer *writer, int family, const char *text, const char *otherwise,
			uint8_t *at)
{
	if (inet_pton(family, text ? text : otherwise, at) != 1)
		writer->error = -EINVAL;
}

static void put_eth(struct writer *writer, const struct layer *layer)
{
	/* Locally administered unicast addresses (IEEE 802 8.2.2). */
	static const uint8_t addresses[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	uint8_t *at = take(writer, 14);

	memcpy(at, addresses, sizeof(addresses));
	put16(at + 12, layer->next);
}

static void put_tag(struct writer *writer, const struct layer *layer)
{
	uint8_t *at = take(writer, 4);

	put16(at, 0x2064); /* priority 1, VLAN 100 */
	put16(at + 2, layer->next);
}

static void put_pppoe(struct writer *writer, const struct layer *layer)
{
	uint8_t *at = take(writer, 8);

	at[0] = 0x11; /* RFC 2516 4: version 1, type 1 */
	at[1] = 0;    /* RFC 2516 4: session data */
	put16(at + 2, 0x0abc);
	put16(at + 4, 1492); /* the length field is nothing that accounting reads */
	put16(at + 6, layer->next);
}

static void put_label(struct writer *writer, const struct layer *layer)
{
	uint8_t *at = take(writer, 4);

	put16(at, 0x4660); /* label 0x46605: nibbles that look like IP versions */
	at[2] = (uint8_t)(0x50 | layer->next);
	at[3] = 64; /* TTL */
}

static void put_ip4(struct writer *writer, const struct layer *layer)
{
	uint8_t first = layer->first ? layer->first : 0x45;
	size_t n_bytes = (first & 0xf) * 4u;

	if (n_bytes < 20)
		n_bytes = 20;

	uint8_t *at = take(writer, n_bytes);

	memset(at, 0, 20);
	at[0] = first;
	put16(at + 2, layer->length);
	put16(at + 6, layer->fragment);
	at[8] = 64; /* TTL */
	at[9] = (uint8_t)layer->next;
	put_address(writer, AF_INET, layer->source, FRAME_SOURCE4, at + 12);
	put_address(writer, AF_INET, layer->destination, FRAME_DESTINATION4, at + 16);
	memset(at + 20, IP4_NOOP, n_bytes - 20);
}

static void put_ip6(struct writer *writer, const struct layer *layer)
{
	uint8_t *at = take(writer, 40);

	memset(at, 0, 40);
	at[0] = layer->first ? layer->first : 0x60;
	put16(at + 4, layer->length);
	at[6] = (uint8_t)layer->next;
	at[7] = 64; /* hop limit */
	put_address(writer, AF_INET6, layer->source, FRAME_SOURCE6, at + 8);
	put_address(writer, AF_INET6, layer->destination, FRAME_DESTINATION6, at + 24);
}

static void put_extension(struct writer *writer, const struct layer *layer, size_t n_bytes)
{
	uint8_t *at = take(writer, n_bytes);

	memset(at, FILL_BYTE, n_bytes);
	at[0] = (uint8_t)layer->next;
	at[1] = (uint8_t)layer->length;
}

static void put_frag6(struct writer *writer, const struct layer *layer)
{
	uint8_t *at = take(writer, 8);

	memset(at, 0, 8);
	at[0] = (uint8_t)layer->next;
	put16(at + 2, layer->fragment);
	at[7] = 1; /* identification */
}

static void put_layer(struct writer *writer, const struct layer *layer)
{
	switch (layer->kind) {
	case LAYER_END:
		break;
	case LAYER_ETH:
		put_eth(writer, layer);
		break;
	case LAYER_TAG:
		put_tag(writer, layer);
		break;
	case LAYER_PPPOE:
		put_pppoe(writer, layer);
		break;
	case LAYER_LABEL:
		put_label(writer, layer);
		break;
	case LAYER_IP4:
		put_ip4(writer, layer);
		break;
	case LAYER_IP6:
		put_ip6(writer, layer);
		break;
	case LAYER_EXT:
		put_extension(writer, layer, (layer->length + 1) * 8u);
		break;
	case LAYER_AH:
		put_extension(writer, layer, (layer->length + 2) * 4u);
		break;
	case LAYER_FRAG6:
		put_frag6(writer, layer);
		break;
	case LAYER_FILL:
		memset(take(writer, layer->length), FILL_BYTE, layer->length);
		break;
	case LAYER_BYTES:
		memcpy(take(writer, layer->length), layer->bytes, layer->length);
		break;
	}
}

int frame_build(const struct layer *layers, struct frame *ret_frame)
{
	struct writer writer = { .at = ret_frame->data, .n_left = sizeof(ret_frame->data) };

	for (size_t i = 0; i < FRAME_LAYERS_MAX && layers[i].kind != LAYER_END; i++)
		put_layer(&writer, &layers[i]);
	if (writer.error)
		return writer.error;
	ret_frame->n_bytes = sizeof(ret_frame->data) - writer.n_left;
	return 0;
}
