/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walk a YAML document along the table of settings. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "config_check.h"
#include "config_file.h"
#include "config_setting.h"
#include "config_vlans.h"
#include "config_yaml.h"

#define FILE_EXAMPLE     "settings such as 'interval: 1s'"
#define LIST_EXAMPLE     "a list of interfaces such as [{name: eth0}]"
#define PREFIXES_EXAMPLE "a list of prefixes such as [192.0.2.0/24]"
#define UTF8_BOM         "\xef\xbb\xbf" /* RFC 3629 6 */

/* A setting that the mapping at hand has. */
struct seen {
	const yaml_node_t *key; /* NULL: not yet */
	const yaml_node_t *value;
};

struct walk {
	yaml_document_t document;
	struct config *config;
	struct config_error error;
	size_t n_domains; /* distinct ones other than 0 */
	uint16_t domains[IPACCT_IFS_MAX];
};

__attribute__((format(printf, 3, 4))) static int fail_at(struct walk *walk, const yaml_node_t *node,
							 const char *format, ...)
{
	char text[SETTING_WHY_BYTES + 64]; /* a key and ": " go before the why */
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* keys and quotes are bounded */
	va_end(args);
	return config_error_at(&walk->error, node->start_mark.line + 1, node->start_mark.column + 1,
			       "%s", text);
}

static const char *node_kind(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a mapping";
	default:
		return node->data.scalar.length ? "a single value" : "nothing";
	}
}

/* Text of a scalar; a quoted one may hold "\0", which would hide what follows. */
static const char *scalar_text(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* The row that a key names. NULL when there is none: the error says what was probably meant. */
static const struct setting *find_key(struct walk *walk, enum setting_scope scope,
				      const yaml_node_t *key)
{
	enum setting_scope other = scope == SCOPE_DAEMON ? SCOPE_INTERFACE : SCOPE_DAEMON;
	const struct setting *setting;
	char quoted[SETTING_QUOTE_SIZE];
	const char *text, *nearest;

	if (key->type != YAML_SCALAR_NODE) {
		(void)fail_at(walk, key, "a key must be a word, found %s", node_kind(key));
		return NULL; /* as below: the one cause of NULL */
	}
	text = scalar_text(key);
	setting = text ? setting_find(scope, text) : NULL;
	if (setting)
		return setting;
	setting_quote((const char *)key->data.scalar.value, key->data.scalar.length, quoted);
	nearest = text ? setting_nearest_key(scope, text) : NULL;
	if (nearest)
		(void)fail_at(walk, key, "unknown key '%s', did you mean '%s'?", quoted, nearest);
	else if (text && setting_find(other, text)) /* indentation, not spelling */
		(void)fail_at(walk, key, "key '%s' belongs %s", quoted,
			      scope == SCOPE_DAEMON ? "into an entry of interfaces"
						    : "to the top level");
	else
		(void)fail_at(walk, key, "unknown key '%s'%s", quoted,
			      scope == SCOPE_DAEMON ? "" : " of an interface");
	return NULL;
}

static int walk_scalar(struct walk *walk, const struct setting *setting, const yaml_node_t *value,
		       void *base)
{
	char why[SETTING_WHY_BYTES];
	const char *text;

	if (value->type != YAML_SCALAR_NODE || !value->data.scalar.length) {
		setting_legal(setting, why);
		return fail_at(walk, value, "%s: found %s; legal: %s", setting->key,
			       node_kind(value), why);
	}
	text = scalar_text(value);
	if (!text)
		return fail_at(walk, value, "%s: a NUL in the value", setting->key);
	if (setting_parse(setting, text, base, walk->config, why))
		return fail_at(walk, value, "%s: %s", setting->key, why);
	return 0;
}

/* The list of the file replaces the one that was there, as every key does. */
static int walk_list(struct walk *walk, const struct setting *setting, const yaml_node_t *list,
		     void *base)
{
	int ret = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return fail_at(walk, list, "%s: found %s; legal: a list such as [%s]", setting->key,
			       node_kind(list), setting->argument);
	setting_list_clear(setting, base);
	for (yaml_node_item_t *item = list->data.sequence.items.start;
	     !ret && item < list->data.sequence.items.top; item++)
		ret = walk_scalar(walk, setting, yaml_document_get_node(&walk->document, *item),
				  base);
	return ret;
}

static int walk_interfaces(struct walk *walk, const yaml_node_t *list);
static int add_domain(struct walk *walk, uint16_t domain, const yaml_node_t *node);

static int walk_vlan(struct walk *walk, const struct setting *setting, const yaml_node_t *ids,
		     const yaml_node_t *domain, struct config_interface *interface)
{
	const yaml_node_t *both[] = { ids, domain };
	char why[SETTING_WHY_BYTES];

	for (size_t i = 0; i < 2; i++)
		if (both[i]->type != YAML_SCALAR_NODE || !both[i]->data.scalar.length ||
		    !scalar_text(both[i]))
			return fail_at(walk, both[i], "%s: found %s; legal: %s", setting->key,
				       node_kind(both[i]), CONFIG_VLANS_LEGAL);
	if (config_vlans_add(interface, scalar_text(ids), scalar_text(domain), why))
		return fail_at(walk, ids, "%s: %s", setting->key, why);
	return add_domain(walk, interface->vlans[interface->n_vlans - 1].domain, domain);
}

static int walk_vlans(struct walk *walk, const struct setting *setting, const yaml_node_t *mapping,
		      struct config_interface *interface)
{
	const yaml_node_pair_t *pair;
	int ret = 0;

	if (mapping->type != YAML_MAPPING_NODE)
		return fail_at(walk, mapping, "%s: found %s; legal: %s", setting->key,
			       node_kind(mapping), CONFIG_VLANS_LEGAL);
	for (pair = mapping->data.mapping.pairs.start;
	     !ret && pair < mapping->data.mapping.pairs.top; pair++)
		ret = walk_vlan(walk, setting, yaml_document_get_node(&walk->document, pair->key),
				yaml_document_get_node(&walk->document, pair->value), interface);
	return ret;
}

/* The list of the file replaces the one that was there, as every key does. */
static int walk_prefixes(struct walk *walk, const struct setting *setting, const yaml_node_t *list)
{
	int ret = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return fail_at(walk, list, "%s: found %s; legal: %s", setting->key, node_kind(list),
			       PREFIXES_EXAMPLE);
	walk->config->n_protect = 0;
	for (yaml_node_item_t *item = list->data.sequence.items.start;
	     !ret && item < list->data.sequence.items.top; item++)
		ret = walk_scalar(walk, setting, yaml_document_get_node(&walk->document, *item),
				  walk->config);
	return ret;
}

static int walk_value(struct walk *walk, const struct setting *setting, const yaml_node_t *value,
		      void *base)
{
	if (setting->type == SETTING_INTERFACES)
		return walk_interfaces(walk, value);
	if (setting->type == SETTING_PREFIXES)
		return walk_prefixes(walk, setting, value);
	if (setting->type == SETTING_VLANS)
		return walk_vlans(walk, setting, value, base);
	if (setting_is_list(setting))
		return walk_list(walk, setting, value, base);
	return walk_scalar(walk, setting, value, base);
}

/* Read one mapping. base: the struct of that scope; seen: SETTINGS_MAX, all zero. */
static int walk_mapping(struct walk *walk, enum setting_scope scope, const yaml_node_t *mapping,
			void *base, struct seen *seen)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&walk->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&walk->document, pair->value);
		const struct setting *setting = find_key(walk, scope, key);
		struct seen *here;
		int ret;

		if (!setting)
			return -EINVAL;
		here = &seen[setting - setting_at(0)];
		if (here->key)
			return fail_at(walk, key, "duplicate key '%s', first on line %zu",
				       setting->key, here->key->start_mark.line + 1);
		here->key = key;
		here->value = value;
		ret = walk_value(walk, setting, value, base);
		if (ret)
			return ret;
	}
	return 0;
}

/* Slot 0 is domain 0, so one less than IPACCT_DOMAINS_MAX others can be told apart. */
static int add_domain(struct walk *walk, uint16_t domain, const yaml_node_t *node)
{
	for (size_t i = 0; i < walk->n_domains; i++) {
		if (walk->domains[i] == domain)
			return 0;
	}
	if (!domain)
		return 0;
	if (walk->n_domains == IPACCT_DOMAINS_MAX - 1)
		return fail_at(walk, node, "domain: more than %u different domains besides 0",
			       IPACCT_DOMAINS_MAX - 1);
	walk->domains[walk->n_domains++] = domain;
	return 0;
}
_Static_assert(IPACCT_DOMAINS_MAX - 1 <= IPACCT_IFS_MAX, "domains[] is too small");

static const struct seen *seen_key(const struct seen *seen, const char *key)
{
	return &seen[setting_find(SCOPE_INTERFACE, key) - setting_at(0)];
}

static int walk_interface(struct walk *walk, const yaml_node_t *entry)
{
	struct config_interface read = { .mode = CONFIG_UNSET, .attach = CONFIG_UNSET };
	struct config_interface *interface;
	struct seen seen[SETTINGS_MAX] = { 0 };
	const struct seen *name, *hooks;
	size_t n_before = walk->config->n_interfaces;
	int ret;

	if (entry->type != YAML_MAPPING_NODE)
		return fail_at(walk, entry, "interfaces: found %s; legal: %s", node_kind(entry),
			       LIST_EXAMPLE);
	ret = walk_mapping(walk, SCOPE_INTERFACE, entry, &read, seen);
	if (ret)
		return ret;
	name = seen_key(seen, "name");
	if (!name->key)
		return fail_at(walk, entry, "interfaces: an entry without a name");
	ret = add_domain(walk, read.domain, seen_key(seen, "domain")->value);
	if (ret)
		return ret;
	read.line = (unsigned int)(name->value->start_mark.line + 1);
	hooks = seen_key(seen, "hooks");
	if (hooks->key && !read.hooks)
		return fail_at(walk, hooks->value,
			       "hooks: an empty list; legal: a list such as [%s]",
			       setting_find(SCOPE_INTERFACE, "hooks")->argument);
	hooks = hooks->key ? hooks : name;
	read.hooks_line = (unsigned int)(hooks->value->start_mark.line + 1);
	read.hooks_column = (unsigned int)(hooks->value->start_mark.column + 1);
	if (config_interface_add(walk->config, read.name, &interface))
		return fail_at(walk, entry, "interfaces: more than %u", IPACCT_IFS_MAX);
	if (walk->config->n_interfaces == n_before)
		return fail_at(walk, name->value, "duplicate interface '%s', first on line %u",
			       read.name, interface->line);
	*interface = read;
	return 0;
}

/* The list of the file replaces the one that was there, as every key does. */
static int walk_interfaces(struct walk *walk, const yaml_node_t *list)
{
	int ret = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return fail_at(walk, list, "interfaces: found %s; legal: %s", node_kind(list),
			       LIST_EXAMPLE);
	walk->config->n_interfaces = 0;
	for (yaml_node_item_t *item = list->data.sequence.items.start;
	     !ret && item < list->data.sequence.items.top; item++)
		ret = walk_interface(walk, yaml_document_get_node(&walk->document, *item));
	return ret;
}

static int walk_document(struct walk *walk)
{
	const yaml_node_t *root = yaml_document_get_root_node(&walk->document);
	struct seen seen[SETTINGS_MAX] = { 0 };

	/* No node at all, or what libyaml makes of a lone "---". */
	if (!root || (root->type == YAML_SCALAR_NODE && !root->data.scalar.length &&
		      root->data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return fail_at(walk, root, "found %s; legal: %s", node_kind(root), FILE_EXAMPLE);
	return walk_mapping(walk, SCOPE_DAEMON, root, walk->config, seen);
}

static void cleanup_parser(yaml_parser_t *parser)
{
	yaml_parser_delete(parser);
}

int config_yaml_parse(const char *name, const char *text, size_t text_bytes, struct config *config,
		      char *ret_error, size_t error_bytes)
{
	yaml_parser_t parser __cleanup(cleanup_parser) = { 0 };
	struct walk walk = {
		.config = config,
		.error = { .name = name, .text = ret_error, .text_bytes = error_bytes },
	};
	int ret;

	if (text_bytes > CONFIG_FILE_BYTES_MAX) {
		(void)config_error_at(&walk.error, 1, 1, "the file is larger than %u bytes",
				      CONFIG_FILE_BYTES_MAX); /* always -EINVAL */
		return -EFBIG;
	}
	if (text_bytes >= strlen(UTF8_BOM) && !memcmp(text, UTF8_BOM, strlen(UTF8_BOM))) {
		text += strlen(UTF8_BOM);
		text_bytes -= strlen(UTF8_BOM);
	}
	ret = config_check_bytes(text, text_bytes, &walk.error);
	if (!ret)
		ret = config_check_events(text, text_bytes, &walk.error);
	if (!ret)
		ret = config_parser_init(&parser, text, text_bytes, &walk.error);
	if (ret)
		return ret;
	if (!yaml_parser_load(&parser, &walk.document))
		return config_error_parser(&walk.error, &parser);
	ret = walk_document(&walk);
	yaml_document_delete(&walk.document);
	return ret;
}

int config_yaml_load(const char *path, struct config *config, char *ret_error, size_t error_bytes)
{
	char *text __cleanup(cleanup_free) = NULL;
	size_t text_bytes;
	int ret = config_file_read(path, CONFIG_FILE_BYTES_MAX, &text, &text_bytes, ret_error,
				   error_bytes);

	return ret ? ret
		   : config_yaml_parse(path, text, text_bytes, config, ret_error, error_bytes);
}
