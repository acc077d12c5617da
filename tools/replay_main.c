// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-replay: a capture through the same BPF object, and the proof that it counts what is there. */
#include "replay.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "replay_result.h"

#define OUTPUT_BYTES (1u << 16) /* one write of a pipe's default capacity, pipe(7) */

/* The BPF object that runs. */
struct object {
	const void *octets;
	size_t n_bytes;
	void *read; /* from --object, else NULL */
};

static int fail(const char *what, int error)
{
	tool_complain("%s: %s", what, strerror(-error));
	return TOOL_ERROR;
}

static int object_read(const char *path, struct object *ret_object)
{
	int fd __cleanup(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	void *octets __cleanup(cleanup_free) = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > REPLAY_OBJECT_BYTES_MAX)
		return -EFBIG;
	octets = malloc((size_t)st.st_size + 1);
	if (!octets)
		return -ENOMEM;
	n = read(fd, octets, (size_t)st.st_size + 1); /* a regular file gives all at once */
	if (n != st.st_size)
		return n < 0 ? -errno : -EAGAIN; /* it is being written */
	*ret_object = (struct object){ octets, (size_t)n, octets };
	(void)take_ptr(octets); /* ret_object's now */
	return 0;
}

static int object_save(const char *path, const struct object *object)
{
	FILE *file __cleanup(cleanup_file) = fopen(path, "we");

	if (!file)
		return -errno;
	if (fwrite(object->octets, 1, object->n_bytes, file) != object->n_bytes || fflush(file))
		return -errno;
	return 0;
}

/* Returns an exit code. */
static int object_take(const struct replay_settings *settings, struct object *ret_object)
{
	int r = 0;

	if (settings->object)
		r = object_read(settings->object, ret_object);
	else
		ret_object->octets = ipacct_engine_object(&ret_object->n_bytes);
	if (r < 0)
		return fail(settings->object, r);
	if (settings->save_object)
		r = object_save(settings->save_object, ret_object);
	return r < 0 ? fail(settings->save_object, r) : TOOL_OK;
}

static int engine_explain(const struct replay_settings *settings, int error,
			  const struct ipacct_problem *problem)
{
	const char *text = problem->text[0] ? problem->text : strerror(-error);

	/* EACCES is also the verifier's word for an object that it does not like */
	if (error == -EPERM || (error == -EACCES && geteuid() != 0))
		tool_complain("needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: the program "
			      "runs in the kernel, on maps of its own (nothing is attached or "
			      "pinned)");
	else if (settings->object)
		tool_complain("%s: %s", settings->object, text);
	else
		tool_complain("%s", text);
	return error == -EPROTO ? TOOL_ABI : TOOL_ERROR;
}

/* Everything that takes privilege; then there is none any more. Returns an exit code. */
static int engine_start(const struct replay_settings *settings, const struct object *object,
			struct ipacct_engine **ret_engine)
{
	struct ipacct_engine_settings wanted = {
		.name = settings->capture_name,
		.hot = settings->hot == REPLAY_HOT_ON,
		.inner = settings->account == REPLAY_ACCOUNT_INNER,
		.object = object->read,
		.object_bytes = object->n_bytes,
		.n_addresses_max = settings->n_addresses_max,
	};
	struct ipacct_problem problem = { "" };
	int r = ipacct_engine_create(&wanted, ret_engine, &problem);

	if (r < 0)
		return engine_explain(settings, r, &problem);
	r = replay_privileges_drop();
	return r < 0 ? fail("cannot give up privileges", r) : TOOL_OK;
}

static int print_dump(const struct replay *replay, const struct ipacct_snapshot *snapshot)
{
	struct dump_settings settings = replay->settings->dump;
	char note[DUMP_REPLAY_NOTE_BYTES];
	struct dump_view view;
	int r;

	settings.replay = &replay->facts;
	r = dump_view_init(&settings, snapshot, snapshot, 0, NULL, &view);
	if (r == 0) {
		r = dump_print(&settings, &view);
		dump_view_finish(&view);
	}
	if (r == 0 && settings.format == DUMP_CSV && replay->facts.cut_packets)
		tool_complain("%s", dump_replay_cut_note(&replay->facts, TEXT_EXACT, note));
	return r;
}

static int print_canonical(const struct ipacct_snapshot *snapshot)
{
	struct result result;
	int r = result_of_snapshot(snapshot, &result);

	if (r < 0)
		return r;
	result_write(&result, stdout);
	result_finish(&result);
	return 0;
}

static int conclude(struct replay *replay, const struct object *object)
{
	struct ipacct_problem problem = { "" };
	struct ipacct_snapshot *snapshot = NULL;
	const struct ipacct_conservation *error;
	int r = ipacct_engine_snapshot(replay->engine, &snapshot, &problem);

	if (r < 0) {
		tool_complain("%s: %s", replay->settings->capture_name,
			      problem.text[0] ? problem.text : strerror(-r));
		return TOOL_ERROR;
	}
	if (replay->settings->prove) {
		r = replay_prove(replay, snapshot, object->octets, object->n_bytes);
	} else {
		error = &snapshot->conservation;
		r = replay->settings->canonical ? print_canonical(snapshot)
						: print_dump(replay, snapshot);
		if (r < 0)
			r = fail("cannot show the counters", r);
		else if (error->error_packets || error->error_l2_bytes || error->error_l3_bytes)
			r = TOOL_NOT_CONSERVED;
	}
	ipacct_snapshot_destroy(snapshot);
	return r;
}

/* From the open capture to the last line of output. */
static int run(struct replay *replay, int fd, const struct object *object)
{
	struct ipacct_problem problem = { "" };
	int r = capture_open(&replay->capture, fd, replay->settings->prove, &problem);

	if (r < 0) {
		tool_complain("%s: %s", replay->settings->capture_name,
			      problem.text[0] ? problem.text : strerror(-r));
		return TOOL_ERROR;
	}
	r = replay_feed(replay);
	return r < 0 ? TOOL_ERROR : conclude(replay, object);
}

static int replay_capture(const struct replay_settings *settings, const struct object *object)
{
	bool piped = strcmp(settings->capture, "-") == 0;
	int file __cleanup(cleanup_fd) =
		piped ? -1 : open(settings->capture, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct replay replay = {
		.settings = settings,
		.facts = { .capture = settings->capture_name, .padded = settings->pad },
	};
	int r;

	if (!piped && file < 0)
		return fail(settings->capture, -errno);
	r = engine_start(settings, object, &replay.engine);
	if (r == TOOL_OK && witness_init(&replay.witness) < 0)
		r = fail("no random numbers", -EIO);
	replay.witness.inner = settings->account == REPLAY_ACCOUNT_INNER;
	if (r == TOOL_OK)
		r = run(&replay, piped ? STDIN_FILENO : file, object);
	capture_close(&replay.capture);
	witness_finish(&replay.witness);
	ipacct_engine_destroy(replay.engine);
	free(replay.padded);
	return r;
}

int main(int argc, char **argv)
{
	static char output[OUTPUT_BYTES];
	static struct replay_settings settings; /* large */
	struct object object = { NULL, 0, NULL };
	int outcome, r;

	/* Only the character set: numbers and times are the same in every locale. */
	(void)setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, output, _IOFBF, sizeof(output));
	outcome = replay_options(argc, argv, &settings);
	if (outcome != OPTIONS_RUN)
		return tool_finish_output(outcome == OPTIONS_USAGE ? TOOL_USAGE : TOOL_OK);
	r = object_take(&settings, &object);
	if (r == TOOL_OK && settings.capture)
		r = replay_capture(&settings, &object);
	free(object.read);
	return tool_finish_output(r);
}
