/* Messages: what the harness and a host's agent say to each other over a stream: a line of JSON, an object; where it has
 * a member "bytes", so many bytes follow the line. What comes in is a stranger's. */
#ifndef LIQUIDNET_MESSAGE_H
#define LIQUIDNET_MESSAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_LINE_MAX (256 << 10)
#define MESSAGE_BYTES_MAX (1 << 20)

struct message {
	json_t *head; /* an object; owned */
	char *bytes;  /* owned; a zero byte behind them; NULL: none came */
	size_t count;
};

struct channel { /* one side's view of a stream; {.fd = FD} is one that nothing has come from */
	int fd;
	char *text; /* what has come and is no message yet */
	size_t size, room;
};

/* Sends one (the head's reference is taken over), waiting until the peer has room. -1 with errno. */
int message_send(int fd, json_t *head, const void *bytes, size_t count);
/* The same without bytes. */
int message_say(int fd, json_t *head);
void message_free(struct message *message);

/* Takes the first message that has come whole. 1: here it is, 0: not yet, -1: what came is none; *error. */
int channel_take(struct channel *channel, struct message *message, char **error);
/* Reads what is there. 1: something came, 0: nothing now (a stream that does not block), -1: the end or a fault. */
int channel_read(struct channel *channel);
/* Waits for the next one until `deadline_ns` (CLOCK_MONOTONIC). -1 and *error: none came, or {"error": ...} did, whose
 * text it is then. */
int channel_await(struct channel *channel, struct message *message, int64_t deadline_ns, char **error);
/* Closes the stream and frees. */
void channel_close(struct channel *channel);

/* A member of a message that is a text, "" where there is none; a number, 0 likewise. */
const char *message_text(const json_t *head, const char *key);
int64_t message_number(const json_t *head, const char *key);

#endif
