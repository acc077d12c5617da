/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal: a frame on it, keys from it, and its old state back, whatever happens. */
#ifndef IPACCT_TOOLS_TOP_SCREEN_H
#define IPACCT_TOOLS_TOP_SCREEN_H

#include <stdbool.h>

#include "top_frame.h"

/* Returns 0, or the exit code after a message: no terminal, or one that cannot move its cursor. */
int top_screen_open(bool color);
void top_screen_close(void);

void top_screen_size(size_t *ret_width, size_t *ret_height);
/* After SIGWINCH. */
void top_screen_resized(void);
void top_screen_paint(const struct top_frame *frame);
/* The next key that was pressed (a character or enum top_key), −1 without one. */
int top_screen_key(void);

#endif
