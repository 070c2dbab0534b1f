/* The programs of a machine: a cgroup of their own, which can be frozen and dies whole. */
#ifndef LIQUIDNET_MIGRATION_GROUP_H
#define LIQUIDNET_MIGRATION_GROUP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct group {
	char folder[PATH_MAX];
	int lock, freeze, events, kill; /* descriptors */
	int life;                       /* at its end the guardian ends the group; -1: there is none */
	pid_t guardian;
};
#define GROUP_NONE ((struct group){.lock = -1, .freeze = -1, .events = -1, .kill = -1, .life = -1})

/* Below the caller's cgroup (version 2). A guardian, a process, ends and removes it when the caller dies, and does so with the caller's present rights. Groups
 * whose owner and guardian are gone are ended and removed. -1 with *error. */
int group_open(struct group *group, char **error);
/* Returns when all of them stand still, or none does: 5 s at most. -1 with *error. */
int group_freeze(struct group *group, bool frozen, char **error);
/* Ends what is left in it, and removes it. */
void group_close(struct group *group);

#endif
