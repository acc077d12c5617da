/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is asked about an address: keeping the databases and the list up to date. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/mix.h"
#include "base/text.h"
#include "geo_answer.h"
#include "geo_set.h"
#include "log.h"

#define CPU_LIMIT_S \
	10 /* for opening a database, or one batch of look-ups: milliseconds are usual */

int geo_set_init(struct geo_set *set, struct geo_table *table, struct geo_memory *memory,
		 const int *copy_fds, uint64_t bytes_max)
{
	memset(set, 0, sizeof(*set));
	set->table = table;
	set->memory = memory;
	set->bytes_max = bytes_max;
	memcpy(set->copy_fds, copy_fds, sizeof(set->copy_fds));
	set->cache = calloc(GEO_CACHE_SLOTS, sizeof(*set->cache));
	return set->cache ? 0 : -ENOMEM;
}

void geo_set_finish(struct geo_set *set)
{
	for (uint32_t i = 0; i < IPACCT_GEO_DATABASES_MAX; i++)
		geo_database_close(&set->sources[i].database);
	geo_overrides_finish(&set->overrides);
	free(set->cache);
	memset(set, 0, sizeof(*set));
}

/* A hostile database may be an endless task: SIGPROF ends us then, and the memory knows why. */
static void cpu_limit(time_t seconds)
{
	struct itimerval limit = { .it_value.tv_sec = seconds };

	(void)setitimer(ITIMER_PROF, &limit, NULL); /* cannot fail with these arguments */
}

void geo_set_asking(struct geo_set *set, uint32_t index)
{
	if (!set->memory->asking)
		cpu_limit(CPU_LIMIT_S);
	set->memory->asking = index + 1;
}

void geo_set_asked(struct geo_set *set)
{
	if (!set->memory->asking)
		return;
	set->memory->asking = 0;
	cpu_limit(0);
}

/* ---- One database ---------------------------------------------------------------------------- */

static struct ipacct_geo_database *row_of(const struct geo_set *set, uint32_t index)
{
	return &set->table->header->databases[index];
}

static void text_put(char *to, size_t bytes, const char *from)
{
	size_t n = strnlen(from, bytes - 1);

	memset(to, 0, bytes);
	memcpy(to, from, n);
	text_make_safe(to);
}

static void row_used(struct geo_set *set, uint32_t index)
{
	const MMDB_metadata_s *metadata = &set->sources[index].database.mmdb.metadata;
	struct ipacct_geo_database *row = row_of(set, index);

	text_put(row->path, sizeof(row->path), set->settings.databases[index]);
	text_put(row->type, sizeof(row->type),
		 metadata->database_type ? metadata->database_type : "");
	row->build_s = metadata->build_epoch;
	row->loaded_ns = ipacct_clock_ns(CLOCK_REALTIME);
	row->state = 1;
}

/* Not usable now. What an earlier worker said of the same path stays beside that. */
static void row_refused(struct geo_set *set, uint32_t index)
{
	struct ipacct_geo_database *row = row_of(set, index);
	char path[sizeof(row->path)];

	text_put(path, sizeof(path), set->settings.databases[index]);
	if (memcmp(row->path, path, sizeof(path)))
		memset(row, 0, sizeof(*row));
	memcpy(row->path, path, sizeof(path));
	row->state = 2;
}

static int copy_free(const struct geo_set *set)
{
	for (uint32_t i = 0; i < GEO_COPIES_MAX; i++) {
		bool used = false;

		for (uint32_t k = 0; k < IPACCT_GEO_DATABASES_MAX; k++)
			used |= set->sources[k].database.open &&
				set->sources[k].database.copy_fd == set->copy_fds[i];
		if (!used)
			return set->copy_fds[i];
	}
	return -1; /* cannot be: there is one more than databases */
}

/* Room for one more copy, besides those of the other databases. */
static uint64_t bytes_left(const struct geo_set *set, uint32_t index)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < IPACCT_GEO_DATABASES_MAX; i++)
		if (i != index && set->sources[i].database.open)
			used += set->sources[i].database.identity.bytes;
	return used < set->bytes_max ? set->bytes_max - used : 0;
}

static void cache_clear(struct geo_set *set)
{
	memset(set->cache, 0, GEO_CACHE_SLOTS * sizeof(*set->cache));
}

static void source_refused(struct geo_set *set, uint32_t index, int error, const char *why)
{
	struct geo_source *source = &set->sources[index];

	row_refused(set, index);
	if (source->said == error)
		return;
	source->said = error;
	log_warning("%s: %s; %s", set->settings.databases[index], why,
		    source->database.open ? "the one from before stays in use"
					  : "what is known stays, nothing new is learnt from it");
}

/* Errors of opening a file, not of what is in it: gone when somebody mends them. */
static bool may_pass(int error)
{
	return error == -ENOENT || error == -EACCES || error == -EPERM || error == -EMFILE ||
	       error == -ENFILE;
}

static void source_open(struct geo_set *set, uint32_t index, const struct geo_identity *identity)
{
	struct geo_source *source = &set->sources[index];
	struct ipacct_problem problem = {};
	struct geo_database fresh;
	int ret;

	geo_memory_open(set->memory, index, identity);
	geo_set_asking(set, index);
	ret = geo_database_open(set->settings.databases[index], copy_free(set),
				bytes_left(set, index), &set->settings, &fresh, &problem);
	geo_set_asked(set);
	if (ret == -EAGAIN) /* being written: the next look will see */
		return;
	if (ret == -ENOMEM) {
		geo_memory_blame(set->memory, index);
		set->exhausted = true;
	}
	if (ret) {
		if (!may_pass(ret)) { /* one content is judged once, and that is said */
			source->tried = *identity;
			source->said = 0;
		}
		source->looked = true;
		source_refused(set, index, -ret, problem.text);
		return;
	}
	geo_database_close(&source->database);
	source->database = fresh;
	source->tried = fresh.identity;
	source->looked = true;
	source->damage_said = false;
	source->said = 0;
	set->changed = true;
	cache_clear(set);
	row_used(set, index);
	log_info("%s: %s in use, %.1f MiB", set->settings.databases[index],
		 row_of(set, index)->type, (double)fresh.identity.bytes / 1048576.0);
}

static void source_look(struct geo_set *set, uint32_t index, bool settled)
{
	struct geo_source *source = &set->sources[index];
	struct geo_identity now;
	int ret = geo_identity_of(set->settings.databases[index], &now);
	bool same = geo_identity_equal(&now, &source->seen);

	source->seen = now;
	if (ret) {
		source_refused(set, index, -ret,
			       ret == -EINVAL ? "not a regular file" : strerror(-ret));
		return;
	}
	if (source->looked && geo_identity_equal(&now, &source->tried)) {
		if (source->database.open && geo_identity_equal(&now, &source->database.identity))
			row_of(set, index)->state = 1; /* it was away for a while */
		return;
	}
	if (!settled && !same)
		return;
	if (geo_memory_refuses(set->memory, &now)) {
		source->tried = now;
		source->looked = true;
		source->said = 0;
		source_refused(set, index, EFAULT,
			       "reading it killed the worker, it is left alone until it changes");
	} else {
		source_open(set, index, &now);
	}
}

void geo_set_look(struct geo_set *set, bool settled)
{
	set->degraded = false;
	for (uint32_t i = 0; i < set->settings.n_databases; i++) {
		source_look(set, i, settled);
		set->degraded |= !set->sources[i].database.open;
	}
}

/* ---- Settings -------------------------------------------------------------------------------- */

static void overrides_look(struct geo_set *set)
{
	struct geo_identity now;
	struct geo_overrides fresh;
	char error[512] = "";

	if (!geo_identity_of(set->settings.overrides, &now) &&
	    geo_identity_equal(&now, &set->overrides_file))
		return;
	if (geo_overrides_load(set->settings.overrides, &fresh, error, sizeof(error))) {
		log_warning("%s; the list from before stays in use", error);
		return;
	}
	geo_overrides_finish(&set->overrides);
	set->overrides = fresh;
	set->overrides_file = now;
	set->changed = true;
	log_info("%s: %u prefixes in use", set->settings.overrides, fresh.n_prefixes);
}

static void overrides_apply(struct geo_set *set)
{
	if (set->settings.overrides[0]) {
		overrides_look(set);
		return;
	}
	set->changed |= set->overrides.n_prefixes != 0;
	geo_overrides_finish(&set->overrides);
	memset(&set->overrides_file, 0, sizeof(set->overrides_file));
}

/* A database keeps what it has open when its path is wanted again, whatever its place in the list. */
static void sources_arrange(struct geo_set *set, const struct geo_settings *settings)
{
	struct geo_source old[IPACCT_GEO_DATABASES_MAX];

	memcpy(old, set->sources, sizeof(old));
	memset(set->sources, 0, sizeof(set->sources));
	for (uint32_t i = 0; i < settings->n_databases; i++)
		for (uint32_t k = 0; k < set->settings.n_databases; k++) {
			if (strcmp(settings->databases[i], set->settings.databases[k]))
				continue;
			set->sources[i] = old[k];
			memset(&old[k], 0, sizeof(old[k]));
			break;
		}
	for (uint32_t k = 0; k < IPACCT_GEO_DATABASES_MAX; k++)
		geo_database_close(&old[k].database);
}

void geo_set_apply(struct geo_set *set, const struct geo_settings *settings)
{
	sources_arrange(set, settings);
	set->settings = *settings;
	set->changed = true; /* languages, paths, order: the digest tells */
	cache_clear(set);
	for (uint32_t i = 0; i < IPACCT_GEO_DATABASES_MAX; i++) {
		if (i >= settings->n_databases)
			memset(row_of(set, i), 0, sizeof(*row_of(set, i)));
		else if (set->sources[i].database.open)
			row_used(set, i);
		set->sources[i].said = 0; /* the operator asks again */
	}
	overrides_apply(set);
	geo_set_look(set, true);
}

/* ---- What it is ------------------------------------------------------------------------------ */

static uint64_t digest_bytes(uint64_t digest, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		digest = (digest ^ at[i]) * 0x100000001b3ULL; /* FNV-1a, 64 bits */
	return digest;
}

static uint64_t digest_text(uint64_t digest, const char *text)
{
	return digest_bytes(digest, text, strlen(text) + 1);
}

static uint64_t digest_of(const struct geo_set *set)
{
	const struct geo_settings *settings = &set->settings;
	uint64_t digest = 0xcbf29ce484222325ULL; /* FNV-1a: the offset basis */

	for (size_t i = 0; i < settings->n_languages; i++)
		digest = digest_text(digest, settings->languages[i]);
	for (size_t i = 0; i < GEO_FIELDS; i++) {
		digest = digest_bytes(digest, &settings->paths[i].n, sizeof(settings->paths[i].n));
		for (size_t k = 0; k < settings->paths[i].n; k++)
			digest = digest_text(digest, settings->paths[i].words[k]);
	}
	for (size_t i = 0; i < IPACCT_GEO_DATABASES_MAX; i++)
		digest = digest_bytes(digest, &set->sources[i].database.identity,
				      sizeof(set->sources[i].database.identity));
	return digest_bytes(digest, &set->overrides_file, sizeof(set->overrides_file));
}

bool geo_set_changed(struct geo_set *set, uint64_t *ret_digest)
{
	if (!set->changed)
		return false;
	set->changed = false;
	*ret_digest = digest_of(set);
	return true;
}
