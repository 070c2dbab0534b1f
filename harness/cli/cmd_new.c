/* liquidnet new NAME: an experiment to start from, written into the working folder. */
#include "harness/cli/commands.h"
#include "harness/experiment/find.h"
#include "harness/machine/project.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* new_NAME and new_NAME_end of templates/FILE. */
#define LINK(symbol, file)                                                                                   \
	__asm__(".section .rodata\n"                                                                         \
		".global new_" #symbol ", new_" #symbol "_end\n"                                             \
		"new_" #symbol ":\n"                                                                         \
		".incbin \"harness/cli/templates/" file "\"\n"                                               \
		"new_" #symbol "_end:\n"                                                                     \
		".previous\n");                                                                              \
	extern const char new_##symbol[], new_##symbol##_end[];

LINK(experiment, "new.yaml")
LINK(topology, "new.py")

static const char help[] =
	"Usage: liquidnet new NAME [--topology]\n"
	"Writes NAME.yaml into the working folder: an experiment that runs as it is, with a comment to every part, to be\n"
	"changed. In this folder it is then known by its name: liquidnet run NAME. Nothing is overwritten.\n\n"
	"  --topology              writes NAME.py too, a network of its own for it\n"
	"\nExit status: 0 written, 2 bad input (nothing was written).\n";

/* Writes a template with NAME and TOPOLOGY filled in. */
static int write_one(const char *path, const char *text, const char *end, const char *name,
	const char *topology, char **error)
{
	FILE *out = fopen(path, "wxe");
	if (!out)
		return error_set(error, "%s: %s%s", path, strerror(errno),
			errno == EEXIST ? "; choose another name, or move that file away" : "");
	while (text < end) {
		const char *at = memchr(text, '@', (size_t)(end - text));
		size_t plain = (size_t)((at ? at : end) - text);
		fwrite(text, 1, plain, out);
		text += plain;
		if (!at)
			break;
		if (end - text >= 6 && strncmp(text, "@NAME@", 6) == 0) {
			fputs(name, out);
			text += 6;
		} else if (end - text >= 10 && strncmp(text, "@TOPOLOGY@", 10) == 0) {
			fputs(topology, out);
			text += 10;
		} else {
			fputc(*text++, out);
		}
	}
	bool bad = ferror(out);
	if (fclose(out) != 0 || bad) {
		error_set(error, "%s: %s", path, strerror(errno));
		unlink(path);
		return -1;
	}
	return 0;
}

static int is_named(void *context, const char *name, const char *path, bool own)
{
	const char *wanted = context;
	(void)path;
	return !own && strcmp(name, wanted) == 0;
}

static int check(const char *name, bool topology, char **error)
{
	char path[NAME_MAX + 8];
	if (!name_good(name) || *name == '.' || *name == '-')
		return error_set(error,
			"`%.80s` cannot be the name of an experiment; use 1 to 64 letters, digits, - _ and .",
			name);
	if (find_each(is_named, (void *)name))
		return error_set(error, "the installation has an experiment `%s`; choose another name", name);
	snprintf(path, sizeof path, "%s.py", name);
	if (topology && access(path, F_OK) == 0)
		return error_set(
			error, "%s is there already; choose another name, or move that file away", path);
	return 0;
}

static int make(const char *name, bool topology, char **error)
{
	char file[NAME_MAX + 8], network[NAME_MAX + 8];
	if (check(name, topology, error) < 0)
		return -1;
	snprintf(file, sizeof file, "%s.yaml", name);
	snprintf(network, sizeof network, "%s.py", name);
	if (write_one(file, new_experiment, new_experiment_end, name, topology ? name : "twopaths", error) <
		0)
		return -1;
	if (topology && write_one(network, new_topology, new_topology_end, name, name, error) < 0) {
		unlink(file);
		return -1;
	}
	printf("%s%s%s written. Next:\n"
	       "  liquidnet run %s --dry-run     checks it, and prints the plan\n"
	       "  liquidnet run %s               runs it (as root)\n",
		file, topology ? " and " : "", topology ? network : "", name, name);
	return 0;
}

int cmd_new(int argc, char **argv)
{
	const char *name = NULL;
	bool topology = false;
	char *error = NULL;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return 0;
		} else if (strcmp(argv[i], "--topology") == 0) {
			topology = true;
		} else if (*argv[i] == '-' || name) {
			fprintf(stderr,
				"liquidnet new: takes one name and --topology, not `%s`; see liquidnet new --help\n",
				argv[i]);
			return 2;
		} else {
			name = argv[i];
		}
	if (!name) {
		fprintf(stderr, "liquidnet new: name the experiment, as in `liquidnet new mine`\n");
		return 2;
	}
	if (make(name, topology, &error) == 0)
		return 0;
	fprintf(stderr, "liquidnet new: %s\n", error);
	free(error);
	return 2;
}
