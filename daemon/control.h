/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: one JSON request in one packet, one JSON reply. */
#ifndef IPACCT_DAEMON_CONTROL_H
#define IPACCT_DAEMON_CONTROL_H

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTROL_NAME         "control"
#define CONTROL_CLIENTS_MAX  8u
#define CONTROL_PACKET_BYTES 65536u

struct ipacct_problem;
struct supervisor;

struct control {
	int listen_fd;
	int client_fd[CONTROL_CLIENTS_MAX]; /* −1: free */
};

/* Make the socket in the runtime directory, 0660 root:gid. */
int control_open(struct control *control, int runtime_dir_fd, gid_t gid);
/* Close everything and remove the socket's name. */
void control_close(struct control *control, int runtime_dir_fd);

/* Descriptors to poll: at most CONTROL_CLIENTS_MAX + 1. Returns how many were written. */
size_t control_poll(const struct control *control, struct pollfd *ret_polls);
/* Answer a client that waited: the outcome of what it asked for. */
void control_answer(int fd, int ret, const struct ipacct_problem *problem);

/* Serve what poll() found. */
void control_serve(struct supervisor *supervisor, const struct pollfd *polls, size_t n_polls);

#endif
