/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys do, without a terminal. */
#ifndef IPACCT_TOOLS_TOP_KEYS_H
#define IPACCT_TOOLS_TOP_KEYS_H

#include "top_draw.h"

enum top_key {
	TOP_KEY_UP = 0x110000, /* above every character of Unicode */
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_BACKSPACE,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
};

/* page: rows of one page. Returns false when it ends the program. */
bool top_key(struct top *top, int key, size_t page);

#endif
