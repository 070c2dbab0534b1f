/* liquidnet-ndp: `serve` takes flows, `send` sends them. */
#include "lib/base/log.h"
#include "nodes/ndp/host/host.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define PRIORITY 9 /* below the link daemon's: a link is never late because of its users */

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Pulls leave by the clock: on a busy processor they are late without it, and whoever reads the figures must know. */
static void become_realtime(void)
{
	struct sched_param parameters = {.sched_priority = PRIORITY};

	prctl(PR_SET_TIMERSLACK, 1);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_event(LOG_LEVEL_WARNING, "not-locked",
			"error=\"%s\" remedy=\"raise the limit of locked memory\"", strerror(errno));
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) < 0)
		log_event(LOG_LEVEL_WARNING, "no-realtime",
			"error=\"%s\" effect=\"pulls leave late on a busy machine\" remedy=\"run as root, or give it CAP_SYS_NICE\"",
			strerror(errno));
}

int main(int argc, char **argv)
{
	const struct sigaction on_stop = {.sa_handler = stop}; /* no SA_RESTART: waits end */
	struct options options;
	char *error = NULL;
	int result;

	log_open("liquidnet-ndp", LOG_LEVEL_INFO);
	result = options_read(argc, argv, &options);
	if (result >= 0)
		return result;
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	become_realtime();
	if (options.transport == TRANSPORT_NDP)
		result = options.serve ? ndp_serve(&options, &error) : ndp_send(&options, &error);
	else
		result = options.serve ? stream_serve(&options, &error) : stream_send(&options, &error);
	if (result < 0)
		fprintf(stderr, "liquidnet-ndp: %s\n", error ? error : "it failed");
	free(error);
	return result < 0 ? 1 : result;
}
