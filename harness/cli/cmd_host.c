/* liquidnet host: the agent; `liquidnet run --hosts` starts it by ssh, on a host. */
#include "harness/cli/commands.h"
#include "harness/hosts/agent.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: liquidnet host\n"
	"Is started by `liquidnet run --hosts FILE` over ssh, on each host of the file, and is told by its standard input what\n"
	"to do there; it is not for people. It ends, and puts everything back, when its standard input does.\n";

int cmd_host(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return 0;
	}
	if (argc != 1 || isatty(STDIN_FILENO)) {
		fprintf(stderr,
			"liquidnet host: is started by `liquidnet run --hosts FILE` and told what to do; see liquidnet host --help\n");
		return 2;
	}
	return agent_main();
}
