// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers, times and names as people read them, and what the terminal can show. */
#include "common_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "common.h"

#define COLUMNS_MIN 20u    /* below it every table is the same heap of fragments */
#define COLUMNS_MAX 10000u /* nobody has a wider one; bounds what COLUMNS may ask for */
#define DAY_S       86400u

/* Scale to below `base`, print three significant digits (four where base is 1024). */
static char *scaled(double value, double base, const char *const *units, const char *end,
		    char buffer[TEXT_NUMBER_BYTES])
{
	size_t unit = 0;

	/* 999.5 would print as 1000: take the next unit as soon as rounding reaches the base */
	while (value >= base - 0.5 && units[unit + 1]) {
		value /= base;
		unit++;
	}
	if (unit == 0)
		snprintf(buffer, TEXT_NUMBER_BYTES, "%.0f%s%s", value, *end ? " " : "", end);
	else
		snprintf(buffer, TEXT_NUMBER_BYTES, "%.*f %s%s",
			 value < 9.995   ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[unit], end);
	return buffer;
}

/* SI prefixes; "k" is small (BIPM SI Brochure, 3). */
static const char *const si_units[] = { "", "k", "M", "G", "T", "P", "E", NULL };
/* IEC 80000-13. */
static const char *const iec_units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", NULL };

char *text_count(uint64_t value, enum text_units units, char buffer[TEXT_NUMBER_BYTES])
{
	if (units != TEXT_EXACT)
		return scaled((double)value, 1000, si_units, "", buffer);
	snprintf(buffer, TEXT_NUMBER_BYTES, "%" PRIu64, value);
	return buffer;
}

char *text_octets(uint64_t value, enum text_units units, char buffer[TEXT_NUMBER_BYTES])
{
	if (units == TEXT_IEC)
		return scaled((double)value, 1024, iec_units, "B", buffer);
	if (units == TEXT_SI)
		return scaled((double)value, 1000, si_units, "B", buffer);
	return text_count(value, TEXT_EXACT, buffer);
}

char *text_rate(double per_second, enum text_units units, char buffer[TEXT_NUMBER_BYTES])
{
	if (units != TEXT_EXACT)
		return scaled(per_second, 1000, si_units, "", buffer);
	snprintf(buffer, TEXT_NUMBER_BYTES, "%.0f", per_second);
	return buffer;
}

static struct tm utc(uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / NS_PER_S);
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm); /* 2^64 ns end in 2554: every year fits */
	return tm;
}

static char *time_as(uint64_t time_ns, const char *format, char buffer[TEXT_TIME_BYTES])
{
	struct tm tm = utc(time_ns);

	(void)strftime(buffer, TEXT_TIME_BYTES, format, &tm); /* every format here fits */
	return buffer;
}

char *text_time(uint64_t time_ns, char buffer[TEXT_TIME_BYTES])
{
	return time_as(time_ns, time_ns ? "%Y-%m-%d %H:%M:%S" : "-", buffer);
}

char *text_time_short(uint64_t time_ns, uint64_t now_ns, char buffer[TEXT_TIME_BYTES])
{
	uint64_t day_s = DAY_S;
	uint64_t days = now_ns / NS_PER_S / day_s - time_ns / NS_PER_S / day_s;

	if (time_ns == 0)
		return time_as(0, "-", buffer);
	if (days == 0)
		return time_as(time_ns, "%H:%M:%S", buffer);
	if (time_ns < now_ns && days < 300) /* the month alone is clear for less than a year */
		return time_as(time_ns, "%b %d %H:%M", buffer);
	return time_as(time_ns, "%Y-%m-%d", buffer);
}

char *text_age(uint64_t age_ns, char buffer[TEXT_TIME_BYTES])
{
	double s = (double)age_ns / (double)NS_PER_S;

	if (s < 0.9995) /* above it would print as 1000 ms */
		snprintf(buffer, TEXT_TIME_BYTES, "%.0f ms", s * 1000);
	else if (s < 120)
		snprintf(buffer, TEXT_TIME_BYTES, "%.*f s", s < 10 ? 1 : 0, s);
	else if (s < 7200)
		snprintf(buffer, TEXT_TIME_BYTES, "%.0f min", s / 60);
	else if (s < 2 * DAY_S)
		snprintf(buffer, TEXT_TIME_BYTES, "%.1f h", s / 3600);
	else
		snprintf(buffer, TEXT_TIME_BYTES, "%.0f d", s / DAY_S);
	return buffer;
}

static bool window(struct winsize *ret_window)
{
	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, ret_window) == 0;
}

size_t text_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };
	uint64_t value;

	if (columns && parse_u64(columns, COLUMNS_MIN, COLUMNS_MAX, &value) == 0)
		return value;
	return window(&size) ? size.ws_col : 0;
}

size_t text_height(void)
{
	struct winsize size = { 0 };

	return window(&size) ? size.ws_row : 0;
}

bool text_color_wanted(enum text_color setting)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (setting != TEXT_COLOR_AUTO)
		return setting == TEXT_COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0;
}
