/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies behind libxdp's dispatcher on a device. */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include "base/cleanup.h"
#include "dispatcher_find.h"

#define BPFFS_USUAL  "/sys/fs/bpf" /* libxdp's, where LIBXDP_BPFFS names no other */
#define MAP_IDS_MAX  64            /* of one program (linux/bpf_verifier.h MAX_USED_MAPS) */
#define LOOKS_MAX    16            /* somebody may exchange the dispatcher while we look */
#define CONFIG_BYTES sizeof(struct xdp_dispatcher_config)

struct program {
	struct bpf_prog_info info;
	uint32_t map_ids[MAP_IDS_MAX];
};

static int program_read(int fd, struct program *ret_program)
{
	uint32_t bytes = sizeof(ret_program->info);

	*ret_program = (struct program){};
	ret_program->info.nr_map_ids = MAP_IDS_MAX;
	ret_program->info.map_ids = (uintptr_t)ret_program->map_ids;
	if (bpf_obj_get_info_by_fd(fd, &ret_program->info, &bytes))
		return -errno;
	if (ret_program->info.nr_map_ids > MAP_IDS_MAX) /* the kernel says how many there are */
		ret_program->info.nr_map_ids = MAP_IDS_MAX;
	return 0;
}

/* As libxdp looks: the program that receives packets, whatever the mode. 0: none. */
static uint32_t xdp_on(uint32_t ifindex, uint8_t *ret_mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return 0;
	if (ret_mode)
		*ret_mode = query.drv_prog_id ? IPACCT_MODE_NATIVE : IPACCT_MODE_GENERIC;
	return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

static int dir_of(uint32_t ifindex, uint32_t id, char *buffer, size_t buffer_bytes)
{
	const char *bpffs = secure_getenv(XDP_BPFFS_ENVVAR);
	int n = snprintf(buffer, buffer_bytes, "%s/xdp/dispatch-%u-%u", bpffs ? bpffs : BPFFS_USUAL,
			 ifindex, id);

	if (n < 0 || (size_t)n >= buffer_bytes)
		return -ENAMETOOLONG;
	return access(buffer, F_OK) ? -errno : 0;
}

int dispatcher_dir(uint32_t ifindex, char *buffer, size_t buffer_bytes, uint8_t *ret_mode)
{
	uint32_t id = xdp_on(ifindex, ret_mode);

	return id ? dir_of(ifindex, id, buffer, buffer_bytes) : -ENOENT;
}

static int map_by_id(uint32_t id, struct bpf_map_info *ret_info)
{
	int fd = bpf_map_get_fd_by_id(id);
	uint32_t bytes = sizeof(*ret_info);

	*ret_info = (struct bpf_map_info){};
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, ret_info, &bytes))
		close_fd(&fd);
	return fd;
}

/* A map of constants of the program with values of this size: an open descriptor, or −ENOENT. */
static int constants_open(const struct program *program, size_t bytes, size_t *ret_bytes)
{
	for (uint32_t i = 0; i < program->info.nr_map_ids; i++) {
		struct bpf_map_info info;
		int fd __cleanup(cleanup_fd) = map_by_id(program->map_ids[i], &info);

		if (fd < 0 || info.type != BPF_MAP_TYPE_ARRAY || info.max_entries != 1 ||
		    !(info.map_flags & BPF_F_RDONLY_PROG) || info.value_size < bytes)
			continue;
		*ret_bytes = info.value_size;
		return take_fd(&fd);
	}
	return -ENOENT;
}

/* What libxdp has given the dispatcher: the only program of its own with such a map. */
static int config_read(uint32_t id, struct xdp_dispatcher_config *ret_config)
{
	int prog_fd __cleanup(cleanup_fd) = bpf_prog_get_fd_by_id(id), map_fd = -1;
	char *value __cleanup(cleanup_free) = NULL;
	struct program program;
	uint32_t zero = 0;
	size_t bytes;
	int ret = prog_fd < 0 ? -errno : program_read(prog_fd, &program);

	if (ret)
		return ret;
	map_fd = constants_open(&program, CONFIG_BYTES, &bytes);
	if (map_fd < 0)
		return map_fd;
	value = malloc(bytes);
	ret = !value ? -ENOMEM : bpf_map_lookup_elem(map_fd, &zero, value) ? -errno : 0;
	close_fd(&map_fd);
	if (ret)
		return ret;
	memcpy(ret_config, value, CONFIG_BYTES);
	return ret_config->magic == XDP_DISPATCHER_MAGIC ? 0 : -ENOENT;
}

static bool counts_into(const struct program *program, uint32_t ctl_id)
{
	for (uint32_t i = 0; i < program->info.nr_map_ids; i++)
		if (program->map_ids[i] == ctl_id)
			return true;
	return false;
}

static int link_open_at(const char *dir, unsigned int number, struct dispatched *ret_found)
{
	struct bpf_link_info info = {};
	uint32_t bytes = sizeof(info);
	char path[IPACCT_PIN_PATH_BYTES];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/prog%u-link", dir,
		       number); /* fits: dispatcher_dir */
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	if (!bpf_obj_get_info_by_fd(fd, &info, &bytes))
		ret_found->link_id = info.id;
	ret_found->link_fd = fd;
	return 0;
}

/* 1: one of ours, ret_found is filled; 0: of somebody else. */
static int look_at(const char *dir, unsigned int number, uint32_t ctl_id,
		   struct dispatched *ret_found)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int fd __cleanup(cleanup_fd) = -1;
	struct program program;
	int ret;

	if ((size_t)snprintf(path, sizeof(path), "%s/prog%u-prog", dir, number) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	ret = fd < 0 ? -errno : program_read(fd, &program);
	if (ret || !counts_into(&program, ctl_id))
		return ret;
	*ret_found = (struct dispatched){
		.link_fd = -1,
		.prog_id = program.info.id,
		.position = number,
	};
	memcpy(ret_found->name, program.info.name, sizeof(ret_found->name));
	memcpy(ret_found->tag, program.info.tag, sizeof(ret_found->tag));
	ret = link_open_at(dir, number, ret_found);
	return ret ? ret : 1;
}

static int find_in(const char *dir, uint32_t dispatcher_id, uint32_t ctl_id,
		   struct dispatched *ret_found)
{
	struct xdp_dispatcher_config config;
	int ret = config_read(dispatcher_id, &config), n = 0;

	for (unsigned int i = 0; !ret && i < config.num_progs_enabled &&
				 i < MAX_DISPATCHER_ACTIONS && n < DISPATCHER_OURS_MAX;
	     i++) {
		int found = look_at(dir, i, ctl_id, &ret_found[n]);

		if (found < 0)
			return found;
		if (!found)
			continue;
		ret_found[n].turn = config.run_prios[i] == DISPATCHER_PRIORITY(IPACCT_TURN_SECOND)
					    ? IPACCT_TURN_SECOND
					    : IPACCT_TURN_FIRST;
		ret_found[n].n = config.num_progs_enabled;
		ret_found[n++].dispatcher_id = dispatcher_id;
	}
	return ret ? ret : n;
}

void dispatched_close(struct dispatched found[DISPATCHER_OURS_MAX])
{
	for (unsigned int i = 0; i < DISPATCHER_OURS_MAX; i++)
		close_fd(&found[i].link_fd);
}

static void none_found(struct dispatched found[DISPATCHER_OURS_MAX])
{
	for (unsigned int i = 0; i < DISPATCHER_OURS_MAX; i++)
		found[i] = (struct dispatched){ .link_fd = -1 };
}

int dispatcher_find(const struct ipacct_maps *maps, uint32_t ifindex,
		    struct dispatched ret_found[DISPATCHER_OURS_MAX])
{
	struct bpf_map_info ctl = {};
	uint32_t bytes = sizeof(ctl);
	char dir[IPACCT_PIN_PATH_BYTES - sizeof("/progNN-link")];
	int ret = -ENOENT;

	none_found(ret_found);
	if (bpf_obj_get_info_by_fd(maps->ctl_fd, &ctl, &bytes))
		return -errno;
	for (int i = 0; i < LOOKS_MAX; i++) {
		uint32_t id = xdp_on(ifindex, NULL);

		if (!id || dir_of(ifindex, id, dir, sizeof(dir)))
			ret = 0; /* no dispatcher, so nothing of ours behind it */
		else
			ret = find_in(dir, id, ctl.id, ret_found);
		if (xdp_on(ifindex, NULL) == id)
			break;
		dispatched_close(ret_found);
		ret = -EBUSY;
	}
	if (ret < 0)
		dispatched_close(ret_found);
	return ret;
}

size_t slots_without_link(const char *bpffs_dir, uint8_t attach,
			  struct link_facts ret_found[IPACCT_IFS_MAX])
{
	char path[IPACCT_PIN_PATH_BYTES];
	struct bpf_map_info info = {};
	int fd __cleanup(cleanup_fd) = -1;
	uint32_t bytes = sizeof(info);
	size_t n = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/" IPACCT_PIN_IFS, bpffs_dir) >= sizeof(path))
		return 0;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &bytes) ||
	    info.value_size != sizeof(struct ipacct_interface))
		return 0;
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct ipacct_interface record;

		if (!bpf_map_lookup_elem(fd, &slot, &record) && record.attach == attach &&
		    record.state == IPACCT_IF_ATTACHED)
			ret_found[n++] = (struct link_facts){ .ifindex = record.ifindex,
							      .hook = record.hook };
	}
	return n;
}

bool dispatched_has_settings(const struct dispatched *found, const void *settings, size_t bytes)
{
	int prog_fd __cleanup(cleanup_fd) = bpf_prog_get_fd_by_id(found->prog_id);
	int map_fd __cleanup(cleanup_fd) = -1;
	char *value __cleanup(cleanup_free) = NULL;
	struct program program;
	uint32_t zero = 0;
	size_t found_bytes;

	if (prog_fd < 0 || program_read(prog_fd, &program))
		return false;
	map_fd = constants_open(&program, bytes, &found_bytes);
	if (map_fd < 0 || found_bytes != bytes)
		return false;
	value = malloc(bytes);
	return value && !bpf_map_lookup_elem(map_fd, &zero, value) &&
	       !memcmp(value, settings, bytes);
}
