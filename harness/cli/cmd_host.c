/* liquidnet host: the agent; `liquidnet run --hosts` starts it by ssh, on a host. */
#include "harness/cli/commands.h"
#include "harness/hosts/agent.h"
#include <stdio.h>
#include <unistd.h>

int cmd_host(int argc, char **argv)
{
	(void)argv;
	if (argc != 1 || isatty(STDIN_FILENO)) {
		fprintf(stderr,
			"liquidnet host: is started by `liquidnet run --hosts FILE` on each host of the file, and is told "
			"by its standard input what to do; docs/hosts.md\n");
		return 2;
	}
	return agent_main();
}
