/* What the files of the code share. */
#ifndef LIQUIDNET_TREVI_FOUNTAIN_INTERNAL_H
#define LIQUIDNET_TREVI_FOUNTAIN_INTERNAL_H

#include "nodes/trevi/fountain.h"

struct fountain_code {
	uint32_t fragments;
	double mean; /* degree */
	bool systematic;
	uint64_t salt;        /* of its repair symbols */
	uint32_t threshold[]; /* [d]: a draw of at most that has degree d or less */
};

#endif
