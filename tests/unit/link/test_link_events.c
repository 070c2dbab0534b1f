/* Events of the link daemon: what a reader of its control socket hears of radios, media and settings. The
 * radio's times are given by the test; the loop and the socket are real. */
#include "lib/base/clock.h"
#include "lib/link/medium.h"
#include "nodes/link/events.c"
#include "tests/unit/check.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT_NS (20 * NS_PER_S)

struct fixture {
	char folder[64], path[96];
	sd_event *loop;
	struct control *control;
	struct events *events;
	struct radio radio;
};

static void handle(void *context, struct control_request *request, int count, char **words)
{
	(void)count;
	(void)words;
	events_subscribe(((struct fixture *)context)->events, request);
}

static const struct control_command table[] = {{"events", "", "", 0, 0, handle}, {0}};

static int set_up(void **state)
{
	static const struct radio_profile profile = {
		.name = "short", .promotion_ns = 30 * NS_PER_MS, .tail_ns = 80 * NS_PER_MS};
	struct fixture *f = calloc(1, sizeof *f);
	strcpy(f->folder, "/tmp/test-link-events-XXXXXX");
	if (!mkdtemp(f->folder) || sd_event_new(&f->loop) < 0)
		return -1;
	snprintf(f->path, sizeof f->path, "%s/socket", f->folder);
	f->control = control_open(f->loop, f->path, table, f, NULL);
	f->events = events_new(f->loop, 1);
	radio_init(&f->radio, &profile, clock_now_ns());
	events_watch_radio(f->events, &f->radio, "cell");
	*state = f;
	return f->control && f->events ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	control_close(f->control);
	events_free(f->events);
	sd_event_unref(f->loop);
	int result = rmdir(f->folder);
	free(f);
	return result;
}

static void turn(struct fixture *f)
{
	while (sd_event_run(f->loop, 0) > 0)
		;
}

/* The next line, waited for. */
static json_t *line(struct fixture *f, int fd)
{
	char text[4096];
	size_t used = 0;
	int64_t limit = clock_now_ns() + LIMIT_NS;
	while (clock_now_ns() < limit && used < sizeof text) {
		ssize_t n = recv(fd, text + used, 1, MSG_DONTWAIT);
		if (n == 1 && text[used++] == '\n')
			return json_loadb(text, used, 0, NULL);
		if (n != 1)
			sd_event_run(f->loop, 1000);
	}
	fail_msg("no line came");
	return NULL;
}

static int subscribe(struct fixture *f, const char *expected_state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(send(fd, "events\n", 7, 0), 7);
	json_t *answer = line(f, fd), *radio = json_array_get(json_object_get(answer, "radios"), 0);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_string_equal(json_string_value(json_object_get(radio, "link")), "cell");
	assert_string_equal(json_string_value(json_object_get(radio, "state")), expected_state);
	json_decref(answer);
	return fd;
}

static void hears(struct fixture *f, int fd, const char *state, int64_t at_ns)
{
	json_t *event = line(f, fd);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "radio");
	assert_string_equal(json_string_value(json_object_get(event, "link")), "cell");
	assert_string_equal(json_string_value(json_object_get(event, "state")), state);
	assert_int_equal(json_integer_value(json_object_get(event, "at_ns")), at_ns);
	json_decref(event);
}

/* Everything that a radio does after one packet is told, though no other packet comes. */
static void states_are_told_with_their_times(void **state)
{
	struct fixture *f = *state;
	int fd = subscribe(f, "idle");
	int64_t at = clock_now_ns(), up = at + 30 * NS_PER_MS;
	assert_int_equal(radio_packet(&f->radio, at, NS_PER_MS), up);
	hears(f, fd, "promotion", at);
	hears(f, fd, "high", up);
	hears(f, fd, "tail", up + NS_PER_MS);
	hears(f, fd, "idle", up + 81 * NS_PER_MS);
	assert_true(
		clock_now_ns() >= up + 91 * NS_PER_MS); /* behind, so that a late packet finds what it met */
	close(fd);
}

/* The tail between two packets that follow each other is no news; one of 10 ms is. */
static void short_tails_are_no_news(void **state)
{
	struct fixture *f = *state;
	int fd = subscribe(f, "idle");
	int64_t at = clock_now_ns(), up = at + 30 * NS_PER_MS;
	radio_packet(&f->radio, at, NS_PER_MS);
	for (int i = 1; i <= 20; i++)
		radio_packet(&f->radio, up + i * 5 * NS_PER_MS, NS_PER_MS);
	radio_packet(&f->radio, up + 130 * NS_PER_MS, NS_PER_MS);
	hears(f, fd, "promotion", at);
	hears(f, fd, "high", up);
	hears(f, fd, "tail", up + 101 * NS_PER_MS);
	hears(f, fd, "high", up + 130 * NS_PER_MS);
	hears(f, fd, "tail", up + 131 * NS_PER_MS);
	close(fd);
}

static void channels_and_settings_are_told(void **state)
{
	struct fixture *f = *state;
	int fd = subscribe(f, "idle");
	struct medium *list = NULL, *medium = medium_get(&list, "wifi");
	struct medium_radio radio = {.name = "phone", .worked_on = 6};
	events_watch_medium(f->events, medium);
	medium->moved(medium->context, medium, &radio, 77);
	json_t *event = line(f, fd);
	char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text,
		"{\"at_ns\":77,\"channel\":6,\"event\":\"channel\",\"medium\":\"wifi\",\"radio\":\"phone\"}");
	free(text);
	json_decref(event);
	events_settings(f->events, "cell", 1, &(struct shape){.delay_ns = 5});
	event = line(f, fd);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "settings");
	assert_string_equal(json_string_value(json_object_get(event, "direction")), "reverse");
	assert_non_null(strstr(json_string_value(json_object_get(event, "shape")), "delay: 5ns"));
	json_decref(event);
	medium_free(&list);
	close(fd);
}

static json_int_t figure(struct fixture *f, const char *name)
{
	json_t *json = events_json(f->events);
	json_int_t value = json_integer_value(json_object_get(json, name));
	json_decref(json);
	return value;
}

static void slow_readers_go(void **state)
{
	struct fixture *f = *state;
	int slow = subscribe(f, "idle"), gone = subscribe(f, "idle"), good = subscribe(f, "idle");
	assert_int_equal(figure(f, "readers"), 3);
	close(gone);
	turn(f);
	assert_int_equal(figure(f, "readers"), 2);
	int i;
	for (i = 0; i < 20000 && figure(f, "dropped_readers") == 0; i++) {
		events_settings(f->events, "cell", 0, &(struct shape){0});
		json_decref(line(f, good));
	}
	assert_int_equal(figure(f, "dropped_readers"), 1);
	assert_int_equal(figure(f, "readers"), 1);
	assert_int_equal(figure(f, "lines"), i);
	events_settings(f->events, "cell", 0, &(struct shape){0});
	json_decref(line(f, good));
	/* The slow one finds the end behind what it left lying. */
	char text[65536];
	ssize_t n, total = 0;
	turn(f);
	while ((n = recv(slow, text, sizeof text, 0)) > 0)
		total += n;
	assert_int_equal(n, 0);
	assert_true(total > 0);
	close(slow);
	close(good);
}

/* With nobody there nothing is counted, and no timer runs. */
static void without_readers_nothing_is_done(void **state)
{
	struct fixture *f = *state;
	int enabled;
	f->radio.profile.promotion_ns = 60 * NS_PER_S;
	radio_packet(&f->radio, clock_now_ns(), NS_PER_MS);
	events_settings(f->events, "cell", 0, &(struct shape){0});
	assert_int_equal(figure(f, "lines"), 0);
	assert_true(sd_event_source_get_enabled(f->events->timer, &enabled) >= 0);
	assert_int_equal(enabled, SD_EVENT_OFF);
	close(subscribe(f, "promotion"));
	turn(f);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(states_are_told_with_their_times),
		TEST(short_tails_are_no_news),
		TEST(channels_and_settings_are_told),
		TEST(slow_readers_go),
		TEST(without_readers_nothing_is_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
