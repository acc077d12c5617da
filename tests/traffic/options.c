// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of ipacct-gen: one table of options, one of kinds. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull

/* What the options ask for; turned into struct gen_options when all are known. */
struct wanted {
	struct gen_command *command;
	uint64_t n_addresses;
	bool account_given;
};

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

static bool set_u32(const char *text, uint64_t min, uint64_t max, uint32_t *ret_value)
{
	uint64_t value;

	if (!parse_number(text, min, max, &value))
		return false;
	*ret_value = (uint32_t)value;
	return true;
}

static bool set_decimal(const char *text, double max, double *ret_value)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= max))
		return false;
	*ret_value = value;
	return true;
}

/* "name" or "name:weight" → weight, with the name cut out in place. */
static bool split_weight(char *item, uint16_t *ret_weight)
{
	char *colon = strchr(item, ':');
	uint64_t weight = 1;

	if (colon && !parse_number(colon + 1, 0, GEN_WEIGHT_MAX, &weight))
		return false;
	if (colon)
		*colon = '\0';
	*ret_weight = (uint16_t)weight;
	return true;
}

static bool set_kind(struct gen_options *options, char *item)
{
	uint16_t weight;

	if (!split_weight(item, &weight))
		return false;
	for (size_t k = 0; k < gen_n_kinds; k++)
		if (!strcmp(gen_kinds[k].name, item)) {
			options->weights[k] = weight;
			return true;
		}
	return false;
}

static bool set_mix(struct gen_options *options, char *list)
{
	char *save = NULL;

	memset(options->weights, 0, sizeof(options->weights));
	for (char *item = strtok_r(list, ",", &save); item; item = strtok_r(NULL, ",", &save))
		if (!set_kind(options, item))
			return false;
	return true;
}

static bool set_sizes(struct gen_options *options, char *list)
{
	char *save = NULL;
	uint64_t bytes;

	options->n_sizes = 0;
	for (char *item = strtok_r(list, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		struct gen_size *size = &options->sizes[options->n_sizes];

		if (options->n_sizes == GEN_SIZES_MAX || !split_weight(item, &size->weight) ||
		    !parse_number(item, 14, GEN_FRAME_MAX, &bytes) || bytes > UINT16_MAX)
			return false;
		size->l2_bytes = (uint16_t)bytes;
		options->n_sizes++;
	}
	return options->n_sizes > 0;
}

static bool set_cpus(struct gen_options *options, char *list)
{
	char *save = NULL;
	uint64_t cpu;

	options->n_threads = 0;
	options->pinned = true;
	for (char *item = strtok_r(list, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		if (options->n_threads == GEN_THREADS_MAX ||
		    !parse_number(item, 0, CPU_SETSIZE - 1, &cpu))
			return false;
		options->cpus[options->n_threads++] = (int)cpu;
	}
	return options->n_threads > 0;
}

static bool set_mac(struct gen_options *options, const char *text)
{
	int n = 0;
	uint8_t *mac = options->destination_mac;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		      &mac[3], &mac[4], &mac[5], &n) == 6 &&
	       !text[n];
}

/* X(long name, short name or 0, argument or NULL, what to do with `arg`, help) */
#define OPTIONS(X)                                                                                \
	X(interface, 'i', "DEV", (options->device = arg, true), "send on this interface")         \
	X(packets, 'n', "N", parse_number(arg, 1, UINT64_MAX, &options->n_packets),               \
	  "how many in all (default: until told to stop)")                                        \
	X(duration, 't', "SECONDS", set_decimal(arg, 1e6, &seconds), "for how long")              \
	X(rate, 'r', "PPS", parse_number(arg, 0, 1000000000, &options->rate),                     \
	  "packets a second in all, 0 (default) as fast as possible")                             \
	X(cpus, 'c', "LIST", set_cpus(options, arg),                                              \
	  "one thread on each (default: one, anywhere)")                                          \
	X(batch, 0, "N", set_u32(arg, 1, GEN_BATCH_MAX, &options->batch), "packets a call (64)")  \
	X(addresses, 'a', "N", parse_number(arg, 1, 2 * GEN_ADDRESSES_MAX, &wanted->n_addresses), \
	  "distinct addresses, halved where both families are sent (1000)")                       \
	X(first, 0, "N", set_u32(arg, 0, GEN_ADDRESSES_MAX - 1, &options->first_address),         \
	  "number of the first address of each family (0)")                                       \
	X(uniform, 0, NULL, (options->zipf = 0, true), "every address as likely (default)")       \
	X(zipf, 0, "S", set_decimal(arg, 4, &options->zipf), "rank r as likely as 1/r^S")         \
	X(flood, 0, "N", set_u32(arg, 1, GEN_FLOOD_MAX, &options->n_flood),                       \
	  "random sources beside them: N distinct ones")                                          \
	X(flood_percent, 0, "P", set_u32(arg, 1, 100, &options->flood_percent),                   \
	  "share of packets whose source is of the flood (100)")                                  \
	X(mix, 'm', "KIND[:WEIGHT],...", set_mix(options, arg), "kinds of frames (v4,v6)")        \
	X(sizes, 's', "BYTES[:WEIGHT],...", set_sizes(options, arg),                              \
	  "frame sizes without FCS (60:7,590:4,1514:1)")                                          \
	X(destination_mac, 0, "MAC", set_mac(options, arg),                                       \
	  "(02:00:00:00:00:02: of nobody, so the receiving stack drops it)")                      \
	X(qdisc, 0, NULL, (options->qdisc = true),                                                \
	  "through the device's queueing discipline: tc-egress sees it")                          \
	X(domain, 0, "N", set_u32(arg, 0, UINT16_MAX, &options->domain),                          \
	  "accounting domain to write into the account (0)")                                      \
	X(seed, 0, "N", parse_number(arg, 0, UINT64_MAX, &options->seed), "of everything random") \
	X(account, 'o', "FILE", (options->account_path = arg, true), "write the account there")   \
	X(compare, 0, NULL, (command->compare = true), "compare ACCOUNT... DUMP instead")         \
	X(rollup, 0, NULL, (command->rollup = true),                                              \
	  "with --compare: roll-ups may stand for addresses that are missing")                    \
	X(help, 'h', NULL, true, "print this")

enum option_number {
	OPTION_BASE = 256, /* above every short name */
#define NUMBER(name, letter, argument, action, help) OPTION_##name,
	OPTIONS(NUMBER)
#undef NUMBER
};

static void dashes(const char *name, char *ret_text, size_t text_bytes)
{
	size_t i;

	for (i = 0; name[i] && i + 1 < text_bytes; i++)
		ret_text[i] = name[i] == '_' ? '-' : name[i];
	ret_text[i] = '\0';
}

static void print_option(char letter, const char *name, const char *argument, const char *help)
{
	char text[64], left[96];

	dashes(name, text, sizeof(text));
	(void)snprintf(left, sizeof(left), "%c%c%c --%s %s", letter ? '-' : ' ',
		       letter ? letter : ' ', letter ? ',' : ' ', text, argument ? argument : "");
	printf("  %-36s %s\n", left, help);
}

static void print_help(void)
{
	printf("usage: ipacct-gen -i DEV [OPTION]...\n"
	       "       ipacct-gen --compare [--rollup] ACCOUNT... DUMP.csv\n\n");
#define PRINT(name, letter, argument, action, help) print_option(letter, #name, argument, help);
	OPTIONS(PRINT)
#undef PRINT
	printf("\nkinds:\n");
	for (size_t k = 0; k < gen_n_kinds; k++)
		printf("  %-11s %s%s%s\n", gen_kinds[k].name, gen_kinds[k].help,
		       gen_kinds[k].reason ? ": ignored, " : "",
		       gen_kinds[k].reason ? gen_kinds[k].reason : "");
	printf("\nexit: 0 ok, 1 error, 2 usage, 3 --compare found differences, 4 the device "
	       "dropped\n"
	       "packets it had taken, so the account is not what arrived\n");
}

static bool apply(struct wanted *wanted, int number, char *arg)
{
	struct gen_command *command = wanted->command;
	struct gen_options *options = &command->options;
	double seconds = -1;
	bool ok = false;

	switch (number) {
#define APPLY(name, letter, argument, action, help) \
	case OPTION_##name:                         \
		ok = (action);                      \
		break;
		OPTIONS(APPLY)
#undef APPLY
	}
	if (ok && seconds >= 0)
		options->duration_ns = (uint64_t)(seconds * (double)NS_PER_S);
	return ok;
}

/* Returns the option's number, 0 at the end, −1 for an unknown one. */
static int next_option(int argc, char **argv)
{
	static char names[64][32];
	static struct option table[64];
	static char letters[128];
	size_t n = 0, n_letters = 0;

	if (!table[0].name) {
#define ROW(name_, letter, argument, action, help)                                              \
	dashes(#name_, names[n], sizeof(names[n]));                                             \
	table[n] = (struct option){ names[n], argument ? required_argument : no_argument, NULL, \
				    OPTION_##name_ };                                           \
	n++;                                                                                    \
	if (letter) {                                                                           \
		letters[n_letters++] = letter;                                                  \
		if (argument)                                                                   \
			letters[n_letters++] = ':';                                             \
	}
		OPTIONS(ROW)
#undef ROW
	}

	int number = getopt_long(argc, argv, letters, table, NULL);

	if (number == -1)
		return 0;
#define LETTER(name, letter, argument, action, help) \
	if ((letter) && number == (letter))          \
		return OPTION_##name;
	OPTIONS(LETTER)
#undef LETTER
	return number == '?' ? -1 : number;
}

static bool device_find(struct gen_options *options)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0 || (size_t)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s",
				       options->device) >= sizeof(request.ifr_name)) {
		fprintf(stderr, "ipacct-gen: %s: not an interface name\n", options->device);
		return false;
	}
	ret = ioctl(fd, SIOCGIFMTU, &request);
	close(fd);
	options->ifindex = (int)if_nametoindex(options->device);
	if (ret || !options->ifindex) {
		fprintf(stderr, "ipacct-gen: %s: %s\n", options->device, strerror(errno));
		return false;
	}
	options->mtu = (uint32_t)request.ifr_mtu;
	return true;
}

/* net/packet/af_packet.c refuses more than MTU and Ethernet header. */
static bool fits_mtu(const struct gen_options *options)
{
	uint32_t most = options->mtu + 14, largest = 0;

	for (size_t k = 0; k < gen_n_kinds; k++)
		if (options->weights[k] && gen_kind_bytes_min(&gen_kinds[k]) > largest)
			largest = gen_kind_bytes_min(&gen_kinds[k]);
	for (size_t i = 0; i < options->n_sizes; i++)
		if (options->sizes[i].weight && options->sizes[i].l2_bytes > largest)
			largest = options->sizes[i].l2_bytes;
	if (largest <= most)
		return true;
	fprintf(stderr, "ipacct-gen: frames of %u on %s with MTU %u: ip link set %s mtu %u\n",
		largest, options->device, options->mtu, options->device, largest - 14);
	return false;
}

/* Share the addresses between the families that are sent. */
static bool split_addresses(struct gen_options *options, uint64_t n_addresses)
{
	bool families[7] = { false };
	uint64_t weights = 0, sizes = 0;

	for (size_t k = 0; k < gen_n_kinds; k++) {
		weights += options->weights[k];
		if (options->weights[k])
			families[gen_kinds[k].family] = true;
	}
	for (size_t i = 0; i < options->n_sizes; i++)
		sizes += options->sizes[i].weight;
	if (families[4] && families[6])
		options->n_addresses4 = (uint32_t)(n_addresses - n_addresses / 2);
	else if (families[4])
		options->n_addresses4 = (uint32_t)n_addresses;
	if (families[6])
		options->n_addresses6 = (uint32_t)n_addresses - options->n_addresses4;

	if (weights && sizes &&
	    (uint64_t)options->first_address + options->n_addresses4 <= GEN_ADDRESSES_MAX &&
	    (!families[4] || options->n_addresses4) && (!families[6] || options->n_addresses6))
		return true;
	fprintf(stderr, "ipacct-gen: no weight, too few or too many addresses\n");
	return false;
}

static enum gen_options_result check(struct wanted *wanted, int argc, char **argv)
{
	struct gen_command *command = wanted->command;
	struct gen_options *options = &command->options;
	int n_left = argc - optind;

	if (command->compare) {
		if (n_left < 2) {
			fprintf(stderr, "ipacct-gen: --compare needs ACCOUNT... DUMP\n");
			return GEN_OPTIONS_USAGE;
		}
		command->account_paths = argv + optind;
		command->n_accounts = (size_t)n_left - 1;
		command->dump_path = argv[argc - 1];
		return GEN_OPTIONS_RUN;
	}
	if (n_left || !options->device) {
		fprintf(stderr, "ipacct-gen: %s\n", n_left ? argv[optind] : "-i DEV is missing");
		return GEN_OPTIONS_USAGE;
	}
	if (!split_addresses(options, wanted->n_addresses))
		return GEN_OPTIONS_USAGE;
	return device_find(options) && fits_mtu(options) ? GEN_OPTIONS_RUN : GEN_OPTIONS_ERROR;
}

enum gen_options_result gen_options_parse(int argc, char **argv, struct gen_command *ret_command)
{
	struct wanted wanted = { .command = ret_command, .n_addresses = 1000 };
	char mix[] = "v4,v6", sizes[] = "60:7,590:4,1514:1"; /* IMIX, nearly */
	struct gen_options *options = &ret_command->options;
	int number;

	*ret_command = (struct gen_command){ 0 };
	options->batch = GEN_BATCH_MAX;
	options->flood_percent = 100;
	options->n_threads = 1;
	options->seed = 1;
	if (!set_mix(options, mix) || !set_sizes(options, sizes) ||
	    !set_mac(options, "02:00:00:00:00:02"))
		return GEN_OPTIONS_ERROR;
	while ((number = next_option(argc, argv)) != 0) {
		if (number == OPTION_help) {
			print_help();
			return GEN_OPTIONS_EXIT;
		}
		if (number < 0)
			return GEN_OPTIONS_USAGE;
		if (!apply(&wanted, number, optarg)) {
			fprintf(stderr, "ipacct-gen: '%s': not allowed there, see --help\n",
				optarg);
			return GEN_OPTIONS_USAGE;
		}
	}
	return check(&wanted, argc, argv);
}
