/* liquidnet-cc: brings coupled congestion controls (LIA, OLIA, BALIA) into a stock kernel, and takes them out
 * again. `load` holds them until it ends, however it ends; `--pin` leaves them there on purpose. */
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include "nodes/congestion/algorithms.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOADED_MAX 8

static const char help[] =
	"liquidnet-cc: coupled congestion controls for Multipath TCP: lia, olia, balia\n\n"
	"Usage: liquidnet-cc COMMAND [OPTION...] [NAME...]\n\n"
	"  load NAME...     register them, say READY, hold them until SIGTERM, SIGINT or their unload\n"
	"    --ready-fd N   say READY on this descriptor\n"
	"    --pin FOLDER   keep them in a folder of a bpf file system instead, say READY, and end\n"
	"  unload NAME...   take them out, whoever holds them; open sockets keep them until they close\n"
	"  status           one line of JSON a name\n"
	"  check            whether this kernel takes them; registers nothing\n"
	"\nExit status: 0 done, 1 not possible here, 2 bad input.\n";

struct options {
	const char *pin;
	int ready_fd, count;
	int algorithms[LOADED_MAX];
};

static int fail(char *error, int status)
{
	fprintf(stderr, "liquidnet-cc: %s\n", error ? error : "failed");
	free(error);
	return status;
}

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "liquidnet-cc: %s%s; see liquidnet-cc --help\n", what, value);
	return 2;
}

/* -1: go on; else the exit status. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{"ready-fd", required_argument, NULL, 'r'}, {"pin", required_argument, NULL, 'p'}, {0}};
	int64_t fd;
	*o = (struct options){.ready_fd = -1};
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'r' && unit_integer(optarg, &fd) == 0 && fd >= 0 && fd <= INT_MAX)
			o->ready_fd = (int)fd;
		else if (c == 'p')
			o->pin = optarg;
		else
			return bad("no such option, or no value for it: ", argv[optind - 1]);
	}
	for (int i = optind; i < argc; i++) {
		int algorithm = algorithm_find(argv[i]);
		if (algorithm < 0)
			return bad("there are lia, olia and balia, and no ", argv[i]);
		if (o->count == LOADED_MAX)
			return bad("too many names from here: ", argv[i]);
		o->algorithms[o->count++] = algorithm;
	}
	return -1;
}

static void path_of_pin(const struct options *o, int i, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", o->pin, algorithm_name(o->algorithms[i]));
}

/* All of them or none. */
static int pin(const struct options *o, const int *links, char **error)
{
	char path[PATH_MAX];
	for (int i = 0; i < o->count; i++) {
		path_of_pin(o, i, path);
		if (bpf_obj_pin(links[i], path) == 0)
			continue;
		error_set(error,
			"%s: %s; name an empty folder of a bpf file system (mount -t bpf bpf /sys/fs/bpf)",
			path, strerror(errno));
		while (i--) {
			path_of_pin(o, i, path);
			unlink(path);
		}
		return -1;
	}
	return 0;
}

static int say_ready(const struct options *o)
{
	if (o->ready_fd >= 0 && (write(o->ready_fd, "READY\n", 6) != 6 || close(o->ready_fd) < 0))
		return bad("--ready-fd cannot be written: ", strerror(errno));
	return 0;
}

/* Holds the links until a signal. A link that somebody detached hangs up (Linux 6.11, which is also the first
 * that can detach it): what was promised is not there any more, which is an error. */
static int hold(const struct options *o, const int *links)
{
	struct pollfd p[LOADED_MAX + 1];
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	int unheard = say_ready(o);
	if (unheard)
		return unheard;
	p[0] = (struct pollfd){.fd = fd, .events = POLLIN};
	for (int i = 0; i < o->count; i++)
		p[i + 1] = (struct pollfd){.fd = links[i]};
	while (poll(p, (nfds_t)o->count + 1, -1) < 0 && errno == EINTR)
		;
	for (int i = 0; i < o->count; i++)
		if (p[i + 1].revents & (POLLHUP | POLLERR)) {
			log_error("unloaded by another process", "name=%s", algorithm_name(o->algorithms[i]));
			return 1;
		}
	return 0;
}

static int load(const struct options *o)
{
	int links[LOADED_MAX];
	char *error = NULL;
	bool shared;
	for (int i = 0; i < o->count; i++) {
		links[i] = -1; /* that of a kernel which has its own: poll passes over it */
		if (algorithm_builtin(o->algorithms[i])) {
			if (o->pin)
				return bad("the kernel has its own, which cannot be pinned: ",
					algorithm_name(o->algorithms[i]));
			log_info("built into the kernel", "name=%s", algorithm_name(o->algorithms[i]));
			continue;
		}
		links[i] = algorithm_register(o->algorithms[i], &shared, &error);
		if (links[i] < 0)
			return fail(error, 1);
		log_info("loaded", "name=%s shared=%s", algorithm_name(o->algorithms[i]),
			shared ? "yes" : "no");
	}
	if (o->pin)
		return pin(o, links, &error) < 0 ? fail(error, 1) : say_ready(o);
	return hold(o, links);
}

static int unload(const struct options *o)
{
	char *error = NULL;
	for (int i = 0; i < o->count; i++)
		if (algorithm_unregister(o->algorithms[i], &error) < 0)
			return fail(error, 1);
	return 0;
}

static int status(void)
{
	char *error = NULL;
	for (int i = 0; algorithm_name(i); i++) {
		struct algorithm_state s;
		if (algorithm_state(i, &s, &error) < 0)
			return fail(error, 1);
		printf("{\"name\":\"%s\",\"available\":%s,\"link\":%u,\"sockets\":%lld,\"repaired\":%lld}\n",
			algorithm_name(i), s.available ? "true" : "false", s.link, (long long)s.sockets,
			(long long)s.repaired);
	}
	return 0;
}

static int check(void)
{
	char *error = NULL;
	for (int i = 0; algorithm_name(i); i++)
		if (!algorithm_builtin(i) && algorithm_check(i, &error) < 0)
			return fail(error, 1);
	printf("lia, olia and balia can be loaded\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct options o;
	const char *command = argc > 1 ? argv[1] : "";
	log_open("liquidnet-cc", LOG_LEVEL_INFO);
	if (strcmp(command, "--help") == 0)
		return printf("%s", help) < 0;
	if (strcmp(command, "--version") == 0)
		return printf("liquidnet-cc %s\n", liquidnet_version) < 0;
	int result = argc > 1 ? read_options(&o, argc - 1, argv + 1) : bad("no command", "");
	if (result >= 0)
		return result;
	bool names = strcmp(command, "load") == 0 || strcmp(command, "unload") == 0;
	if (names != (o.count > 0))
		return bad(names ? "name at least one algorithm to " : "takes no names: ", command);
	if (names)
		return strcmp(command, "load") == 0 ? load(&o) : unload(&o);
	if (strcmp(command, "status") == 0)
		return status();
	return strcmp(command, "check") == 0 ? check() : bad("no such command: ", command);
}
