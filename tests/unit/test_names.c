/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and texts for output. */
#include <arpa/inet.h>
#include <string.h>

#include <criterion/criterion.h>

#include "ipacct/counters.h"
#include "ipacct/ipacct.h"

static const char *text(const char *address, uint8_t prefix_len)
{
	static char buffer[IPACCT_PREFIX_TEXT_BYTES];
	struct ipacct_key key = {};

	cr_assert_eq(inet_pton(AF_INET6, address, key.addr_be), 1);
	return ipacct_key_format(&key, prefix_len, buffer, sizeof(buffer));
}

Test(names, addresses_read_as_people_write_them)
{
	cr_assert_str_eq(text("::ffff:192.0.2.1", 128), "192.0.2.1");
	cr_assert_str_eq(text("2001:db8::1", 128), "2001:db8::1");
	cr_assert_str_eq(text("::", 128), "::");
}

Test(names, roll_ups_carry_their_length)
{
	cr_assert_str_eq(text("::ffff:198.51.0.0", 112), "198.51.0.0/16");
	cr_assert_str_eq(text("::ffff:0.0.0.0", 96), "0.0.0.0/0");
	cr_assert_str_eq(text("2001:db8::", 32), "2001:db8::/32");
	cr_assert_str_eq(text("::", 0), "::/0");
}

Test(names, short_buffer_is_never_overrun)
{
	char buffer[20];
	struct ipacct_key key = {};

	memset(buffer, 'x', sizeof(buffer));
	cr_assert_eq(inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", key.addr_be), 1);
	ipacct_key_format(&key, 32, buffer, 8);
	for (size_t i = 8; i < sizeof(buffer); i++)
		cr_assert_eq(buffer[i], 'x');
}

Test(names, every_reason_has_one_and_no_more)
{
	for (unsigned int i = 0; i < IPACCT_IGNORED_REASONS; i++) {
		cr_assert_not_null(ipacct_reason_name(i));
		cr_assert_not_null(ipacct_reason_help(i));
	}
	cr_assert_null(ipacct_reason_name(IPACCT_IGNORED_REASONS));
	cr_assert_null(ipacct_size_bin_name(IPACCT_SIZE_BINS));
	cr_assert_null(ipacct_protocol_name(IPACCT_PROTOCOLS));
	cr_assert_null(ipacct_hook_name(0));
	cr_assert_null(ipacct_mode_name(0));
	cr_assert_str_eq(ipacct_mode_name(IPACCT_MODE_REPLAY), "replay");
	cr_assert_null(ipacct_mode_name(IPACCT_MODE_STACK + 1));
	cr_assert_str_eq(ipacct_attach_name(IPACCT_ATTACH_NONE), "none");
}
