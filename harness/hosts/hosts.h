/* Hosts: those of an inventory, reached by the system's own ssh: one connection each, which carries the agent's standard
 * input and output, and its socket to a folder of this machine (place_host.c). No password is ever asked for, no key
 * accepted that is not known. */
#ifndef LIQUIDNET_HOSTS_H
#define LIQUIDNET_HOSTS_H

#include "harness/hosts/inventory.h"
#include "harness/place/place.h"

struct hosts;

/* Logs in to all and starts their agents. NULL and *error: the first that is not there, what ssh or the agent said, and
 * the remedy; hosts that were reached are left again. */
struct hosts *hosts_open(const struct inventory *inventory, char **error);
/* Ends the agents, which put everything back first; waits for them. NULL-safe. */
void hosts_close(struct hosts *hosts);
/* Those whose connection has ended are tried once more, and what all have sent so far is taken note of. -1 and *error:
 * one cannot be reached, or all that may be sent has been. */
int hosts_ready(struct hosts *hosts, char **error);
/* The folder with their agents' sockets. */
const char *hosts_folder(const struct hosts *hosts);
/* The h-th of the inventory as a place; its interface. */
struct place hosts_place(const struct hosts *hosts, size_t h);
const char *const *hosts_interfaces(const struct hosts *hosts);
/* {NODE: {"ssh", "address", "interface", "kernel", "processors"}} */
json_t *hosts_facts(const struct hosts *hosts);
/* Whether the hosts can have the settings of an experiment and afterwards be as they were. -1 and *error: the first that
 * one cannot have, why, and the remedy. */
int hosts_check_settings(const struct hosts *hosts, const struct experiment *experiment, char **error);
/* Which of these programs some host lacks: -1 and *error. */
int hosts_check_programs(const struct hosts *hosts, const char *const *names, char **error);

#endif
