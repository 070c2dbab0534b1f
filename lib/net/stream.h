/* One TCP connection as two buffers in an event loop. Frames are the user's. */
#ifndef LIQUIDNET_STREAM_H
#define LIQUIDNET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct stream {
	int fd; /* -1: closed */
	sd_event_source *source;
	uint8_t *in, *out;
	size_t in_size, in_room, out_from, out_size, out_room;
	void *owner;
	/* Gets the bytes that have come. Returns how many of them it takes (0: it needs more), or -1 to close. */
	ssize_t (*take)(void *owner, const uint8_t *bytes, size_t size);
	/* The connection is closed (the stream is; its fd is -1 already). The owner may free it. */
	void (*closed)(void *owner);
	/* A connection that was begun stands; may be NULL. */
	void (*connected)(void *owner);
	bool connecting;
	size_t out_max; /* the most that may wait to be sent; STREAM_OUT_MAX when 0 */
	size_t room; /* for what has come and was not taken: more than the longest frame; STREAM_ROOM when 0 */
};
#define STREAM_ROOM (256u << 10)

/* Takes the descriptor over (non-blocking). Set owner, take, closed before. -1: no memory; the descriptor is closed then. */
int stream_open(struct stream *stream, sd_event *loop, int fd, bool connecting);
/* Closes without calling closed(). */
void stream_close(struct stream *stream);
/* Adds to the bytes to be sent, and sends as many as possible. False: the stream is closed, or more than out_max would wait. */
#define STREAM_OUT_MAX (16u << 20)
bool stream_send(struct stream *stream, const void *head, size_t head_size, const void *value, size_t size);

#endif
