/* Control socket: a unix stream socket on which a daemon answers one line of text (a command and its words)
 * with one line of JSON: {"ok":true,...} or {"ok":false,"error":"..."}. Several requests a connection are
 * answered in order of completion of each; a slow or dead peer never blocks the daemon. A command may also
 * begin a stream of lines, which ends with the connection. */
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

/* Listens at `path` (mode 0600; a stale socket there is replaced, a live one is an error). The table ends
 * with a NULL name; `help` is built in. Without a table (NULL) the path is taken, and whoever asks waits for
 * control_serve. Returns NULL on failure with *error. control_close unlinks the path; requests that still
 * wait may be answered or refused after it (nobody hears), and must be. */
struct control *control_open(
	sd_event *loop, const char *path, const struct control_command *table, void *context, char **error);
/* Answers from now on by this table. -1 with errno. */
int control_serve(struct control *control, const struct control_command *table, void *context);
void control_close(struct control *control);

/* Answers with `answer` (an object; reference taken over; "ok":true is added; NULL is a refusal) / refuses
 * with a reason. The peer may be gone: nothing happens then, and the request is freed all the same. */
void control_answer(struct control_request *request, json_t *answer);
void control_refuse(struct control_request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Instead of an answer: a stream. control_begin says {"ok":true} with `answer`, as control_answer does, and
 * the request lives on; control_tell adds a line (JSON, without its end). False: the peer has gone, or lets
 * more than 256 KiB lie; it is to be ended then, as every stream is once. control_end hangs up. */
void control_begin(struct control_request *request, json_t *answer);
bool control_tell(struct control_request *request, const char *line);
void control_end(struct control_request *request);
/* True when the peer has gone: a handler that waits may give up (it must still answer or refuse). */
int control_abandoned(const struct control_request *request);

/* Client side: sends one line, waits at most timeout_ms for the answer. 0 and *answer (owned by the caller)
 * for {"ok":true}; -1 and *error for a refusal (its reason), a time-out or no daemon (the path and what). */
int control_call(const char *path, const char *line, int timeout_ms, json_t **answer, char **error);
/* What a line says that a daemon has answered, as above. */
int control_answered(const char *text, json_t **answer, char **error);

#endif
