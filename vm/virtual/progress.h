/* What the kernel of virtual time tells a watcher: the page behind progress=FD. Also in kernel/liquidnet.h: keep them alike. */
#ifndef LIQUIDNET_VIRTUAL_PROGRESS_H
#define LIQUIDNET_VIRTUAL_PROGRESS_H

#include <stdint.h>

struct liquidnet_progress {
	uint64_t now_ns;  /* virtual time since boot */
	uint64_t entries; /* how often programs were let run */
	int32_t in_user;  /* one runs now: */
	int32_t pid;      /* its id in the guest */
	char comm[16];
};

#endif
