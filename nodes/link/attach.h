/* Attachment: takes over the egress of an interface. A program on its clsact hook redirects every packet to a TAP device of the
 * daemon in the same namespace, except the packets that the daemon itself sends (these carry a mark, which the program clears).
 * A capture on the interface sees the packets after the emulation, as with a queue discipline.
 *
 * The interface's earlier settings are written into its alias. So a start after a SIGKILL knows them, and restores them at its
 * end. */
#ifndef LIQUIDNET_LINK_ATTACH_H
#define LIQUIDNET_LINK_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

/* What the program puts in front of a frame. */
#define ATTACHMENT_HEAD 8

struct attachment {
	int netns_fd; /* -1: not attached */
	int ifindex, tap_ifindex;
	uint32_t mtu;
	int tap_fd;    /* read: ATTACHMENT_HEAD bytes, then a frame that leaves the interface, its checksums
			  complete; non-blocking */
	int packet_fd; /* send: frames that go out of it */
	int link_fd;   /* holds the program there; -1: it stays by itself */
	uint8_t tap_address[6]; /* a frame to it that is written to tap_fd has come to the node */
	bool hooked;            /* the program is in place */
	bool marked;            /* the alias, and with it the settings below, is ours */
	bool own_clsact;
	bool own_program; /* a program of ours is there, from now or from before a SIGKILL */
	uint32_t tso, gso, gro, gso_max_segs; /* before us */
	char alias[256];                      /* before us */
};
#define ATTACHMENT_NONE ((struct attachment){.netns_fd = -1, .tap_fd = -1, .packet_fd = -1, .link_fd = -1})

enum attach_result { ATTACH_OK = 0, ATTACH_FAILED = -1, ATTACH_BAD_CONFIG = -2 };

/* Prepares the TAP and the socket of an interface in a namespace (NULL: ours); nothing is redirected yet. Its
 * offloads are switched off unless `keep_offloads`: the TAP cuts super-packets into those of the wire either
 * way, but only without them is the sender's own view (its queue, its timing) that of the wire too. On
 * failure nothing is left behind; ATTACH_BAD_CONFIG when the namespace or the interface is not there. */
enum attach_result attachment_open(struct attachment *attachment, const char *netns, const char *interface,
	bool keep_offloads, char **error);
/* From now on the interface's packets come to tap_fd. When this process is killed they are dropped; with `orphaned_pass` they then leave the
 * interface unshaped, which needs TCX (Linux 6.6). */
int attachment_hook(struct attachment *attachment, bool orphaned_pass, char **error);
/* When the frame that was read left its host: CLOCK_MONOTONIC, by the kernel, to 2 ns, however late it is
 * read. `read` is what came from tap_fd, ATTACHMENT_HEAD and 14 bytes at least; the frame is whole only after
 * this.
 */
int64_t attachment_arrival(unsigned char *read);
/* Whether the bytes that were read have passed the program on the hook: then their time lies between `since_ns` and `now_ns`.
 * Other frames from the TAP (which the kernel or a program sent to the TAP itself) begin with an address instead of a time;
 * read as a time, it lies days ahead or is negative. */
bool attachment_passed(const unsigned char *read, int64_t since_ns, int64_t now_ns);
/* Puts everything back that is ours, and closes. Nothing happens where the interface has gone. What fails is
 * logged, and stays in the alias. */
void attachment_close(struct attachment *attachment);
/* Frames that the TAP dropped because we did not read them in time, since it was made; 0 when it has gone. */
uint64_t attachment_dropped(struct attachment *attachment);

#endif
