/* liquidnet-matrix: the workloads of GRIN's experiments. */
#include "nodes/grin/matrix/matrix.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

int main(int argc, char **argv)
{
	static int (*const modes[])(const struct options *, char **) = {
		matrix_run, matrix_serve, matrix_fetch};
	const struct sigaction on_stop = {.sa_handler = stop}; /* no SA_RESTART: waits end */
	struct options options;
	char *error = NULL;
	int status = options_read(argc, argv, &options);

	if (status < 0) {
		sigaction(SIGTERM, &on_stop, NULL);
		sigaction(SIGINT, &on_stop, NULL);
		signal(SIGPIPE, SIG_IGN);
		status = modes[options.mode](&options, &error);
		if (status < 0)
			fprintf(stderr, "liquidnet-matrix: %s\n", error ? error : "it failed");
		status = status < 0 ? 1 : status;
	}
	free(error);
	options_free(&options);
	return status;
}
