/* liquidnet-replica: `serve`, a store, and `load`, its clients. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "nodes/replica/daemon/load.h"
#include "nodes/replica/daemon/serve.h"
#include <stdio.h>
#include <string.h>

static void *load_serve_settings(const char *path, char **error)
{
	return serve_settings_load(path, error);
}

static void unload_serve_settings(void *settings)
{
	serve_settings_free(settings);
}

static int run_serve(struct daemon *daemon, char **error)
{
	struct serve *serve = serve_start(daemon->loop, daemon->config, error);
	int status = serve ? daemon_run(daemon, serve_commands, serve) : 1;

	serve_stop(serve);
	return status;
}

static void *load_load_settings(const char *path, char **error)
{
	return load_settings_load(path, error);
}

static void unload_load_settings(void *settings)
{
	load_settings_free(settings);
}

static int run_load(struct daemon *daemon, char **error)
{
	struct load *load = load_start(daemon->loop, daemon->config, error);
	int status = load ? daemon_run(daemon, load_commands, load) : 1;

	if (load && load_done(load))
		load_print(load, stdout);
	load_stop(load);
	return status;
}

static const struct {
	const char *word;
	struct daemon_description description;
	struct daemon_parts parts;
} kinds[] = {
	{"serve",
		{.program = "liquidnet-replica serve",
			.summary = "a store that tells its clients how busy it is",
			.default_config = "/etc/liquidnet/replica.yaml"}, /* and no rights: it needs none */
		{load_serve_settings, unload_serve_settings, run_serve}},
	{"load",
		{.program = "liquidnet-replica load",
			.summary = "clients that choose among replicas; prints what they measured",
			.default_config = "/etc/liquidnet/replica-load.yaml"},
		{load_load_settings, unload_load_settings, run_load}},
};

int main(int argc, char **argv)
{
	for (int i = 0; i < 2 && argc > 1; i++)
		if (!strcmp(argv[1], kinds[i].word))
			return daemon_main(&kinds[i].description, &kinds[i].parts, argc - 1, argv + 1);
	bool help = argc > 1 && !strcmp(argv[1], "--help");
	fputs("liquidnet-replica: replicas of a store, and clients that choose among them (nodes/replica/README.md)\n\n"
	      "  liquidnet-replica serve --config FILE ...   a store\n"
	      "  liquidnet-replica load --config FILE ...    clients; prints JSON when they are done\n\n"
	      "Each says its options with --help.\n",
		help ? stdout : stderr);
	return help ? 0 : 2;
}
