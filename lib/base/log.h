/* Log: one line per event on standard error, such as `level=info program=liquidnet-detour event=mapping-added
 * client=10.0.1.1 port=5201`. Program name, level and the number of lost lines are the only global state of the libraries.
 * Logging never waits: a line is lost if the pipe, socket or terminal has no room for it. The next line that is written
 * reports the losses, as `event=log-lost lines=N`. */
#ifndef LIQUIDNET_LOG_H
#define LIQUIDNET_LOG_H

#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the program's name (kept by reference) and the most detailed level that is printed. From then on logging never
 * waits for the reader of standard error. */
void log_open(const char *program, enum log_level level);

/* Prints one event. `event` is a short name with dashes; `fields` are key=value pairs (a value with spaces
 * is written in double quotes by the caller). A line is written by one write(2). */
void log_event(enum log_level level, const char *event, const char *fields, ...)
	__attribute__((format(printf, 3, 4)));

/* The last line of the file at `path` that says something and does not begin with `but` (NULL: any), in `text`: what a
 * program said before it ended. Empty: there is none. What is no plain text in it, and double quotes, become '. */
void log_last_line(const char *path, const char *but, char *text, size_t size);

#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

#endif
