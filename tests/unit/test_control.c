/* Control socket: questions of every kind, answers at once and later, in one piece and as a stream. The loop is turned by
 * the tests themselves. */
#include "tests/unit/control_peer.h"

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
	for (int i = 0; i < 66; i++)
		strcpy(line + strlen(line) - 1, " w\n");
	say(fd, line);
	assert_string_equal(heard(f, fd), "{\"ok\":false,\"error\":\"more than 128 words\"}\n");
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

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(answers), TEST(streams), TEST(streams_that_nobody_reads),
		TEST(help_lists), TEST(refusals), TEST(too_many_words), TEST(garbage), TEST(oversized_line),
		TEST(later_in_any_order), TEST(half_closed)};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
