/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacct-replay: settings, one replay, and its verdict. */
#ifndef IPACCT_TOOLS_REPLAY_H
#define IPACCT_TOOLS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture.h"
#include "dump.h"
#include "engine.h"
#include "replay_progress.h"
#include "replay_witness.h"

#define REPLAY_OBJECT_BYTES_MAX (16u << 20) /* ours has a hundredth of it */
#define REPLAY_PADDED_BYTES_MAX (1u << 18)  /* libpcap's MAXIMUM_SNAPLEN for Ethernet */

struct replay_settings {
	struct dump_settings dump; /* first: rows of dump_option_table write into it */
	bool prove;
	bool canonical;
	bool pad;
	unsigned int hot;     /* enum replay_hot */
	unsigned int account; /* enum replay_account */
	uint64_t n_addresses_max;
	uint64_t drill;          /* packet that the program does not get, 0 = none */
	const char *object;      /* file of another BPF object */
	const char *save_object; /* file that takes the one that runs */
	const char *capture;     /* file, "-" = standard input, NULL = none */
	char capture_name[DUMP_NAME_BYTES];
};

enum replay_hot {
	REPLAY_HOT_ON = 0,
	REPLAY_HOT_OFF
};

enum replay_account {
	REPLAY_ACCOUNT_OUTER = 0,
	REPLAY_ACCOUNT_INNER
};

/* Read the command line; messages are printed. Returns enum options_outcome. */
int replay_options(int argc, char **argv, struct replay_settings *ret_settings);

/* One capture on its way through program and witness. */
struct replay {
	const struct replay_settings *settings;
	struct ipacct_engine *engine;
	struct capture capture;
	struct witness witness; /* with --prove */
	struct dump_replay facts;
	struct progress progress;
	uint8_t *padded; /* with --pad: a frame as long as it was on the wire */
};

/* Feed every packet. Returns 0, or a negative errno after one message. */
int replay_feed(struct replay *replay);

/* Compare snapshot and witness, print the verdict. object, object_bytes: what ran.
 * Returns the exit code. */
int replay_prove(struct replay *replay, const struct ipacct_snapshot *snapshot, const void *object,
		 size_t object_bytes);

/* Give up every privilege for good: the capture is a stranger's. Returns 0 or a negative errno. */
int replay_privileges_drop(void);

#endif
