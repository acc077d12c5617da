/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One row for each setting, and the one function that turns text into a value. Private to config_*.c. */
#ifndef IPACCT_DAEMON_CONFIG_SETTING_H
#define IPACCT_DAEMON_CONFIG_SETTING_H

#include "config.h"

/* Interface has no mode or attach of its own yet: the default is filled in when file and command
 * line have both been read, because --mode also holds for interfaces of the file. */
#define CONFIG_UNSET 0xffu

#define SETTING_LEGAL_BYTES 128u /* room for the longest text of setting_legal() */
#define SETTING_WHY_BYTES   320u /* room for the longest text of setting_parse() */
#define SETTING_QUOTE_MAX   40u  /* characters of foreign text that a message repeats */
#define SETTING_QUOTE_SIZE  (SETTING_QUOTE_MAX + sizeof("..."))

enum setting_scope {
	SCOPE_DAEMON = 0, /* offset is into struct config */
	SCOPE_INTERFACE,  /* offset is into struct config_interface; file only */
};

enum setting_type {
	SETTING_DURATION = 0, /* uint64_t, ns */
	SETTING_SIZE,         /* uint64_t, bytes */
	SETTING_NUMBER,       /* unsigned integer of `bytes` */
	SETTING_PERCENT,      /* uint64_t, parts per million */
	SETTING_CHOICE,       /* one byte: value of a row of `choices` */
	SETTING_CPUS,         /* bitmap of CONFIG_CPUS_MAX */
	SETTING_IFNAME,       /* text, as are the next four */
	SETTING_USER,
	SETTING_DIRECTORY, /* an absolute path, also of a file */
	SETTING_FILE,
	SETTING_LISTEN,
	SETTING_FLAG,       /* bool, set by an option without an argument */
	SETTING_INTERFACES, /* a list in the file, a repeatable option on the command line */
	SETTING_PREFIXES,   /* likewise */
	SETTING_VLANS,      /* a mapping of the file, see config_vlans.h */
	SETTING_FILES,      /* lists, too: texts of `bytes` each; options replace the file's list */
	SETTING_WORDS,
	SETTING_CHOICES, /* a list, too: one byte, a bit 1 << value for each row of `choices` */
	SETTING_VERSION,
	SETTING_HELP,
};

struct setting_choice {
	const char *text; /* NULL ends the list */
	uint8_t value;
};

struct setting {
	const char *key;      /* in the file; NULL: command line only */
	const char *option;   /* long option; NULL: file only */
	const char *argument; /* what --help calls its value */
	const struct setting_choice *choices;
	const char *default_text; /* in the form that the file has; NULL: zero or not set */
	const char *default_help; /* instead of default_text, for people */
	const char *help;
	const char *hint; /* added to an error about the value */
	size_t offset;
	size_t bytes;
	size_t count_offset; /* of a list: of the size_t that says how many there are */
	size_t items_max;    /* of a list: no more than these */
	size_t given_offset; /* of a bool in struct config that says it was given; 0: none */
	uint64_t min, max;   /* of the number; max of a text is its length without the NUL */
	enum setting_scope scope;
	enum setting_type type;
	char short_option; /* 0: none */
};

/* Row i of the table in the order of --help; NULL behind the last one. */
const struct setting *setting_at(size_t i);
#define SETTINGS_MAX 64u /* no more rows than this: sizes what a reader remembers of each */

/* The row of a key, or NULL. */
const struct setting *setting_find(enum setting_scope scope, const char *key);
/* The key that was probably meant, or NULL. */
const char *setting_nearest_key(enum setting_scope scope, const char *word);
const char *setting_nearest_option(const char *word);

/* Store text as the value of one setting.
 * base:    the struct that the row's scope names.
 * config:  for `given_offset`.
 * ret_why: on failure what is wrong and what is legal, without the name of the setting.
 * Returns 0 or -EINVAL; then nothing was stored. */
int setting_parse(const struct setting *setting, const char *text, void *base,
		  struct config *config, char ret_why[SETTING_WHY_BYTES]);

static inline bool setting_is_list(const struct setting *setting)
{
	return setting->type == SETTING_FILES || setting->type == SETTING_WORDS ||
	       setting->type == SETTING_CHOICES;
}

/* Empty a list: what comes next replaces it. */
void setting_list_clear(const struct setting *setting, void *base);

/* Say what values are legal: "a whole number from 0 to 65535". "" for a flag. */
void setting_legal(const struct setting *setting, char ret_text[SETTING_LEGAL_BYTES]);

/* Copy foreign text for a message: at most SETTING_QUOTE_MAX characters, nothing that a terminal
 * could obey ('?' stands for what is not printable ASCII). */
void setting_quote(const char *text, size_t text_bytes, char ret_text[SETTING_QUOTE_SIZE]);

/* Find the interface or add it with everything unset. -ENOSPC: there are IPACCT_IFS_MAX already. */
int config_interface_add(struct config *config, const char *name,
			 struct config_interface **ret_interface);
/* Give every interface without mode or attach the default. */
void config_resolve(struct config *config);

#endif
