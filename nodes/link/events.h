/* Events: after the command `events` a peer of the control socket gets one line of JSON per change of state on the links: of
 * cellular radios, of radios that switch channels, of settings. Times are those of the change, in nanoseconds of
 * CLOCK_MONOTONIC. The line comes later, by up to 10 ms and one turn of the loop. Without a reader nothing is done. The
 * connection of a reader that leaves 256 KiB unread is closed, and counted. */
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
/* What to report. The radio and the medium must outlive the events. Watching a medium again does nothing. */
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
