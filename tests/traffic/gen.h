/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacct-gen: traffic whose exact account is known, because it is kept by the one who sends.
 *
 * Shares nothing with ipacct but the names of ignored reasons in its text output. Addresses are
 * numbered within their family; their counters are arrays with that index, one set a thread. */
#ifndef IPACCT_TESTS_GEN_H
#define IPACCT_TESTS_GEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEN_THREADS_MAX   64u
#define GEN_BATCH_MAX     64u /* a quarter of veth's ring (drivers/net/veth.c) */
#define GEN_SIZES_MAX     32u
#define GEN_FRAME_MAX     65549u     /* the largest MTU of veth, 65535, and Ethernet */
#define GEN_ADDRESSES_MAX 16777216u  /* what 10.0.0.0/8 holds */
#define GEN_FLOOD_MAX     134217728u /* half of what 240.0.0.0/4 holds */
#define GEN_KINDS_MAX     64u
#define GEN_WEIGHT_MAX    1000u
#define GEN_PICKS         4096u /* resolution of the weights */

#define GEN_EXIT_OK      0
#define GEN_EXIT_ERROR   1
#define GEN_EXIT_USAGE   2
#define GEN_EXIT_DIFFER  3
#define GEN_EXIT_DROPPED 4

/* ---- kinds.c: what a frame can look like ---- */

struct gen_kind {
	const char *name;
	const char *help;
	int family;         /* 4, 6, or 0: not accounted */
	const char *reason; /* why it is not */
	const char *l2;     /* what follows the MAC addresses, up to the IP header */
	uint8_t l2_bytes;
	uint8_t options_bytes; /* of IPv4 */
	const char *chain;     /* IPv6 extension headers, after chain_next in the IPv6 header */
	uint8_t chain_bytes;
	uint8_t chain_next;
	uint8_t protocol;  /* of both families; 0: drawn from TCP, UDP, ICMP, GRE */
	bool fragment;     /* IPv4 flags, or the last header of the chain */
	uint16_t l2_total; /* fixed frame size; 0: drawn */
	uint16_t l3_total; /* fixed IP length: the rest of the frame is padding; 0: all of it */
};

extern const struct gen_kind gen_kinds[];
extern const size_t gen_n_kinds;

/* One packet, as drawn and as accounted. */
struct gen_packet {
	const struct gen_kind *kind;
	uint32_t source; /* number of the address, or of the flood's source */
	uint32_t destination;
	bool flood;
	uint32_t l2_bytes; /* wanted; the kind may change it */
	uint32_t l3_bytes;
	uint64_t random; /* for what does not matter to the account */
};

/* Write the headers of one frame; the payload is what the buffer holds. Sets packet->l2_bytes and
 * l3_bytes. frame: GEN_FRAME_MAX bytes. */
void gen_frame_write(struct gen_packet *packet, const uint8_t destination_mac[6], uint8_t *frame);
/* The smallest frame of this kind. */
uint32_t gen_kind_bytes_min(const struct gen_kind *kind);

/* ---- addresses.c ---- */

/* Address number → 16 bytes as in the account, IPv4 mapped into the last four. The numbers of one
 * family give different addresses; those of a flood's sources differ from all the others. */
void gen_address(int family, bool flood, uint32_t number, uint8_t ret_address[16]);

/* Ways to draw numbers below n: uniform, or rank r with weight 1 / (r + 1)^s (Zipf). */
struct gen_draw {
	uint32_t n;
	uint32_t *alias; /* NULL: uniform. Walker's alias method: two looks, any distribution */
	uint32_t *keep;
};

int gen_draw_init(struct gen_draw *draw, uint32_t n, double zipf);
void gen_draw_finish(struct gen_draw *draw);
uint32_t gen_draw(const struct gen_draw *draw, uint64_t random);
/* Next number of the sequence (splitmix64, S. Vigna, public domain algorithm). */
uint64_t gen_random(uint64_t *state);

/* ---- sender.c ---- */

struct gen_counters {
	uint64_t tx_packets;
	uint64_t tx_l3_bytes;
	uint64_t rx_packets;
	uint64_t rx_l3_bytes;
};

struct gen_size {
	uint16_t l2_bytes;
	uint16_t weight;
};

struct gen_options {
	const char *device;
	int ifindex;
	uint32_t mtu;
	uint8_t destination_mac[6];
	uint64_t n_packets; /* 0: until told to stop */
	uint64_t duration_ns;
	uint64_t rate; /* packets a second of all threads; 0: as fast as possible */
	uint64_t seed;
	uint32_t n_addresses4, n_addresses6;
	uint32_t first_address;
	uint32_t n_flood;       /* sources of the flood */
	uint32_t flood_percent; /* of the packets that have addresses */
	double zipf;
	uint32_t batch;
	uint32_t domain;
	uint32_t n_threads;
	int cpus[GEN_THREADS_MAX];
	bool pinned;
	bool qdisc; /* past the hooks for departures, not straight to the driver */
	uint16_t weights[GEN_KINDS_MAX]; /* by kind */
	size_t n_sizes;
	struct gen_size sizes[GEN_SIZES_MAX];
	const char *account_path;
};

/* Sources of the flood of one thread: IPv4 from first4 on, IPv6 from first6 up to end. */
struct gen_flood_range {
	uint32_t first4, first6, end;
};

struct gen_flood_range gen_flood_range(const struct gen_options *options, uint32_t thread);

/* Shared by all threads; written before they start, but for the atomics. */
struct gen_run {
	const struct gen_options *options;
	struct gen_draw draw4, draw6;
	uint8_t picks[GEN_PICKS];       /* kind by weight */
	uint16_t size_picks[GEN_PICKS]; /* frame size by weight */
	uint32_t *flood_packets;        /* by source; each is written by one thread */
	uint64_t *flood_l3_bytes;
	atomic_bool stop;
	int done_fd; /* eventfd: a thread has ended */
};

/* What one thread has sent. */
struct gen_sender {
	struct gen_run *run;
	uint32_t index;
	uint64_t n_packets_max;
	struct gen_counters *addresses; /* IPv4 numbers, then IPv6 ones */
	uint64_t seen_packets, seen_l2_bytes;
	uint64_t accounted_packets, accounted_l3_bytes;
	uint64_t ignored_packets[GEN_KINDS_MAX]; /* by kind */
	uint64_t ignored_l2_bytes[GEN_KINDS_MAX];
	uint64_t n_refused; /* attempts that the kernel answered with an error; sent again */
	int error;          /* negative errno that ended it early */
};

/* Thread body: sends until its share is sent or run->stop. arg: struct gen_sender. */
void *gen_sender_run(void *arg);

/* ---- account.c, compare.c ---- */

/* Write the account of all threads to options->account_path. Returns 0 or a negative errno. */
int gen_account_write(const struct gen_run *run, const struct gen_sender *senders);

/* Hold a dump (CSV of ipacct-dump) against the sum of accounts; differences go to stdout.
 * rollup: addresses may be missing where roll-ups make up for them.
 * Returns an exit code. */
int gen_compare(char *const *account_paths, size_t n_accounts, const char *dump_path, bool rollup);

#endif
