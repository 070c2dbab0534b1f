/* Daemons: see the header. */
#include "lib/base/daemon.h"

#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define LOCK_FOLDER "/run/liquidnet"

static void usage(FILE *out, const struct daemon_description *d)
{
	fprintf(out,
		"%s: %s\n\nUsage: %s [OPTION...]\n"
		"  --config FILE      configuration (default %s)\n"
		"  --control SOCKET   answer questions on this unix socket\n"
		"  --ready-fd N       say READY on this descriptor\n"
		"  --log-level LEVEL  error, warning, info (default) or debug\n"
		"  --check            read the configuration and end\n"
		"  --help, --version\n",
		d->program, d->summary, d->program, d->default_config ? d->default_config : "none");
}

static int bad(const struct daemon_description *d, const char *what, const char *value)
{
	fprintf(stderr, "%s: %s%s; see %s --help\n", d->program, what, value ? value : "", d->program);
	return 2;
}

static int log_level(const char *name)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	for (int i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static int read_options(struct daemon *daemon, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"control", required_argument, NULL, 's'}, {"ready-fd", required_argument, NULL, 'r'},
		{"log-level", required_argument, NULL, 'l'}, {"check", no_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	const struct daemon_description *d = daemon->description;
	int64_t fd;
	int level = LOG_LEVEL_INFO;
	opterr = 0;
	optind = 1;
	/* "+": stops at the first word that is no option, so that `at` is where the option just read stands.
	 */
	for (int c, at = 1; (c = getopt_long(argc, argv, "+", options, NULL)) != -1; at = optind)
		switch (c) {
		case 'c':
			daemon->config_path = optarg;
			break;
		case 's':
			daemon->control_path = optarg;
			break;
		case 'r':
			if (unit_integer(optarg, &fd) < 0 || fd < 0 || fd > INT_MAX ||
				fcntl((int)fd, F_GETFD) < 0)
				return bad(
					d, "--ready-fd wants the number of an open descriptor, not ", optarg);
			daemon->ready_fd = (int)fd;
			/* Else what the daemon starts before READY would keep it open. */
			if (fd > STDERR_FILENO && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
				return bad(d, "--ready-fd: cannot keep it from children: ", strerror(errno));
			break;
		case 'l':
			if ((level = log_level(optarg)) < 0)
				return bad(
					d, "--log-level wants error, warning, info or debug, not ", optarg);
			break;
		case 'k':
			daemon->check_only = true;
			break;
		case 'h':
			usage(stdout, d);
			return 0;
		case 'v':
			printf("%s %s\n", d->program, liquidnet_version);
			return 0;
		default:
			return bad(d, "no such option, or its value is missing: ", argv[at]);
		}
	if (optind < argc)
		return bad(d, "takes no arguments, but got ", argv[optind]);
	log_open(d->program, (enum log_level)level);
	return -1;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct daemon *daemon = context;
	if (info->ssi_signo != SIGHUP)
		return sd_event_exit(sd_event_source_get_event(source), 0);
	if (daemon->reload)
		daemon->reload(daemon->context);
	else
		log_info("reload-ignored", "reason=\"nothing to read again\"");
	return 0;
}

int daemon_init(struct daemon *daemon, const struct daemon_description *description, int argc, char **argv)
{
	*daemon = (struct daemon){.description = description,
		.config_path = description->default_config,
		.rights = description->rights,
		.ready_fd = -1,
		.lock = -1};
	int status = read_options(daemon, argc, argv);
	if (status >= 0)
		return status;
	static const int handled[] = {SIGTERM, SIGINT, SIGHUP};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < 3; i++)
		sigaddset(&set, handled[i]);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sd_event_new(&daemon->loop) < 0) {
		log_error("no-event-loop", "errno=%d", errno);
		return 1;
	}
	for (size_t i = 0; i < 3; i++)
		if (sd_event_add_signal(daemon->loop, NULL, handled[i], on_signal, daemon) < 0) {
			log_error("no-signals", "signal=%d", handled[i]);
			return 1;
		}
	return -1;
}

/* Standard input, output and error are never left free for the next socket to land on: they get /dev/null. */
static void close_ready(int fd)
{
	int null = fd <= STDERR_FILENO ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	if (null >= 0) {
		dup2(null, fd);
		close(null);
	} else {
		close(fd);
	}
}

static void say_ready(struct daemon *daemon)
{
	if (daemon->ready_fd >= 0) {
		if (write(daemon->ready_fd, "READY\n", 6) < 0)
			log_warning("ready-unheard", "fd=%d error=\"%s\"", daemon->ready_fd, strerror(errno));
		close_ready(daemon->ready_fd);
		daemon->ready_fd = -1;
	}
	sd_notify(0, "READY=1");
	log_info("ready", "pid=%d", (int)getpid());
}

/* A byte of the program's file for each namespace (its inode, 32 bits) and interface (31 bits): no file is left for each
 * that ever was, and a namespace that gets an old one's number finds it free. */
static off_t place_of(int ifindex)
{
	struct stat netns;
	if (stat("/proc/self/ns/net", &netns) < 0)
		return -1;
	return (off_t)((netns.st_ino & UINT32_MAX) << 31) | ifindex;
}

int daemon_alone(struct daemon *daemon, int ifindex, char **error)
{
	const char *program = daemon->description->program;
	char path[PATH_MAX], place[IFNAMSIZ + 16] = "this network namespace", name[IFNAMSIZ];
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place_of(ifindex), .l_len = 1};

	if (ifindex && if_indextoname((unsigned)ifindex, name))
		snprintf(place, sizeof place, "interface %s", name);
	if (snprintf(path, sizeof path, LOCK_FOLDER "/%s.lock", program) >= (int)sizeof path ||
		folders_make(LOCK_FOLDER, 0755, error) < 0)
		return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && lock.l_start >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0) {
		daemon->lock = fd;
		return 0;
	}
	if (fd >= 0 && (errno == EAGAIN || errno == EACCES))
		error_set(error, "another %s serves %s; stop it first", program, place);
	else
		error_set(error, "%s: %s; the lock is root's", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_control(struct daemon *daemon, char **error)
{
	if (!daemon->control_path || daemon->control)
		return 0;
	daemon->control = control_open(daemon->loop, daemon->control_path, NULL, NULL, error);
	return daemon->control ? 0 : -1;
}

int daemon_run(struct daemon *daemon, const struct control_command *table, void *context)
{
	char *error = NULL;
	daemon->context = context;
	if (open_control(daemon, &error) < 0) {
		fprintf(stderr, "%s: %s\n", daemon->description->program, error);
		free(error);
		return 2;
	}
	if (daemon->control && control_serve(daemon->control, table, context) < 0) {
		log_error("no-control", "error=\"%s\"", strerror(errno));
		return 1;
	}
	if (confine(&daemon->rights, &error) < 0) {
		log_error("not-confined", "error=\"%s\"", error);
		free(error);
		return 1;
	}
	say_ready(daemon);
	int result = sd_event_loop(daemon->loop);
	log_info("stopped", "status=%d", result);
	return result < 0 ? 1 : result;
}

void daemon_free(struct daemon *daemon)
{
	control_close(daemon->control);
	daemon->control = NULL;
	daemon->loop = sd_event_unref(daemon->loop);
	if (daemon->lock >= 0)
		close(daemon->lock);
	daemon->lock = -1;
}

static int with_config(struct daemon *daemon, const struct daemon_parts *parts, char **error)
{
	daemon->config = parts->load(daemon->config_path, error);
	if (!daemon->config)
		return 2;
	if (daemon->check_only) {
		printf("%s: good\n", daemon->config_path);
		return 0;
	}
	/* Before anything is installed: one that answers at this path may have installed the same. */
	if (open_control(daemon, error) < 0)
		return 2;
	if (confine_start(&daemon->rights, error) < 0)
		return 1;
	return parts->serve(daemon, error);
}

int daemon_main(
	const struct daemon_description *description, const struct daemon_parts *parts, int argc, char **argv)
{
	struct daemon daemon;
	char *error = NULL;
	int status = daemon_init(&daemon, description, argc, argv);
	if (status >= 0)
		return status;
	status = with_config(&daemon, parts, &error);
	if (error && status == 2)
		fprintf(stderr, "%s: %s\n", description->program, error);
	else if (error)
		log_error("failed", "error=\"%s\"", error);
	free(error);
	parts->unload(daemon.config);
	daemon_free(&daemon);
	return status;
}
