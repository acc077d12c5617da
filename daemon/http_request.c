/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request asks for. */
#include <string.h>
#include <strings.h>

#include "http_request.h"

#define Q_ONE    1000 /* qvalues have three decimals at most (RFC 9110 12.4.2) */
#define Q_ABSENT (-1)

enum http_path http_path_find(const char *path)
{
	static const struct {
		const char *path;
		enum http_path is;
	} paths[] = {
		{ "/", HTTP_ROOT },
		{ "/metrics", HTTP_METRICS },
		{ "/healthz", HTTP_HEALTHZ },
		{ "/favicon.ico", HTTP_FAVICON },
		{ "/api/v1/status", HTTP_API_STATUS },
		{ "/api/v1/interfaces", HTTP_API_INTERFACES },
		{ "/api/v1/top", HTTP_API_TOP },
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!strcmp(paths[i].path, path))
			return paths[i].is;
	return HTTP_NOT_FOUND;
}

/* A piece of the field, without white space around it. */
struct piece {
	const char *text;
	size_t n;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t'; /* RFC 9110 5.6.3 OWS */
}

static struct piece trim(const char *text, size_t n)
{
	while (n && is_space(*text)) {
		text++;
		n--;
	}
	while (n && is_space(text[n - 1]))
		n--;
	return (struct piece){ text, n };
}

/* What is left of a list; at = NULL: nothing, not even an empty element. */
struct list {
	const char *at;
	const char *end;
};

/* The text up to the next `separator` outside quotes; the list then begins behind it. */
static struct piece cut_off(struct list *list, char separator)
{
	const char *begin = list->at, *at = begin;
	bool quoted = false;

	for (; at < list->end && (quoted || *at != separator); at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (quoted && *at == '\\' && at + 1 < list->end)
			at++;
	}
	list->at = at < list->end ? at + 1 : NULL;
	return trim(begin, (size_t)(at - begin));
}

static bool piece_is(struct piece piece, const char *text)
{
	return piece.n == strlen(text) && !strncasecmp(piece.text, text, piece.n);
}

/* "0", "0.", "0.123", "1", "1.000" in thousandths; Q_ABSENT for anything else. */
static int parse_q(struct piece text)
{
	int q = 0, place = Q_ONE / 10;

	if (!text.n || text.n > 5 || (text.text[0] != '0' && text.text[0] != '1'))
		return Q_ABSENT;
	if (text.n > 1 && text.text[1] != '.')
		return Q_ABSENT;
	for (size_t i = 2; i < text.n; i++, place /= 10) {
		if (text.text[i] < '0' || text.text[i] > '9')
			return Q_ABSENT;
		q += (text.text[i] - '0') * place;
	}
	if (text.text[0] == '1')
		return q ? Q_ABSENT : Q_ONE;
	return q;
}

/* One element of a list: its name, q, and the value of `version`. */
struct element {
	struct piece name;
	struct piece version; /* n = 0: none */
	int q;                /* Q_ABSENT: not well-formed, to be left out */
};

static struct piece unquote(struct piece piece)
{
	if (piece.n >= 2 && piece.text[0] == '"' && piece.text[piece.n - 1] == '"')
		return (struct piece){ piece.text + 1, piece.n - 2 };
	return piece;
}

static struct element element_next(struct list *list)
{
	struct piece whole = cut_off(list, ',');
	struct list parts = { whole.text, whole.text + whole.n };
	struct element element = { .name = cut_off(&parts, ';'), .q = Q_ONE };

	while (parts.at) {
		struct piece part = cut_off(&parts, ';'), name, value;
		const char *equals = part.n ? memchr(part.text, '=', part.n) : NULL;

		if (!equals)
			continue;
		name = trim(part.text, (size_t)(equals - part.text));
		value = trim(equals + 1, (size_t)(part.text + part.n - equals - 1));
		if (piece_is(name, "q"))
			element.q = parse_q(value);
		else if (piece_is(name, "version"))
			element.version = unquote(value);
	}
	return element;
}

static struct list list_of(const char *field)
{
	return (struct list){ field, field ? field + strlen(field) : NULL };
}

/* How precisely a media range names the type: 0 not at all, 1 any, 2 its kind, 3 exactly. */
static int precision(const struct element *element, const char *type, const char *kind,
		     const char *const *versions)
{
	if (piece_is(element->name, "*/*"))
		return 1;
	if (piece_is(element->name, kind))
		return 2;
	if (!piece_is(element->name, type))
		return 0;
	if (!element->version.n)
		return 3;
	for (; *versions; versions++)
		if (piece_is(element->version, *versions))
			return 3;
	return 0;
}

/* What the field says about one type; of the ranges that name it, the most precise counts. */
struct wish {
	int precision;
	int q;
};

static void wish_consider(struct wish *wish, const struct element *element, int how)
{
	if (!how || how < wish->precision || (how == wish->precision && element->q <= wish->q))
		return;
	wish->precision = how;
	wish->q = element->q;
}

int http_accept_format(const char *accept)
{
	static const char *const text_versions[] = { "0.0.4", NULL };
	static const char *const open_versions[] = { "1.0.0", "0.0.1", NULL };
	struct list list = list_of(accept);
	struct wish text = { 0 }, open = { 0 };

	while (list.at) {
		struct element element = element_next(&list);

		if (element.q == Q_ABSENT)
			continue;
		wish_consider(&text, &element,
			      precision(&element, "text/plain", "text/*", text_versions));
		wish_consider(&open, &element,
			      precision(&element, "application/openmetrics-text", "application/*",
					open_versions));
	}
	/* a wildcard alone gets what a person can read best and every tool understands */
	if (open.precision == 3 && (open.q > text.q || (open.q == text.q && text.precision < 3)) &&
	    open.q)
		return METRICS_OPENMETRICS;
	if (text.q)
		return METRICS_TEXT;
	if (open.q)
		return METRICS_OPENMETRICS;
	return text.precision ? -1 : METRICS_TEXT;
}

bool http_accepts_gzip(const char *accept_encoding)
{
	struct list list = list_of(accept_encoding);
	struct wish gzip = { 0 };

	while (list.at) {
		struct element element = element_next(&list);
		bool named = piece_is(element.name, "gzip") || piece_is(element.name, "x-gzip");

		if (element.q != Q_ABSENT)
			wish_consider(&gzip, &element,
				      named                         ? 3
				      : piece_is(element.name, "*") ? 1
								    : 0);
	}
	return gzip.precision == 3 && gzip.q; /* only when it is asked for by name */
}
