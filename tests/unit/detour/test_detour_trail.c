/* The trail: records come back, the chain notices every change, files follow each other, and of 100,000 flows with ports that are
 * used again each belongs to one member. */
#include "nodes/detour/trail.h"
#include "tests/unit/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct identity signer;
static char directory[64];

static void remove_all(void)
{
	DIR *dir = opendir(directory);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(directory);
}

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/test-trail-%d", (int)getpid());
	remove_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_all();
	return 0;
}

static struct place at(const char *address, unsigned port)
{
	struct place p = {.port = (uint16_t)port};
	assert_true(address_parse(address, &p.address));
	return p;
}

static struct trail_record flow(enum trail_kind kind, unsigned member, unsigned port)
{
	struct trail_record r = {.kind = kind,
		.client = at("10.0.1.1", 1 + member),
		.detour = at("192.0.2.1", 5201),
		.outgoing = at("192.0.2.1", port),
		.remote = at("198.51.100.7", 443),
		.up = 1000 + member,
		.down = 7};
	snprintf(r.member, sizeof r.member, "m%u", member);
	return r;
}

static struct trail *open_it(uint64_t size, size_t keep)
{
	char *error = NULL;
	struct trail *trail = trail_open(directory, size, keep, &signer, &error);
	if (!trail)
		fail_msg("%s", error);
	return trail;
}

static void records_come_back(void **state)
{
	(void)state;
	static const enum trail_kind kinds[] = {TRAIL_OPEN, TRAIL_MAPPED, TRAIL_UNMAPPED, TRAIL_BEGAN,
		TRAIL_ENDED, TRAIL_CLOCK, TRAIL_LOST, TRAIL_SEAL};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct trail_record r = flow(kinds[i], 4, 40000), back;
		uint8_t hash[TRAIL_HASH], before[TRAIL_HASH] = {9};
		char line[TRAIL_LINE + 40], again[TRAIL_LINE];
		r.number = 17;
		r.time_us = 1800000000123456;
		r.shift_us = -5000000;
		memcpy(r.key, signer.public, SEAL_PUBLIC);
		strcpy(r.reason, "expired");
		size_t length = trail_format(&r, line);
		trail_hash(before, line, length, hash);
		line[length] = ' ';
		sodium_bin2hex(line + length + 1, 33, hash, sizeof hash);
		assert_true(trail_parse(line, length + 33, &back, before));
		assert_memory_equal(before, hash, sizeof hash);
		assert_int_equal(trail_format(&back, again), length);
		assert_memory_equal(again, line, length);
		assert_false(trail_parse(line, length, &back, before));
		assert_false(trail_parse(line, length + 32, &back, before));
	}
}

static bool count(void *context, const struct trail_record *record)
{
	(void)record;
	++*(unsigned *)context;
	return true;
}

static struct trail_check check_it(unsigned *records)
{
	struct trail_check check = {0};
	char *error = NULL;
	*records = 0;
	if (trail_read(directory, &check, count, records, &error) < 0)
		fail_msg("%s", error);
	return check;
}

static void files_follow_each_other_over_restarts(void **state)
{
	(void)state;
	unsigned records;
	for (int life = 0; life < 3; life++) {
		struct trail *trail = open_it(8192, 100);
		for (unsigned i = 0; i < 100; i++) {
			struct trail_record r = flow(TRAIL_BEGAN, i, 1000 + i);
			trail_write(trail, &r);
			assert_int_equal(trail_flush(trail, NULL), 0);
		}
		trail_close(trail);
	}
	struct trail_check check = check_it(&records);
	assert_string_equal(check.what, "");
	assert_true(check.files > 6);
	assert_true(check.seals >= check.files);
	assert_in_range(records, 300, 400);
	/* The oldest go; what is left is whole. */
	struct trail *trail = open_it(4096, 3);
	for (unsigned i = 0; i < 100; i++) {
		struct trail_record r = flow(TRAIL_BEGAN, i, 1000 + i);
		trail_write(trail, &r);
		assert_int_equal(trail_flush(trail, NULL), 0);
	}
	trail_close(trail);
	check = check_it(&records);
	assert_string_equal(check.what, "");
	assert_int_equal(check.files, 3);
}

static void whatever_is_changed_is_found(void **state)
{
	(void)state;
	struct trail *trail = open_it(1 << 20, 10);
	char path[512], *error = NULL;
	unsigned records;
	for (unsigned i = 0; i < 20; i++) {
		struct trail_record r = flow(i % 2 ? TRAIL_ENDED : TRAIL_BEGAN, i / 2, 1000 + i / 2);
		trail_write(trail, &r);
		if (i == 10)
			assert_int_equal(trail_seal(trail, &error), 0);
	}
	trail_close(trail);
	trail_file_name(directory, 1, path);
	int fd = open(path, O_RDWR);
	char bytes[16384];
	ssize_t size = read(fd, bytes, sizeof bytes);
	assert_true(size > 1000 && size < (ssize_t)sizeof bytes);
	for (ssize_t i = 0; i < size; i += 3) {
		char was = bytes[i], now = was == '0' ? '1' : '0';
		assert_int_equal(pwrite(fd, &now, 1, i), 1);
		struct trail_check check = check_it(&records);
		if (!check.what[0] && !check.torn)
			fail_msg("byte %zd of '%.60s' was changed, and nothing was noticed", i,
				bytes + i - i % 60);
		assert_int_equal(pwrite(fd, &was, 1, i), 1);
	}
	struct trail_check check = check_it(&records);
	assert_string_equal(check.what, "");
	/* A whole record taken out. */
	char *second = strchr(bytes, '\n') + 1, *third = strchr(second, '\n') + 1;
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_true(pwrite(fd, bytes, (size_t)(second - bytes), 0) > 0);
	assert_true(pwrite(fd, third, (size_t)(bytes + size - third), second - bytes) > 0);
	check = check_it(&records);
	assert_non_null(strstr(check.what, "missing"));
	/* Another detour's seals. */
	assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
	uint8_t other[SEAL_PUBLIC] = {1};
	check = (struct trail_check){.key = other};
	assert_int_equal(trail_read(directory, &check, count, &records, &error), 0);
	assert_non_null(strstr(check.what, "another detour"));
	close(fd);
}

static void a_torn_line_is_no_fault_and_the_chain_goes_on(void **state)
{
	(void)state;
	static struct trail *trail; /* a killed daemon closes nothing */
	trail = open_it(1 << 20, 10);
	unsigned records;
	char path[512];
	struct trail_record r = flow(TRAIL_BEGAN, 1, 1);
	trail_write(trail, &r);
	assert_int_equal(trail_flush(trail, NULL), 0);
	trail_file_name(directory, 1, path);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(truncate(path, status.st_size - 5), 0); /* the crash */
	struct trail_check check = check_it(&records);
	assert_string_equal(check.what, "");
	assert_true(check.torn);
	struct trail *next = open_it(1 << 20, 10);
	trail_write(next, &r);
	trail_close(next);
	check = check_it(&records);
	assert_string_equal(check.what, "");
	assert_int_equal(check.files, 2);
}

/* ---- attribution */

/* What find does, by the same records: the last flow on a port that began before a time. */
struct world {
	uint16_t port;
	int64_t time_us;
	char member[TRAIL_NAME];
	bool open;
	unsigned found;
};

static bool look(void *context, const struct trail_record *r)
{
	struct world *w = context;
	if ((r->kind != TRAIL_BEGAN && r->kind != TRAIL_ENDED) || r->outgoing.port != w->port)
		return true;
	if (r->kind == TRAIL_BEGAN && r->time_us <= w->time_us) {
		memcpy(w->member, r->member, sizeof w->member);
		w->open = true;
	} else if (r->kind == TRAIL_ENDED && r->time_us < w->time_us) {
		w->open = false;
	}
	return true;
}

static void a_hundred_thousand_flows_each_have_one_member(void **state)
{
	enum { FLOWS = 100000, PORTS = 5000 };
	static int64_t when[FLOWS];
	static struct trail_record r;
	(void)state;
	struct trail *trail = open_it(8 << 20, 100);
	for (unsigned i = 0; i < FLOWS; i++) {
		if (i >= PORTS) {
			r = flow(TRAIL_ENDED, (i - PORTS) % 997, 10000 + i % PORTS);
			trail_write(trail, &r);
		}
		r = flow(TRAIL_BEGAN, i % 997, 10000 + i % PORTS);
		trail_write(trail, &r);
		when[i] = r.time_us;
		if (i % 1000 == 0)
			assert_int_equal(trail_flush(trail, NULL), 0);
	}
	trail_close(trail);
	for (unsigned i = 7; i < FLOWS; i += 9973) {
		struct world w = {.port = (uint16_t)(10000 + i % PORTS), .time_us = when[i]};
		struct trail_check check = {0};
		char *error = NULL, expected[16];
		assert_int_equal(trail_read(directory, &check, look, &w, &error), 0);
		snprintf(expected, sizeof expected, "m%u", i % 997);
		assert_true(w.open);
		assert_string_equal(w.member, expected);
		assert_string_equal(check.what, "");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const uint8_t seed[32] = {5};
	char *error = NULL;
	if (seal_init(&error) < 0)
		return 1;
	crypto_sign_seed_keypair(signer.public, signer.secret, seed);
	const struct CMUnitTest tests[] = {
		TEST(records_come_back),
		TEST(files_follow_each_other_over_restarts),
		TEST(whatever_is_changed_is_found),
		TEST(a_torn_line_is_no_fault_and_the_chain_goes_on),
		TEST(a_hundred_thousand_flows_each_have_one_member),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
