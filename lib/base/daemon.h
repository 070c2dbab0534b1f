/* What every daemon of nodes/ has in common: options, signals, READY, the control socket, the event loop.
 *
 * Options: --config FILE, --control SOCKET, --ready-fd N, --log-level error|warning|info|debug, --check (read
 * the configuration, say so, exit), --help, --version. Bad options, a bad configuration or a control socket
 * that cannot be had: one line, exit status 2, nothing started. READY: the word "READY\n" on the descriptor,
 * which is then closed; also sd_notify when NOTIFY_SOCKET is set. SIGTERM and SIGINT end the loop; SIGHUP
 * calls reload. SIGPIPE is ignored. Privileges: daemon_main leaves those of `rights` before anything is opened,
 * daemon_run those that it keeps, before READY (confine.h).
 *
 * The event loop is sd-event: timers on CLOCK_MONOTONIC in microseconds (libuv's have milliseconds),
 * signalfd, pidfds and priorities, in one library that Debian always has. */
#ifndef LIQUIDNET_DAEMON_H
#define LIQUIDNET_DAEMON_H

#include "lib/base/confine.h"
#include "lib/base/control.h"
#include <stdbool.h>
#include <systemd/sd-event.h>

struct daemon_description {
	const char *program;        /* "liquidnet-detour" */
	const char *summary;        /* one line for --help */
	const char *default_config; /* "/etc/liquidnet/detour.yaml" */
	struct confinement rights;  /* least privileges: what is not said is given away */
};

struct daemon;

/* What daemon_main needs of a daemon. */
struct daemon_parts {
	/* Reads and checks the configuration. NULL and *error ("FILE:LINE: what; remedy"). */
	void *(*load)(const char *path, char **error);
	void (*unload)(void *config); /* may be given NULL */
	/* Makes ready, calls daemon_run, takes down. The control socket is there already, and answers from
	 * daemon_run on. Returns the exit status; *error when it did not get as
	 * far as daemon_run: 2 if what was configured is to blame, 1 otherwise. */
	int (*serve)(struct daemon *daemon, char **error);
};

struct daemon {
	const struct daemon_description *description;
	sd_event *loop;
	const char *config_path;
	void *config;             /* of daemon_main; whoever reads it again (reload) frees the old one */
	const char *control_path; /* NULL: no control socket was asked for */
	bool check_only;
	struct confinement rights;     /* the description's, until `serve` knows more of the configuration */
	void (*reload)(void *context); /* SIGHUP; NULL: ignored with a log line */
	void *context;
	int ready_fd;
	int lock; /* of daemon_alone; -1: none */
	struct control *control;
};

/* A daemon's whole main: options, configuration, --check, serve, and what stays to be freed. Returns main's.
 */
int daemon_main(const struct daemon_description *description, const struct daemon_parts *parts, int argc,
	char **argv);

/* Its steps, for programs without a configuration file. Reads the options and makes the loop. Returns -1 to
 * go on, else the exit status to end with at once. */
int daemon_init(struct daemon *daemon, const struct daemon_description *description, int argc, char **argv);
/* Makes sure that this daemon is alone in its network namespace, or on one interface there (ifindex; 0: the namespace).
 * Two daemons of one kind would take each other's rules in the kernel for their own. Call it before anything is installed.
 * It locks /run/liquidnet/PROGRAM.lock until daemon_free or the end of the process, however it ends. Only root may open
 * that file, so nobody else can keep a daemon from starting. -1 with *error: another one runs. */
int daemon_alone(struct daemon *daemon, int ifindex, char **error);
/* Opens the control socket (if asked for and not open yet), answers on it, says READY, runs until a signal or
 * sd_event_exit. Returns the exit status (0 after a signal). */
int daemon_run(struct daemon *daemon, const struct control_command *table, void *context);
void daemon_free(struct daemon *daemon);

#endif
