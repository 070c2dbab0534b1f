/* Control socket: questions of every kind, answers at once and later, peers that misbehave or vanish. The
 * loop is turned by the tests themselves; only the client's side, which blocks, has its daemon in a process
 * of its own. */
#include "lib/base/control.c"
#include "lib/base/process.h"
#include "tests/unit/check.h"
#include <sys/resource.h>
#include <sys/wait.h>

#define WAITING_MAX 300
#define PATIENCE_NS (20 * NS_PER_S)

struct fixture {
	char folder[64], path[96];
	sd_event *loop;
	struct control *control;
	struct control_request *waiting[WAITING_MAX]; /* of `later`, oldest first */
	unsigned waiting_count, handled;
};

static void handle_echo(void *context, struct control_request *request, int count, char **words)
{
	struct fixture *f = context;
	json_t *list = json_array();
	f->handled++;
	for (int i = 0; i < count; i++)
		json_array_append_new(list, json_string(words[i]));
	control_answer(request, json_pack("{s:o}", "words", list));
}

static void handle_later(void *context, struct control_request *request, int count, char **words)
{
	struct fixture *f = context;
	(void)count;
	(void)words;
	assert_true(f->waiting_count < WAITING_MAX);
	f->waiting[f->waiting_count++] = request;
}

static void handle_large(void *context, struct control_request *request, int count, char **words)
{
	struct fixture *f = context;
	size_t size = (size_t)atoi(words[0]);
	char *text = malloc(size + 1);
	(void)count;
	f->handled++;
	memset(text, 'x', size);
	text[size] = 0;
	control_answer(request, json_pack("{s:s}", "text", text));
	free(text);
}

static void handle_refuse(void *context, struct control_request *request, int count, char **words)
{
	(void)context;
	(void)count;
	control_refuse(request, "no %s \xff here", words[0]);
}

static void handle_nothing(void *context, struct control_request *request, int count, char **words)
{
	(void)context;
	(void)count;
	(void)words;
	control_answer(request, NULL);
}

static void handle_stream(void *context, struct control_request *request, int count, char **words)
{
	control_begin(request, json_pack("{s:s}", "stream", "begins"));
	handle_later(context, request, count, words);
}

static const struct control_command table[] = {{"echo", "[WORD...]", "says it again", 0, 62, handle_echo},
	{"later", NULL, "is answered when the test says so", 0, 1, handle_later},
	{"large", "BYTES", "a large answer", 1, 1, handle_large},
	{"refuse", "WHAT", "never does it", 1, 1, handle_refuse},
	{"nothing", "", "has no answer", 0, 0, handle_nothing},
	{"stream", "", "begins a stream", 0, 0, handle_stream}, {0}};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char *error = NULL;
	strcpy(f->folder, "/tmp/test-control-XXXXXX");
	if (!mkdtemp(f->folder) || sd_event_new(&f->loop) < 0)
		return -1;
	snprintf(f->path, sizeof f->path, "%s/socket", f->folder);
	f->control = control_open(f->loop, f->path, table, f, &error);
	*state = f;
	return f->control ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	control_close(f->control);
	sd_event_unref(f->loop);
	unlink(f->path);
	int result = rmdir(f->folder);
	free(f);
	return result;
}

/* Turns the loop until nothing is left to do. */
static void pump(struct fixture *f)
{
	while (sd_event_run(f->loop, 0) > 0)
		;
}

static int join(const struct fixture *f)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(fill_address(&address, f->path, NULL), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the peer was sent so far; "" when nothing. */
static const char *heard(struct fixture *f, int fd)
{
	static char text[65536];
	size_t used = 0;
	ssize_t n;
	pump(f);
	while ((n = recv(fd, text + used, sizeof text - used - 1, 0)) > 0)
		used += (size_t)n;
	text[used] = 0;
	return text;
}

/* True when the daemon has closed the connection. */
static bool hung_up(struct fixture *f, int fd)
{
	char byte;
	pump(f);
	ssize_t n = recv(fd, &byte, 1, 0);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void answers(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	say(fd, "echo one  two\tthree\r\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"one\",\"two\",\"three\"]}\n");
	say(fd, "echo\necho 2\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[]}\n{\"ok\":true,\"words\":[\"2\"]}\n");
	/* A line in pieces is one question. */
	say(fd, "ec");
	assert_string_equal(heard(f, fd), "");
	say(fd, "ho a");
	assert_string_equal(heard(f, fd), "");
	say(fd, "b\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"ab\"]}\n");
	close(fd);
	pump(f);
	assert_int_equal(f->control->peers_count, 0);
}

static void streams(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	say(fd, "stream\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"stream\":\"begins\"}\n");
	assert_true(control_tell(f->waiting[0], "{\"n\":1}"));
	assert_true(control_tell(f->waiting[0], "{\"n\":2}"));
	assert_string_equal(heard(f, fd), "{\"n\":1}\n{\"n\":2}\n");
	/* It may ask besides, and say that it will ask no more. */
	say(fd, "echo a\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"a\"]}\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	pump(f);
	assert_true(control_tell(f->waiting[0], "{\"n\":3}"));
	assert_string_equal(heard(f, fd), "{\"n\":3}\n");
	control_end(f->waiting[0]);
	assert_true(hung_up(f, fd));
	assert_int_equal(f->control->peers_count, 0);
	close(fd);
	/* Who goes is noticed. */
	fd = join(f);
	say(fd, "stream\n");
	pump(f);
	close(fd);
	pump(f);
	assert_true(control_abandoned(f->waiting[1]));
	assert_false(control_tell(f->waiting[1], "{}"));
	assert_int_equal(f->control->peers_count, 1);
	control_end(f->waiting[1]);
	assert_int_equal(f->control->peers_count, 0);
}

static void streams_that_nobody_reads(void **state)
{
	struct fixture *f = *state;
	int slow = join(f), other = join(f), told = 0;
	char line[1024];
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = 0;
	say(slow, "stream\n");
	say(other, "stream\n");
	pump(f);
	while (told < 100000 && control_tell(f->waiting[0], line)) {
		told++;
		pump(f);
	}
	/* What the kernel keeps, and 256 KiB. */
	assert_in_range(told, 256, 4096);
	assert_in_range(unsent(f->waiting[0]->peer), 255 << 10, 256 << 10);
	control_end(f->waiting[0]);
	pump(f);
	assert_int_equal(f->control->peers_count, 1);
	assert_true(control_tell(f->waiting[1], "{}"));
	assert_non_null(strstr(heard(f, other), "{}\n"));
	control_end(f->waiting[1]);
	assert_true(hung_up(f, other));
	close(slow);
	close(other);
}

static void help_lists(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	say(fd, "help\n");
	json_t *answer = json_loads(heard(f, fd), 0, NULL), *list = json_object_get(answer, "commands");
	assert_int_equal(json_array_size(list), 6);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "name")), "large");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 2), "arguments")), "BYTES");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "arguments")), "");
	json_decref(answer);
	close(fd);
}

static void refusals(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	say(fd, "ech o\n");
	assert_string_equal(
		heard(f, fd), "{\"ok\":false,\"error\":\"no such command; `help` lists them\"}\n");
	say(fd, "\n");
	assert_string_equal(
		heard(f, fd), "{\"ok\":false,\"error\":\"an empty line; `help` lists the commands\"}\n");
	say(fd, " \t \n");
	assert_string_equal(
		heard(f, fd), "{\"ok\":false,\"error\":\"an empty line; `help` lists the commands\"}\n");
	say(fd, "large\n");
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"write: large BYTES\"}\n");
	say(fd, "large 1 2\n");
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"write: large BYTES\"}\n");
	say(fd, "refuse way\n");
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"no way ? here\"}\n");
	say(fd, "nothing\n");
	assert_string_equal(
		heard(f, fd), "{\"ok\":false,\"error\":\"the answer cannot be written as JSON\"}\n");
	close(fd);
}

static void too_many_words(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	char line[1024] = "echo";
	for (int i = 0; i < 62; i++)
		strcat(line, " w");
	strcat(line, "\n");
	say(fd, line);
	assert_non_null(strstr(heard(f, fd), "\"ok\":true"));
	strcpy(line + strlen(line) - 1, " w\n");
	say(fd, line);
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"write: echo [WORD...]\"}\n");
	strcpy(line + strlen(line) - 1, " w w w w\n");
	say(fd, line);
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"more than 64 words\"}\n");
	close(fd);
}

static void garbage(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	char noise[512];
	unsigned seed = 7;
	for (size_t i = 0; i < sizeof noise; i++) {
		seed = seed * 1103515245u + 12345u;
		noise[i] = (char)(seed >> 16);
		if (noise[i] == '\n' || noise[i] == '\0')
			noise[i] = (char)0xff;
	}
	noise[sizeof noise - 1] = '\n';
	assert_int_equal(send(fd, noise, sizeof noise, 0), sizeof noise);
	assert_string_equal(
		heard(f, fd), "{\"ok\":false,\"error\":\"no such command; `help` lists them\"}\n");
	/* NUL bytes end a line's text, but not the line. */
	assert_int_equal(send(fd, "echo a\0b\necho c\n", 16, 0), 16);
	assert_string_equal(
		heard(f, fd), "{\"ok\":true,\"words\":[\"a\"]}\n{\"ok\":true,\"words\":[\"c\"]}\n");
	/* A word that is no UTF-8 comes back as null or a refusal, never as broken JSON. */
	say(fd, "echo \xc3\n");
	json_t *answer = json_loads(heard(f, fd), 0, NULL);
	assert_true(json_is_boolean(json_object_get(answer, "ok")));
	json_decref(answer);
	close(fd);
}

static void oversized_line(void **state)
{
	struct fixture *f = *state;
	int fd = join(f), other = join(f);
	char line[LINE_MAX_BYTES + 8];
	/* The longest line that is one. */
	memset(line, 'x', sizeof line);
	memcpy(line, "echo ", 5);
	line[LINE_MAX_BYTES - 1] = '\n';
	assert_int_equal(send(fd, line, LINE_MAX_BYTES, 0), LINE_MAX_BYTES);
	assert_int_equal(
		strlen(heard(f, fd)), LINE_MAX_BYTES - 6 + strlen("{\"ok\":true,\"words\":[\"\"]}\n"));
	/* One byte more: told so, then closed; others are served on. */
	line[LINE_MAX_BYTES - 1] = 'x';
	say(fd, "echo before\n");
	assert_int_equal(send(fd, line, sizeof line, 0), sizeof line);
	assert_string_equal(heard(f, fd),
		"{\"ok\":true,\"words\":[\"before\"]}\n"
		"{\"ok\":false,\"error\":\"a question is one line of less than 4096 bytes\"}\n");
	assert_true(hung_up(f, fd));
	say(other, "echo\n");
	assert_string_equal(heard(f, other), "{\"ok\":true,\"words\":[]}\n");
	assert_int_equal(f->control->peers_count, 1);
	close(fd);
	close(other);
}

static void later_in_any_order(void **state)
{
	struct fixture *f = *state;
	int fd = join(f), other = join(f);
	say(fd, "later 1\nlater 2\necho now\n");
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"now\"]}\n");
	say(other, "later 3\n");
	pump(f);
	assert_int_equal(f->waiting_count, 3);
	assert_string_equal(f->waiting[1]->words[1], "2");
	control_answer(f->waiting[1], json_pack("{s:i}", "n", 2));
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"n\":2}\n");
	control_answer(f->waiting[2], json_pack("{s:i}", "n", 3));
	control_refuse(f->waiting[0], "too late");
	assert_string_equal(heard(f, other), "{\"ok\":true,\"n\":3}\n");
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"too late\"}\n");
	close(fd);
	close(other);
}

/* A peer that says it asks no more (`printf 'later\n' | socat - ...`) still gets its answers. */
static void half_closed(void **state)
{
	struct fixture *f = *state;
	int fd = join(f);
	say(fd, "later\necho 1\n");
	shutdown(fd, SHUT_WR);
	assert_string_equal(heard(f, fd), "{\"ok\":true,\"words\":[\"1\"]}\n");
	assert_int_equal(f->control->peers_count, 1);
	assert_false(control_abandoned(f->waiting[0]));
	control_answer(f->waiting[0], json_object());
	assert_string_equal(heard(f, fd), "{\"ok\":true}\n");
	assert_true(hung_up(f, fd));
	assert_int_equal(f->control->peers_count, 0);
	close(fd);
}

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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(answers), TEST(streams), TEST(streams_that_nobody_reads),
		TEST(help_lists), TEST(refusals), TEST(too_many_words), TEST(garbage), TEST(oversized_line),
		TEST(later_in_any_order), TEST(half_closed), TEST(peer_gone), TEST(peer_that_never_reads),
		TEST(many_that_wait), TEST(many_peers), TEST(no_descriptors), TEST(closed_with_requests),
		TEST(paths), TEST(stale_socket), TEST(taken_before_it_answers), TEST(client_side),
		TEST(client_of_a_hung_daemon), TEST(client_without_daemon)};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
