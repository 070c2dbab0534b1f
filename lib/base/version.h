/* Version: one for all programs that were built together, from `git describe`. */
#ifndef LIQUIDNET_VERSION_H
#define LIQUIDNET_VERSION_H

extern const char liquidnet_version[];

#endif
