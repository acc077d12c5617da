/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of groups is read by a child without privileges, while the supervisor goes on. */
#ifndef IPACCT_DAEMON_GROUPS_READER_H
#define IPACCT_DAEMON_GROUPS_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "group_image.h"
#include "ipacct/ipacct.h"

/* A list of 2^20 prefixes takes 1 to 3 s on two busy CPUs; with a sanitizer ten times as much. */
#define GROUPS_READER_MS 30000

/* What the child has to say, once. */
struct groups_answer {
	int32_t error; /* 0: the list is in the memfd, which is sealed; else a negative errno */
	char text[sizeof(((struct ipacct_problem *)0)->text)];
};

struct groups_reader {
	pid_t pid;     /* of the child until it was waited for; 0: none */
	int socket_fd; /* −1: nothing is being read */
	int list_fd;   /* the memfd that it fills */
	uint64_t started_ms;
	uint64_t deadline_ms; /* CLOCK_MONOTONIC */
	bool answered;
	struct groups_answer answer;
};

void groups_reader_init(struct groups_reader *reader);

/* Is that what happened to a reader? Else it is what the list is like. */
bool groups_reader_failed(int error);

/* Begin to read the file. The caller may open it; who reads it are uid and gid, unless the caller has
 * no privileges itself.
 * timeout_ms: after it the child is killed.
 * Returns 0, or with one line in ret_problem -errno of opening it, -EBUSY: the last one does not end,
 * -ECHILD: no child can be had. */
int groups_reader_start(struct groups_reader *reader, const char *path, uid_t uid, gid_t gid,
			uint64_t timeout_ms, struct ipacct_problem *ret_problem);

/* Call it when socket_fd is readable, and when deadline_ms has come.
 * Returns -EAGAIN: it is still being read. Otherwise that was all: 0 with the list, -EINVAL, -EFBIG,
 * -ENOMEM or -errno of read() with what the child said ("FILE:LINE:COLUMN: what is wrong"),
 * -ECHILD: it died, -ETIMEDOUT, -EBADMSG: what it made is no list. */
int groups_reader_serve(struct groups_reader *reader, struct group_image *ret_image,
			struct ipacct_problem *ret_problem);

/* After SIGCHLD; for a child that did not end at once when it was killed. */
void groups_reader_reap(struct groups_reader *reader);

/* Nobody wants it any more. Accepts one that reads nothing. */
void groups_reader_stop(struct groups_reader *reader);

#endif
