/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access to a frame in a program: direct in the linear part, by helper in all of it. */
#ifndef IPACCT_CURSOR_BPF_H
#define IPACCT_CURSOR_BPF_H

struct ipacct_cursor {
	ipacct_ctx *ctx;
	void *data;
	void *data_end;
	__u32 len; /* whole frame, all fragments, but for tags that lie elsewhere */
	__u32 n_tags;
	bool whole; /* a constant in each caller: false = linear part only */
};

static __always_inline const void *ipacct_pull(struct ipacct_cursor *cur, __u32 off, __u32 bytes,
					       void *scratch)
{
	void *at;

	if (cur->whole)
		return ipacct_load_bytes(cur->ctx, off, scratch, bytes) ? NULL : scratch;
	at = cur->data + off;
	return at + bytes > cur->data_end ? NULL : at;
}

#endif
