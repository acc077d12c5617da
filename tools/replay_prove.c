// SPDX-License-Identifier: GPL-2.0-or-later
/* The verdict: is what the program counted what an independent reader finds in the same frames? */
#include "replay.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include <nettle/base16.h>

#include "base/json.h"
#include "replay_result.h"

#define SCHEMA          "ipacct.replay.verdict/1"
#define DIFFERENCES_MAX 20u /* printed; all are counted */

struct verdict {
	const struct replay *replay;
	const struct ipacct_snapshot *snapshot;
	struct result counted, expected;
	struct result_difference differences[DIFFERENCES_MAX];
	uint64_t n_differences;
	bool conserved;
	char capture_sha256[CAPTURE_SHA256_TEXT_BYTES];
	char object_sha256[CAPTURE_SHA256_TEXT_BYTES];
	char counted_sha256[CAPTURE_SHA256_TEXT_BYTES];
	char expected_sha256[CAPTURE_SHA256_TEXT_BYTES];
};

static void sha256_text(const void *octets, size_t n_bytes,
			char ret_text[CAPTURE_SHA256_TEXT_BYTES])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, n_bytes, octets);
	sha256_digest(&hash, sizeof(digest), digest);
	base16_encode_update(ret_text, sizeof(digest), digest);
	ret_text[CAPTURE_SHA256_TEXT_BYTES - 1] = '\0';
}

static int verdict_find(struct verdict *verdict, struct capture *capture)
{
	const struct ipacct_conservation *error = &verdict->snapshot->conservation;
	int r = capture_hash(capture, verdict->capture_sha256);

	if (r == 0)
		r = result_of_snapshot(verdict->snapshot, &verdict->counted);
	if (r == 0)
		r = result_of_witness(&verdict->replay->witness, &verdict->expected);
	if (r == 0)
		r = result_hash(&verdict->counted, verdict->counted_sha256);
	if (r == 0)
		r = result_hash(&verdict->expected, verdict->expected_sha256);
	if (r < 0)
		return r;
	verdict->conserved = !error->error_packets && !error->error_l2_bytes &&
			     !error->error_l3_bytes && !verdict->snapshot->facts.error_packets &&
			     !verdict->snapshot->facts.error_l3_bytes;
	verdict->n_differences = result_compare(&verdict->counted, &verdict->expected,
						verdict->differences, DIFFERENCES_MAX);
	return 0;
}

/* Both must say it: the comparison number by number, and the two texts. */
static bool is_equal(const struct verdict *verdict)
{
	return verdict->conserved && !verdict->n_differences &&
	       strcmp(verdict->counted_sha256, verdict->expected_sha256) == 0;
}

static void write_differences(struct json_writer *json, const struct verdict *verdict)
{
	json_u64(json, "n_differences", verdict->n_differences);
	json_open(json, "differences", '[');
	for (size_t i = 0; i < verdict->n_differences && i < DIFFERENCES_MAX; i++) {
		const struct result_difference *difference = &verdict->differences[i];

		json_open(json, NULL, '{');
		json_text(json, "what", difference->what);
		json_text(json, "counter", difference->counter);
		json_u64(json, "counted", difference->counted);
		json_u64(json, "expected", difference->expected);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void write_verdict(const struct verdict *verdict)
{
	const struct replay_settings *settings = verdict->replay->settings;
	struct json_writer json = { .file = stdout, .pretty = settings->dump.pretty };
	struct utsname kernel = { .release = "" };

	(void)uname(&kernel); /* fails only for a bad pointer */
	json_open(&json, NULL, '{');
	json_text(&json, "schema", SCHEMA);
	json_text(&json, "verdict", is_equal(verdict) ? "equal" : "different");
	dump_replay_json(&json, &verdict->replay->facts);
	json_u64(&json, "addresses", verdict->expected.n_rows);
	json_u64(&json, "rollups", verdict->snapshot->n_rollups);
	json_u64(&json, "cuts", verdict->snapshot->cut);
	json_bool(&json, "conserved", verdict->conserved);
	json_bool(&json, "hot", settings->hot == REPLAY_HOT_ON);
	json_text(&json, "account", settings->account == REPLAY_ACCOUNT_INNER ? "inner" : "outer");
	json_u64(&json, "drill_packet", settings->drill);
	json_text(&json, "capture_sha256", verdict->capture_sha256);
	json_text(&json, "object_sha256", verdict->object_sha256);
	json_text(&json, "result_sha256", verdict->counted_sha256);
	json_text(&json, "expected_sha256", verdict->expected_sha256);
	json_text(&json, "ipacct_version", IPACCT_VERSION);
	json_u64(&json, "abi_version", IPACCT_ABI_VERSION);
	json_text(&json, "kernel", kernel.release);
	write_differences(&json, verdict);
	json_close(&json, '}');
}

/* What would be a verdict about nothing. */
static int refuse(const struct replay *replay)
{
	const struct replay_settings *settings = replay->settings;

	if (replay->facts.packets == replay->facts.short_packets) {
		tool_complain("%s holds no packet that could be run: nothing to prove",
			      settings->capture_name);
		return TOOL_ERROR;
	}
	if (settings->drill > replay->facts.packets) {
		tool_complain("--drill %llu: %s has only %llu packets",
			      (unsigned long long)settings->drill, settings->capture_name,
			      (unsigned long long)replay->facts.packets);
		return TOOL_ERROR;
	}
	return TOOL_OK;
}

int replay_prove(struct replay *replay, const struct ipacct_snapshot *snapshot, const void *object,
		 size_t object_bytes)
{
	struct verdict verdict = { .replay = replay, .snapshot = snapshot };
	int r = refuse(replay);

	if (r != TOOL_OK)
		return r;
	sha256_text(object, object_bytes, verdict.object_sha256);
	r = verdict_find(&verdict, &replay->capture);
	if (r < 0) {
		tool_complain("cannot compare: %s", strerror(-r));
		r = TOOL_ERROR;
	} else {
		write_verdict(&verdict);
		r = is_equal(&verdict) ? TOOL_OK : TOOL_NOT_CONSERVED;
	}
	result_finish(&verdict.counted);
	result_finish(&verdict.expected);
	return r;
}
