/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of settings for people: --help, and the lists of the man page. */
#ifndef IPACCT_DAEMON_CONFIG_HELP_H
#define IPACCT_DAEMON_CONFIG_HELP_H

#include <stdio.h>

/* The text of ipacctd --help. */
void config_options_print_help(FILE *out);

/* Two lists in man(7) macros: sections OPTIONS and CONFIGURATION FILE. */
void config_options_print_man(FILE *out);

#endif
