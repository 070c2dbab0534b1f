/* Login: see the header. */
#include "harness/hosts/login.h"

#include "lib/net/address.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "SSH_CONNECTION"
#define PARENTS 8 /* between us and sshd: a shell, sudo, its monitor */
#define ENVIRONMENT_MAX (256 << 10)

bool login_parse(const char *text, struct login *login)
{
	char from[96];
	struct address address;
	*login = (struct login){0};
	if (sscanf(text, "%95s %5u %*95s %5u", from, &login->from_port, &login->to_port) != 3 ||
		login->from_port - 1 > 65534 || login->to_port - 1 > 65534)
		return false;
	from[strcspn(from, "%")] = 0;
	if (!address_parse(from, &address) || address_is_none(&address))
		return false;
	address_text(&address, login->from);
	login->ipv6 = !address_is_v4(&address);
	return true;
}

bool login_of_environment(const char *environment, size_t size, struct login *login)
{
	for (size_t at = 0; at < size;) {
		size_t length = strnlen(environment + at, size - at);
		char text[256];
		if (length > sizeof NAME && length - sizeof NAME < sizeof text &&
			memcmp(environment + at, NAME "=", sizeof NAME) == 0) {
			memcpy(text, environment + at + sizeof NAME, length - sizeof NAME);
			text[length - sizeof NAME] = 0;
			return login_parse(text, login);
		}
		at += length + 1;
	}
	return false;
}

static size_t read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	size_t used = 0;
	ssize_t n = 1;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n > 0 && used < size) {
		n = read(fd, text + used, size - used);
		used += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return used;
}

/* 0: it has none that is here. */
static pid_t parent_of(pid_t pid)
{
	char text[1024];
	int parent = 0;
	text[read_file(pid, "stat", text, sizeof text - 1)] = 0;
	char *at = strrchr(text, ')'); /* the name before it may hold anything */
	return at && sscanf(at + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

bool login_find(struct login *login)
{
	const char *own = getenv(NAME);
	if (own)
		return login_parse(own, login);
	char *environment = malloc(ENVIRONMENT_MAX);
	pid_t pid = getppid();
	bool found = false;
	for (int i = 0; environment && !found && pid > 1 && i < PARENTS; i++, pid = parent_of(pid))
		found = login_of_environment(
			environment, read_file(pid, "environ", environment, ENVIRONMENT_MAX), login);
	free(environment);
	return found;
}
