/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hooks go together. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config_hooks.h"
#include "config_vlans.h"

#define ARRIVALS   CONFIG_ARRIVALS
#define DEPARTURES CONFIG_DEPARTURES
#define LOOPBACK   "lo" /* drivers/net/loopback.c: of every network namespace */

unsigned int config_hooks_count(const struct config_interface *interface)
{
	return (unsigned int)__builtin_popcount(interface->hooks);
}

/* At the hooks in the file, or at the option that names the interface. */
__attribute__((format(printf, 5, 6))) static int refuse(const struct config_interface *at,
							const char *file, char *ret_error,
							size_t error_bytes, const char *format, ...)
{
	va_list args;
	int n;

	n = at->hooks_line ? snprintf(ret_error, error_bytes, "%s:%u:%u: ", file, at->hooks_line,
				      at->hooks_column)
			   : snprintf(ret_error, error_bytes, "ipacctd: -i %s: ", at->name);
	if (n < 0 || (size_t)n >= error_bytes)
		return -EINVAL; /* the caller's buffer is full of the name */
	va_start(args, format);
	(void)vsnprintf(ret_error + n, error_bytes - (size_t)n, format, args); /* may cut */
	va_end(args);
	return -EINVAL;
}

/* Is there a domain that both count in? */
static bool domains_meet(const struct config_interface *a, const struct config_interface *b)
{
	for (size_t i = 0; i < a->n_vlans; i++)
		if (config_vlans_counts(b, a->vlans[i].domain))
			return true;
	return config_vlans_counts(b, a->domain);
}

const struct config_interface *config_hooks_twice(const struct config_interface *a,
						  const struct config_interface *b)
{
	if (!domains_meet(a, b) || a->forwarded_twice || b->forwarded_twice)
		return NULL;
	if (a->hooks & DEPARTURES && b->hooks & ARRIVALS)
		return a;
	return b->hooks & DEPARTURES && a->hooks & ARRIVALS ? b : NULL;
}

int config_hooks_check(const struct config *config, const char *file, char *ret_error,
		       size_t error_bytes)
{
	unsigned int n_slots = 0;

	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *here = &config->interfaces[i];

		if ((here->hooks & ARRIVALS) == ARRIVALS)
			return refuse(
				here, file, ret_error, error_bytes,
				"hooks: xdp and tc-ingress would count each arrival of %s twice; "
				"legal: one of them",
				here->name);
		if (!strcmp(here->name, LOOPBACK) && here->hooks & ARRIVALS &&
		    here->hooks & DEPARTURES && !here->forwarded_twice)
			return refuse(
				here, file, ret_error, error_bytes,
				"hooks: what leaves by %s arrives there: each packet would be "
				"counted twice; legal: one of them, or say "
				"`forwarded_twice: yes`",
				here->name);
		n_slots += config_hooks_count(here);
		if (n_slots > IPACCT_IFS_MAX)
			return refuse(here, file, ret_error, error_bytes,
				      "interfaces: more than %u hooks of all of them",
				      IPACCT_IFS_MAX);
		for (size_t j = 0; j < i; j++) {
			const struct config_interface *other = &config->interfaces[j];
			const struct config_interface *out = config_hooks_twice(here, other);

			if (!out)
				continue;
			other = out == here ? other : here;
			return refuse(
				here, file, ret_error, error_bytes,
				"hooks: what is forwarded from %s to %s would be counted twice: as "
				"it arrives at %s and as it leaves by %s (tc-egress); give one of "
				"them a `domain:` of its own, or say `forwarded_twice: yes`",
				other->name, out->name, other->name, out->name);
		}
	}
	return 0;
}
