/* detour_load: what a detour has to bear. As a member it asks for many mappings, or asks steadily and says how long each answer
 * took; as an attacker it floods. One command, one line of JSON. For benches and tests, in namespaces of their own; every mode ends
 * by itself.
 *
 *   detour_load map    DETOUR:PORT KEYFILE PUBLIC COUNT WINDOW [FIRST]   COUNT new remotes (11.x.y.z from number FIRST), WINDOW questions open
 *   detour_load one    DETOUR:PORT KEYFILE PUBLIC REMOTE:PORT            one mapping; says its port
 *   detour_load pace   DETOUR:PORT KEYFILE PUBLIC RATE SECONDS           RATE questions a second for one mapping or another
 * FROM in the environment: the address to ask from.
 *   detour_load flood  DETOUR:PORT KIND RATE SECONDS [PUBLIC]            KIND: garbage, stranger, member (its name, another's key), replay FILE */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/detour/seal.h"
#include "nodes/detour/wire.h"
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 1000000
#define RESEND_NS (500 * NS_PER_MS) /* an answer that is only late is not lost */

static void fail(const char *what)
{
	fprintf(stderr, "detour_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(const char *detour)
{
	struct place at;
	struct sockaddr_storage to;
	int bytes = 8 << 20;
	if (!place_parse(detour, &at))
		fail(detour);
	socklen_t length = place_sockaddr(&at, &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *from = getenv("FROM");
	struct place own = {0};
	struct sockaddr_storage local;
	if (from && (!address_parse(from, &own.address) ||
			    bind(fd, (struct sockaddr *)&local, place_sockaddr(&own, &local)) < 0))
		fail(from);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, length) < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
	return fd;
}

/* ---- a member */

struct member {
	int fd;
	uint64_t id, session, sequence;
	struct seal_keys keys;
	uint8_t cookie[MESSAGE_COOKIE_SIZE];
};

static struct member member_open(const char *detour, const char *key, const char *public)
{
	struct member m = {.fd = open_socket(detour)};
	struct identity own;
	uint8_t theirs[SEAL_PUBLIC];
	char *error = NULL;
	if (identity_load(key, &own, &error) < 0 || !public_parse(public, theirs) ||
		!seal_keys_of_member(&own, theirs, &m.keys)) {
		fprintf(stderr, "detour_load: %s\n", error ? error : "no public key");
		exit(2);
	}
	m.id = member_id(own.public);
	randombytes_buf(&m.session, sizeof m.session);
	return m;
}

static struct place remote_of(unsigned number)
{
	struct in_addr v4 = {htonl(0x0b000001 + number)};
	return (struct place){address_of_v4(v4), 443};
}

static void question(
	struct member *m, enum message_operation operation, unsigned number, uint8_t bytes[SEAL_SIZE])
{
	struct message_question q = {
		.operation = operation, .newest = 2, .session = m->session, .sequence = ++m->sequence};
	uint8_t content[MESSAGE_SIZE];
	memcpy(q.cookie, m->cookie, sizeof q.cookie);
	if (operation != MESSAGE_HELLO)
		q.remote = remote_of(number);
	message_write_question(&q, content);
	seal(SEAL_QUESTION, m->id, m->keys.ask, content, bytes);
}

static bool answer(struct member *m, struct message_answer *a, int timeout_ms)
{
	uint8_t bytes[SEAL_SIZE + 1], content[MESSAGE_SIZE];
	struct pollfd wait = {m->fd, POLLIN, 0};
	if (recv(m->fd, bytes, sizeof bytes, MSG_DONTWAIT) != SEAL_SIZE) {
		if (poll(&wait, 1, timeout_ms) <= 0 ||
			recv(m->fd, bytes, sizeof bytes, MSG_DONTWAIT) != SEAL_SIZE)
			return false;
	}
	if (!unseal(bytes, m->keys.answer, content) ||
		message_read_answer(content, sizeof content, a) != MESSAGE_OK)
		return false;
	memcpy(m->cookie, a->cookie, sizeof m->cookie);
	return true;
}

static void prove(struct member *m)
{
	uint8_t bytes[SEAL_SIZE];
	struct message_answer a;
	for (int i = 0; i < 50; i++) {
		question(m, MESSAGE_HELLO, 0, bytes);
		if (send(m->fd, bytes, sizeof bytes, 0) == sizeof bytes && answer(m, &a, 200) &&
			a.result == MESSAGE_GRANTED)
			return;
	}
	errno = ETIMEDOUT;
	fail("the detour gives no proof");
}

/* Which question a sequence number was; lost ones are asked again. */
struct open {
	uint64_t sequence;
	int64_t sent;
	unsigned number;
};

/* Many datagrams a call: what is measured is the detour, not who asks. */
#define TOGETHER 64

struct post {
	uint8_t bytes[TOGETHER][SEAL_SIZE + 1];
	struct iovec parts[TOGETHER];
	struct mmsghdr headers[TOGETHER];
	unsigned count;
};

static void post_address(struct post *post, size_t size)
{
	for (unsigned i = 0; i < TOGETHER; i++) {
		post->parts[i] = (struct iovec){post->bytes[i], size};
		post->headers[i].msg_hdr = (struct msghdr){.msg_iov = &post->parts[i], .msg_iovlen = 1};
	}
	post->count = 0;
}

static void post_send(struct post *post, int fd)
{
	for (unsigned done = 0; done < post->count;) {
		int sent = sendmmsg(fd, post->headers + done, post->count - done, 0);
		if (sent < 0)
			fail("send");
		done += (unsigned)sent;
	}
	post->count = 0;
}

static void post_question(struct post *post, struct member *m, unsigned number)
{
	question(m, MESSAGE_MAP, number, post->bytes[post->count++]);
	if (post->count == TOGETHER)
		post_send(post, m->fd);
}

/* What has come, without waiting; counts it. */
static unsigned take_answers(struct post *in, struct member *m, struct open *open, unsigned window,
	unsigned *done, unsigned *refused)
{
	uint8_t content[MESSAGE_SIZE];
	struct message_answer a;
	int got = recvmmsg(m->fd, in->headers, TOGETHER, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		if (in->headers[i].msg_len != SEAL_SIZE || !unseal(in->bytes[i], m->keys.answer, content) ||
			message_read_answer(content, sizeof content, &a) != MESSAGE_OK)
			continue;
		memcpy(m->cookie, a.cookie, sizeof m->cookie);
		for (unsigned k = 0; k < window; k++)
			if (open[k].sequence == a.sequence) {
				open[k].sequence = 0;
				*done += a.result == MESSAGE_GRANTED;
				*refused += a.result != MESSAGE_GRANTED;
				break;
			}
	}
	return got > 0 ? (unsigned)got : 0;
}

static int do_map(char **words, int count)
{
	static struct post in, out;
	struct member m = member_open(words[0], words[1], words[2]);
	unsigned wanted = (unsigned)atoi(words[3]), window = (unsigned)atoi(words[4]),
		 first = count > 5 ? (unsigned)atoi(words[5]) : 0;
	struct open *open = calloc(window, sizeof *open);
	unsigned next = 0, done = 0, refused = 0, repeated = 0;
	struct pollfd wait = {m.fd, POLLIN, 0};
	if (!open || wanted > MOST)
		fail("map");
	post_address(&in, SEAL_SIZE + 1);
	post_address(&out, SEAL_SIZE);
	prove(&m);
	int64_t began = clock_now_ns(), checked = began;
	while (done + refused < wanted && clock_now_ns() - began < 60 * NS_PER_S) {
		int64_t now = clock_now_ns();
		for (unsigned i = 0; i < window && next < wanted; i++) {
			if (open[i].sequence)
				continue;
			post_question(&out, &m, first + next);
			open[i] = (struct open){m.sequence, now, next++};
		}
		for (unsigned i = 0; now - checked > RESEND_NS && i < window; i++)
			if (open[i].sequence && now - open[i].sent > RESEND_NS) {
				post_question(&out, &m, first + open[i].number);
				open[i].sequence = m.sequence;
				open[i].sent = now;
				repeated++;
			}
		if (now - checked > RESEND_NS)
			checked = now;
		post_send(&out, m.fd);
		if (!take_answers(&in, &m, open, window, &done, &refused))
			poll(&wait, 1, RESEND_NS / NS_PER_MS);
	}
	double seconds = (double)(clock_now_ns() - began) / 1e9;
	printf("{\"mapped\":%u,\"refused\":%u,\"repeated\":%u,\"seconds\":%.4f,\"rate\":%.0f}\n", done,
		refused, repeated, seconds, done / seconds);
	free(open);
	return done == wanted ? 0 : 1;
}

/* One mapping; says its port. */
static int do_one(char **words, int count)
{
	struct member m = member_open(words[0], words[1], words[2]);
	uint8_t content[MESSAGE_SIZE], bytes[SEAL_SIZE];
	struct message_answer a;
	(void)count;
	prove(&m);
	struct message_question q = {
		.operation = MESSAGE_MAP, .newest = 2, .session = m.session, .sequence = ++m.sequence};
	memcpy(q.cookie, m.cookie, sizeof q.cookie);
	if (!place_parse(words[3], &q.remote))
		fail(words[3]);
	message_write_question(&q, content);
	seal(SEAL_QUESTION, m.id, m.keys.ask, content, bytes);
	if (send(m.fd, bytes, sizeof bytes, 0) < 0 || !answer(&m, &a, 1000) || a.result != MESSAGE_GRANTED)
		fail("no mapping");
	printf("%u\n", a.port);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* One question at a time; an answer that takes 100 ms is asked for again, and counts from the first. */
static int do_pace(char **words, int count)
{
	struct member m = member_open(words[0], words[1], words[2]);
	int rate = atoi(words[3]), seconds = atoi(words[4]);
	int64_t *took = calloc((size_t)rate * (size_t)seconds + 1, sizeof *took);
	size_t asked = 0, unanswered = 0, refused = 0;
	uint8_t bytes[SEAL_SIZE];
	struct message_answer a;
	(void)count;
	if (!took)
		fail("pace");
	prove(&m);
	int64_t began = clock_now_ns();
	for (int i = 0; i < rate * seconds; i++) {
		int64_t due = began + i * NS_PER_S / rate, now;
		while ((now = clock_now_ns()) < due) {
			struct timespec rest = {0, due - now < NS_PER_MS ? due - now : NS_PER_MS};
			nanosleep(&rest, NULL);
		}
		if (now - began > (seconds + 10) * NS_PER_S)
			break;
		bool got = false;
		for (int tries = 0; tries < 10 && !got; tries++) {
			question(&m, MESSAGE_MAP, (unsigned)i % 100, bytes);
			if (send(m.fd, bytes, sizeof bytes, 0) < 0)
				fail("send");
			while (answer(&m, &a, 100) && !(got = a.sequence == m.sequence))
				;
		}
		unanswered += !got;
		refused += got && a.result != MESSAGE_GRANTED;
		took[asked++] = clock_now_ns() - now;
	}
	qsort(took, asked, sizeof *took, by_size);
	printf("{\"asked\":%zu,\"unanswered\":%zu,\"refused\":%zu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
		asked, unanswered, refused, (double)took[asked / 2] / 1e6, (double)took[asked * 9 / 10] / 1e6,
		(double)took[asked * 99 / 100] / 1e6, (double)took[asked - 1] / 1e6);
	free(took);
	return unanswered ? 1 : 0;
}

/* ---- an attacker */

#define BURST 32

static size_t forge(const char *kind, uint64_t member, uint8_t bytes[SEAL_SIZE])
{
	bool garbage = strcmp(kind, "garbage") == 0;
	size_t size = garbage ? 1 + randombytes_uniform(SEAL_SIZE) : SEAL_SIZE;
	randombytes_buf(bytes, SEAL_SIZE);
	if (garbage)
		return size;
	memset(bytes, 0, 4);
	bytes[0] = MESSAGE_VERSION;
	for (int i = 0; strcmp(kind, "member") == 0 && i < 8; i++)
		bytes[4 + i] = (uint8_t)(member >> (56 - 8 * i));
	return size;
}

/* A thousand datagrams made before, sent over and over: the sender is to be faster than what it floods. */
static int do_flood(char **words, int count)
{
	static uint8_t bytes[1024][SEAL_SIZE];
	static struct iovec data[1024];
	static struct mmsghdr headers[1024];
	int fd = open_socket(words[0]), rate = atoi(words[2]), seconds = atoi(words[3]);
	uint8_t key[SEAL_PUBLIC];
	uint64_t member = count > 4 && public_parse(words[4], key) ? member_id(key) : 0, sent = 0;
	for (int i = 0; i < 1024; i++) {
		data[i] = (struct iovec){bytes[i], forge(words[1], member, bytes[i])};
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &data[i], .msg_iovlen = 1};
	}
	int64_t began = clock_now_ns(), now;
	while ((now = clock_now_ns()) - began < seconds * NS_PER_S) {
		uint64_t due = (uint64_t)((double)(now - began) * rate / 1e9);
		if (sent + BURST > due) {
			struct timespec rest = {0, 100000};
			nanosleep(&rest, NULL);
			continue;
		}
		int got = sendmmsg(fd, headers + sent % (1024 - BURST), BURST, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (got > 0)
			sent += (uint64_t)got;
	}
	printf("{\"sent\":%llu,\"rate\":%.0f}\n", (unsigned long long)sent, (double)sent / seconds);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int words;
		int (*run)(char **words, int count);
	} commands[] = {{"map", 5, do_map}, {"one", 4, do_one}, {"pace", 5, do_pace}, {"flood", 4, do_flood}};
	char *error = NULL;
	if (seal_init(&error) < 0)
		return 1;
	for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, argv[1]) == 0 && argc - 2 >= commands[i].words)
			return commands[i].run(argv + 2, argc - 2);
	fprintf(stderr, "usage: detour_load map|pace|flood ...; its source says more\n");
	return 2;
}
