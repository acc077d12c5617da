// SPDX-License-Identifier: GPL-2.0-or-later
/* One view in the format that was asked for. */
#include "dump.h"

int dump_print(const struct dump_settings *settings, const struct dump_view *view)
{
	switch (settings->format) {
	case DUMP_JSON:
		return dump_print_json(settings, view);
	case DUMP_NDJSON:
		return dump_print_ndjson(settings, view);
	case DUMP_CSV:
		return dump_print_csv(settings, view);
	case DUMP_ONELINE:
		return dump_print_oneline(settings, view);
	default:
		return dump_print_table(settings, view);
	}
}
