#include "nodes/threats/law.h"
#include <math.h>

#define SPACE 4294967296.0 /* of sequence numbers */

struct law_region law_region(double window, double max_window, double acked, double flight)
{
	return (struct law_region){window + 1, fmin(max_window, acked) + flight + 1};
}

double law_hit(const struct law_region *region, int knows_sequence, int knows_acknowledgement)
{
	return (knows_sequence ? 1 : fmin(region->sequence / SPACE, 1)) *
	       (knows_acknowledgement ? 1 : fmin(region->acknowledgement / SPACE, 1));
}

double law_packets(double hit, double ports)
{
	return (ports > 1 ? ports / 2 : 1) / hit;
}

double law_published_packets(double window, double ports, double mss)
{
	return SPACE / window * 2 * ports / 2 / mss;
}

double law_published_hit(double window)
{
	return window / SPACE / 2;
}

double law_join_survival(double others)
{
	return pow(1 - 1.0 / LAW_JOIN_SLOTS, others);
}

uint64_t law_half_open(uint64_t joins, uint64_t backlog)
{
	return joins < backlog + 1 ? joins : backlog + 1;
}

void law_interval(unsigned k, unsigned n, double *low, double *high)
{
	const double z = 1.959963984540054;
	if (!n) {
		*low = 0;
		*high = 1;
		return;
	}
	double share = (double)k / n, squared = z * z / n;
	double middle = (share + squared / 2) / (1 + squared);
	double half = z * sqrt(share * (1 - share) / n + squared / (4.0 * n)) / (1 + squared);
	*low = k == 0 ? 0 : middle - half;
	*high = k == n ? 1 : middle + half;
}
