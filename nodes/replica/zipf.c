#include "nodes/replica/zipf.h"

#include "lib/base/draw.h"
#include <math.h>

/* (e^x - 1) / x and log(1 + x) / x, whole at 0. */
static double expm1_over(double x)
{
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double log1p_over(double x)
{
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

/* The integral of h(x) = x^-exponent, and its inverse. */
static double integral(const struct zipf *z, double x)
{
	double l = log(x);

	return expm1_over((1 - z->exponent) * l) * l;
}

static double inverse(const struct zipf *z, double x)
{
	double t = fmax(x * (1 - z->exponent), -1);

	return exp(log1p_over(t) * x);
}

static double h(const struct zipf *z, double x)
{
	return exp(-z->exponent * log(x));
}

void zipf_init(struct zipf *z, uint64_t n, double exponent)
{
	*z = (struct zipf){.exponent = exponent, .n = n};
	z->first = integral(z, 1.5) - 1;
	z->last = integral(z, (double)n + 0.5);
	z->squeeze = 2 - inverse(z, integral(z, 2.5) - h(z, 2));
}

uint64_t zipf_draw(const struct zipf *z, uint64_t *draws)
{
	for (;;) {
		double u = z->last + draw_uniform(draws) * (z->first - z->last), x = inverse(z, u);
		double k = fmin(fmax(floor(x + 0.5), 1), (double)z->n);
		if (k - x <= z->squeeze || u >= integral(z, k + 0.5) - h(z, k))
			return (uint64_t)k;
	}
}
