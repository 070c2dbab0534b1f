/* Daemons among strangers: who takes their name, what rights they keep, what a log does that nobody reads. */
#include "tests/unit/small_daemon.h"
#include <stddef.h>

/* The name is no secret, and a stranger takes it first, in the abstract namespace and as a file: he keeps nobody from starting. */
static void test_a_stranger_keeps_nobody_from_starting(void **state)
{
	char program[64], path[96], *error = NULL;
	int held[2], done[2];
	(void)state;
	snprintf(program, sizeof program, "liquidnet-small-%d", (int)getpid());
	snprintf(path, sizeof path, "/run/liquidnet/%s.lock", program);
	const struct daemon_description description = {.program = program};
	struct daemon daemon = {.description = &description, .lock = -1};
	assert_int_equal(daemon_alone(&daemon, 0, &error), 0); /* the file is there */
	daemon_free(&daemon);
	assert_int_equal(pipe2(held, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		int size = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", program);
		char bound = setuid(65534) == 0 &&
			     bind(fd, (struct sockaddr *)&address,
				     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
						 (size_t)size)) == 0,
		     opened = open(path, O_RDONLY) >= 0, word[2] = {bound, opened};
		close(done[1]);
		(void)!write(held[1], word, 2);
		(void)!read(done[0], word, 1);
		_exit(0);
	}
	char word[2] = {0};
	assert_int_equal(read(held[0], word, 2), 2);
	assert_true(word[0]);
	assert_false(word[1]);
	assert_int_equal(daemon_alone(&daemon, 0, &error), 0);
	daemon_free(&daemon);
	close(done[1]);
	waitpid(pid, NULL, 0);
	unlink(path);
	close(held[0]);
	close(held[1]);
	close(done[0]);
}

static void status_of(pid_t pid, const char *key, char value[64])
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *in = fopen(path, "re");
	assert_non_null(in);
	*value = 0;
	while (!*value && fgets(line, sizeof line, in))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), " %63s", value);
	fclose(in);
}

/* A daemon that says nothing of rights has none. */
static void test_rights_that_are_not_asked_for_are_given_away(void **state)
{
	static const char *const keys[] = {"CapEff:", "CapPrm:", "CapBnd:", "NoNewPrivs:", "Seccomp:"},
				 *const wanted[] = {"0000000000000000", "0000000000000000",
					 "0000000000000000", "1", "2"};
	char value[64];
	(void)state;
	struct running r = start((struct behaviour){.whole = true}, NO_WORDS);
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		status_of(r.process.pid, keys[i], value);
		assert_string_equal(value, wanted[i]);
	}
	send_signal(&r, SIGTERM);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

/* Standard error is a pipe that is full, and nobody reads: the daemon goes on, and says later how much was lost. */
static void test_a_log_that_nobody_reads_blocks_nobody(void **state)
{
	char path[64], byte = '.';
	json_t *answer = NULL;
	(void)state;
	struct running r = start(ORDINARY, WORDS("--control", socket_path));
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	read_until(r.err, "event=ready");
	snprintf(path, sizeof path, "/proc/self/fd/%d", r.err);
	int full = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(full >= 0);
	while (write(full, &byte, 1) == 1)
		continue;
	for (int i = 0; i < 3; i++) {
		send_signal(&r, SIGHUP);
		/* Its answer comes after the signal before it. */
		assert_int_equal(control_call(socket_path, "out", 10000, &answer, NULL), 0);
		json_decref(answer);
	}
	for (int64_t left = 1 << 20; left > 0;) {
		char some[4096];
		struct pollfd p = {.fd = r.err, .events = POLLIN};
		left = poll(&p, 1, 0) == 1 ? left - read(r.err, some, sizeof some) : 0;
	}
	send_signal(&r, SIGHUP);
	assert_non_null(strstr(read_until(r.err, "event=reload-ignored"), "event=log-lost lines="));
	assert_int_equal(control_call(socket_path, "end 0", 10000, &answer, NULL), 0);
	json_decref(answer);
	close(full);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_stranger_keeps_nobody_from_starting),
		TEST(test_rights_that_are_not_asked_for_are_given_away),
		TEST(test_a_log_that_nobody_reads_blocks_nobody),
	};
	return cmocka_run_group_tests_name("daemon_safe", tests, NULL, NULL);
}
