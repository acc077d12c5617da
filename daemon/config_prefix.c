/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One protected prefix from text. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "config_prefix.h"

#define BLANKS           " \t"
#define DOMAIN_BITS      16u
#define IPV4_FIRST_BIT   96u /* of an address as ::ffff:a.b.c.d, RFC 4291 2.5.5.2 */
#define WORD_BYTES       64u /* an address with its length has at most 50 */
#define DOMAIN_WORD      "domain="
#define DOMAIN_WORD_SIZE (sizeof(DOMAIN_WORD) - 1)

/* What a message repeats of a word that something else may follow. */
static void word_quote(const char *word, char ret_text[SETTING_QUOTE_SIZE])
{
	setting_quote(word, strcspn(word, BLANKS), ret_text);
}

/* Clear the bits behind the prefix; returns whether there were any. */
static bool mask(struct ipacct_guard_key *key)
{
	uint32_t n_bits = key->prefixlen - DOMAIN_BITS;
	uint8_t lost = 0;

	for (uint32_t i = 0; i < sizeof(key->address); i++) {
		uint32_t n_here = n_bits < 8 * i ? 0 : n_bits - 8 * i;
		uint8_t kept = n_here >= 8 ? 0xff : (uint8_t)(0xff00u >> n_here);

		lost |= key->address[i] & (uint8_t)~kept;
		key->address[i] &= kept;
	}
	return lost;
}

static bool is_ipv4(const struct ipacct_guard_key *key)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	return key->prefixlen >= DOMAIN_BITS + IPV4_FIRST_BIT &&
	       !memcmp(key->address, mapped, sizeof(mapped));
}

/* ::ffff:0:0/96 lies below it: the keys of all of IPv4. */
static bool holds_ipv4(const struct ipacct_guard_key *key)
{
	struct ipacct_guard_key mapped = { .prefixlen = key->prefixlen,
					   .address = { [10] = 0xff, 0xff } };

	if (key->prefixlen >= DOMAIN_BITS + IPV4_FIRST_BIT)
		return false;
	(void)mask(&mapped);
	return !memcmp(mapped.address, key->address, sizeof(mapped.address));
}

static void format(const struct ipacct_guard_key *key, char ret_text[WORD_BYTES])
{
	bool ipv4 = is_ipv4(key);
	char address[INET6_ADDRSTRLEN];

	(void)inet_ntop(ipv4 ? AF_INET : AF_INET6, key->address + (ipv4 ? 12 : 0), address,
			sizeof(address)); /* has room for both */
	(void)snprintf(ret_text, WORD_BYTES, "%s/%u", address,
		       key->prefixlen - DOMAIN_BITS - (ipv4 ? IPV4_FIRST_BIT : 0));
}

/* "192.0.2.0/24": the address and the length. */
static int parse_cidr(const char *word, struct ipacct_guard_key *ret_key,
		      char ret_why[SETTING_WHY_BYTES])
{
	size_t n = strcspn(word, BLANKS), n_address = strcspn(word, BLANKS "/");
	char address[WORD_BYTES] = "", length[WORD_BYTES] = "", quoted[SETTING_QUOTE_SIZE];
	uint64_t bits = 128, first = 0;

	word_quote(word, quoted);
	if (n < sizeof(address)) {
		memcpy(address, word, n_address);
		memcpy(length, word + n_address, n - n_address);
	}
	if (inet_pton(AF_INET, address, ret_key->address + 12) == 1) {
		memset(ret_key->address + 10, 0xff, 2);
		first = IPV4_FIRST_BIT;
		bits = 32;
	} else if (inet_pton(AF_INET6, address, ret_key->address) != 1) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES, "'%s' is not an address; legal: %s",
			       quoted, CONFIG_PREFIX_LEGAL);
		return -EINVAL;
	}
	if (length[0] && parse_u64(length + 1, 0, bits, &bits)) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES,
			       "'%s': the prefix length is not a whole number from 0 to %u", quoted,
			       first ? 32 : 128);
		return -EINVAL;
	}
	ret_key->prefixlen = (uint32_t)(DOMAIN_BITS + first + bits);
	return 0;
}

/* What is a prefix, and probably not the one that was meant. */
static int check_meant(const char *word, const struct ipacct_guard_key *key,
		       char ret_why[SETTING_WHY_BYTES])
{
	struct ipacct_guard_key masked = *key, alone = *key;
	char quoted[SETTING_QUOTE_SIZE], prefix[WORD_BYTES], host[WORD_BYTES];

	word_quote(word, quoted);
	if (mask(&masked)) {
		alone.prefixlen = DOMAIN_BITS + 128;
		format(&masked, prefix);
		format(&alone, host);
		(void)snprintf(ret_why, SETTING_WHY_BYTES,
			       "'%s' has bits behind the prefix: probably %s was meant, or %s for "
			       "the one address",
			       quoted, prefix, host);
		return -EINVAL;
	}
	if (holds_ipv4(key)) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES,
			       "'%s' also holds every IPv4 address (as ::ffff:0:0/96): probably "
			       "2000::/3 was meant, all global IPv6 addresses",
			       quoted);
		return -EINVAL;
	}
	return 0;
}

/* The second word and the end of the text. */
static int parse_domain(const char *word, struct config_prefix *prefix,
			char ret_why[SETTING_WHY_BYTES])
{
	size_t n = strcspn(word, BLANKS), rest = strspn(word + n, BLANKS);
	char number[WORD_BYTES] = "", quoted[SETTING_QUOTE_SIZE];
	uint64_t domain;

	if (n >= DOMAIN_WORD_SIZE && n < sizeof(number) &&
	    !strncmp(word, DOMAIN_WORD, DOMAIN_WORD_SIZE))
		memcpy(number, word + DOMAIN_WORD_SIZE, n - DOMAIN_WORD_SIZE);
	if (word[n + rest] || parse_u64(number, 0, UINT16_MAX, &domain)) {
		setting_quote(word, strlen(word), quoted);
		(void)snprintf(ret_why, SETTING_WHY_BYTES,
			       "'%s' behind the prefix; legal: domain=N, N from 0 to %u", quoted,
			       UINT16_MAX);
		return -EINVAL;
	}
	prefix->key.domain_be = htons((uint16_t)domain);
	prefix->every_domain = false;
	return 0;
}

int config_prefix_parse(const char *text, struct config_prefix *ret_prefix, size_t *ret_at,
			char ret_why[SETTING_WHY_BYTES])
{
	struct config_prefix prefix = { .every_domain = true };
	const char *word = text + strspn(text, BLANKS), *more;
	int ret = parse_cidr(word, &prefix.key, ret_why);

	*ret_at = (size_t)(word - text);
	if (!ret)
		ret = check_meant(word, &prefix.key, ret_why);
	if (ret)
		return ret;
	more = word + strcspn(word, BLANKS);
	more += strspn(more, BLANKS);
	*ret_at = (size_t)(more - text);
	if (*more)
		ret = parse_domain(more, &prefix, ret_why);
	if (!ret)
		*ret_prefix = prefix;
	return ret;
}
