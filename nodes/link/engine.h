/* Engine: the data path of all links of one process, in one thread. It reads frames that leave an interface (attach.h), asks the
 * model when they are due (model.h), and sends them at that time. It is one source of the daemon's event loop: an epoll with
 * the TAPs and one timer. */
#ifndef LIQUIDNET_LINK_ENGINE_H
#define LIQUIDNET_LINK_ENGINE_H

#include "lib/base/control.h"
#include "nodes/link/settings.h"
#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct engine;

/* Attaches every end and begins to serve. NULL with *error; *bad_config tells whether the configuration names
 * what is not there. `settings` must outlive the engine. */
struct engine *engine_start(
	sd_event *loop, const struct settings *settings, bool realtime, bool *bad_config, char **error);
/* Gives every interface back. Packets that are held are lost. NULL-safe. */
void engine_stop(struct engine *engine);

/* {"realtime", "spin_us", "wake_us", "stalls", "memory_bytes", "events", "links": [{"name", "forward": {...},
 * "reverse": {...}}]}; see nodes/link/README.md. */
json_t *engine_status(struct engine *engine);
/* Takes the request over: a stream of events (events.h). */
void engine_subscribe(struct engine *engine, struct control_request *request);
/* Counters, high-water marks and histograms start again; what the models hold and will draw is untouched. */
void engine_reset(struct engine *engine);
/* The settings of one direction (0 forward, 1 reverse); NULL: no such link. */
const struct shape *engine_settings(const struct engine *engine, const char *link, int direction);
/* The same as JSON, as `status` has it. NULL: no such link. */
json_t *engine_settings_json(const struct engine *engine, const char *link, int direction);
/* A new shape from now on. -1 and *error: it stays as it was. */
int engine_change(
	struct engine *engine, const char *link, int direction, const struct shape *shape, char **error);

#endif
