/* The protocol between clients and stores: frames over one TCP connection per client and server, in network byte order; README.md has
 * the table. Every frame begins with the length of the rest. The reader accepts any bytes. */
#ifndef LIQUIDNET_REPLICA_WIRE_H
#define LIQUIDNET_REPLICA_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_FRAME_MAX 65536 /* of the rest */
#define WIRE_REQUEST_HEAD (4 + 8 + 1 + 8)
#define WIRE_ANSWER_HEAD (4 + 8 + 1 + 4 + 4)
#define WIRE_UNSAID UINT32_MAX /* a server that gives no feedback */

enum wire_op { WIRE_READ = 1, WIRE_UPDATE = 2 };
enum wire_status { WIRE_OK = 0, WIRE_ABSENT = 1, WIRE_BUSY = 2 };

struct wire_request {
	uint64_t id, key;
	enum wire_op op;
	const uint8_t *value; /* WIRE_UPDATE; else nothing */
	uint32_t size;
};

struct wire_answer {
	uint64_t id;
	enum wire_status status;
	uint32_t queue;      /* requests that wait as the answer leaves, or WIRE_UNSAID */
	uint32_t service_us; /* what the service took, or WIRE_UNSAID */
	const uint8_t *value;
	uint32_t size;
};

/* Reads the first frame of some bytes. Returns its length in bytes; 0: it is not complete yet; -1: it is no frame of the protocol (*why says
 * what is wrong; static). *out points into the bytes. */
ssize_t wire_read_request(const uint8_t *bytes, size_t size, struct wire_request *out, const char **why);
ssize_t wire_read_answer(const uint8_t *bytes, size_t size, struct wire_answer *out, const char **why);
/* Writes the head of a frame; the value follows it. Returns the head's length. */
size_t wire_write_request(const struct wire_request *request, uint8_t head[WIRE_REQUEST_HEAD]);
size_t wire_write_answer(const struct wire_answer *answer, uint8_t head[WIRE_ANSWER_HEAD]);

#endif
