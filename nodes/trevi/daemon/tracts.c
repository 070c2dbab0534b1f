#include "nodes/trevi/daemon/tracts.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM (2 * WIRE_GUID + 32)
#define TRAILER WIRE_HASH /* the hash follows the bytes */

void tract_hash(const uint8_t *bytes, size_t length, uint8_t hash[WIRE_HASH])
{
	if (EVP_Digest(bytes, length, hash, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* SHA-256 is always there */
}

static void name_of(const uint8_t guid[WIRE_GUID], uint32_t tract, char name[NAME_ROOM])
{
	for (int i = 0; i < WIRE_GUID; i++)
		sprintf(name + 2 * i, "%02x", guid[i]);
	snprintf(name + 2 * WIRE_GUID, NAME_ROOM - 2 * WIRE_GUID, ".%u", tract);
}

static bool read_all(int fd, uint8_t *bytes, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t n = read(fd, bytes + got, size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

uint8_t *tract_read(int folder, const uint8_t guid[WIRE_GUID], uint32_t tract, uint32_t *length,
	uint8_t hash[WIRE_HASH], bool *damaged)
{
	char name[NAME_ROOM];
	uint8_t kept[WIRE_HASH];
	struct stat stat;

	*damaged = false;
	name_of(guid, tract, name);
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	uint8_t *bytes = NULL;
	*damaged = true;
	if (fstat(fd, &stat) == 0 && stat.st_size >= TRAILER && stat.st_size <= WIRE_TRACT_MAX + TRAILER) {
		*length = (uint32_t)(stat.st_size - TRAILER);
		bytes = malloc(*length + 1ul);
		if (bytes && read_all(fd, bytes, *length) && read_all(fd, kept, TRAILER)) {
			tract_hash(bytes, *length, hash);
			*damaged = memcmp(hash, kept, WIRE_HASH) != 0;
		}
	}
	close(fd);
	if (*damaged) {
		free(bytes);
		bytes = NULL;
	}
	return bytes;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
	for (size_t put = 0; put < size;) {
		ssize_t n = write(fd, bytes + put, size - put);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		put += (size_t)n;
	}
	return true;
}

bool tract_write(int folder, const uint8_t guid[WIRE_GUID], uint32_t tract, const uint8_t *bytes,
	uint32_t length, const uint8_t hash[WIRE_HASH])
{
	char name[NAME_ROOM], other[NAME_ROOM + 8];

	name_of(guid, tract, name);
	snprintf(other, sizeof other, "%s.new", name);
	int fd = openat(folder, other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool good = write_all(fd, bytes, length) && write_all(fd, hash, TRAILER) && fdatasync(fd) == 0;
	int code = errno;
	good = close(fd) == 0 && good && renameat(folder, other, folder, name) == 0;
	if (!good) {
		code = code ? code : errno;
		unlinkat(folder, other, 0);
		errno = code;
	}
	return good;
}
