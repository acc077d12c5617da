/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many series of their own a setting may ask for. */
#ifndef IPACCT_DAEMON_SERIES_LIMITS_H
#define IPACCT_DAEMON_SERIES_LIMITS_H

/* Members of each kind at most. Together with the collective series and with those that left in a cut
 * that is not committed yet they fit into IPACCT_SERIES_MAX (asserted in series.c). */
#define SERIES_COUNTRIES_MAX 256u /* ISO 3166-1 has 249 codes */
#define SERIES_ASNS_MAX      500u
#define SERIES_GROUPS_MAX    200u
#define SERIES_ADDRESSES_MAX 1000u

#endif
