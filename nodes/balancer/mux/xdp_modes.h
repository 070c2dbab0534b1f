/* How an encapsulated packet leaves the mux: a setting of its program in the kernel. */
#ifndef LIQUIDNET_MUX_XDP_MODES_H
#define LIQUIDNET_MUX_XDP_MODES_H

enum mux_forward {
	FORWARD_ROUTE,   /* as the kernel's routes and neighbours say, without the kernel */
	FORWARD_HAIRPIN, /* back to the router that it came from */
	FORWARD_KERNEL,  /* the kernel's stack forwards it */
};

#endif
