/* Events: who asks for `events` on the control socket hears, a line of JSON each, what changes state on the
 * links: cellular radios, radios that switch channels, settings. Times are CLOCK_MONOTONIC's, in nanoseconds,
 * and those at which it happened; the telling comes later by up to 10 ms and a turn of the loop. Without a
 * listener nothing is done. A reader that lets 256 KiB lie is hung up on and counted. */
#ifndef LIQUIDNET_LINK_EVENTS_H
#define LIQUIDNET_LINK_EVENTS_H

#include "lib/base/control.h"
#include "lib/link/medium.h"
#include "lib/link/radio.h"
#include "lib/link/shape.h"
#include <jansson.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct events;

/* For `count` links at most. NULL: no memory. */
struct events *events_new(sd_event *loop, size_t count);
/* Ends the streams. NULL-safe. Before that the control socket is closed. */
void events_free(struct events *events);
/* What is told of; all of it must outlive the events. Watching a medium again does nothing. */
void events_watch_radio(struct events *events, struct radio *radio, const char *link);
void events_watch_medium(struct events *events, struct medium *medium);

/* Answers with {"radios": [{"link", "state"}]}, and then a line for each event. */
void events_subscribe(struct events *events, struct control_request *request);
void events_settings(struct events *events, const char *link, int direction, const struct shape *shape);
/* Lines and readers dropped are counted from zero again. */
void events_forget(struct events *events);
/* {"readers", "lines", "dropped_readers"} */
json_t *events_json(const struct events *events);

#endif
