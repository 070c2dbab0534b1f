/* A mean of runs, and its confidence interval. */
#ifndef LIQUIDNET_SIM_ESTIMATE_H
#define LIQUIDNET_SIM_ESTIMATE_H

struct estimate {
	double mean;
	double half; /* half the width of its 95 % interval (Student's t); NAN: one value has none */
};
/* Of `count` values, 1 or more. */
struct estimate estimate(const double *values, unsigned count);

#endif
