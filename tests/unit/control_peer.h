/* What the tests of the control socket share: a daemon with commands of every kind, and a peer that talks to it. Includes
 * what is tested. */
#ifndef LIQUIDNET_CONTROL_PEER_H
#define LIQUIDNET_CONTROL_PEER_H

#include "lib/base/control.c"
#include "tests/unit/check.h"

#define WAITING_MAX 300

struct fixture {
	char folder[64], path[96];
	sd_event *loop;
	struct control *control;
	struct control_request *waiting[WAITING_MAX]; /* of `later`, oldest first */
	unsigned waiting_count, handled;
};

static inline void handle_echo(void *context, struct control_request *request, int count, char **words)
{
	struct fixture *f = context;
	json_t *list = json_array();
	f->handled++;
	for (int i = 0; i < count; i++)
		json_array_append_new(list, json_string(words[i]));
	control_answer(request, json_pack("{s:o}", "words", list));
}

static inline void handle_later(void *context, struct control_request *request, int count, char **words)
{
	struct fixture *f = context;
	(void)count;
	(void)words;
	assert_true(f->waiting_count < WAITING_MAX);
	f->waiting[f->waiting_count++] = request;
}

static inline void handle_large(void *context, struct control_request *request, int count, char **words)
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

static inline void handle_refuse(void *context, struct control_request *request, int count, char **words)
{
	(void)context;
	(void)count;
	control_refuse(request, "no %s \xff here", words[0]);
}

static inline void handle_nothing(void *context, struct control_request *request, int count, char **words)
{
	(void)context;
	(void)count;
	(void)words;
	control_answer(request, NULL);
}

static inline void handle_stream(void *context, struct control_request *request, int count, char **words)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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
static inline void pump(struct fixture *f)
{
	while (sd_event_run(f->loop, 0) > 0)
		;
}

static inline int join(const struct fixture *f)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(fill_address(&address, f->path, NULL), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the peer was sent so far; "" when nothing. */
static inline const char *heard(struct fixture *f, int fd)
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
static inline bool hung_up(struct fixture *f, int fd)
{
	char byte;
	pump(f);
	ssize_t n = recv(fd, &byte, 1, 0);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
