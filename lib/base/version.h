/* Version: of all programs that were built together, as `git describe` says it. */
#ifndef LIQUIDNET_VERSION_H
#define LIQUIDNET_VERSION_H

extern const char liquidnet_version[];

#endif
