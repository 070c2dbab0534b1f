/* Signalling: requests come in as datagrams, become mappings in the kernel, and are answered; mappings that
 * nobody uses end. Owns the socket, the mappings and the NAT table. */
#ifndef LIQUIDNET_DETOUR_SIGNALLING_H
#define LIQUIDNET_DETOUR_SIGNALLING_H

#include "nodes/detour/daemon/mapping.h"
#include "nodes/detour/wire.h"
#include <jansson.h>
#include <systemd/sd-event.h>

struct detour_config;
struct nft_ctx;
struct signalling;

/* Adopts what an earlier life left, puts the NAT table in place, binds the socket. Both `nft` and `config`
 * are kept by reference. NULL with *error; nothing is then left, but for a table that was there before. */
struct signalling *signalling_start(
	sd_event *loop, struct nft_ctx *nft, const struct detour_config *config, char **error);
/* Removes the NAT table and closes everything. NULL-safe. */
void signalling_stop(struct signalling *signalling);
/* Takes over limits and allowed clients of a new configuration; `config` is kept instead of the old one. */
void signalling_reload(struct signalling *signalling, const struct detour_config *config);

/* {"datagrams":..., ...}: every datagram that came is in exactly one of the counters below "datagrams". */
json_t *signalling_counters(const struct signalling *signalling);
/* [{"client":"10.0.1.1","detour_port":5201,"remote":"10.0.5.1","remote_port":5201,"idle_ms":...,"age_ms":...}]
 */
json_t *signalling_mappings(const struct signalling *signalling);
size_t signalling_mapping_count(const struct signalling *signalling);
/* Ends one mapping now; flows that run through it go on. -1 with *error when there is none. */
int signalling_forget(
	struct signalling *signalling, struct in_addr client, uint16_t detour_port, char **error);
#endif
