/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How text becomes the value of a setting, and what an error says about it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "config_prefix.h"
#include "config_setting.h"
#include "config_vlans.h"

void setting_quote(const char *text, size_t text_bytes, char ret_text[SETTING_QUOTE_SIZE])
{
	size_t n = text_bytes < SETTING_QUOTE_MAX ? text_bytes : SETTING_QUOTE_MAX;

	for (size_t i = 0; i < n; i++)
		ret_text[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	(void)snprintf(ret_text + n, SETTING_QUOTE_SIZE - n, "%s",
		       text_bytes > n ? "..." : ""); /* SETTING_QUOTE_SIZE has room */
}

static void legal_choice(const struct setting *setting, char *ret_text)
{
	size_t n = (size_t)snprintf(ret_text, SETTING_LEGAL_BYTES, "%s",
				    setting->choices[1].text ? "one of " : "only ");

	/* The words are ours and few: they fit, and the test of --help sees all of them. */
	for (const struct setting_choice *choice = setting->choices; choice->text; choice++)
		n += (size_t)snprintf(ret_text + n, SETTING_LEGAL_BYTES - n, "%s%s", choice->text,
				      choice[1].text ? ", " : "");
}

static void legal_unit(const struct setting *setting, char *ret_text)
{
	bool is_size = setting->type == SETTING_SIZE;
	char min[NUM_TEXT_BYTES], max[NUM_TEXT_BYTES];

	(is_size ? format_size_bytes : format_duration_ns)(setting->min, min);
	(is_size ? format_size_bytes : format_duration_ns)(setting->max, max);
	(void)snprintf(ret_text, SETTING_LEGAL_BYTES, "a whole number and %s, from %s to %s",
		       is_size ? "K, M, G or T (powers of 1024)"
			       : "a unit (ns, us, ms, s, m, h, d)",
		       min, max);
}

void setting_legal(const struct setting *setting, char ret_text[SETTING_LEGAL_BYTES])
{
	switch (setting->type) {
	case SETTING_DURATION:
	case SETTING_SIZE:
		legal_unit(setting, ret_text);
		return;
	case SETTING_NUMBER:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "a whole number from %" PRIu64 " to %" PRIu64, setting->min,
			       setting->max);
		return;
	case SETTING_PERCENT:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "a number and %%, at most 4 decimals, from %g%% to %g%%",
			       (double)setting->min / 1e4, (double)setting->max / 1e4);
		return;
	case SETTING_CHOICE:
	case SETTING_CHOICES:
		legal_choice(setting, ret_text);
		return;
	case SETTING_CPUS:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "CPU numbers from 0 to %" PRIu64 " such as 0-3,8, or none",
			       setting->max);
		return;
	case SETTING_IFNAME:
	case SETTING_INTERFACES:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "1 to %u characters, no white space, '/' or ':', not '.' or '..'",
			       IPACCT_IFNAME_BYTES - 1);
		return;
	case SETTING_PREFIXES:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES, "%s", CONFIG_PREFIX_LEGAL);
		return;
	case SETTING_VLANS:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES, "%s", CONFIG_VLANS_LEGAL);
		return;
	case SETTING_USER:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "1 to %" PRIu64 " letters, digits or _ . -, not - first",
			       setting->max);
		return;
	case SETTING_LISTEN:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "ADDRESS:PORT such as 127.0.0.1:9477 or [::1]:9477, unix:/PATH, or "
			       "off");
		return;
	case SETTING_DIRECTORY:
	case SETTING_FILE:
	case SETTING_FILES:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES, "%s of at most %" PRIu64 " bytes",
			       setting->type == SETTING_FILE ? "a path" : "an absolute path",
			       setting->max);
		return;
	case SETTING_WORDS:
		(void)snprintf(ret_text, SETTING_LEGAL_BYTES,
			       "words of 1 to %" PRIu64 " printable ASCII characters, no space",
			       setting->max);
		return;
	default:
		ret_text[0] = '\0';
	}
}

/* net/core/dev.c dev_valid_name(), and no control characters: they would reach every log. */
static bool is_ifname(const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == '/' || *p == ':' || *p == 0x7f)
			return false;
	}
	return strcmp(text, ".") && strcmp(text, "..");
}

static bool is_user(const char *text)
{
	return *text != '-' && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
						  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

/* No control characters in a path: it is part of log lines. */
static bool is_path(const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	}
	return true;
}

/* Keys of databases and language tags. */
static bool is_word(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	}
	return true;
}

static int parse_text(const struct setting *setting, const char *text, void *ret_value)
{
	size_t max = setting->type == SETTING_INTERFACES ? IPACCT_IFNAME_BYTES - 1 : setting->max;
	struct listen_address address;
	size_t n = strlen(text);
	bool ok = n > 0 && n <= max;

	if (setting->type == SETTING_IFNAME || setting->type == SETTING_INTERFACES)
		ok = ok && is_ifname(text);
	else if (setting->type == SETTING_USER)
		ok = ok && is_user(text);
	else if (setting->type == SETTING_WORDS)
		ok = ok && is_word(text);
	else if (setting->type == SETTING_LISTEN)
		ok = ok && is_path(text) && !listen_address_parse(text, &address);
	else
		ok = ok && is_path(text) && (setting->type == SETTING_FILE || *text == '/');
	if (!ok)
		return -EINVAL;
	memcpy(ret_value, text, n + 1);
	return 0;
}

static int parse_choice(const struct setting *setting, const char *text, void *ret_value)
{
	for (const struct setting_choice *choice = setting->choices; choice->text; choice++) {
		if (!strcmp(choice->text, text)) {
			memcpy(ret_value, &choice->value, sizeof(choice->value));
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_number(const struct setting *setting, const char *text, void *ret_value)
{
	uint64_t value;
	int ret = parse_u64(text, setting->min, setting->max, &value);

	if (ret)
		return ret;
	/* The range of the row keeps the value inside the member. */
	if (setting->bytes == sizeof(uint16_t))
		*(uint16_t *)ret_value = (uint16_t)value;
	else if (setting->bytes == sizeof(uint32_t))
		*(uint32_t *)ret_value = (uint32_t)value;
	else
		*(uint64_t *)ret_value = value;
	return 0;
}

static void explain(const struct setting *setting, const char *text, int err, char *ret_why)
{
	const char *problem = err == -ERANGE    ? "is out of range"
			      : err == -ENODATA ? "has no unit"
						: "is not valid";
	char legal[SETTING_LEGAL_BYTES], quoted[SETTING_QUOTE_SIZE];

	setting_legal(setting, legal);
	setting_quote(text, strlen(text), quoted);
	(void)snprintf(ret_why, SETTING_WHY_BYTES, "'%s' %s; legal: %s%s%s", quoted, problem, legal,
		       setting->hint ? "; " : "", setting->hint ? setting->hint : "");
}

void setting_list_clear(const struct setting *setting, void *base)
{
	if (setting->type == SETTING_CHOICES)
		*((uint8_t *)base + setting->offset) = 0;
	else
		*(size_t *)((char *)base + setting->count_offset) = 0;
}

/* Add one choice. */
static int choice_add(const struct setting *setting, const char *text, void *base, char *ret_why)
{
	uint8_t value;

	if (parse_choice(setting, text, &value)) {
		explain(setting, text, -EINVAL, ret_why);
		return -EINVAL;
	}
	*((uint8_t *)base + setting->offset) |= (uint8_t)(1u << value);
	return 0;
}

/* Append one text. */
static int list_add(const struct setting *setting, const char *text, void *base, char *ret_why)
{
	size_t *n = (size_t *)((char *)base + setting->count_offset);
	char *item = (char *)base + setting->offset + *n * setting->bytes;

	if (*n == setting->items_max) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES, "more than %zu", setting->items_max);
		return -EINVAL;
	}
	memset(item, 0, setting->bytes);
	if (parse_text(setting, text, item)) {
		explain(setting, text, -EINVAL, ret_why);
		return -EINVAL;
	}
	++*n;
	return 0;
}

static int parse_cpus(const char *text, uint64_t *ret_set)
{
	if (strcmp(text, "none"))
		return parse_cpu_list(text, CONFIG_CPUS_MAX, ret_set);
	memset(ret_set, 0, CONFIG_CPUS_MAX / 8);
	return 0;
}

static int parse_value(const struct setting *setting, const char *text, void *ret_value)
{
	switch (setting->type) {
	case SETTING_DURATION:
		return parse_duration_ns(text, setting->min, setting->max, ret_value);
	case SETTING_SIZE:
		return parse_size_bytes(text, setting->min, setting->max, ret_value);
	case SETTING_NUMBER:
		return parse_number(setting, text, ret_value);
	case SETTING_PERCENT:
		return parse_percent_ppm(text, setting->min, setting->max, ret_value);
	case SETTING_CHOICE:
		return parse_choice(setting, text, ret_value);
	case SETTING_CPUS:
		return parse_cpus(text, ret_value);
	case SETTING_FLAG:
		*(bool *)ret_value = true;
		return 0;
	default:
		return parse_text(setting, text, ret_value);
	}
}

static int prefix_add(struct config *config, const char *text, char ret_why[SETTING_WHY_BYTES])
{
	size_t at;

	if (config->n_protect == CONFIG_PROTECT_MAX) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES,
			       "more than %u prefixes: a longer list goes into protect_file",
			       CONFIG_PROTECT_MAX);
		return -EINVAL;
	}
	if (config_prefix_parse(text, &config->protect[config->n_protect], &at, ret_why))
		return -EINVAL;
	config->n_protect++;
	return 0;
}

/* The hooks behind DEV: of -i. They replace those of the file. */
static int hooks_parse(const char *text, struct config_interface *interface,
		       char ret_why[SETTING_WHY_BYTES])
{
	const struct setting *hooks = setting_find(SCOPE_INTERFACE, "hooks");
	char word[SETTING_QUOTE_MAX];
	int ret = 0;

	setting_list_clear(hooks, interface);
	do {
		size_t n = strcspn(text, ",");

		(void)snprintf(word, sizeof(word), "%.*s", (int)n, text); /* cut: no hook then */
		ret = choice_add(hooks, word, interface, ret_why);
		text += n;
	} while (!ret && *text++);
	return ret;
}

/* DEV or DEV:HOOK,HOOK */
static int interface_parse(const struct setting *setting, const char *text, struct config *config,
			   char ret_why[SETTING_WHY_BYTES])
{
	struct config_interface *interface;
	char device[SETTING_WHY_BYTES], name[IPACCT_IFNAME_BYTES];
	size_t n = strcspn(text, ":");

	(void)snprintf(device, sizeof(device), "%.*s", (int)n, text); /* cut: too long a name */
	if (parse_text(setting, device, name)) {
		explain(setting, device, -EINVAL, ret_why);
		return -EINVAL;
	}
	if (config_interface_add(config, name, &interface)) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES, "more than %u interfaces",
			       IPACCT_IFS_MAX);
		return -EINVAL;
	}
	return text[n] ? hooks_parse(text + n + 1, interface, ret_why) : 0;
}

int setting_parse(const struct setting *setting, const char *text, void *base,
		  struct config *config, char ret_why[SETTING_WHY_BYTES])
{
	int ret;

	if (setting->type == SETTING_PREFIXES)
		return prefix_add(config, text, ret_why);
	if (setting->type == SETTING_CHOICES)
		return choice_add(setting, text, base, ret_why);
	if (setting->type == SETTING_INTERFACES)
		return interface_parse(setting, text, config, ret_why);
	if (setting_is_list(setting))
		return list_add(setting, text, base, ret_why);
	ret = parse_value(setting, text, (char *)base + setting->offset);
	if (ret) {
		explain(setting, text, ret, ret_why);
		return -EINVAL;
	}
	if (setting->given_offset)
		*(bool *)((char *)config + setting->given_offset) = true;
	return 0;
}

int config_interface_add(struct config *config, const char *name,
			 struct config_interface **ret_interface)
{
	struct config_interface *interface = config->interfaces;

	for (size_t i = 0; i < config->n_interfaces; i++, interface++) {
		if (strcmp(interface->name, name))
			continue;
		*ret_interface = interface;
		return 0;
	}
	if (config->n_interfaces == IPACCT_IFS_MAX)
		return -ENOSPC;
	config->n_interfaces++;
	memset(interface, 0, sizeof(*interface));
	(void)snprintf(interface->name, sizeof(interface->name), "%s",
		       name); /* checked by parse_text() */
	interface->mode = CONFIG_UNSET;
	interface->attach = CONFIG_UNSET;
	*ret_interface = interface;
	return 0;
}

void config_resolve(struct config *config)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		struct config_interface *interface = &config->interfaces[i];

		if (interface->mode == CONFIG_UNSET)
			interface->mode = config->mode_default;
		if (interface->attach == CONFIG_UNSET)
			interface->attach = config->attach_default;
		if (!interface->hooks)
			interface->hooks = CONFIG_HOOK(IPACCT_HOOK_XDP);
	}
}
