/* Control socket: a unix stream socket. A peer sends one line of text (a command and its words), and the daemon answers
 * with one line of JSON: {"ok":true,...} or {"ok":false,"error":"..."}. A connection may carry several requests; each is
 * answered when it is completed. A slow or dead peer never blocks the daemon. A command may also begin a stream of lines,
 * which ends with the connection. */
#ifndef LIQUIDNET_CONTROL_H
#define LIQUIDNET_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct control;         /* a listening socket and its peers */
struct control_request; /* one question; answered exactly once, now or later */

struct control_command {
	const char *name;      /* first word of the line */
	const char *arguments; /* for `help`: "HOST:PORT" */
	const char *summary;
	int min_words, max_words; /* words after the name */
	/* Must lead to exactly one control_answer or control_refuse, at once or later. words[] lives as long
	 * as the request. */
	void (*handle)(void *context, struct control_request *request, int count, char **words);
};

/* Listens at `path` (mode 0600; a stale socket there is replaced, a live one is an error). The table ends with a NULL
 * name; `help` is built in. Without a table (NULL) the path is occupied, and peers wait for control_serve. NULL with
 * *error on failure. control_close unlinks the path. Requests that still wait must be answered or refused after it too,
 * although nobody reads the answer. */
struct control *control_open(
	sd_event *loop, const char *path, const struct control_command *table, void *context, char **error);
/* Answers from now on by this table. -1 with errno. */
int control_serve(struct control *control, const struct control_command *table, void *context);
void control_close(struct control *control);

/* control_answer answers with `answer` (an object; the reference is taken over; "ok":true is added; NULL is a refusal).
 * control_refuse refuses with a reason. If the peer has gone, nothing is sent, and the request is freed all the same. */
void control_answer(struct control_request *request, json_t *answer);
void control_refuse(struct control_request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A stream instead of an answer. control_begin sends {"ok":true} with `answer`, as control_answer does, and the request
 * lives on. control_tell adds a line (JSON, without its end); false: the peer has gone, or has left more than 256 KiB
 * unread. The caller must then end the stream. control_end closes the connection; every stream needs it once. */
void control_begin(struct control_request *request, json_t *answer);
bool control_tell(struct control_request *request, const char *line);
void control_end(struct control_request *request);
/* True when the peer has gone: a handler that waits may give up (it must still answer or refuse). */
int control_abandoned(const struct control_request *request);

/* Client side: sends one line, waits at most timeout_ms for the answer. 0 and *answer (owned by the caller)
 * for {"ok":true}; -1 and *error for a refusal (its reason), a time-out or no daemon (the path and what). */
int control_call(const char *path, const char *line, int timeout_ms, json_t **answer, char **error);
/* Reads a line that a daemon has answered; results as above. */
int control_answered(const char *text, json_t **answer, char **error);

#endif
