/* The detour protocol, version 2: the content of a sealed datagram (lib/detour/seal.h is the envelope). There is one question
 * and one answer. Both have MESSAGE_SIZE bytes, so an answer is never larger than its question. nodes/detour/README.md has
 * the layout. This module uses no keys, sockets or mappings. */
#ifndef LIQUIDNET_DETOUR_MESSAGE_H
#define LIQUIDNET_DETOUR_MESSAGE_H

#include "lib/net/address.h"

#define MESSAGE_VERSION 2
#define MESSAGE_SIZE 104
#define MESSAGE_COOKIE_SIZE 24
#define MESSAGE_KEY_SIZE 16
#define MESSAGE_ADDRESSES 2 /* of the detour, in an answer */

enum message_operation {
	MESSAGE_HELLO = 0,   /* prove the address, ask for nothing */
	MESSAGE_MAP = 1,     /* a port that leads to `remote`; repeating it renews the lease */
	MESSAGE_RENEW = 2,   /* the lease of a mapping that is there; never makes one */
	MESSAGE_RELEASE = 3, /* ends a mapping now; its flows go on */
	MESSAGE_PROBE =
		4, /* one datagram of a train: how fast does it arrive? Only the last one is answered */
	MESSAGE_OPERATIONS
};

enum message_flags {
	MESSAGE_ON_BEHALF = 1, /* `client` is another's address; the member needs the permission */
	MESSAGE_OPTION = 2,    /* also a key for destinations in the SYN (nodes/detour/README.md) */
	MESSAGE_FLAGS = 3,     /* all that are known; others are refused */
};

/* What an answer says. Numbers are on the wire: none may change. */
enum message_result {
	MESSAGE_GRANTED = 0,
	MESSAGE_PROVE = 1,        /* the address is not proven: ask again with the answer's cookie */
	MESSAGE_TOO_OLD = 2,      /* both sides know a later version: somebody has held it back */
	MESSAGE_MALFORMED = 3,    /* the seal is good, the content is not */
	MESSAGE_DESTINATION = 4,  /* this detour does not lead there */
	MESSAGE_QUOTA = 5,        /* the member has as many mappings as it may have */
	MESSAGE_RATE = 6,         /* the member asks too often: wait */
	MESSAGE_FULL = 7,         /* there are as many mappings as there may be, all in use */
	MESSAGE_NO_PORT = 8,      /* every port is taken */
	MESSAGE_NO_MAPPING = 9,   /* renew, release: there is none */
	MESSAGE_UNAVAILABLE = 10, /* the detour does not translate at the moment */
	MESSAGE_PERMISSION = 11,  /* on behalf of that client: not this member */
	MESSAGE_FAMILY = 12, /* client and remote are of different families, or of one that is not served */
	MESSAGE_NO_OPTION = 13, /* granted, but for the destination in the SYN: not here (IPv6, or no BPF) */
	MESSAGE_RESULTS
};

/* A train: so many datagrams, one right behind the other, each filled with zeros to `size` bytes (UDP payload). */
#define MESSAGE_TRAIN_MOST 32
#define MESSAGE_TRAIN_SIZE 1472 /* of a datagram at most: what an Ethernet frame carries over IPv4 */

struct message_train {
	uint8_t place, of; /* 0 to of - 1; 2 to MESSAGE_TRAIN_MOST */
	uint16_t size;     /* of each datagram on the wire, this message in its envelope included */
};

struct message_question {
	enum message_operation operation;
	uint8_t newest;    /* version that the sender speaks; >= MESSAGE_VERSION */
	uint16_t flags;    /* of enum message_flags */
	uint64_t session;  /* random, of this life of the client */
	uint64_t sequence; /* grows with every datagram of the session; from 1 */
	uint8_t cookie[MESSAGE_COOKIE_SIZE];
	uint32_t lease_s;      /* wanted; 0: whatever the detour gives */
	struct address client; /* none: the datagram's source; else needs MESSAGE_ON_BEHALF */
	struct place remote;
	uint16_t proposed;          /* port of the detour */
	struct message_train train; /* probe; else all zero */
};

struct message_answer {
	enum message_operation operation;
	uint8_t newest;
	enum message_result result;
	uint64_t sequence; /* of the question */
	uint8_t cookie[MESSAGE_COOKIE_SIZE];
	uint32_t lease_s; /* granted; renew before half of it is over */
	uint16_t port;    /* 0: none */
	/* Of the detour, where the port holds besides the address that was asked; none: no more. */
	struct address addresses[MESSAGE_ADDRESSES];
	uint8_t key[MESSAGE_KEY_SIZE]; /* for destinations in the SYN; all zero: none */
	/* Of a probe; else zero: how many of the train came, and the time from the first to the last of them. */
	uint16_t arrived;
	uint64_t span_ns;
};

enum message_fault {
	MESSAGE_OK,
	MESSAGE_BAD_SIZE,
	MESSAGE_BAD_OPERATION,
	MESSAGE_BAD_VERSION, /* newest < 2 */
	MESSAGE_BAD_FLAGS, /* unknown ones; an address of a client without its flag, or the other way round */
	MESSAGE_BAD_SEQUENCE,
	MESSAGE_BAD_ENDPOINT, /* remote: no unicast address (0.0.0.0, ::, loopback, multicast, broadcast), port 0 */
	MESSAGE_BAD_RESULT,
	MESSAGE_BAD_TRAIN,   /* its numbers, or one where nothing is probed */
	MESSAGE_BAD_PADDING, /* not zero */
	MESSAGE_FAULTS
};

enum message_fault message_read_question(const void *bytes, size_t size, struct message_question *question);
void message_write_question(const struct message_question *question, uint8_t bytes[MESSAGE_SIZE]);
enum message_fault message_read_answer(const void *bytes, size_t size, struct message_answer *answer);
void message_write_answer(const struct message_answer *answer, uint8_t bytes[MESSAGE_SIZE]);

/* Stable names for counters and logs: "size", "operation", ...; "granted", "prove", ... */
const char *message_fault_name(enum message_fault fault);
const char *message_result_name(enum message_result result);
const char *message_operation_name(enum message_operation operation);

#endif
