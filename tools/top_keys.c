// SPDX-License-Identifier: GPL-2.0-or-later
/* One key, one change. */
#include "top_keys.h"

#include <stdio.h>
#include <string.h>

/* Another view of the same rates: begin at its top. */
static void changed(struct top *top)
{
	top->scroll = 0;
	top_group_forget(&top->view.groups);
}

static void by(struct top *top, enum top_by wanted)
{
	struct top_settings *s = &top->settings;

	if (wanted != TOP_BY_DOMAIN && wanted != TOP_BY_GROUP && !top->geo) {
		(void)snprintf(top->message, sizeof(top->message),
			       "no geo file: no country, AS or name is known");
		return;
	}
	s->by = s->by == wanted ? TOP_BY_ADDRESS : wanted;
	changed(top);
}

static void family(struct top *top, unsigned int wanted)
{
	top->settings.dump.family = top->settings.dump.family == wanted ? 0 : wanted;
	changed(top);
}

/* The first slot of a device, or the number of all. */
static size_t slot_of(const struct top *top, const char *ifname)
{
	size_t i = 0;

	while (i < top->n_interfaces &&
	       strncmp(ifname, top->moved[i].interface.ifname, IPACCT_IFNAME_BYTES) != 0)
		i++;
	return i;
}

/* All, then each interface in turn, then all again. */
static void next_interface(struct top *top)
{
	size_t at = 0;

	if (top->device[0]) {
		at = slot_of(top, top->device) + 1;
		/* a device has a slot for each hook */
		while (at < top->n_interfaces && slot_of(top, top->moved[at].interface.ifname) < at)
			at++;
	}
	(void)snprintf(top->device, sizeof(top->device), "%.*s", (int)IPACCT_IFNAME_BYTES - 1,
		       at < top->n_interfaces ? top->moved[at].interface.ifname : "");
}

static void next_sort(struct top *top, int step)
{
	static const enum top_sort order[] = { TOP_SORT_BPS, TOP_SORT_RX_BPS, TOP_SORT_TX_BPS,
					       TOP_SORT_BYTES, TOP_SORT_ADDRESS };
	const int n = sizeof(order) / sizeof(order[0]);
	enum top_sort now = top_sort_in((enum top_sort)top->settings.sort, false);
	int at = 0;

	for (int i = 0; i < n; i++)
		if (order[i] == now)
			at = i;
	top->settings.sort = top_sort_in(order[(at + n + step) % n], top->settings.packets);
	changed(top);
}

static void packets(struct top *top)
{
	struct top_settings *s = &top->settings;

	s->packets = !s->packets;
	s->sort = top_sort_in((enum top_sort)s->sort, s->packets);
}

static void prefix_set(struct top *top)
{
	struct dump_settings parsed = top->settings.dump;

	parsed.n_prefixes = 0;
	top->typing = false;
	if (top->prefix_text[0] && !dump_prefix_parse(top->prefix_text, &parsed.prefixes[0])) {
		(void)snprintf(top->message, sizeof(top->message),
			       "'%s' is neither an address nor a prefix", top->prefix_text);
		return;
	}
	parsed.n_prefixes = top->prefix_text[0] != '\0';
	top->settings.dump = parsed;
	changed(top);
}

static void typed(struct top *top, int key)
{
	size_t n = strlen(top->prefix_text);

	if (key == TOP_KEY_ENTER) {
		prefix_set(top);
	} else if (key == TOP_KEY_ESCAPE) {
		top->typing = false;
	} else if (key == TOP_KEY_BACKSPACE) {
		top->prefix_text[n ? n - 1 : 0] = '\0';
	} else if (key > ' ' && key < 0x7f && n + 1 < sizeof(top->prefix_text)) {
		top->prefix_text[n] = (char)key;
		top->prefix_text[n + 1] = '\0';
	}
}

/* Both hidden would leave a table of sums only; that is another mode. */
static void hide(bool *one, bool *other)
{
	*one = !*one;
	if (*one)
		*other = false;
}

static void scroll(struct top *top, size_t up, size_t down)
{
	top->scroll = top->view.n_skipped + down;
	top->scroll -= up < top->scroll ? up : top->scroll;
}

static bool movement(struct top *top, int key, size_t page)
{
	switch (key) {
	case 'j':
	case TOP_KEY_DOWN:
		scroll(top, 0, 1);
		return true;
	case 'k':
	case TOP_KEY_UP:
		scroll(top, 1, 0);
		return true;
	case ' ':
	case TOP_KEY_PAGE_DOWN:
		scroll(top, 0, page);
		return true;
	case TOP_KEY_PAGE_UP:
		scroll(top, page, 0);
		return true;
	case TOP_KEY_HOME:
		top->scroll = 0;
		return true;
	default:
		return false;
	}
}

static bool rows_key(struct top *top, int key)
{
	switch (key) {
	case 'g':
		by(top, top->settings.dump.group_list ? TOP_BY_GROUP : TOP_BY_NAME);
		return true;
	case 'c':
		by(top, TOP_BY_COUNTRY);
		return true;
	case 'A':
		by(top, TOP_BY_ASN);
		return true;
	case 'D':
		by(top, TOP_BY_DOMAIN);
		return true;
	case '4':
	case '6':
		family(top, (unsigned int)(key - '0'));
		return true;
	case '1':
	case '2':
	case '3':
		top->settings.window = (unsigned int)(key - '1');
		return true;
	case '<':
		next_sort(top, -1);
		return true;
	case '>':
		next_sort(top, 1);
		return true;
	default:
		return false;
	}
}

static void columns_key(struct top *top, int key)
{
	struct top_settings *s = &top->settings;

	switch (key) {
	case 'n':
		s->hide_names = !s->hide_names;
		return;
	case 's':
		hide(&s->hide_tx, &s->hide_rx);
		return;
	case 'd':
		hide(&s->hide_rx, &s->hide_tx);
		return;
	case 't':
		s->mode = (s->mode + 1) % TOP_MODES;
		return;
	case 'T':
		s->totals = !s->totals;
		return;
	case 'p':
		packets(top);
		return;
	case 'b':
		s->no_bars = !s->no_bars;
		return;
	default:
		return;
	}
}

bool top_key(struct top *top, int key, size_t page)
{
	top->message[0] = '\0';
	if (top->typing) {
		typed(top, key);
		return true;
	}
	if (key == 'q')
		return false;
	if (key == 'h' || key == '?' || top->help)
		top->help = !top->help;
	else if (key == '/')
		top->typing = true;
	else if (key == 'P')
		top->paused = !top->paused;
	else if (key == 'i')
		next_interface(top);
	else if (!movement(top, key, page) && !rows_key(top, key))
		columns_key(top, key);
	return true;
}
