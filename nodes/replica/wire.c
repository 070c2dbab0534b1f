/* Frames of clients and stores. */
#include "nodes/replica/wire.h"

#include <endian.h>
#include <string.h>

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return be64toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

static void put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof v);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof v);
}

/* The length of a whole frame, at least `head`; 0 and -1 as above. */
static ssize_t measure(const uint8_t *bytes, size_t size, size_t head, const char **why)
{
	if (size < 4)
		return 0;
	uint32_t rest = get32(bytes);
	if (rest > WIRE_FRAME_MAX || rest + 4 < head) {
		*why = rest > WIRE_FRAME_MAX ? "frame-too-long" : "frame-too-short";
		return -1;
	}
	return size >= rest + 4 ? (ssize_t)rest + 4 : 0;
}

ssize_t wire_read_request(const uint8_t *bytes, size_t size, struct wire_request *out, const char **why)
{
	ssize_t length = measure(bytes, size, WIRE_REQUEST_HEAD, why);

	if (length <= 0)
		return length;
	uint8_t op = bytes[12];
	uint32_t rest = (uint32_t)length - WIRE_REQUEST_HEAD;
	if ((op != WIRE_READ && op != WIRE_UPDATE) || (op == WIRE_READ && rest)) {
		*why = op == WIRE_READ ? "read-with-a-value" : "unknown-operation";
		return -1;
	}
	*out = (struct wire_request){
		get64(bytes + 4), get64(bytes + 13), (enum wire_op)op, bytes + WIRE_REQUEST_HEAD, rest};
	return length;
}

ssize_t wire_read_answer(const uint8_t *bytes, size_t size, struct wire_answer *out, const char **why)
{
	ssize_t length = measure(bytes, size, WIRE_ANSWER_HEAD, why);

	if (length <= 0)
		return length;
	if (bytes[12] > WIRE_BUSY) {
		*why = "unknown-status";
		return -1;
	}
	*out = (struct wire_answer){get64(bytes + 4), (enum wire_status)bytes[12], get32(bytes + 13),
		get32(bytes + 17), bytes + WIRE_ANSWER_HEAD, (uint32_t)length - WIRE_ANSWER_HEAD};
	return length;
}

size_t wire_write_request(const struct wire_request *r, uint8_t head[WIRE_REQUEST_HEAD])
{
	put32(head, WIRE_REQUEST_HEAD - 4 + r->size);
	put64(head + 4, r->id);
	head[12] = (uint8_t)r->op;
	put64(head + 13, r->key);
	return WIRE_REQUEST_HEAD;
}

size_t wire_write_answer(const struct wire_answer *a, uint8_t head[WIRE_ANSWER_HEAD])
{
	put32(head, WIRE_ANSWER_HEAD - 4 + a->size);
	put64(head + 4, a->id);
	head[12] = (uint8_t)a->status;
	put32(head + 13, a->queue);
	put32(head + 17, a->service_us);
	return WIRE_ANSWER_HEAD;
}
