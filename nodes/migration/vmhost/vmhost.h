/* One host of a machine that moves: its QEMU, the cable to it, and what is asked over the control socket. */
#ifndef LIQUIDNET_MIGRATION_VMHOST_H
#define LIQUIDNET_MIGRATION_VMHOST_H

#include "lib/base/daemon.h"
#include "lib/base/process.h"
#include "nodes/migration/vmhost/config.h"
#include "nodes/migration/vmhost/qmp.h"

/* IDLE: no QEMU. WAITING: one that a machine may come to. LEAVING: the machine runs here and is being copied away. GONE: it has left; what is here is a QEMU without life, until
 * another machine is started or waited for. */
enum phase { IDLE, STARTING, RUNNING, WAITING, LEAVING, GONE, PHASES };

/* HYBRID: pre-copy, and post-copy when the limit is reached. */
enum mode { PRECOPY, POSTCOPY, HYBRID, MODES };

struct vmhost {
	struct daemon *daemon;
	const struct vmhost_config *config;
	enum phase phase;
	int tap, cable; /* descriptors: of the device, of the messages on it */
	sd_event_source *heard, *again, *limit, *lost;
	struct process qemu;
	struct qmp *qmp;
	struct control_request *request; /* that waits; NULL */
	enum mode mode;
	bool split; /* post-copy has begun: the machine is at neither host alone, and there is no way back */
	uint64_t rate_bps;
	unsigned passes;        /* of the migration that runs or ran */
	unsigned asked;         /* how often, for its figures */
	int64_t began, resumed; /* clock */
	bool silent;            /* that it has not taken its address was told of */
	double taken_ms;        /* from its going on here until the machine had its address; 0: not yet */
	json_t *last;           /* of the last migration away; NULL */
};

/* The device, its address, the messages. -1 with *error. (cable.c) */
int cable_open(struct vmhost *host, char **error);
void cable_close(struct vmhost *host);
/* Tells the machine where it is, until it has taken it. */
void cable_announce(struct vmhost *host);

/* QEMU with the machine: that boots, or that waits for one. -1 with *error. (machine.c) */
int machine_start(struct vmhost *host, bool incoming, char **error);
/* Before the first machine. -1 with *error. (machine.c) */
int machine_open(struct vmhost *host, char **error);
void machine_close(struct vmhost *host);
/* Ends QEMU, whatever it does. */
void machine_end(struct vmhost *host);
/* Copies the machine to another host; host->request is answered when that has ended. */
void machine_leave(struct vmhost *host, const struct vmhost_other *to);
/* A machine may come; host->request is answered when QEMU listens. */
void machine_expect(struct vmhost *host);
extern const char *const phase_names[PHASES], *const mode_names[MODES];

/* The request that waits, if one does, is answered, or refused. (main.c) */
void vmhost_answer(struct vmhost *host, json_t *answer);
void vmhost_refuse(struct vmhost *host, const char *reason);

#endif
