#include "nodes/replica/sim/order.h"

#include <math.h>

static void swap(int64_t *a, int64_t *b)
{
	int64_t c = *a;

	*a = *b;
	*b = c;
}

/* The middle one of three goes first, so that what is sorted already is no worst case. */
static int64_t pivot(int64_t *v, uint32_t n)
{
	int64_t *a = &v[0], *b = &v[n / 2], *c = &v[n - 1];

	if (*a > *b)
		swap(a, b);
	if (*b > *c)
		swap(b, c);
	if (*a > *b)
		swap(a, b);
	return *b;
}

int64_t order_quantile(int64_t *values, uint32_t n, double share)
{
	double exact = ceil(share * n - 1e-9);
	uint32_t rank = exact < 1 ? 0 : (uint32_t)exact - 1;
	int64_t low = 0, high = (int64_t)n - 1, k = rank < n ? rank : n - 1;

	while (low < high) {
		int64_t middle = pivot(values + low, (uint32_t)(high - low + 1)), i = low, j = high;
		while (i <= j) {
			while (values[i] < middle)
				i++;
			while (values[j] > middle)
				j--;
			if (i <= j)
				swap(&values[i++], &values[j--]);
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			break;
	}
	return values[k];
}
