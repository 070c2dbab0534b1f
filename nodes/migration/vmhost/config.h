/* Configuration of liquidnet-vmhost (vmhost.example.yaml). */
#ifndef LIQUIDNET_MIGRATION_VMHOST_CONFIG_H
#define LIQUIDNET_MIGRATION_VMHOST_CONFIG_H

#include "lib/base/conf.h"
#include "nodes/migration/site.h"
#include <limits.h>

#define HOSTS 16
#define QEMU_OPTIONS 32

struct vmhost_config {
	struct conf *conf; /* owns the texts */
	const char *qemu, *accel, *append, *tap, *mac, *folder;
	char kernel[PATH_MAX], initrd[PATH_MAX];
	const char *options[QEMU_OPTIONS];
	unsigned option_count;
	uint64_t memory; /* bytes */
	struct site place;
	const char *place_text;
	struct in_addr listen; /* for machines that come */
	uint16_t port;
	struct vmhost_other {
		const char *name;
		struct in_addr address;
	} hosts[HOSTS];
	unsigned host_count;
	int64_t pause_ns, limit_ns;
};

/* NULL with *error "FILE:LINE: what; remedy". */
struct vmhost_config *vmhost_config_load(const char *path, char **error);
void vmhost_config_free(struct vmhost_config *config); /* may be NULL */
const struct vmhost_other *vmhost_config_host(const struct vmhost_config *config, const char *name);

#endif
