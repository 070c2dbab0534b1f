/* The map in a ZooKeeper node, with a client library that does as we say: watches that fire once, a node that
 * goes and comes back, sessions that expire and cannot be begun again at once. (tests/system/balancer/lb.bats has a
 * real server.) */
#include "tests/unit/check.h"
#define THREADED
#include <zookeeper/zookeeper.h>

#define zookeeper_init fake_init
#define zookeeper_close fake_close
#define zoo_get fake_get
#define zoo_exists fake_exists
static zhandle_t *fake_init(const char *hosts, watcher_fn watcher, int timeout_ms, const clientid_t *id,
	void *context, int flags);
static int fake_close(zhandle_t *session);
static int fake_get(
	zhandle_t *session, const char *path, int watch, char *buffer, int *size, struct Stat *stat);
static int fake_exists(zhandle_t *session, const char *path, int watch, struct Stat *stat);

#include "nodes/balancer/source_zookeeper.c"

#define WHERE "zk://host:2181/lb"

static struct {
	watcher_fn on_event;
	struct place *place;
	bool exists, watched;
	bool made_meanwhile;     /* the node comes between a look for it and the next */
	unsigned inits, refused; /* sessions: begun; not to be begun, from now on */
	uint32_t generation;
} fake;

static uint32_t seen; /* the generation that the source told last */

/* ---- the library */

static zhandle_t *session(void)
{
	return (zhandle_t *)(void *)&fake;
}

static zhandle_t *fake_init(
	const char *hosts, watcher_fn watcher, int timeout_ms, const clientid_t *id, void *context, int flags)
{
	(void)timeout_ms, (void)id, (void)flags;
	assert_string_equal(hosts, "host:2181");
	if (fake.refused) {
		fake.refused--;
		errno = ENOENT;
		return NULL;
	}
	fake.inits++;
	fake.on_event = watcher;
	fake.place = context;
	watcher(session(), ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "", context);
	return session();
}

/* Watches go with their session. */
static int fake_close(zhandle_t *closed)
{
	assert_ptr_equal(closed, session());
	fake.watched = false;
	return ZOK;
}

static int fake_get(zhandle_t *asked, const char *path, int watch, char *buffer, int *size, struct Stat *stat)
{
	assert_ptr_equal(asked, session());
	assert_string_equal(path, "/lb");
	if (!fake.exists)
		return ZNONODE;
	fake.watched |= watch != 0;
	struct lb_map *map = lb_map_new((struct in_addr){htonl(0x0a096401)}, 10, NULL);
	map->generation = fake.generation;
	char *text = lb_map_format(map);
	assert_true(strlen(text) <= (size_t)*size);
	*size = (int)strlen(text);
	memcpy(buffer, text, strlen(text));
	*stat = (struct Stat){.dataLength = *size, .version = 1};
	free(text);
	lb_map_free(map);
	return ZOK;
}

static int fake_exists(zhandle_t *asked, const char *path, int watch, struct Stat *stat)
{
	assert_ptr_equal(asked, session());
	assert_string_equal(path, "/lb");
	fake.exists |= fake.made_meanwhile;
	fake.watched |= watch != 0;
	*stat = (struct Stat){0};
	return fake.exists ? ZOK : ZNONODE;
}

static void node_becomes(bool exists, uint32_t generation)
{
	fake.exists = exists;
	fake.generation = generation;
	if (!fake.watched)
		return;
	fake.watched = false;
	fake.on_event(session(), ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/lb", fake.place);
}

static void session_expires(void)
{
	fake.on_event(session(), ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "", fake.place);
}

/* ---- the source */

static void on_map(void *context, struct lb_map *map)
{
	(void)context;
	seen = map->generation;
	lb_map_free(map);
}

static void pump(sd_event *loop)
{
	while (sd_event_run(loop, 0) > 0)
		;
}

static struct lb_source *begin(sd_event **loop)
{
	const struct lb_source_events events = {.map = on_map};
	struct lb_map *map;
	char *error = NULL;
	memset(&fake, 0, sizeof fake);
	seen = 0;
	fake.exists = true;
	fake.generation = 4;
	assert_int_equal(sd_event_new(loop), 0);
	struct lb_source *source = lb_source_watch(*loop, WHERE, &events, &map, &error);
	assert_null(error);
	assert_non_null(source);
	assert_int_equal(map->generation, 4);
	lb_map_free(map);
	pump(*loop);
	return source;
}

static void end(struct lb_source *source, sd_event *loop)
{
	lb_source_close(source);
	sd_event_unref(loop);
}

static void test_each_look_arms_the_next(void **state)
{
	sd_event *loop;
	(void)state;
	struct lb_source *source = begin(&loop);
	for (uint32_t generation = 5; generation < 8; generation++) {
		node_becomes(true, generation);
		pump(loop);
		assert_int_equal(seen, generation);
	}
	end(source, loop);
}

static void test_a_node_that_comes_back_is_seen(void **state)
{
	sd_event *loop;
	(void)state;
	struct lb_source *source = begin(&loop);
	for (uint32_t generation = 5; generation < 8; generation++) {
		node_becomes(false, 0);
		pump(loop);
		assert_true(fake.watched);
		node_becomes(true, generation);
		pump(loop);
		assert_int_equal(seen, generation);
	}
	/* Made between the look and the question for it: nothing would tell. */
	fake.made_meanwhile = true;
	node_becomes(false, 9);
	pump(loop);
	assert_int_equal(seen, 9);
	assert_true(fake.watched);
	end(source, loop);
}

static void test_a_session_that_cannot_be_renewed_is_tried_again(void **state)
{
	sd_event *loop;
	(void)state;
	struct lb_source *source = begin(&loop);
	fake.refused = 3;
	fake.generation = 5;
	session_expires();
	for (unsigned left = 3; left; left--) {
		pump(loop);
		assert_int_equal(fake.refused, left - 1);
		assert_int_equal(fake.inits, 1);
		assert_non_null(fake.place->retry);
		/* The second is over. */
		assert_true(sd_event_source_set_time(fake.place->retry, 0) >= 0);
	}
	pump(loop);
	assert_int_equal(fake.inits, 2);
	assert_int_equal(seen, 5);
	node_becomes(true, 6);
	pump(loop);
	assert_int_equal(seen, 6);
	end(source, loop);
	/* One that waits for its session ends, too. */
	source = begin(&loop);
	fake.refused = 1;
	session_expires();
	pump(loop);
	end(source, loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_look_arms_the_next),
		cmocka_unit_test(test_a_node_that_comes_back_is_seen),
		cmocka_unit_test(test_a_session_that_cannot_be_renewed_is_tried_again),
	};
	return cmocka_run_group_tests_name("lb_zookeeper", tests, NULL, NULL);
}
