/* What the tests of the link's model share. */
#ifndef LIQUIDNET_TEST_LINK_MODEL_H
#define LIQUIDNET_TEST_LINK_MODEL_H

#include "lib/base/units.h"
#include "lib/link/model.h"
#include "tests/unit/check.h"

#define US NS_PER_US
#define MS NS_PER_MS

static inline struct model *make(struct shape shape)
{
	struct model *m = model_new(&shape, 0, NULL);
	assert_non_null(m);
	return m;
}

#endif
