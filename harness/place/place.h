/* Place: where a node lives. What is done in a node is done through its place, so that the rest knows neither
 * namespaces nor processes of nodes: programs are started and stopped, files of the kernel read and written,
 * interfaces captured. One seam, a struct of functions per kind: a network namespace of this machine, or a host elsewhere
 * whose agent answers on a socket. */
#ifndef LIQUIDNET_PLACE_H
#define LIQUIDNET_PLACE_H

#include "lib/base/process.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_CAPTURE_WAKE_MS 100 /* the kernel hands packets over when a block is full, or after this */

struct pcap; /* libpcap's; its header does not go together with the kernel's BPF */
struct place;

struct place_kind {
	const char *name;
	/* Starts a program there; `options->netns_fd` is the place's own business. -1 and *error. */
	int (*start)(const struct place *place, const struct process_options *options,
		struct process *process, char **error);
	/* Ends it: a request, up to grace_ms for it to go, then by force; reaped on return. */
	void (*stop)(const struct place *place, struct process *process, int grace_ms);
	/* Runs a program to its end and collects what it prints, as process_run. */
	int (*run)(const struct place *place, const struct process_options *options, bool merge, int limit_ms,
		char **output, char **error);
	/* Runs a short program to its end with a text as its input, as process_feed. */
	int (*feed)(const struct place *place, const char *const *argv, const char *input, char **output,
		char **error);
	/* A file as that node sees it (/proc/sys/net/..., /proc/net/...). *text is the caller's, NUL-ended. 0, or
	 * -errno. */
	int (*read)(const struct place *place, const char *path, char **text);
	int (*write)(const struct place *place, const char *path, const char *text);
	/* Opens an interface for its packets, non-blocking, with times in nanoseconds. NULL and *error. */
	struct pcap *(*capture)(
		const struct place *place, const char *interface, uint32_t snap, char **error);
	/* Calls fn(context) inside the node's network, in this process. NULL: nodes of this kind are not on this
	 * machine, and what needs their sockets or devices in hand is refused. */
	int (*call)(const struct place *place, int (*fn)(void *context), void *context);
	/* Asks a daemon there over its control socket, as control_call. */
	int (*ask)(const struct place *place, const char *path, const char *line, int limit_ms,
		json_t **answer, char **error);
	/* Where nodes of this kind are not on this machine: whether somebody there listens on a TCP port; waits up to wait_ms
	 * until it is so. 1: yes, 0: no, -1 and *error. NULL: `call` is how to find out. */
	int (*listens)(const struct place *place, int port, int wait_ms, char **error);
	/* Likewise: begins a conversation with what keeps the node (message.h), `first` being the first word (its reference is
	 * taken over). A descriptor, the caller's, or -1 and *error. NULL: nobody keeps it but this machine. */
	int (*talk)(const struct place *place, json_t *first, char **error);
	void (*close)(struct place *place);
};

struct place {
	const struct place_kind *kind;
	const char *name; /* the node's */
	pid_t pid;    /* of a process that lives there as long as the node, as seen here; 0: none is here */
	int netns_fd; /* of its network namespace; -1: none is here */
	const char *socket; /* its agent's, as seen here; NULL: it needs none */
};

/* A node whose process is `pid`, in a network namespace of this machine. -1 and *error: it is not there. */
int place_open_namespace(struct place *place, const char *name, pid_t pid, char **error);
/* The same for a namespace that is open already; the descriptor stays the caller's. */
struct place place_of_namespace(const char *name, int netns_fd);
/* A node that is a host elsewhere; its agent answers on this socket. Nothing is opened. */
struct place place_of_host(const char *name, const char *socket);
/* A node that is nobody's, such as what lies between hosts: nothing can be done there. */
struct place place_of_nobody(const char *name);
bool place_is_nobodys(const struct place *place);

int place_start(const struct place *place, const struct process_options *options, struct process *process,
	char **error);
void place_stop(const struct place *place, struct process *process, int grace_ms);
int place_run(const struct place *place, const struct process_options *options, bool merge, int limit_ms,
	char **output, char **error);
int place_feed(
	const struct place *place, const char *const *argv, const char *input, char **output, char **error);
int place_read(const struct place *place, const char *path, char **text);
int place_write(const struct place *place, const char *path, const char *text);
struct pcap *place_capture(const struct place *place, const char *interface, uint32_t snap, char **error);
/* -1 and errno ENOTSUP where the kind has no `call`. */
int place_call(const struct place *place, int (*fn)(void *context), void *context);
int place_ask(const struct place *place, const char *path, const char *line, int limit_ms, json_t **answer,
	char **error);
/* False: place_listens and place_talk are not to be used, place_call is. */
bool place_is_elsewhere(const struct place *place);
int place_listens(const struct place *place, int port, int wait_ms, char **error);
int place_talk(const struct place *place, json_t *first, char **error);
void place_close(struct place *place);

#endif
