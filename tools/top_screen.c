// SPDX-License-Identifier: GPL-2.0-or-later
/* ncurses, and nothing else of the program. */
#include "top_screen.h"

#define NCURSES_NOMACROS
#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common.h"
#include "top_keys.h"

#define ESCAPE_MS \
	25 /* a lone Escape is not followed by the rest of a key in that time, even by ssh */

static SCREEN *screen;
static bool colored;
static struct termios saved;

/* A ledger that is cut short under its mapping is a SIGBUS. Only calls of signal-safety(7): the
 * settings back, the main screen, a cursor; then the signal does what it always does. */
static void crashed(int number)
{
	static const char leave[] = "\033[?1049l\033[?25h\033[0m\r\n"; /* xterm: rmcup, cnorm */
	static const char words[] = "ipacct-top: the ledger was damaged while it was read\n";

	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	(void)!write(STDOUT_FILENO, leave, sizeof(leave) - 1);
	if (number == SIGBUS)
		(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	(void)raise(number); /* SA_RESETHAND: the default action now */
}

static void watch_crashes(void)
{
	static const int numbers[] = { SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = (int)SA_RESETHAND };

	(void)tcgetattr(STDIN_FILENO, &saved);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &action, NULL);
}

static void colors_begin(void)
{
	static const short colors[TOP_STYLES] = {
		[TOP_GOOD] = COLOR_GREEN,
		[TOP_BAD] = COLOR_RED,
		[TOP_WARN] = COLOR_YELLOW,
	};

	(void)start_color();
	(void)use_default_colors();
	for (short style = 1; style < TOP_STYLES; style++)
		(void)init_pair(style, colors[style] ? colors[style] : -1, -1);
	(void)init_pair(TOP_BAR, COLOR_WHITE, COLORS >= 256 ? 24 : COLOR_BLUE);
}

int top_screen_open(bool color)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0) {
		tool_complain("this needs a terminal that can move its cursor; --batch and --json "
			      "do without");
		return TOOL_ERROR;
	}
	watch_crashes();
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		tool_complain("the terminal '%s' is not known here; --batch and --json do without",
			      term);
		return TOOL_ERROR;
	}
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)nodelay(stdscr, TRUE);
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MS);
	(void)curs_set(0);
	colored = color && has_colors();
	if (colored)
		colors_begin();
	return 0;
}

void top_screen_close(void)
{
	if (!screen)
		return;
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

void top_screen_size(size_t *ret_width, size_t *ret_height)
{
	*ret_width = (size_t)getmaxx(stdscr);
	*ret_height = (size_t)getmaxy(stdscr);
}

void top_screen_resized(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		return;
	(void)resizeterm(size.ws_row, size.ws_col);
	(void)clear();
}

static attr_t attributes(enum top_style style)
{
	switch (style) {
	case TOP_DIM:
		return A_DIM;
	case TOP_BOLD:
		return A_BOLD;
	case TOP_HEAD:
		return A_REVERSE;
	case TOP_BAD:
		return A_BOLD;
	case TOP_BAR:
		return colored ? A_NORMAL : A_UNDERLINE;
	default:
		return A_NORMAL;
	}
}

static void mark(int y, const struct top_line *line, size_t i)
{
	enum top_style style = line->spans[i].style;
	bool pair = colored && (style == TOP_GOOD || style == TOP_BAD || style == TOP_WARN ||
				style == TOP_BAR);

	(void)mvchgat(y, (int)line->spans[i].at, (int)line->spans[i].columns, attributes(style),
		      pair ? (short)style : 0, NULL);
}

/* ncurses sends what differs from the last frame, so only that costs. */
void top_screen_paint(const struct top_frame *frame)
{
	(void)erase();
	for (size_t i = 0; i < frame->n_lines; i++) {
		const struct top_line *line = &frame->lines[i];

		(void)mvaddnstr((int)i, 0, line->text, (int)line->n_bytes);
		for (size_t k = 0; k < line->n_spans; k++)
			mark((int)i, line, k);
	}
	(void)refresh();
}

int top_screen_key(void)
{
	int key = getch();

	switch (key) {
	case ERR:
		return -1;
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_BACKSPACE:
	case 0x7f:
	case '\b':
		return TOP_KEY_BACKSPACE;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return TOP_KEY_ENTER;
	case 0x1b:
		return TOP_KEY_ESCAPE;
	default:
		return key;
	}
}
