/* The trail: an append-only log of who led what where, so that what left under a detour's address can be attributed to the
 * member whose it was (S. Brennan 2017, section 6.2). Text, a record a line:
 *   NUMBER TIME KIND NAME=VALUE ... HASH
 * HASH is BLAKE2b, 128 bits, of the HASH before it and the rest of the line: what is changed, left out or put in later breaks
 * the chain from there on. Now and then a record `seal` has the chain so far signed by the detour's own key; what lies behind
 * a seal can be forged by nobody who has the file alone. Files DIRECTORY/trail-NNNNNNNN follow each other: each begins with the
 * last HASH of the one before. The detour writes, liquidnet-detour-log reads. */
#ifndef LIQUIDNET_DETOUR_TRAIL_H
#define LIQUIDNET_DETOUR_TRAIL_H

#include "lib/detour/seal.h"
#include <stdio.h>

#define TRAIL_LINE 640 /* room for a line */
#define TRAIL_HASH 16
#define TRAIL_NAME 33

enum trail_kind {
	TRAIL_OPEN,     /* the first of a file: the detour's public key, the hash before */
	TRAIL_MAPPED,   /* member, client (address alone), detour (port alone), remote */
	TRAIL_UNMAPPED, /* the same, and why */
	TRAIL_BEGAN,    /* a flow: member, client, detour, outgoing, remote */
	TRAIL_ENDED,    /* the same, and bytes both ways */
	TRAIL_CLOCK,    /* the clock was set: by how much (shift_us) */
	TRAIL_LOST, /* the kernel's events were more than could be taken: some flows may lack an end or a beginning */
	TRAIL_SEAL, /* a signature */
	TRAIL_KINDS
};

struct trail_record {
	enum trail_kind kind;
	uint64_t number;
	int64_t time_us;         /* since 1970 */
	char member[TRAIL_NAME]; /* "-": by version 1, the client's address answers */
	struct place client, detour, outgoing, remote;
	uint64_t up, down;
	int64_t shift_us;
	char reason[16];
	uint8_t key[SEAL_PUBLIC];     /* OPEN */
	uint8_t previous[TRAIL_HASH]; /* OPEN */
	uint8_t signature[64];        /* SEAL */
};

/* Writes a record without its hash (no end of line); returns its length, less than TRAIL_LINE. */
size_t trail_format(const struct trail_record *record, char line[TRAIL_LINE]);
/* Reads a line (without its end), hash included. False when it is none. Any bytes. */
bool trail_parse(const char *line, size_t length, struct trail_record *record, uint8_t hash[TRAIL_HASH]);
/* The hash of a line without its own, after another. */
void trail_hash(const uint8_t before[TRAIL_HASH], const char *line, size_t length, uint8_t hash[TRAIL_HASH]);
/* What a seal signs. */
struct trail_sealed {
	char purpose[32];
	uint8_t hash[TRAIL_HASH];
};
struct trail_sealed trail_sealed(const uint8_t hash[TRAIL_HASH]);

/* --- writing (trail.c) */
struct trail;

/* Begins a new file in `directory` (made if missing, 0700), after those that are there. A file that grows beyond `size` bytes
 * is followed by another; of all, the newest `keep` stay. NULL with *error. *signer must outlive it. */
struct trail *trail_open(
	const char *directory, uint64_t size, size_t keep, const struct identity *signer, char **error);
/* Adds a record (its number and time are set here). It is in the file after trail_flush. */
void trail_write(struct trail *trail, struct trail_record *record);
/* Hands everything to the kernel, and notes when the clock was set. -1 with *error: the disk is full, say; what could not be
 * written is written by a later one, in order, as long as memory (16 MiB) lasts. */
int trail_flush(struct trail *trail, char **error);
/* A seal, a flush, and fsync. */
int trail_seal(struct trail *trail, char **error);
/* Seals and closes. NULL-safe. */
void trail_close(struct trail *trail);
uint64_t trail_records(const struct trail *trail);
/* Records that were given up because memory was used up. */
uint64_t trail_dropped(const struct trail *trail);

/* --- reading (trail_read.c) */
struct trail_check {
	uint64_t records, seals, files;
	const uint8_t *key; /* the detour's public key that is expected; NULL: that of the first file */
	char place[512], what[128]; /* of the first fault: FILE:LINE; what[0] == 0: none */
	bool torn; /* the last line of the last file is not whole: being written, or a crash */
};

/* Reads all files of a directory in order, checks chain and seals, and calls `each` for every record until it returns false.
 * Returns 0 (faults are in *check; reading goes on after them), or -1 with *error when there is nothing to read. */
int trail_read(const char *directory, struct trail_check *check,
	bool (*each)(void *context, const struct trail_record *record), void *context, char **error);
/* The numbers of the files that are there, ascending, to be freed; *count may be 0. */
unsigned *trail_files(const char *directory, size_t *count);
void trail_file_name(const char *directory, unsigned number, char path[512]);

#endif
