/* The protocol between clients and tract servers: datagrams that request and bring symbols, and frames over TCP for everything that must
 * arrive. Network byte order; README.md has the tables. The readers accept any bytes. */
#ifndef LIQUIDNET_TREVI_WIRE_H
#define LIQUIDNET_TREVI_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_VERSION 3
#define WIRE_HEAD 16         /* of a datagram */
#define WIRE_REQUEST 20      /* a whole request */
#define WIRE_SYMBOL_MAX 9000 /* a whole symbol */
#define WIRE_COUNT_MAX 1024  /* labels of one request, or of a GET */
#define WIRE_HASH 32
#define WIRE_GUID 16
#define WIRE_TRACT_MAX (64u << 20) /* bytes */
#define WIRE_FRAGMENT_MIN 64
#define WIRE_FRAGMENT_MAX (WIRE_SYMBOL_MAX - WIRE_HEAD)

enum wire_datagram_type { WIRE_ASK = 1, WIRE_BRING = 2 };

struct wire_datagram {
	enum wire_datagram_type type;
	uint64_t session; /* drawn by the client; datagrams without it are ignored */
	uint32_t label;
	uint16_t count;         /* WIRE_ASK: labels from `label` on */
	const uint8_t *payload; /* WIRE_BRING */
	size_t size;
};

/* False: no datagram of this protocol and version. *out points into the bytes. */
bool wire_read_datagram(const uint8_t *bytes, size_t size, struct wire_datagram *out);
/* Writes the head of a symbol (WIRE_HEAD bytes; the payload follows), or a whole request (WIRE_REQUEST). Returns the bytes written. */
size_t wire_write_datagram(const struct wire_datagram *datagram, uint8_t *bytes);

enum wire_frame_type {
	WIRE_PREPARE = 1, /* client: this tract will come, to that group (0: to the server alone) */
	WIRE_GET,    /* client: it will request symbols of that tract; the server is its source `source` */
	WIRE_STOP,   /* client: the session is over */
	WIRE_READY,  /* server, after PREPARE */
	WIRE_OFFER,  /* server, after GET and FETCH: what the tract is; after FETCH its bytes follow */
	WIRE_STORED, /* server: decoded, its hash is right, on the disk */
	WIRE_FAILED, /* server */
	WIRE_FETCH,  /* client: the tract's bytes over this connection */
	WIRE_STORE,  /* client: the bytes that follow over this connection are the tract */
	WIRE_FRAME_TYPES
};

/* How symbols are made: an LT code, where several sources serve a read; the systematic code, where one sender serves a session (fountain.h). */
enum wire_code { WIRE_LT, WIRE_SYSTEMATIC, WIRE_CODES };

enum wire_reason { WIRE_ABSENT = 1, WIRE_WRONG_HASH, WIRE_NO_ROOM, WIRE_REFUSED };

/* A frame's fields; those that its type does not have are 0. */
struct wire_frame {
	enum wire_frame_type type;
	uint64_t session;
	uint8_t guid[WIRE_GUID];
	uint32_t tract;
	uint32_t length;         /* bytes of the tract */
	uint16_t fragment;       /* bytes of a symbol's payload */
	uint8_t hash[WIRE_HASH]; /* SHA-256 of the tract */
	struct in_addr group;
	uint16_t port; /* of the client's datagrams */
	uint8_t source;
	uint8_t reason;
	uint8_t code; /* enum wire_code; GET: the systematic code may be used; OFFER, PREPARE: it is */
	uint16_t
		first; /* GET: so many symbols may be sent at once, the first labels, as if they had been asked for */
	uint32_t over_ns; /* GET: spread over so long */
	uint32_t took_ns; /* OFFER: from the GET to the offer, which is when the first symbols begin */
};
#define WIRE_FRAME_MAX 256
#define WIRE_STOP_SIZE 12

/* Reads the first frame of some bytes. Returns its length; 0: it is not complete; -1: it is no frame of the protocol. It checks that lengths, fragments and
 * groups are possible. */
ssize_t wire_read_frame(const uint8_t *bytes, size_t size, struct wire_frame *out);
/* Returns its length. */
size_t wire_write_frame(const struct wire_frame *frame, uint8_t bytes[WIRE_FRAME_MAX]);

/* Seeds. LT: source number and label, so that no two sources of a read send the same symbol; counted from a place that the session gives, so that no tract meets the same
 * symbols every time. Systematic: the label, so that the first are the fragments; the code itself has the session as its salt. */
static inline uint32_t wire_seed(enum wire_code code, uint8_t source, uint64_t session, uint32_t label)
{
	return code == WIRE_SYSTEMATIC ? label
				       : (uint32_t)source << 24 | ((label + (uint32_t)session) & 0xffffff);
}

#endif
