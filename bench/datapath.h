/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is measured against whom on the packet path, and under which loads. */
#ifndef IPACCT_BENCH_DATAPATH_H
#define IPACCT_BENCH_DATAPATH_H

#include "stage.h"

/* The loads of the datapath, by name. Ends the program when there is none of that name. */
struct load load_named(const char *name, int family);

/* Memory that a load is measured with. */
uint64_t load_memory(const struct load *load);

#endif
