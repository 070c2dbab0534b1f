/* The NAT service: questions come in as datagrams, become mappings in the kernel, and are answered; mappings that nobody uses
 * end. Owns the sockets, the mappings, the NAT table, the members, and what is heard of flows. */
#ifndef LIQUIDNET_DETOUR_SERVICE_H
#define LIQUIDNET_DETOUR_SERVICE_H

#include <jansson.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct address;
struct detour_config;
struct nft_ctx;
struct service;

/* Adopts what an earlier life left, puts the NAT table in place, opens the mailboxes. `nft` and `config` are kept by
 * reference. NULL with *error; nothing is then left, but for a table that was there before. */
struct service *service_start(
	sd_event *loop, struct nft_ctx *nft, const struct detour_config *config, char **error);
/* Closes everything and, unless the configuration says to keep it, removes the NAT table. NULL-safe. */
void service_stop(struct service *service);
/* Takes over what of a new configuration can be taken over; `config` is kept instead of the old one. Who may no longer ask
 * loses mappings and flows at once. */
void service_reload(struct service *service, const struct detour_config *config);

/* "up"; "repairing" while the kernel does not translate as it has to. */
const char *service_state(const struct service *service);
/* {"datagrams":..., ...}: every datagram that came is in exactly one of the counters below "datagrams". */
json_t *service_counters(struct service *service);
/* [{"client":"10.0.1.1","detour_port":5201,"remote":"10.0.5.1","remote_port":5201,"member":...,"flows":...,"idle_ms":...,
 * "age_ms":...,"left_ms":...}] */
json_t *service_mappings(const struct service *service);
/* [{"name":...,"mappings":...,"questions":...,"bytes_up":...,...}] */
json_t *service_members(const struct service *service);
/* The collective's list as it stands; null without one. */
json_t *service_collective(const struct service *service);
/* What stands in the way, in words; an empty list when nothing does. */
json_t *service_warnings(struct service *service);
size_t service_mapping_count(const struct service *service);
/* Ends one mapping now; flows that run through it go on. -1 with *error when there is none. */
int service_forget(struct service *service, const struct address *client, uint16_t detour_port, char **error);

#endif
