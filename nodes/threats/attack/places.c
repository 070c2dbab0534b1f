#include "nodes/threats/attack/places.h"
#include "lib/base/error.h"
#include "lib/net/netns.h"
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int list_addresses(void *context)
{
	struct place *place = context;
	struct ifaddrs *all;
	if (getifaddrs(&all) < 0)
		return -1;
	for (const struct ifaddrs *i = all; i && place->count < PLACE_ADDRESSES; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK ||
			!strchr(i->ifa_name, '-'))
			continue;
		struct place_address *a = &place->addresses[place->count++];
		snprintf(a->interface, sizeof a->interface, "%s", i->ifa_name);
		a->address[10] = a->address[11] = 0xff;
		memcpy(a->address + 12, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
			4);
	}
	freeifaddrs(all);
	return 0;
}

/* The namespace of one process, if it is a new one. */
static void take_process(struct places *places, const char *pid)
{
	char path[300];
	struct stat status;
	snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
	if (stat(path, &status) < 0 || places->count == PLACES_MOST)
		return;
	for (unsigned i = 0; i < places->count; i++)
		if (places->list[i].number == status.st_ino)
			return;
	struct place *place = &places->list[places->count];
	*place = (struct place){.number = status.st_ino, .fd = netns_open(path)};
	if (place->fd < 0)
		return;
	if (netns_call(place->fd, list_addresses, place) < 0 || !place->count) {
		close(place->fd);
		return;
	}
	places->count++;
}

int places_find(struct places *places, char **error)
{
	struct stat own;
	memset(places, 0, sizeof *places);
	DIR *processes = opendir("/proc");
	if (!processes || stat("/proc/self/ns/net", &own) < 0) {
		if (processes)
			closedir(processes);
		return error_set(error, "/proc: %s", strerror(errno));
	}
	for (const struct dirent *entry; (entry = readdir(processes));)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			take_process(places, entry->d_name);
	closedir(processes);
	for (unsigned i = 0; i < places->count; i++)
		if (places->list[i].number == own.st_ino)
			places->own = &places->list[i];
	return places->own ? 0 : error_set(error, "this is no node of a network; run it in one");
}

void places_close(struct places *places)
{
	for (unsigned i = 0; i < places->count; i++)
		close(places->list[i].fd);
	places->count = 0;
}

const struct place *places_named(
	const struct places *places, const char *name, const struct place_address **address, char **error)
{
	const char *slash = strchr(name, '/');
	int length = slash ? (int)(slash - name) : (int)strlen(name);
	for (unsigned i = 0; i < places->count; i++)
		for (unsigned k = 0; k < places->list[i].count; k++) {
			const char *interface = places->list[i].addresses[k].interface;
			if (strncmp(interface, name, (size_t)length) != 0 || interface[length] != '-' ||
				(slash && strcmp(interface + length + 1, slash + 1) != 0))
				continue;
			*address = &places->list[i].addresses[k];
			return &places->list[i];
		}
	error_set(error, "no node `%s` in this network", name);
	return NULL;
}
