/* Estimates: see the header. */
#include "lib/sim/estimate.h"
#include <math.h>

/* The 0.975 quantile of Student's t: a table to 30 degrees of freedom, then an expansion that is good to 0.01 %. */
static double student(unsigned freedom)
{
	static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
		2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
		2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
	const double z = 1.959964;

	if (freedom <= sizeof t / sizeof *t)
		return t[freedom - 1];
	/* Abramowitz and Stegun, 26.7.5. */
	double z3 = z * z * z, z5 = z3 * z * z, n = freedom;
	return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

struct estimate estimate(const double *values, unsigned count)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < count; i++)
		sum += values[i];
	double mean = sum / count;
	for (unsigned i = 0; i < count; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	return (struct estimate){
		mean, count > 1 ? student(count - 1) * sqrt(squares / (count - 1) / count) : NAN};
}
