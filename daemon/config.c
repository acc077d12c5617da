/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Defaults, configuration file and command line, in this order, become one struct config. */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budget.h"
#include "config_help.h"
#include "config_hooks.h"
#include "config_setting.h"
#include "config_yaml.h"

#ifndef IPACCT_VERSION
#error "IPACCT_VERSION is given on the compiler's command line"
#endif

#define OPTION_VALUE_BASE 256   /* getopt_long values of long options: above every short one */
#define ERROR_BYTES       2048u /* a path of CONFIG_PATH_BYTES and a message */

void config_init(struct config *ret_config)
{
	char why[SETTING_WHY_BYTES];
	const struct setting *setting;

	memset(ret_config, 0, sizeof(*ret_config));
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		int ret = 0;

		if (setting->scope == SCOPE_DAEMON && setting->default_text)
			ret = setting_parse(setting, setting->default_text, ret_config, ret_config,
					    why);
		assert(!ret); /* the table's own defaults are legal */
		(void)ret;    /* unused with NDEBUG */
	}
	ret_config->bpffs_given = false; /* setting_parse() marked the default as given */
}

/* What was read becomes the caller's, if it makes sense. */
static int config_take(struct config *config, const char *name, struct config *ret_config,
		       char *ret_error, size_t error_bytes)
{
	int ret;

	config_resolve(config);
	ret = config_hooks_check(config, name, ret_error, error_bytes);
	if (!ret)
		*ret_config = *config;
	return ret;
}

int config_parse(const char *name, const char *text, size_t text_bytes,
		 const struct config *defaults, struct config *ret_config, char *ret_error,
		 size_t error_bytes)
{
	struct config config = *defaults;
	int ret = config_yaml_parse(name, text, text_bytes, &config, ret_error, error_bytes);

	return ret ? ret : config_take(&config, name, ret_config, ret_error, error_bytes);
}

int config_load(const char *path, const struct config *defaults, struct config *ret_config,
		char *ret_error, size_t error_bytes)
{
	struct config config = *defaults;
	int ret = config_yaml_load(path, &config, ret_error, error_bytes);

	return ret ? ret : config_take(&config, path, ret_config, ret_error, error_bytes);
}

/* What getopt_long() needs, made from the table. */
struct option_table {
	struct option options[SETTINGS_MAX + 1];
	char short_options[2 + 2 * SETTINGS_MAX + 1];
};

static void option_table_init(struct option_table *table)
{
	struct option *option = table->options;
	char *p = table->short_options;
	const struct setting *setting;

	memset(table, 0, sizeof(*table));
	*p++ = '+'; /* stop at the first word that is no option: there is none, and argv stays */
	*p++ = ':'; /* tell a missing argument from an unknown option */
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (setting->option)
			*option++ = (struct option){
				.name = setting->option,
				.has_arg = setting->argument ? required_argument : no_argument,
				.val = OPTION_VALUE_BASE + (int)i,
			};
		if (setting->short_option) {
			*p++ = setting->short_option;
			if (setting->argument)
				*p++ = ':';
		}
	}
}

/* The row that getopt's return value or optopt means; NULL: none. */
static const struct setting *setting_of_option(int value)
{
	const struct setting *setting;

	if (value >= OPTION_VALUE_BASE)
		return setting_at((size_t)(value - OPTION_VALUE_BASE));
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (value && setting->short_option == value)
			return setting;
	}
	return NULL;
}

__attribute__((format(printf, 3, 4))) static enum config_args
usage(char *ret_error, size_t error_bytes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_error, error_bytes, format, args); /* cut to the caller's buffer */
	va_end(args);
	return CONFIG_ARGS_USAGE;
}

/* getopt_long() did not know the option. word: the element of argv it is in. */
static enum config_args usage_unknown(const char *word, char *ret_error, size_t error_bytes)
{
	const struct setting *setting = setting_of_option(optopt);
	char name[SETTING_QUOTE_SIZE];
	const char *nearest;

	if (setting)
		return usage(ret_error, error_bytes, "option '--%s' takes no value",
			     setting->option);
	if (optopt) {
		char letter = (char)optopt;

		setting_quote(&letter, 1, name);
		return usage(ret_error, error_bytes, "unknown option '-%s'", name);
	}
	word += 2; /* only "--…" comes here */
	setting_quote(word, strcspn(word, "="), name);
	nearest = setting_nearest_option(name);
	if (nearest)
		return usage(ret_error, error_bytes, "unknown option '--%s', did you mean '--%s'?",
			     name, nearest);
	return usage(ret_error, error_bytes, "unknown or ambiguous option '--%s'", name);
}

static enum config_args usage_no_value(char *ret_error, size_t error_bytes)
{
	const struct setting *setting = setting_of_option(optopt);
	char legal[SETTING_LEGAL_BYTES];

	setting_legal(setting, legal);
	return usage(ret_error, error_bytes, "option '--%s' needs a value; legal: %s",
		     setting->option, legal);
}

/* Apply one option that getopt_long() has recognised. */
static enum config_args option_apply(const struct setting *setting, struct config *config,
				     char *ret_error, size_t error_bytes)
{
	char why[SETTING_WHY_BYTES];

	if (setting->type == SETTING_HELP || setting->type == SETTING_VERSION)
		return CONFIG_ARGS_EXIT_OK;
	if (setting_parse(setting, optarg ? optarg : "", config, config, why))
		return usage(ret_error, error_bytes, "--%s: %s", setting->option, why);
	return CONFIG_ARGS_RUN;
}

/* Apply all options to *config. Changes no element of argv.
 * ret_exit: the row of --help or --version when the result is CONFIG_ARGS_EXIT_OK. */
static enum config_args options_apply(int argc, char **argv, struct config *config,
				      const struct setting **ret_exit, char *ret_error,
				      size_t error_bytes)
{
	enum config_args ret = CONFIG_ARGS_RUN;
	char quoted[SETTING_QUOTE_SIZE];
	bool begun[SETTINGS_MAX] = { false };
	struct option_table table;

	option_table_init(&table);
	opterr = 0;
	optind = 0; /* glibc: start over, whatever an earlier call left (getopt(3)) */
	while (ret == CONFIG_ARGS_RUN) {
		int value = getopt_long(argc, argv, table.short_options, table.options, NULL);

		if (value == -1)
			break;
		if (value == '?')
			return usage_unknown(argv[optind - 1], ret_error, error_bytes);
		if (value == ':')
			return usage_no_value(ret_error, error_bytes);
		*ret_exit = setting_of_option(value);
		if (setting_is_list(*ret_exit) && !begun[*ret_exit - setting_at(0)])
			setting_list_clear(*ret_exit, config); /* options win over the file */
		begun[*ret_exit - setting_at(0)] = true;
		ret = option_apply(*ret_exit, config, ret_error, error_bytes);
	}
	if (ret != CONFIG_ARGS_RUN || optind >= argc)
		return ret;
	setting_quote(argv[optind], strlen(argv[optind]), quoted);
	return usage(ret_error, error_bytes,
		     "unexpected '%s': interfaces are given with -i DEV, a configuration with "
		     "-c FILE",
		     quoted);
}

/* What a profile says of memory, where nobody else did; production has the rule of sizing.c. */
static void profile_apply(struct config *config)
{
	uint64_t bytes = profile_of(config->profile)->memory_bytes;
	uint64_t share = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 16;

	if (config->memory_bytes || bytes == profile_of(PROFILE_PRODUCTION)->memory_bytes)
		return;
	config->memory_bytes = share < bytes ? share : bytes;
}

/* Everything but printing. */
static enum config_args read_all(int argc, char **argv, struct config *ret_config,
				 const struct setting **ret_exit, char *ret_error,
				 size_t error_bytes)
{
	struct config config;
	char path[CONFIG_PATH_BYTES];
	enum config_args ret;

	/* First round: is the command line right, and which file does it name? */
	config_init(&config);
	ret = options_apply(argc, argv, &config, ret_exit, ret_error, error_bytes);
	if (ret != CONFIG_ARGS_RUN)
		return ret;
	if (config.config_file[0]) {
		memcpy(path, config.config_file, sizeof(path));
		config_init(&config);
		if (config_yaml_load(path, &config, ret_error, error_bytes))
			return CONFIG_ARGS_INVALID;
		/* Second round, over the file; its interfaces count towards the limit now. */
		ret = options_apply(argc, argv, &config, ret_exit, ret_error, error_bytes);
		if (ret != CONFIG_ARGS_RUN)
			return ret;
	}
	config_resolve(&config);
	profile_apply(&config);
	if (config_hooks_check(&config, config.config_file, ret_error, error_bytes))
		return CONFIG_ARGS_INVALID;
	*ret_config = config;
	return CONFIG_ARGS_RUN;
}

enum config_args config_from_args(int argc, char **argv, struct config *ret_config)
{
	const struct setting *exit_option = NULL;
	char error[ERROR_BYTES] = "";
	enum config_args ret;

	ret = read_all(argc, argv, ret_config, &exit_option, error, sizeof(error));
	if (ret == CONFIG_ARGS_USAGE)
		fprintf(stderr, "ipacctd: %s\nTry 'ipacctd --help'.\n", error);
	else if (ret == CONFIG_ARGS_INVALID)
		fprintf(stderr, "%s\n", error); /* FILE:LINE:COL first, as compilers do */
	else if (ret == CONFIG_ARGS_EXIT_OK && exit_option->type == SETTING_HELP)
		config_options_print_help(stdout);
	else if (ret == CONFIG_ARGS_EXIT_OK)
		printf("ipacctd %s\n", IPACCT_VERSION);
	return ret;
}

int config_reload(int argc, char **argv, struct config *ret_config, char *ret_error,
		  size_t error_bytes)
{
	const struct setting *exit_option;
	enum config_args ret;

	ret = read_all(argc, argv, ret_config, &exit_option, ret_error, error_bytes);
	/* --help cannot get here: it would have ended the first reading. */
	return ret == CONFIG_ARGS_RUN ? 0 : -EINVAL;
}
