/* Control socket: peers that misbehave or vanish, and many of them; where it listens; the client's side, which blocks, with
 * its daemon in a process of its own. */
#include "lib/base/process.h"
#include "tests/unit/control_peer.h"
#include <sys/resource.h>
#include <sys/wait.h>

#define PATIENCE_NS (20 * NS_PER_S)

static void peer_gone(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	say(fd, "later\nlater\n");
	pump(f);
	assert_false(control_abandoned(f->waiting[0]));
	close(fd);
	pump(f);
	assert_true(control_abandoned(f->waiting[0]));
	control_answer(f->waiting[0], json_object());
	assert_int_equal(f->control->peers_count, 1);
	control_refuse(f->waiting[1], "nobody hears it");
	assert_int_equal(f->control->peers_count, 0);
	/* One that goes while its answer is under way. */
	fd = join(f);
	say(fd, "large 8000000\n");
	pump(f);
	assert_int_equal(f->control->peers_count, 1);
	close(fd);
	pump(f);
	assert_int_equal(f->control->peers_count, 0);
}

/* One that asks and asks and takes no answer: the daemon stops listening to it, and serves others. */
static void peer_that_never_reads(void **state)
{
	struct fixture *f = *state;
	int fd = join(f), other = join(f);
	for (int i = 0; i < 200; i++)
		say(fd, "large 1000000\n");
	pump(f);
	assert_in_range(f->handled, 16, 20);
	say(other, "echo\n");
	assert_string_equal(heard(f, other), "{\"ok\":true,\"words\":[]}\n");
	/* When it takes them after all, it gets each one. */
	static char chunk[1 << 20];
	unsigned lines = 0;
	for (ssize_t n; lines < 200 && (pump(f), n = recv(fd, chunk, sizeof chunk, 0)) > 0;)
		for (ssize_t i = 0; i < n; i++)
			lines += chunk[i] == '\n';
	assert_int_equal(lines, 200);
	close(fd);
	close(other);
}

static void many_that_wait(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	char text[PENDING_MAX * 6 + 64] = "";
	for (int i = 0; i < PENDING_MAX; i++)
		memcpy(text + i * 6, "later\n", 7);
	strcat(text, "later\necho last\n");
	say(fd, text);
	assert_string_equal(heard(f, fd), "");
	assert_int_equal(f->waiting_count, PENDING_MAX);
	control_answer(f->waiting[0], json_object());
	assert_string_equal(heard(f, fd), "{\"ok\":true}\n");
	assert_int_equal(f->waiting_count, PENDING_MAX + 1);
	control_answer(f->waiting[1], json_object());
	assert_string_equal(heard(f, fd), "{\"ok\":true}\n{\"ok\":true,\"words\":[\"last\"]}\n");
	for (unsigned i = 2; i < f->waiting_count; i++)
		control_refuse(f->waiting[i], "over");
	close(fd);
}

static void many_peers(void **state)
{
	struct fixture *f = *state;
	int peers[PEERS_MAX + 1];
	for (int i = 0; i < PEERS_MAX; i++) {
		peers[i] = join(f);
		say(peers[i], "echo\n");
		pump(f);
	}
	assert_int_equal(f->control->peers_count, PEERS_MAX);
	for (int i = 0; i < PEERS_MAX; i++)
		assert_string_equal(heard(f, peers[i]), "{\"ok\":true,\"words\":[]}\n");
	/* One too many is turned away; when one has gone there is room. */
	peers[PEERS_MAX] = join(f);
	assert_true(hung_up(f, peers[PEERS_MAX]));
	close(peers[PEERS_MAX]);
	close(peers[7]);
	pump(f);
	peers[7] = join(f);
	say(peers[7], "echo\n");
	assert_string_equal(heard(f, peers[7]), "{\"ok\":true,\"words\":[]}\n");
	for (int i = 0; i < PEERS_MAX; i++)
		close(peers[i]);
	pump(f);
	assert_int_equal(f->control->peers_count, 0);
}

/* Without a descriptor to spare the peer is turned away, and the loop comes to rest. */
static void no_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, low;
	int fd = join(f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	int lowest = dup(fd); /* all below it are in use */
	low.rlim_cur = (rlim_t)lowest;
	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int turns = 0;
	while (turns < 100 && sd_event_run(f->loop, 0) > 0)
		turns++;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(turns < 100);
	assert_true(hung_up(f, fd));
	close(fd);
	fd = join(f);
	say(fd, "echo\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[]}\n");
	close(fd);
}

static void closed_with_requests(void **state)
{
	struct fixture *f = *state;
	int fd = join(f), idle = join(f);
	say(fd, "later\necho 1\n");
	pump(f);
	control_close(f->control);
	f->control = NULL;
	assert_int_equal(access(f->path, F_OK), -1);
	assert_true(control_abandoned(f->waiting[0]));
	control_answer(f->waiting[0], json_object());
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"1\"]}\n");
	assert_true(hung_up(f, fd));
	assert_true(hung_up(f, idle));
	close(fd);
	close(idle);
}

static void paths(void **state)
{
	struct fixture *f = *state;
	char *error = NULL, expected[300], path[200];
	struct stat about;
	assert_int_equal(stat(f->path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	/* A live one is left alone. */
	assert_null(control_open(f->loop, f->path, table, f, &error));
	snprintf(expected, sizeof expected,
		"%s: another daemon answers there; stop it or choose another --control", f->path);
	assert_string_equal(error, expected);
	pump(f);
	/* So is what is no socket. */
	snprintf(path, sizeof path, "%s/file", f->folder);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_null(control_open(f->loop, path, table, f, &error));
	snprintf(expected, sizeof expected,
		"%s: a file that is no socket stands there; choose another --control", path);
	assert_string_equal(error, expected);
	assert_int_equal(unlink(path), 0);
	/* A folder that is not there; a name that is too long. */
	snprintf(path, sizeof path, "%s/none/socket", f->folder);
	assert_null(control_open(f->loop, path, table, f, &error));
	assert_non_null(strstr(error, "No such file or directory"));
	memset(path, 'p', 150);
	path[150] = 0;
	assert_null(control_open(f->loop, path, table, f, &error));
	assert_non_null(strstr(error, "too long for a socket (107 bytes at most)"));
	free(error);
}

/* The socket of a daemon that was killed is replaced. */
static void stale_socket(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address;
	char path[96], *error = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(path, sizeof path, "%s/stale", f->folder);
	assert_int_equal(fill_address(&address, path, NULL), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	struct control *control = control_open(f->loop, path, table, f, &error);
	assert_null(error);
	assert_non_null(control);
	control_close(control);
	assert_int_equal(access(path, F_OK), -1);
}

/* A path that is taken before there is a table: whoever asks waits, and is answered then. */
static void taken_before_it_answers(void **state)
{
	struct fixture *f = *state;
	char *error = NULL;
	control_close(f->control);
	f->control = control_open(f->loop, f->path, NULL, NULL, &error);
	assert_null(error);
	int fd = join(f);
	say(fd, "echo a\n");
	assert_string_equal(heard(f, fd), "");
	assert_null(control_open(f->loop, f->path, NULL, NULL, &error));
	assert_non_null(strstr(error, "another daemon answers there"));
	free(error);
	assert_int_equal(control_serve(f->control, table, f), 0);
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"a\"]}\n");
	close(fd);
}

/* A daemon in a process of its own, listening where the fixture's one did, from now on. */
static pid_t serve_elsewhere(struct fixture *f)
{
	int ready[2];
	char byte;
	control_close(f->control);
	f->control = NULL;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct fixture own = {0};
		if (sd_event_new(&own.loop) < 0 || !control_open(own.loop, f->path, table, &own, NULL) ||
			write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(sd_event_loop(own.loop) == 0 ? 0 : 1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

static void client_side(void **state)
{
	struct fixture *f = *state;
	json_t *answer = NULL;
	char *error = NULL, expected[256], long_line[LINE_MAX_BYTES + 1];
	pid_t child = serve_elsewhere(f);
	int called = control_call(f->path, "echo hello", 5000, &answer, &error);
	json_t *words = json_object_get(answer, "words");
	bool right = called == 0 && strcmp(json_string_value(json_array_get(words, 0)), "hello") == 0;
	json_decref(answer);
	int large = control_call(f->path, "large 3000000", 5000, &answer, &error);
	size_t size = large == 0 ? json_string_length(json_object_get(answer, "text")) : 0;
	json_decref(answer);
	int refused = control_call(f->path, "nonsense", 5000, &answer, &error);
	char *reason = error;
	error = NULL;
	int late = control_call(f->path, "later", 50, &answer, &error);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(right);
	assert_int_equal(large, 0);
	assert_int_equal(size, 3000000);
	assert_int_equal(refused, -1);
	assert_string_equal(reason, "no such command; `help` lists them");
	free(reason);
	assert_int_equal(late, -1);
	snprintf(expected, sizeof expected, "%s: no answer in time", f->path);
	assert_string_equal(error, expected);
	/* Questions that are none. */
	memset(long_line, 'x', LINE_MAX_BYTES);
	long_line[LINE_MAX_BYTES] = 0;
	assert_int_equal(control_call(f->path, long_line, 50, &answer, &error), -1);
	assert_string_equal(error, "a question is one line of less than 4096 bytes");
	assert_int_equal(control_call(f->path, "echo a\necho b", 50, &answer, &error), -1);
	assert_string_equal(error, "a question is one line of less than 4096 bytes");
	free(error);
}

/* A daemon that hangs: it takes no connection out of its backlog, or takes it and says nothing. */
static void client_of_a_hung_daemon(void **state)
{
	struct fixture *f = *state;
	json_t *answer = NULL;
	char *error = NULL;
	int joined[80];
	int64_t began = clock_now_ns();
	int count = 0;
	assert_int_equal(control_call(f->path, "echo", 30, &answer, &error), -1);
	assert_non_null(strstr(error, "no answer in time"));
	while (count < 80) { /* until the backlog is full */
		struct sockaddr_un address;
		joined[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		fill_address(&address, f->path, NULL);
		if (connect(joined[count++], (struct sockaddr *)&address, sizeof address) < 0)
			break;
	}
	assert_true(count < 80);
	assert_int_equal(control_call(f->path, "echo", 30, &answer, &error), -1);
	assert_non_null(strstr(error, "is the daemon running?"));
	assert_true(clock_now_ns() - began < PATIENCE_NS);
	/* A second daemon does not take it for dead, and does not wait for it either. */
	assert_null(control_open(f->loop, f->path, table, f, &error));
	assert_non_null(strstr(error, "another daemon answers there"));
	for (int i = 0; i < count; i++)
		close(joined[i]);
	free(error);
}

static void client_without_daemon(void **state)
{
	struct fixture *f = *state;
	json_t *answer = NULL;
	char *error = NULL, expected[256];
	control_close(f->control);
	f->control = NULL;
	assert_int_equal(control_call(f->path, "echo", 50, &answer, &error), -1);
	snprintf(expected, sizeof expected, "%s: No such file or directory; is the daemon running?", f->path);
	assert_string_equal(error, expected);
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(peer_gone), TEST(peer_that_never_reads), TEST(many_that_wait),
		TEST(many_peers), TEST(no_descriptors), TEST(closed_with_requests), TEST(paths),
		TEST(stale_socket), TEST(taken_before_it_answers), TEST(client_side),
		TEST(client_of_a_hung_daemon), TEST(client_without_daemon)};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("control-peers", tests, NULL, NULL);
}
