/* Reads and checks the command line of liquidnet-attack, before anything else is examined. */
#ifndef LIQUIDNET_THREATS_OPTIONS_H
#define LIQUIDNET_THREATS_OPTIONS_H

#include "nodes/threats/play.h"

struct attack_options {
	struct play_options play;          /* all but the ends */
	const char *server, *watch, *from; /* nodes, or NODE/LINK; from: NULL: our own */
	uint16_t port;
	int64_t for_ns;
	int ready_fd;
};

extern const char attack_usage[];

/* 0; 1: help or version was asked for and given; -1 with *error. */
int attack_options_read(struct attack_options *options, int argc, char **argv, char **error);

#endif
