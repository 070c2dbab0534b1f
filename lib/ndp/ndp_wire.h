/* The NDP header, version 1: the first 24 bytes of a UDP datagram at port 6199, network byte order; nodes/ndp/README.md has the
 * table. A DATA packet carries its payload behind it. A HEADER is what a switch leaves of a DATA packet, an RTS a HEADER
 * on its way back. The fields are those of Handley et al., SIGCOMM 2017, section 3.2, which has no published layout. */
#ifndef LIQUIDNET_NDP_WIRE_H
#define LIQUIDNET_NDP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define NDP_PORT 6199
#define NDP_WIRE_SIZE 24
#define NDP_PATHS_MAX 255

enum ndp_type { NDP_DATA = 1, NDP_HEADER, NDP_ACK, NDP_NACK, NDP_PULL, NDP_RTS, NDP_TYPES };

enum ndp_flag {
	NDP_FLAG_SYN = 1,  /* of the first window: whichever comes first makes the connection */
	NDP_FLAG_LAST = 2, /* the flow's last packet */
	NDP_FLAG_PULL = 4, /* `pull` counts; on an ACK or NACK, a pull rides on it */
	NDP_FLAG_RTX = 8,  /* sent again */
};

struct ndp_message {
	enum ndp_type type;
	uint16_t flags;    /* enum ndp_flag, or-ed */
	uint32_t flow;     /* the sender's; with its address, the connection */
	uint32_t sequence; /* of the data packet that this is, or that this is about; 0 in a PULL */
	uint32_t pull;   /* number of pulls of this flow so far, this one included; 0 without NDP_FLAG_PULL */
	uint32_t pacer;  /* pulls of the receiving host so far; data packets echo it */
	uint8_t path;    /* below `paths`: the path of the data packet that this is, or that this is about */
	uint8_t paths;   /* 1..NDP_PATHS_MAX */
	uint16_t length; /* payload of the data packet; 0 in ACK, NACK and PULL */
};

enum ndp_fault {
	NDP_GOOD,
	NDP_SHORT,
	NDP_VERSION,
	NDP_TYPE,
	NDP_FLAGS,  /* unknown, or not of this type */
	NDP_NUMBER, /* a pull number without NDP_FLAG_PULL, none with it, or a sequence in a PULL */
	NDP_PATH,
	NDP_LENGTH, /* not what follows the header */
	NDP_FAULTS
};

void ndp_encode(const struct ndp_message *message, uint8_t bytes[NDP_WIRE_SIZE]);
/* Reads the payload of a datagram, any bytes. *message is filled in for NDP_GOOD only; encoded again, it gives the same bytes. */
enum ndp_fault ndp_decode(const void *bytes, size_t size, struct ndp_message *message);
const char *ndp_fault_name(enum ndp_fault fault);

#endif
