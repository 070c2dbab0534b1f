/* OpenVPN as a child: one real openvpn process, started from an options file that we write, watched through its
 * management socket (unix, `state on`), started again with back-off when it ends. Used by the detour (server) and
 * by the client. */
#ifndef LIQUIDNET_OPENVPN_H
#define LIQUIDNET_OPENVPN_H
#include <netinet/in.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct openvpn;

enum openvpn_state { OPENVPN_DOWN, OPENVPN_STARTING, OPENVPN_UP };

struct openvpn_events {
	/* Called at every change of state; `local` is the tunnel's own address (UP only). */
	void (*changed)(void *context, enum openvpn_state state, struct in_addr local, const char *device);
	void *context;
};

/* `options`: text of an OpenVPN configuration, complete but for management, dev-node and log options, which this module
 * adds. `directory`: private, existing, for the options file, socket and log; `name` makes them distinct.
 * The process dies with us. NULL with *error when it cannot be started. */
struct openvpn *openvpn_start(sd_event *loop, const char *name, const char *directory, const char *options,
	const char *device, const struct openvpn_events *events, char **error);
/* SIGTERM, waits at most 2 s by event, SIGKILL; frees. */
void openvpn_stop(struct openvpn *vpn);
enum openvpn_state openvpn_state(const struct openvpn *vpn);
/* Times the process has been started again since openvpn_start. */
unsigned openvpn_restarts(const struct openvpn *vpn);

/* The option lines that both ends need so that nothing is encrypted or signed (measured: with 2.6 the obvious
 * `cipher none` negotiates AES-256-GCM), and those for the thesis's first publication (BF-CBC and SHA1). */
extern const char openvpn_options_plain[];
extern const char openvpn_options_bf_sha1[];
/* SHA-256 fingerprint of a PEM certificate file as --peer-fingerprint wants it ("AA:BB:..", 95 characters). */
int openvpn_fingerprint(const char *certificate_path, char out[96], char **error);
#endif
