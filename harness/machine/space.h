/* Space: what a file system has left, so that a run stops before a full disk makes its trials fail, with that as its reason. */
#ifndef LIQUIDNET_SPACE_H
#define LIQUIDNET_SPACE_H

#include <stdbool.h>
#include <stdint.h>

/* Less than this is taken for full: what a program could not write then is not known. */
#define SPACE_LEAST (1u << 20)

/* 0 when the file system of a folder has `bytes` free besides SPACE_LEAST, and some files. -1 with *error: it has not, or does not say. */
int space_check(const char *folder, uint64_t bytes, char **error);

/* Bytes that a folder and what is in it take on disk. */
uint64_t space_taken(const char *folder);

#endif
