/* The configuration of `liquidnet-trevi serve`. */
#ifndef LIQUIDNET_TREVI_SETTINGS_H
#define LIQUIDNET_TREVI_SETTINGS_H

#include "lib/base/conf.h"
#include "lib/net/address.h"
#include "nodes/trevi/window.h"

struct settings {
	struct conf *conf;   /* owns the texts */
	struct place listen; /* TCP and UDP */
	const char *store;
	struct window_settings window;
	uint64_t disk; /* bytes per second that the disk has, written and read; 0: as it is */
};

/* NULL with *error. */
struct settings *settings_load(const char *path, char **error);
struct settings *settings_parse(const char *name, const char *text, char **error);
void settings_free(struct settings *settings);

#endif
