/* A map in a ZooKeeper node, as the paper's muxes and agents had it. The client library's threads call back;
 * they only leave word on an eventfd, and this program's one thread does the rest. Watches fire once: each
 * look arms the next, also one that finds nothing. A session that has expired is replaced by a new one. */
#define THREADED
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/balancer/source.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define ANSWER_MS 10000
#define SESSION_MS 6000
#define RETRY_US 1000000            /* when a new session cannot be begun: no name service, no descriptors */
#define NODE_MAX ((1 << 20) - 1024) /* what a server takes (jute.maxbuffer), less the request's own */

struct place {
	char *hosts, *path; /* path is in the same memory */
	zhandle_t *session;
	struct lb_access access;
	int fault;    /* why there is no session */
	int event_fd; /* something happened: written by the library's threads */
	_Atomic int state;
	sd_event_source *wake, *retry;
	struct lb_source *source;
	char *buffer; /* NODE_MAX bytes */
};

/* In a thread of the library. */
static void on_session(zhandle_t *session, int type, int state, const char *path, void *context)
{
	struct place *place = context;
	(void)session, (void)path;
	if (type == ZOO_SESSION_EVENT)
		atomic_store(&place->state, state);
	eventfd_write(place->event_fd, 1);
}

/* The library's threads are started by one that has given its capabilities away: they have none, and what servers send is read by
 * nobody with rights. */
static void *begin_session(void *context)
{
	struct place *place = context;
	char *error = NULL;
	if (confine_start(&(struct confinement){0}, &error) == 0)
		place->session = zookeeper_init(place->hosts, on_session, SESSION_MS, NULL, place, 0);
	place->fault = errno;
	if (error)
		log_error("zookeeper", "problem=\"%s\"", error);
	free(error);
	return NULL;
}

static int start_session(struct place *place, char **error)
{
	pthread_t beginner;
	if (place->session)
		zookeeper_close(place->session);
	place->session = NULL;
	atomic_store(&place->state, 0);
	place->fault = pthread_create(&beginner, NULL, begin_session, place);
	if (place->fault == 0)
		pthread_join(beginner, NULL);
	return place->session ? 0 : error_set(error, "zk://%s: %s", place->hosts, strerror(place->fault));
}

static void close_place(void *context)
{
	struct place *place = context;
	sd_event_source_disable_unref(place->wake);
	sd_event_source_disable_unref(place->retry);
	if (place->session)
		zookeeper_close(place->session);
	if (place->event_fd >= 0)
		close(place->event_fd);
	free(place->buffer);
	free(place->hosts);
	free(place);
}

/* Waits until the session is there. */
static int await_session(struct place *place, char **error)
{
	struct pollfd fd = {.fd = place->event_fd, .events = POLLIN};
	eventfd_t word;
	while (atomic_load(&place->state) != ZOO_CONNECTED_STATE) {
		if (poll(&fd, 1, ANSWER_MS) <= 0)
			return error_set(error,
				"zk://%s: no ZooKeeper server answers; see that it runs there", place->hosts);
		eventfd_read(place->event_fd, &word);
	}
	return 0;
}

static int failed(const struct place *place, int code, char **error)
{
	return error_set(error, "zk://%s%s: %s%s", place->hosts, place->path, zerror(code),
		code == ZNOAUTH ? "; name the secret that it was made with" : "");
}

static void *open_place(const char *where, const struct lb_access *access, char **error)
{
	const char *slash = strchr(where + strlen("zk://"), '/');
	if (!slash || slash == where + strlen("zk://") || !slash[1]) {
		error_set(error, "`%s` is no node; write zk://HOST:PORT/PATH", where);
		return NULL;
	}
	struct place *place = calloc(1, sizeof *place);
	if (place) {
		place->access = *access;
		place->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		place->hosts = strdup(where + strlen("zk://"));
		place->buffer = malloc(NODE_MAX);
	}
	if (!place || place->event_fd < 0 || !place->hosts || !place->buffer) {
		error_set(error, "zk: %s", strerror(errno));
		if (place)
			close_place(place);
		return NULL;
	}
	/* "host:port/path" becomes "host:port" and "/path". */
	size_t length = (size_t)(slash - where) - strlen("zk://");
	char *both = malloc(strlen(place->hosts) + 2);
	if (!both) {
		error_set(error, "out of memory");
		close_place(place);
		return NULL;
	}
	snprintf(both, strlen(place->hosts) + 2, "%.*s", (int)length, place->hosts);
	place->path = strcpy(both + length + 1, slash);
	free(place->hosts);
	place->hosts = both;
	zoo_set_debug_level(0);
	if (start_session(place, error) < 0 || await_session(place, error) < 0) {
		close_place(place);
		return NULL;
	}
	/* The session keeps it, through reconnections, and what is asked afterwards is asked with it. */
	int code = access->secret ? zoo_add_auth(place->session, "digest", access->secret,
					    (int)strlen(access->secret), NULL, NULL)
				  : ZOK;
	if (code == ZOK)
		return place;
	failed(place, code, error);
	close_place(place);
	return NULL;
}

/* zoo_get, with the watch of the session where there is a source to tell. It arms none where no node is: that
 * takes a question of its own, and meanwhile the node may have been made. */
static int get(struct place *place, int *size, struct Stat *stat)
{
	bool watch = place->source != NULL;
	int code;
	do {
		*size = NODE_MAX;
		code = zoo_get(place->session, place->path, watch, place->buffer, size, stat);
		if (code != ZNONODE || !watch)
			return code;
		code = zoo_exists(place->session, place->path, watch, stat);
	} while (code == ZOK);
	return code;
}

static int read_place(void *context, char **text, size_t *length, int *version, char **error)
{
	struct place *place = context;
	struct Stat stat;
	int size;
	*text = NULL;
	int code = get(place, &size, &stat);
	if (code == ZNONODE)
		return 0;
	if (code != ZOK)
		return failed(place, code, error);
	if (stat.dataLength > NODE_MAX)
		return error_set(
			error, "zk://%s%s: larger than %d bytes", place->hosts, place->path, NODE_MAX);
	*length = size < 0 ? 0 : (size_t)size;
	*version = stat.version;
	*text = malloc(*length + 1);
	if (!*text)
		return error_set(error, "out of memory");
	memcpy(*text, place->buffer, *length);
	return 0;
}

/* Who may do what with what is made. Everybody may read: muxes and agents need no secret. */
static struct ACL_vector acl_of(const struct place *place, struct ACL room[2])
{
	if (place->access.open)
		return ZOO_OPEN_ACL_UNSAFE;
	room[0] = (struct ACL){ZOO_PERM_ALL, ZOO_AUTH_IDS};
	room[1] = (struct ACL){ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE};
	return (struct ACL_vector){2, room};
}

/* The folders of a path, which ZooKeeper wants one by one. */
static int create_parents(const struct place *place, const struct ACL_vector *acl, char **error)
{
	char path[256];
	if (snprintf(path, sizeof path, "%s", place->path) >= (int)sizeof path)
		return error_set(error, "zk: a path of more than 255 bytes");
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int code = zoo_create(place->session, path, "", 0, acl, 0, NULL, 0);
		if (code != ZOK && code != ZNODEEXISTS)
			return failed(place, code, error);
		*slash = '/';
	}
	return 0;
}

static int write_place(void *context, const char *text, int version, char **error)
{
	struct place *place = context;
	size_t length = strlen(text);
	int code;
	if (length > NODE_MAX)
		return error_set(error,
			"the map has %zu bytes, a ZooKeeper node takes %d; take fewer tokens, or a file",
			length, NODE_MAX);
	if (version >= 0) {
		code = zoo_set(place->session, place->path, text, (int)length, version);
		if (code == ZBADVERSION)
			return 1;
	} else {
		struct ACL room[2];
		struct ACL_vector acl = acl_of(place, room);
		if (!place->access.secret && !place->access.open)
			return error_set(error,
				"zk://%s%s: whoever reaches the servers could change the map: name a secret (--secret FILE), or say --open",
				place->hosts, place->path);
		if (create_parents(place, &acl, error) < 0)
			return -1;
		code = zoo_create(place->session, place->path, text, (int)length, &acl, 0, NULL, 0);
		if (code == ZNODEEXISTS)
			return 1;
	}
	return code == ZOK ? 0 : failed(place, code, error);
}

/* ---- watching */

static int on_retry(sd_event_source *retry, uint64_t when, void *context);

/* In the place of one that has expired; again and again until it has begun. */
static void renew_session(struct place *place)
{
	char *error = NULL;
	if (start_session(place, &error) == 0)
		return;
	log_error("zookeeper", "problem=\"%s\" action=\"again in a second\"", error);
	free(error);
	place->retry = sd_event_source_disable_unref(place->retry);
	int result = sd_event_add_time_relative(sd_event_source_get_event(place->wake), &place->retry,
		CLOCK_MONOTONIC, RETRY_US, 0, on_retry, place);
	if (result < 0)
		log_error(
			"zookeeper", "problem=\"no timer: %s\" action=\"the map stays\"", strerror(-result));
}

static int on_retry(sd_event_source *retry, uint64_t when, void *context)
{
	(void)retry, (void)when;
	renew_session(context);
	return 0;
}

/* In the loop. The look waits for the server's answer: milliseconds, in which the data path goes on in the
 * kernel. */
static int on_wake(sd_event_source *wake, int fd, uint32_t events, void *context)
{
	struct place *place = context;
	eventfd_t word;
	(void)wake, (void)events;
	eventfd_read(fd, &word);
	int state = atomic_load(&place->state);
	if (state == ZOO_EXPIRED_SESSION_STATE) {
		log_warning("zookeeper", "problem=\"the session has expired\" action=\"a new one\"");
		renew_session(place);
	} else if (state == ZOO_CONNECTED_STATE) {
		lb_source_changed(place->source);
	} else {
		log_warning("zookeeper", "problem=\"not connected\" action=\"the map stays\"");
	}
	return 0;
}

static int watch_place(void *context, sd_event *loop, struct lb_source *source, char **error)
{
	struct place *place = context;
	place->source = source;
	int result = sd_event_add_io(loop, &place->wake, place->event_fd, EPOLLIN, on_wake, place);
	return result < 0 ? error_set(error, "zk: %s", strerror(-result)) : 0;
}

const struct lb_source_kind lb_source_zookeeper = {
	read_place, write_place, watch_place, open_place, close_place};
