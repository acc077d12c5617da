/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Give a program of the bench the settings that the daemon gives its own. */
#ifndef IPACCT_BENCH_SETTINGS_H
#define IPACCT_BENCH_SETTINGS_H

#include <bpf/libbpf.h>

/* Copy every `const volatile cfg_…` of a loaded program, by name, into an object that is open and not
 * loaded. Returns how many, or a negative errno. */
int settings_copy(int prog_fd, struct bpf_object *object);

#endif
