/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of ipacctd: one table feeds the YAML reader, the command line, --help and the man page. */
#ifndef IPACCT_DAEMON_CONFIG_H
#define IPACCT_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "geo_settings.h"
#include "config_listen.h"
#include "ipacct/abi.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20) /* a larger file is refused */
#define CONFIG_PATH_BYTES     1024u
#define CONFIG_PROTECT_MAX    1024u /* prefixes in the configuration itself; a file has more */
#define CONFIG_VLANS_MAX      256u  /* entries of vlan_domains: ids and ranges of one interface */
#define CONFIG_CPUS_MAX       4096u /* linux/threads.h NR_CPUS upper bound on x86 */

enum config_attach {
	CONFIG_ATTACH_AUTO = 0, /* a dispatcher that is there is joined, else link */
	CONFIG_ATTACH_LINK,
	CONFIG_ATTACH_DISPATCHER,
	CONFIG_ATTACH_TC, /* tc hooks by a filter, also where there is tcx */
};

#define CONFIG_HOOK(hook) (1u << (hook)) /* enum ipacct_hook */
#define CONFIG_ARRIVALS   (CONFIG_HOOK(IPACCT_HOOK_XDP) | CONFIG_HOOK(IPACCT_HOOK_TC_INGRESS))
#define CONFIG_DEPARTURES CONFIG_HOOK(IPACCT_HOOK_TC_EGRESS)

enum config_account {
	CONFIG_ACCOUNT_OUTER = 0, /* a tunnel's own addresses */
	CONFIG_ACCOUNT_INNER,     /* those of the packet inside */
};

/* Ids of VLANs and their domain. */
struct config_vlan {
	uint16_t first, last; /* 1 … 4094 */
	uint16_t domain;
};

struct config_interface {
	char name[IPACCT_IFNAME_BYTES]; /* NUL-terminated, linux/if.h rules */
	uint8_t mode;                   /* enum ipacct_mode */
	uint8_t attach;                 /* enum config_attach */
	uint16_t domain;                /* 0 … 65535 */
	uint8_t account;                /* enum config_account */
	uint16_t n_vlans;
	struct config_vlan vlans[CONFIG_VLANS_MAX]; /* in no order, none overlaps another */
	bool optional;           /* absent at start: wait for it instead of failing */
	uint8_t hooks;           /* a bit CONFIG_HOOK() for each */
	bool forwarded_twice;    /* the operator wants it so: config_hooks.h */
	unsigned int line;       /* where the file names it, 0 = command line */
	unsigned int hooks_line; /* where it names the hooks, or as line */
	unsigned int hooks_column;
};

/* A protected prefix. */
struct config_prefix {
	struct ipacct_guard_key key; /* as in the trie */
	uint32_t every_domain;       /* 1: none was named; domain_be is 0 then */
};

struct config {
	uint64_t interval_ns;     /* 100 ms … 1 h, default 1 s */
	uint64_t memory_bytes;    /* 8 MiB … 1 TiB; 0 = min(256 MiB, RAM / 16) */
	uint64_t interval_max_ns; /* 0 = 16 intervals */
	uint64_t cpu_budget_ppm;  /* of all CPUs; 0 = as the profile has it */
	uint8_t profile;          /* enum budget_profile */
	char user[33];            /* default "ipacct" */
	char runtime_dir[CONFIG_PATH_BYTES];
	char bpffs_dir[CONFIG_PATH_BYTES];
	bool bpffs_given;        /* by option or file: never mount there, only use it */
	bool hot;                /* the tier of busy addresses */
	uint64_t ipv6_share_ppm; /* of the addresses that come by; default SIZING_IPV6_PPM */
	/* sizes that the operator chose, 0 = from the budget */
	uint32_t hot4_lines; /* of one CPU and epoch */
	uint32_t hot6_lines;
	uint32_t lru_entries; /* likewise */
	uint32_t ledger_addresses;
	bool receive_cpus_given;
	uint64_t receive_cpus[CONFIG_CPUS_MAX / 64]; /* CPUs that get a partition of their own */
	uint8_t mode_default;                        /* for interfaces that do not say */
	uint8_t attach_default;
	size_t n_interfaces;
	struct config_interface interfaces[IPACCT_IFS_MAX];
	char protect_file[CONFIG_PATH_BYTES]; /* "" = none; config_protect.h reads it */
	size_t n_guard_entries; /* what both lists make of the trie: not a setting, known when read */
	char groups_file[CONFIG_PATH_BYTES]; /* "" = none; config_groups.h reads it */
	uint32_t n_groups, n_group_prefixes,
		n_group_masks; /* of it: no settings, known when read */
	size_t n_protect;
	struct config_prefix protect[CONFIG_PROTECT_MAX];
	struct geo_settings geo;
	/* the HTTP endpoint */
	char listen[LISTEN_TEXT_MAX + 1];        /* listen_address_parse() takes it */
	char listen_tls_cert[CONFIG_PATH_BYTES]; /* "": none, as for the next two */
	char listen_tls_key[CONFIG_PATH_BYTES];
	char listen_auth_file[CONFIG_PATH_BYTES];
	uint16_t top_countries; /* series of their own in /metrics */
	uint16_t top_asns;
	uint16_t top_groups;
	uint16_t top_addresses;
	/* command line only */
	char config_file[CONFIG_PATH_BYTES]; /* "" = none */
	bool check_config;
	bool dry_run;
	bool detach;          /* final cut, then remove link and pins, exit */
	uint64_t duration_ns; /* 0 = until told to stop */
	uint64_t confirm_s;   /* 0 = off; detach unless `ipacctctl confirm` comes in time */
};

void config_init(struct config *ret_config);

/* Read and check one YAML file on top of *config.
 * name: how messages call the file. text/text_bytes: its content, any bytes.
 * ret_config: written whole and only on success.
 * ret_error: on failure "FILE:LINE:COL: what is wrong and what is allowed", one line.
 * Returns 0 or -EINVAL (content), -EFBIG, -ENOMEM. */
int config_parse(const char *name, const char *text, size_t text_bytes,
		 const struct config *defaults, struct config *ret_config, char *ret_error,
		 size_t error_bytes);
/* Same for a file on disk; also -errno of open and read. */
int config_load(const char *path, const struct config *defaults, struct config *ret_config,
		char *ret_error, size_t error_bytes);

enum config_args {
	CONFIG_ARGS_RUN = 0,
	CONFIG_ARGS_EXIT_OK, /* --help or --version was printed to stdout */
	CONFIG_ARGS_USAGE,   /* message printed to stderr; exit code 2 */
	CONFIG_ARGS_INVALID, /* the configuration file is wrong; message printed; exit code 78 */
};
/* Parse the command line: -c FILE is read first, then options win over it; -i adds interfaces. */
enum config_args config_from_args(int argc, char **argv, struct config *ret_config);

/* The same command line over the file as it is now, for a reload. Prints nothing. */
int config_reload(int argc, char **argv, struct config *ret_config, char *ret_error,
		  size_t error_bytes);

#endif
