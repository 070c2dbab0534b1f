/* What every daemon of nodes/ has in common: options, signals, READY, the control socket, the event loop.
 *
 * Options: --config FILE, --control SOCKET, --ready-fd N, --log-level error|warning|info|debug, --check (read the
 * configuration, report whether it is good, exit), --help, --version. With bad options, a bad configuration or a control
 * socket that cannot be opened, the daemon prints one line and exits with status 2; nothing was started.
 *
 * READY: the daemon writes "READY\n" to the descriptor and closes it; it also calls sd_notify when NOTIFY_SOCKET is set.
 * SIGTERM and SIGINT end the loop; SIGHUP calls reload; SIGPIPE is ignored.
 *
 * Privileges (confine.h): daemon_main reduces them to all of `rights` before anything is opened. daemon_run reduces them
 * to those that are kept, before READY.
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
	struct confinement rights;  /* least privileges; it gives up all others */
};

struct daemon;

/* What daemon_main needs of a daemon. */
struct daemon_parts {
	/* Reads and checks the configuration. NULL and *error ("FILE:LINE: what; remedy"). */
	void *(*load)(const char *path, char **error);
	void (*unload)(void *config); /* may be given NULL */
	/* Prepares, calls daemon_run, cleans up. The control socket exists already, and answers from daemon_run
	 * on. Returns the exit status. If it fails before daemon_run, it sets *error and returns 2 if the
	 * configuration is the cause, 1 otherwise. */
	int (*serve)(struct daemon *daemon, char **error);
};

struct daemon {
	const struct daemon_description *description;
	sd_event *loop;
	const char *config_path;
	void *config;             /* of daemon_main; reload, which reads it again, frees the old one */
	const char *control_path; /* NULL: no control socket was asked for */
	bool check_only;
	struct confinement rights;     /* the description's, until `serve` knows more of the configuration */
	void (*reload)(void *context); /* SIGHUP; NULL: ignored with a log line */
	void *context;
	int ready_fd;
	int lock; /* of daemon_alone; -1: none */
	struct control *control;
};

/* A daemon's whole main function: options, configuration, --check, serve, freeing. Returns main's result. */
int daemon_main(const struct daemon_description *description, const struct daemon_parts *parts, int argc,
	char **argv);

/* The steps of daemon_main, for programs without a configuration file. daemon_init reads the options and makes the loop.
 * It returns -1 if the program is to go on, otherwise the exit status with which it must end at once. */
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
