/* Version: the one file that is built anew on every commit. */
#include "lib/base/version.h"

const char liquidnet_version[] = LIQUIDNET_VERSION;
