/* QEMU's monitor (QMP): lines of JSON. Commands are answered in order; events come between. */
#ifndef LIQUIDNET_MIGRATION_QMP_H
#define LIQUIDNET_MIGRATION_QMP_H

#include <jansson.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct qmp;

/* `result`: what it returned, of the caller until it returns; NULL: refused, `reason` says why, or the monitor has ended. */
typedef void qmp_answered(void *context, json_t *result, const char *reason);

struct qmp_handlers {
	void (*event)(void *context, const char *name, json_t *data);
	void (*ended)(
		void *context); /* the monitor hung up, or said what nobody understands; every command was refused */
	void *context;
};

/* Speaks on fd, which becomes its own. */
struct qmp *qmp_open(sd_event *loop, int fd, const struct qmp_handlers *handlers);
void qmp_close(struct qmp *qmp); /* refuses what waits */
/* `arguments` (may be NULL): its reference is taken over. `answered` may be NULL. */
void qmp_send(struct qmp *qmp, const char *command, json_t *arguments, qmp_answered *answered, void *context);

/* For tests: bytes as if they had been read. -1: not understood. */
int qmp_feed(struct qmp *qmp, const char *bytes, size_t size);

#endif
