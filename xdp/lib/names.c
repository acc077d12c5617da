/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names for output, expanded from counters.h, and the text of a key. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ipacct/counters.h"
#include "ipacct/ipacct.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

#define REASON_NAME(id, name, help) [IPACCT_IGNORED_##id] = name,
#define REASON_HELP(id, name, help) [IPACCT_IGNORED_##id] = help,
#define PROTOCOL_NAME(id, name)     [IPACCT_PROTOCOL_##id] = name,
#define SIZE_NAME(limit, name)      name,

static const char *const reason_names[] = { IPACCT_REASONS(REASON_NAME) };
static const char *const reason_helps[] = { IPACCT_REASONS(REASON_HELP) };
static const char *const protocol_names[] = { IPACCT_PROTOCOL_CLASSES(PROTOCOL_NAME) };
static const char *const size_names[] = { IPACCT_SIZES(SIZE_NAME) };
static const char *const hook_names[] = { [IPACCT_HOOK_XDP] = "xdp",
					  [IPACCT_HOOK_TC_EGRESS] = "tc-egress",
					  [IPACCT_HOOK_TC_INGRESS] = "tc-ingress" };
static const char *const mode_names[] = { [IPACCT_MODE_NATIVE] = "native",
					  [IPACCT_MODE_GENERIC] = "generic",
					  [IPACCT_MODE_REPLAY] = "replay",
					  [IPACCT_MODE_STACK] = "stack" };
static const char *const attach_names[] = { [IPACCT_ATTACH_NONE] = "none",
					    [IPACCT_ATTACH_LINK] = "link",
					    [IPACCT_ATTACH_DISPATCHER] = "dispatcher",
					    [IPACCT_ATTACH_TCX] = "tcx",
					    [IPACCT_ATTACH_TC] = "tc" };
static const char *const state_names[] = { [IPACCT_IF_FREE] = "free",
					   [IPACCT_IF_ATTACHED] = "attached",
					   [IPACCT_IF_GONE] = "gone",
					   [IPACCT_IF_DETACHED] = "detached" };
static const char *const class_names[] = {
	[IPACCT_GEO_GLOBAL] = "global",         [IPACCT_GEO_PRIVATE] = "private",
	[IPACCT_GEO_SHARED] = "shared",         [IPACCT_GEO_LOOPBACK] = "loopback",
	[IPACCT_GEO_LINK_LOCAL] = "link_local", [IPACCT_GEO_MULTICAST] = "multicast",
	[IPACCT_GEO_BROADCAST] = "broadcast",   [IPACCT_GEO_DOCUMENTATION] = "documentation",
	[IPACCT_GEO_RESERVED] = "reserved"
};

_Static_assert(N_ELEMENTS(class_names) == IPACCT_GEO_CLASSES, "a class has no name");
_Static_assert(N_ELEMENTS(reason_names) == IPACCT_IGNORED_REASONS, "a reason has no row");
_Static_assert(N_ELEMENTS(protocol_names) == IPACCT_PROTOCOLS, "a protocol class has no row");
_Static_assert(N_ELEMENTS(size_names) == IPACCT_SIZE_BINS, "a size bin has no row");

#define LOOK_UP(table, at) ((at) < N_ELEMENTS(table) ? (table)[at] : NULL)

const char *ipacct_reason_name(unsigned int reason)
{
	return LOOK_UP(reason_names, reason);
}

const char *ipacct_reason_help(unsigned int reason)
{
	return LOOK_UP(reason_helps, reason);
}

const char *ipacct_protocol_name(unsigned int protocol)
{
	return LOOK_UP(protocol_names, protocol);
}

const char *ipacct_size_bin_name(unsigned int bin)
{
	return LOOK_UP(size_names, bin);
}

const char *ipacct_hook_name(unsigned int hook)
{
	return LOOK_UP(hook_names, hook);
}

const char *ipacct_mode_name(unsigned int mode)
{
	return LOOK_UP(mode_names, mode);
}

const char *ipacct_attach_name(unsigned int attach)
{
	return LOOK_UP(attach_names, attach);
}

const char *ipacct_if_state_name(unsigned int state)
{
	return LOOK_UP(state_names, state);
}

bool ipacct_key_is_ipv4(const struct ipacct_key *key)
{
	return !key->addr_be[0] && !key->addr_be[1] && key->addr_be[2] == htonl(0x0000ffff);
}

bool ipacct_key_is_rollup(const struct ipacct_key *key, uint8_t prefix_len)
{
	return prefix_len < IPACCT_MASK_LEN_MIN || (prefix_len < 128 && ipacct_key_is_ipv4(key));
}

char *ipacct_key_format(const struct ipacct_key *key, uint8_t prefix_len, char *buffer,
			size_t buffer_bytes)
{
	/* 0.0.0.0/0 is ::ffff:0:0/96, its length alone tells it from ::/0 */
	bool ipv4 = ipacct_key_is_ipv4(key) && prefix_len >= 96;
	size_t used;

	if (!inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? &key->addr_be[3] : key->addr_be, buffer,
		       (socklen_t)buffer_bytes)) {
		if (buffer_bytes)
			buffer[0] = '\0';
		return buffer;
	}
	if (prefix_len < 128) {
		used = strlen(buffer);
		(void)snprintf(buffer + used, buffer_bytes - used, "/%u", /* cut, never overrun */
			       ipv4 ? prefix_len - 96u : prefix_len);
	}
	return buffer;
}

const char *ipacct_geo_class_name(unsigned int address_class)
{
	return LOOK_UP(class_names, address_class);
}
