/* OpenVPN as a child process. This module writes an options file, starts one openvpn process from it, watches it through its
 * management channel (a unix socket to which the process connects), and starts it again with back-off when it ends. The detour (as
 * server) and its client use it. */
#ifndef LIQUIDNET_OPENVPN_H
#define LIQUIDNET_OPENVPN_H
#include <netinet/in.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct openvpn;

/* DOWN: no process (waiting to start it again); STARTING: it runs, the tunnel is not usable; UP: it is (a
 * server is UP when it serves). */
enum openvpn_state { OPENVPN_DOWN, OPENVPN_STARTING, OPENVPN_UP };

struct openvpn_events {
	/* Called at every change of state, from the event loop or (STARTING) from openvpn_start; `local` is
	 * the tunnel's own address (UP only, else 0.0.0.0). Must not call openvpn_stop. */
	void (*changed)(void *context, enum openvpn_state state, struct in_addr local, const char *device);
	void *context;
};

/* `options`: text of an OpenVPN configuration, complete but for device, management and log options, which
 * this module adds: `dev DEVICE` and `dev-type tun`, and a log at verbosity 4 in DIRECTORY/NAME.log, where
 * the ciphers in use are named. `directory`: private, existing, for the options file (NAME.conf, mode 0600),
 * socket and log; `name` makes them distinct. `device`: name of the tunnel's interface, 1 to 15 characters.
 * The process dies with us; when it ends by itself it is started again after 0.5 s, doubled each time to at
 * most 10 s. Its log lines are forwarded to ours: warnings and errors as such, others at debug. NULL with
 * *error when it cannot be started at all. */
struct openvpn *openvpn_start(sd_event *loop, const char *name, const char *directory, const char *options,
	const char *device, const struct openvpn_events *events, char **error);
/* SIGTERM, waits at most 2 s by event, SIGKILL; removes options file and socket (the log stays); frees.
 * NULL-safe. The change of state is not reported. */
void openvpn_stop(struct openvpn *vpn);
enum openvpn_state openvpn_state(const struct openvpn *vpn);
/* Makes a new session with the other end, as after a loss of all packets; the process goes on, and with
 * `persist-tun` so does the interface. Nothing happens to one that does not run. */
void openvpn_renew(struct openvpn *vpn);
/* Times the process has been started again since openvpn_start. */
unsigned openvpn_restarts(const struct openvpn *vpn);

/* Of the data channel: none at all, that of the thesis's first publication (BF-CBC and SHA1), OpenVPN's own
 * choice. */
enum openvpn_encryption { OPENVPN_PLAIN, OPENVPN_BF_SHA1, OPENVPN_DEFAULT };
/* Their names in configurations, NULL-ended. */
extern const char *const openvpn_encryptions[];
/* The option lines that both ends need for one (measured: with 2.6 the obvious `cipher none` negotiates
 * AES-256-GCM). */
const char *openvpn_options(enum openvpn_encryption encryption);
/* Options for both ends of a tunnel that sends nothing of its own while it is idle: no renegotiation by the clock, and no
 * keepalive unless an option asks for it. */
extern const char openvpn_options_silent[];
/* Prepares the interface of such a tunnel when it is up. It switches IPv6 off there, because the kernel would send router
 * solicitations through the tunnel for ever. It also accepts packets whose answers take another way, because the tunnel
 * carries what others forward. A failure is logged. */
void openvpn_silence(const char *device);
/* MTU of a tunnel whose outer packets have at most 1500 bytes, and of a tunnel inside that one. OpenVPN adds 52 bytes (IP 20,
 * UDP 8, opcode and peer 4, packet id 4, tag 16). */
#define OPENVPN_OUTER_MTU 1448
#define OPENVPN_INNER_MTU 1396
/* SHA-256 fingerprint of a PEM certificate file as --peer-fingerprint wants it ("AA:BB:..", 95 characters).
 */
int openvpn_fingerprint(const char *certificate_path, char out[96], char **error);
#endif
