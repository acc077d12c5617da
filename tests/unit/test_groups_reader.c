/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of groups comes from a child: whole, with its error, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "config_groups.h"
#include "confined.h"
#include "groups_reader.h"
#include "groups_seccomp.h"

#define NOBODY  65534u /* Debian's base-passwd */
#define LONG_MS 60000u /* longer than any of it takes */
#define LIST                                                    \
	"10.0.0.0/8 a\n10.1.0.0/16 b domain=7\n10.1.0.0/16 c\n" \
	"2001:db8::/32 a protect=yes\n2001:db8:1::/48 d ipv6_len=56\n"

static char path[] = "/tmp/ipacct-unit.XXXXXX";
static int text_fd;
static struct groups_reader reader;
static struct ipacct_problem problem;

static void setup(void)
{
	text_fd = mkstemp(path);
	cr_assert_geq(text_fd, 0);
	groups_reader_init(&reader);
	problem.text[0] = '\0';
}

static void teardown(void)
{
	groups_reader_stop(&reader);
	close(text_fd);
	(void)unlink(path); /* ours, in /tmp */
}

TestSuite(groups_reader, .init = setup, .fini = teardown);

static void text_set(const char *text)
{
	cr_assert_eq(ftruncate(text_fd, 0), 0);
	cr_assert_eq(pwrite(text_fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void begin(uint64_t timeout_ms)
{
	cr_assert_eq(groups_reader_start(&reader, path, NOBODY, NOBODY, timeout_ms, &problem), 0,
		     "%s", problem.text);
}

/* As the supervisor's loop does it. */
static int outcome(struct group_image *image)
{
	int ret;

	while ((ret = groups_reader_serve(&reader, image, &problem)) == -EAGAIN) {
		struct pollfd wait = { .fd = reader.socket_fd, .events = POLLIN };

		cr_assert_geq(poll(&wait, 1, 100), 0);
	}
	return ret;
}

Test(groups_reader, list_is_the_one_that_was_parsed_here)
{
	struct group_image image = {}, here = {};
	char error[256];

	text_set(LIST);
	begin(LONG_MS);
	cr_assert_eq(outcome(&image), 0, "%s", problem.text);
	cr_assert_eq(config_groups_parse("l", LIST, strlen(LIST), &here, error, sizeof(error)), 0);
	cr_expect_gt(image.header->source_ns, 0);
	here.header->source_ns = image.header->source_ns;
	cr_assert_eq(image.header->file_bytes, here.header->file_bytes);
	cr_expect_eq(memcmp(image.header, here.header, here.header->file_bytes), 0);
	cr_expect_eq(image.prefixes[0].group, here.prefixes[0].group);
	image.header->made_ns = 1; /* a page of our own */
	cr_expect_eq(reader.socket_fd, -1);
	cr_expect_eq(reader.pid, 0, "it was waited for");
	group_image_finish(&image);
	group_image_finish(&here);
}

Test(groups_reader, error_says_file_line_and_column)
{
	struct group_image image = {};
	char expected[128];

	text_set("10.0.0.0/8 a\n10.0.0.1/8 \"b\n");
	begin(LONG_MS);
	cr_assert_eq(outcome(&image), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s:2:1: '10.0.0.1/8' has bits behind the",
		       path);
	cr_expect_eq(strncmp(problem.text, expected, strlen(expected)), 0, "%s", problem.text);
	cr_expect_not(groups_reader_failed(-EINVAL));
	cr_expect_null(image.header);
	cr_expect_eq(
		groups_reader_start(&reader, "/nonexistent", NOBODY, NOBODY, LONG_MS, &problem),
		-ENOENT);
	cr_expect_str_eq(problem.text, "/nonexistent: No such file or directory");
	cr_expect_eq(groups_reader_start(&reader, "/dev/null", NOBODY, NOBODY, LONG_MS, &problem),
		     -EINVAL);
}

/* Begin, and send it a signal before it has read anything: it may be quicker, but not always. */
static int disturbed(uint64_t timeout_ms, int signal, struct group_image *image)
{
	int ret = 0;

	for (int i = 0; i < 50 && !ret; i++) {
		group_image_finish(image);
		begin(timeout_ms);
		cr_assert_eq(kill(reader.pid, signal), 0);
		ret = outcome(image);
	}
	return ret;
}

Test(groups_reader, dead_one_is_an_error_and_the_next_one_works)
{
	struct group_image image = {};

	text_set(LIST);
	cr_assert_eq(disturbed(LONG_MS, SIGKILL, &image), -ECHILD);
	cr_expect_str_eq(problem.text, "the reader of the list of groups died (signal 9)");
	cr_expect(groups_reader_failed(-ECHILD));
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
	begin(LONG_MS);
	cr_assert_eq(outcome(&image), 0, "%s", problem.text);
	group_image_finish(&image);
}

Test(groups_reader, hanging_one_is_ended_at_the_deadline)
{
	struct group_image image = {};

	text_set(LIST);
	cr_assert_eq(disturbed(2000, SIGSTOP, &image), -ETIMEDOUT, "%s", problem.text);
	cr_expect_str_eq(problem.text, "the reader of the list of groups did not end within 2 s");
	for (int i = 0; reader.pid && i < 1000; i++) { /* as SIGCHLD does it */
		(void)poll(NULL, 0, 10);
		groups_reader_reap(&reader);
	}
	cr_expect_eq(reader.pid, 0);
	begin(LONG_MS);
	cr_assert_eq(outcome(&image), 0, "%s", problem.text);
	group_image_finish(&image);
}

/* ---- What arrives is looked at ----------------------------------------------------------------- */

#define N_GROUPS   4u
#define N_PREFIXES 5u

static void parse(struct group_image *image)
{
	char error[256];

	cr_assert_eq(config_groups_parse("l", LIST, strlen(LIST), image, error, sizeof(error)), 0);
	cr_assert_eq(image->header->n_groups, N_GROUPS);
	cr_assert_eq(image->header->n_prefixes, N_PREFIXES);
	cr_assert_null(group_image_fault(image->header, image->header->file_bytes));
}

#define WRONG(statement)                                                           \
	do {                                                                       \
		struct group_image image = {};                                     \
		struct ipacct_groups_header *h;                                    \
		struct ipacct_groups_name *names;                                  \
		struct ipacct_groups_prefix *p;                                    \
		size_t bytes;                                                      \
                                                                                   \
		parse(&image);                                                     \
		h = image.header;                                                  \
		names = image.names;                                               \
		p = image.prefixes;                                                \
		bytes = h->file_bytes;                                             \
		statement;                                                         \
		cr_expect_not_null(group_image_fault(h, bytes), "%s", #statement); \
		(void)names;                                                       \
		(void)p;                                                           \
		group_image_finish(&image);                                        \
	} while (0)

Test(groups_reader, nothing_is_believed)
{
	WRONG(bytes = sizeof(*h) - 1);
	WRONG(bytes--);
	WRONG(h->magic++);
	WRONG(h->abi_version++);
	WRONG(h->header_bytes++);
	WRONG(h->name_bytes--);
	WRONG(h->prefix_bytes++);
	WRONG(h->n_groups--);
	WRONG(h->n_groups = IPACCT_GROUPS_MAX + 1);
	WRONG(h->n_prefixes++);
	WRONG(h->n_prefixes = IPACCT_GROUP_PREFIXES_MAX + 1);
	WRONG(h->file_bytes++);
	WRONG(h->n_protected++);
	WRONG(h->n_masked--);
	WRONG(names[0].name[0] = '\0');
	WRONG(memset(names[1].name, 'x', sizeof(names[1].name)));
	WRONG(names[1].name[0] = '\n');
	WRONG(names[1].name[0] = '\xff');
	WRONG(memcpy(names[2].name, names[1].name, sizeof(names[1].name)));
	WRONG(strcpy(names[2].name, "unknown"));
	WRONG(names[0].n_prefixes++);
	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		WRONG(p[i].group = N_GROUPS);
		WRONG(p[i].domain = IPACCT_GROUPS_EVERY_DOMAIN + 1);
		WRONG(p[i].prefix_len = 129);
		WRONG(p[i].flags = 2);
		WRONG(p[i].reserved = 1);
		WRONG(p[i].mask_len = 32);
		WRONG(p[i].mask_len = 128);
		WRONG(p[i].parent = i);
		WRONG(p[i].parent = i ? 0 : 1);
		WRONG(((uint8_t *)p[i].addr_be)[15] |= 1);
	}
	WRONG(p[1] = p[2]);
	WRONG(p[2] = p[1]);
	for (uint32_t i = 1; i < N_PREFIXES; i++)
		WRONG(struct ipacct_groups_prefix other = p[i]; p[i] = p[i - 1]; p[i - 1] = other);
}

Test(groups_reader, only_what_is_sealed_is_taken)
{
	static const int seals[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE };
	const char *why = NULL;

	for (size_t left_out = 0; left_out <= 4; left_out++) {
		struct group_image image = {}, mapped = {};
		int fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret, all = 0;

		parse(&image);
		cr_assert_eq(write(fd, image.header, image.header->file_bytes),
			     (ssize_t)image.header->file_bytes);
		for (size_t i = 0; i < 4; i++)
			all |= i == left_out ? 0 : seals[i];
		cr_assert_eq(fcntl(fd, F_ADD_SEALS, all), 0);
		ret = group_image_map(fd, &mapped, &why);
		cr_expect_eq(ret, left_out == 4 ? 0 : -EBADMSG);
		group_image_finish(&mapped);
		group_image_finish(&image);
		close(fd);
	}
}

/* ---- What the child may not -------------------------------------------------------------------- */

static int list_fd, socket_fd;

static int load(void)
{
	return groups_seccomp_load(text_fd, list_fd, socket_fd);
}

CONFINED_TRY(try_open, (void)open(path, O_RDONLY))
CONFINED_TRY(try_write_text, (void)!write(text_fd, "x", 1))
CONFINED_TRY(try_read_other, char c; (void)!read(list_fd, &c, 1))
CONFINED_TRY(try_send_other, (void)send(list_fd, "x", 1, 0))
CONFINED_TRY(try_socket, (void)socket(AF_INET, SOCK_DGRAM, 0))
CONFINED_TRY(try_fork, (void)fork())
CONFINED_TRY(try_exec, (void)execl("/bin/true", "true", NULL))
CONFINED_TRY(try_kill, (void)kill(getppid(), 0))
CONFINED_TRY(try_fcntl, (void)fcntl(list_fd, F_DUPFD, 100))
CONFINED_TRY(try_seal_text, (void)fcntl(text_fd, F_ADD_SEALS, 0))
CONFINED_TRY(try_ftruncate, (void)!ftruncate(list_fd, 0))
CONFINED_TRY(try_close, (void)close(socket_fd))
CONFINED_TRY(try_prctl, (void)prctl(PR_SET_DUMPABLE, 1))
CONFINED_TRY(try_bpf, (void)syscall(SYS_bpf, 0, NULL, 0))
CONFINED_TRY(try_mmap_exec,
	     (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))

static const struct confined_attempt forbidden[] = {
	CONFINED_ROW(try_open),       CONFINED_ROW(try_write_text), CONFINED_ROW(try_read_other),
	CONFINED_ROW(try_send_other), CONFINED_ROW(try_socket),     CONFINED_ROW(try_fork),
	CONFINED_ROW(try_exec),       CONFINED_ROW(try_kill),       CONFINED_ROW(try_fcntl),
	CONFINED_ROW(try_seal_text),  CONFINED_ROW(try_ftruncate),  CONFINED_ROW(try_close),
	CONFINED_ROW(try_prctl),      CONFINED_ROW(try_bpf),        CONFINED_ROW(try_mmap_exec),
};

Test(groups_reader, child_may_read_one_file_and_write_one)
{
	int pair[2];

	text_set("0123456789");
	list_fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	socket_fd = pair[1];
	confined_kills_all(load, forbidden, sizeof(forbidden) / sizeof(forbidden[0]), path,
			   text_fd);
	close(list_fd);
	close(pair[0]);
	close(pair[1]);
}
