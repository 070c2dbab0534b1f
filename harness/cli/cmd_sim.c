/* liquidnet sim SYSTEM ...: runs a system's simulator, the program liquidnet-SYSTEM-sim beside us; lists them. */
#include "harness/cli/commands.h"
#include "harness/machine/project.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void list(FILE *out)
{
	char pattern[PATH_MAX];
	glob_t found;
	fprintf(out, "Usage: liquidnet sim SYSTEM [...]: simulations of published systems:");
	snprintf(pattern, sizeof pattern, "%s/liquidnet-*-sim", project_programs());
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			const char *name = strrchr(found.gl_pathv[i], '/') + strlen("/liquidnet-");
			fprintf(out, "%s %.*s", i ? "," : "", (int)(strlen(name) - strlen("-sim")), name);
		}
		globfree(&found);
	}
	fprintf(out, "\n`liquidnet sim SYSTEM --help` says more.\n");
}

int cmd_sim(int argc, char **argv)
{
	char path[PATH_MAX];
	if (argc < 2) {
		list(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		list(stdout);
		return 0;
	}
	if (!strchr(argv[1], '/') && snprintf(path, sizeof path, "%s/liquidnet-%s-sim", project_programs(),
					     argv[1]) < (int)sizeof path)
		execv(path, argv + 1);
	fprintf(stderr, "liquidnet sim: no simulation `%s`; `liquidnet sim --help` lists them\n", argv[1]);
	return 2;
}
