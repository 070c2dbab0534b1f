/* Wheel: the protocol number of its primers, which whoever looks at an interface may meet (wheel.h). */
#ifndef LIQUIDNET_WHEEL_PROTOCOL_H
#define LIQUIDNET_WHEEL_PROTOCOL_H

#define WHEEL_PROTOCOL 0x88b5 /* IEEE's for local experiments: nothing takes a primer for a packet */

#endif
