/* What liquidnet-attack prints when it ends. */
#ifndef LIQUIDNET_THREATS_REPORT_H
#define LIQUIDNET_THREATS_REPORT_H

#include "nodes/threats/attack/options.h"

/* One JSON object on standard output. -1 with errno. */
int attack_report(
	const struct attack_options *options, const struct play *play, uint64_t failed, uint64_t malformed);

#endif
