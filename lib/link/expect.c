/* Expectation by the model; see the header. */
#include "lib/link/expect.h"

#include "lib/base/error.h"
#include "lib/link/model.h"

double link_serialisation_ns(const struct shape *shape, uint32_t bytes)
{
	return shape->rate_bps ? (double)bytes * 8e9 / (double)shape->rate_bps : 0;
}

int64_t link_longest_ns(const struct shape *shape, uint32_t bytes)
{
	return shape->delay_ns + shape->jitter_ns +
	       (int64_t)(shape->queue_packets * link_serialisation_ns(shape, bytes));
}

int link_expect(const struct shape *shape, uint32_t bytes, const int64_t *offered_ns, size_t count,
	int64_t *departures_ns, char **error)
{
	const struct shape pipe = {.rate_bps = shape->rate_bps, .delay_ns = shape->delay_ns};
	struct model *model = model_new(&pipe, 0, error);
	struct model_packet packet;
	int64_t now = INT64_MIN;
	int result = model ? 0 : -1;

	for (size_t i = 0; i < count && result == 0; i++) {
		now = offered_ns[i] > now ? offered_ns[i] : now;
		if (model_offer(model, now, bytes, false, NULL) != MODEL_QUEUED)
			result = error_set(error, "out of memory");
	}
	/* A pipe gives them back in order. */
	for (size_t i = 0; i < count && result == 0; i++) {
		model_take(model, MODEL_NEVER - 1, &packet);
		departures_ns[i] = packet.departure_ns;
	}
	model_free(model);
	return result;
}
