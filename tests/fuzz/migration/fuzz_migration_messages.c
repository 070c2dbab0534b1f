/* What a machine and its host say to each other, and QEMU's monitor: any bytes. The first one says which. */
#include "nodes/migration/message.h"
#include "nodes/migration/vmhost/qmp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void on_event(void *context, const char *name, json_t *data)
{
	(void)data;
	*(size_t *)context += strlen(name);
}

static void on_end(void *context)
{
	(void)context;
}

static void on_answer(void *context, json_t *result, const char *reason)
{
	if (!result == !reason)
		abort();
	++*(size_t *)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t heard = 0;
	const struct qmp_handlers handlers = {on_event, on_end, &heard};
	if (size == 0)
		return 0;
	if (data[0] == 'm') {
		struct message message = message_read(data + 1, size - 1);
		if (message.kind == MESSAGE_PLACE && (!*message.place.name || !message.place.prefix))
			abort();
		return 0;
	}
	struct qmp *qmp = qmp_open(NULL, -1, &handlers);
	qmp_send(qmp, "query-migrate", NULL, on_answer, &heard);
	qmp_feed(qmp, (const char *)data + 1, size - 1);
	qmp_close(qmp);
	return 0;
}
