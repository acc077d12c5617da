/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What series are called in the ledger. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/num.h"
#include "series_names.h"

#define DOMAIN_MARK '@' /* between an address and its domain, when that is not 0 */

const char *series_collective_name(unsigned int collective)
{
	static const char *const names[] = {
		[COLLECTIVE_OTHER] = "other",         [COLLECTIVE_PENDING] = "pending",
		[COLLECTIVE_ROLLED_UP] = "rolled_up", [COLLECTIVE_UNKNOWN] = "unknown",
		[COLLECTIVE_EARLIER] = "earlier",
	};

	return collective < COLLECTIVE_CLASS ? names[collective]
					     : ipacct_geo_class_name(collective - COLLECTIVE_CLASS);
}

unsigned int series_collective_find(const char *name)
{
	unsigned int i = 0;

	while (i < COLLECTIVES && strcmp(series_collective_name(i), name))
		i++;
	return i;
}

size_t series_name_fit(const char *text, size_t room)
{
	size_t n = strnlen(text, room);

	if (n < room)
		return n;
	n = room - 1;
	while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--; /* RFC 3629 3: 10xxxxxx is inside a character */
	return n;
}

/* "192.0.2.1", "2001:db8::1@7", "2001:db8:1:200::/56" */
static bool address_read(const char *name, struct ipacct_key *ret_key, uint8_t *ret_prefix_len)
{
	struct ipacct_key key = { .domain = 0 };
	char address[IPACCT_PREFIX_TEXT_BYTES];
	const char *mark = strchr(name, DOMAIN_MARK);
	size_t n = mark ? (size_t)(mark - name) : strlen(name);
	uint64_t domain = 0, prefix_len = 128;
	char *slash;

	if (n >= sizeof(address) || (mark && parse_u64(mark + 1, 1, UINT16_MAX, &domain)))
		return false;
	memcpy(address, name, n);
	address[n] = '\0';
	slash = strchr(address, '/');
	if (slash && parse_u64(slash + 1, IPACCT_MASK_LEN_MIN, 127, &prefix_len))
		return false;
	if (slash)
		*slash = '\0';
	key.domain = (uint16_t)domain;
	if (inet_pton(AF_INET, address, &key.addr_be[3]) == 1)
		key.addr_be[2] = htonl(0xffff); /* RFC 4291 2.5.5.2 */
	else if (inet_pton(AF_INET6, address, key.addr_be) != 1)
		return false;
	*ret_key = key;
	*ret_prefix_len = (uint8_t)prefix_len;
	return true;
}

static void address_write(const struct ipacct_key *key, uint8_t prefix_len, char *name)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	(void)ipacct_key_format(key, prefix_len, text, sizeof(text));
	/* at most 39 octets, 4 of a length and 6 of the domain: the longer forms of inet_ntop(3) end
	   in an IPv4 address and begin with :: */
	if (key->domain)
		(void)snprintf(name, IPACCT_SERIES_NAME_BYTES, "%.46s%c%u", text, DOMAIN_MARK,
			       key->domain);
	else
		(void)snprintf(name, IPACCT_SERIES_NAME_BYTES, "%.46s", text);
}

size_t series_identity_read(enum ipacct_series_kind kind, const char *name, char *bytes)
{
	struct ipacct_key key;
	uint8_t prefix_len;
	uint64_t number;
	uint32_t asn;

	switch (kind) {
	case IPACCT_SERIES_ASN:
		if (parse_u64(name, 1, UINT32_MAX, &number))
			return 0;
		asn = (uint32_t)number;
		memcpy(bytes, &asn, sizeof(asn));
		return sizeof(asn);
	case IPACCT_SERIES_ADDRESS:
		if (!address_read(name, &key, &prefix_len))
			return 0;
		memcpy(bytes, &key, sizeof(key));
		memcpy(bytes + sizeof(key), &prefix_len, sizeof(prefix_len));
		return sizeof(key) + (prefix_len != 128);
	default:
		memcpy(bytes, name, strlen(name));
		return strlen(name);
	}
}

void series_name_write(enum ipacct_series_kind kind, const char *bytes, size_t n, char *name)
{
	struct ipacct_key key;
	uint32_t asn;

	memset(name, 0, IPACCT_SERIES_NAME_BYTES);
	if (kind == IPACCT_SERIES_ASN) {
		memcpy(&asn, bytes, sizeof(asn));
		(void)u64_write(name, asn);
	} else if (kind == IPACCT_SERIES_ADDRESS) {
		memcpy(&key, bytes, sizeof(key));
		address_write(&key, n > sizeof(key) ? (uint8_t)bytes[sizeof(key)] : 128, name);
	} else {
		memcpy(name, bytes, n);
	}
}
