/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of settings for people: --help, and the lists of the man page. */
#include <string.h>

#include "config_help.h"
#include "config_setting.h"

#define HELP_COLUMNS 100 /* of the screen */
#define HELP_COLUMN  28  /* where the texts of --help begin; the longest option needs 27 */

static const char *default_of(const struct setting *setting)
{
	return setting->default_help ? setting->default_help : setting->default_text;
}

/* "  -i, --interface DEV     " */
static void print_option(FILE *out, const struct setting *setting)
{
	int n;

	if (setting->short_option)
		n = fprintf(out, "  -%c, --%s", setting->short_option, setting->option);
	else
		n = fprintf(out, "      --%s", setting->option);
	if (setting->argument)
		n += fprintf(out, " %s", setting->argument);
	fprintf(out, "%*s", n < HELP_COLUMN ? HELP_COLUMN - n : 1, "");
}

/* Help, legal values, default; each of the latter two on its own line. */
static void print_texts(FILE *out, const struct setting *setting)
{
	char legal[SETTING_LEGAL_BYTES];

	setting_legal(setting, legal);
	fprintf(out, "%s\n", setting->help);
	if (legal[0])
		fprintf(out, "%*s  %s\n", HELP_COLUMN, "", legal);
	if (default_of(setting))
		fprintf(out, "%*s  default: %s\n", HELP_COLUMN, "", default_of(setting));
}

/* Top-level keys, as many to a line as fit. */
static void print_keys(FILE *out)
{
	const struct setting *setting;
	size_t column = 0;

	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (setting->scope != SCOPE_DAEMON || !setting->key)
			continue;
		if (column + strlen(setting->key) + 1 >= HELP_COLUMNS) {
			fputs("\n", out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%s", column ? " " : "  ", setting->key);
	}
	fputs("\n", out);
}

void config_options_print_help(FILE *out)
{
	const struct setting *setting;

	fputs("Usage: ipacctd -i DEV [-i DEV]... [OPTION]...\n"
	      "       ipacctd -c FILE [OPTION]...\n"
	      "Count the packets and bytes of every IP address that crosses the interfaces.\n\n",
	      out);
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (!setting->option)
			continue;
		print_option(out, setting);
		print_texts(out, setting);
	}
	fputs("\nKeys of the configuration file (YAML), with the values of the options:\n", out);
	print_keys(out);
	fputs("Keys of an entry of interfaces:\n", out);
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (setting->scope != SCOPE_INTERFACE)
			continue;
		fprintf(out, "      %-*s", HELP_COLUMN - 6, setting->key);
		print_texts(out, setting);
	}
}

/* man(7): a backslash starts an escape, a hyphen becomes a typographic one, a period or an
 * apostrophe at the start of a line is a request. */
static void print_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

static void print_man_texts(FILE *out, const struct setting *setting)
{
	char legal[SETTING_LEGAL_BYTES];

	setting_legal(setting, legal);
	print_roff(out, setting->help);
	fputs(".\n", out);
	if (legal[0]) {
		fputs("Legal: ", out);
		print_roff(out, legal);
		fputs(".\n", out);
	}
	if (default_of(setting)) {
		fputs("Default: ", out);
		print_roff(out, default_of(setting));
		fputs(".\n", out);
	}
}

static void print_man_option(FILE *out, const struct setting *setting)
{
	fputs(".TP\n", out);
	if (setting->short_option)
		fprintf(out, "\\fB\\-%c\\fR, ", setting->short_option);
	fputs("\\fB\\-\\-", out);
	print_roff(out, setting->option);
	fputs("\\fR", out);
	if (setting->argument)
		fprintf(out, " \\fI%s\\fR", setting->argument);
	fputs("\n", out);
	print_man_texts(out, setting);
}

static void print_man_keys(FILE *out, enum setting_scope scope)
{
	const struct setting *setting;

	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (setting->scope != scope || !setting->key)
			continue;
		fprintf(out, ".TP\n\\fB%s\\fR\n", setting->key);
		print_man_texts(out, setting);
	}
}

void config_options_print_man(FILE *out)
{
	const struct setting *setting;

	fputs(".SH OPTIONS\n", out);
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (setting->option)
			print_man_option(out, setting);
	}
	fputs(".SH CONFIGURATION FILE\n.SS Top level\n", out);
	print_man_keys(out, SCOPE_DAEMON);
	fputs(".SS Entries of interfaces\n", out);
	print_man_keys(out, SCOPE_INTERFACE);
}
