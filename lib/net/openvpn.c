/* OpenVPN as a child. We listen on a unix socket and openvpn calls us there (--management-client), so nothing
 * is polled: its process ends -> pidfd, its state changes -> a line on the socket. It holds
 * (--management-hold) until we have asked for state and log lines, so that none is missed. */
#include "lib/net/openvpn.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKOFF_FIRST_US (500 * 1000ULL)
#define BACKOFF_LAST_US (10 * 1000 * 1000ULL)
#define STOP_GRACE_MS 2000
#define LINE_LIMIT 4096

/* Data channel without cipher and digest. Negotiation (--data-ciphers) overrides --cipher, hence this
 * spelling. A null cipher counts as weak: it would renegotiate every 64 MB without reneg-bytes. */
static const char options_plain[] = "data-ciphers none\n"
				    "auth none\n"
				    "reneg-bytes 0\n"
				    "reneg-sec 0\n";

/* Blowfish lives in OpenSSL 3's legacy provider. mssfix 1450 was the default of the thesis's OpenVPN (2.3):
 * its segments have that size. */
static const char options_bf_sha1[] = "providers legacy default\n"
				      "data-ciphers BF-CBC\n"
				      "auth SHA1\n"
				      "mssfix 1450\n"
				      "reneg-bytes 0\n"
				      "reneg-sec 0\n";

const char *const openvpn_encryptions[] = {
	[OPENVPN_PLAIN] = "none", [OPENVPN_BF_SHA1] = "bf-cbc-sha1", [OPENVPN_DEFAULT] = "default", NULL};

const char *openvpn_options(enum openvpn_encryption encryption)
{
	static const char *const options[] = {
		[OPENVPN_PLAIN] = options_plain, [OPENVPN_BF_SHA1] = options_bf_sha1, [OPENVPN_DEFAULT] = ""};
	return options[encryption];
}

const char openvpn_options_silent[] = "reneg-sec 0\n";

static void write_setting(const char *family, const char *device, const char *key, const char *value)
{
	char path[128];
	snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, device, key);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	/* No such file: a kernel without that family. */
	if ((fd < 0 && errno != ENOENT) || (fd >= 0 && write(fd, value, 1) != 1))
		log_warning("sysctl", "path=%s error=\"%s\"", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void openvpn_silence(const char *device)
{
	write_setting("ipv6", device, "disable_ipv6", "1");
	write_setting("ipv4", device, "rp_filter", "2");
}

struct openvpn {
	sd_event *loop;
	char *name, *options_path, *socket_path, *log_path;
	char device[IFNAMSIZ];
	struct openvpn_events events;
	enum openvpn_state state;
	unsigned restarts;
	struct process process;
	int listen_fd, peer_fd;
	sd_event_source *listen_source, *peer_source, *process_source, *backoff_source;
	uint64_t backoff_us;
	int64_t up_since_ns;
	char line[LINE_LIMIT];
	size_t line_length;
	bool line_too_long;
	char complaint[256]; /* the latest error that the running process told; "" for none */
};

static int run(struct openvpn *vpn, char **error);

/* --- state
 * ----------------------------------------------------------------------------------------------------- */

static void set_state(struct openvpn *vpn, enum openvpn_state state, struct in_addr local)
{
	if (state == vpn->state)
		return;
	vpn->state = state;
	if (state == OPENVPN_UP)
		vpn->up_since_ns = clock_now_ns();
	static const char *const names[] = {"down", "starting", "up"};
	log_info("vpn-state", "vpn=%s device=%s state=%s", vpn->name, vpn->device, names[state]);
	if (vpn->events.changed)
		vpn->events.changed(vpn->events.context, state, local, vpn->device);
}

static const struct in_addr no_address = {0};

/* Text of a log line with what would break our own line's quoting replaced. */
static void clean(char *text)
{
	for (; *text; text++)
		if (*text == '"' || (unsigned char)*text < ' ')
			*text = '\'';
}

/* --- the management channel
 * -------------------------------------------------------------------------------------- */

static void drop_peer(struct openvpn *vpn)
{
	vpn->peer_source = sd_event_source_disable_unref(vpn->peer_source);
	if (vpn->peer_fd >= 0)
		close(vpn->peer_fd);
	vpn->peer_fd = -1;
	vpn->line_length = 0;
	vpn->line_too_long = false;
}

/* A few short commands fit the socket's buffer; a peer that takes none is as good as gone. */
static void say(struct openvpn *vpn, const char *text)
{
	ssize_t sent = send(vpn->peer_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent != (ssize_t)strlen(text))
		log_warning("vpn-management", "vpn=%s problem=\"cannot send: %s\"", vpn->name,
			sent < 0 ? strerror(errno) : "short write");
}

/* ">STATE:time,NAME,description,local address,remote address,..." */
static void handle_state(struct openvpn *vpn, char *text)
{
	char *fields[4] = {0};
	for (int i = 0; i < 4; i++)
		fields[i] = strsep(&text, ",");
	if (!fields[1])
		return;
	if (strcmp(fields[1], "CONNECTED") != 0) {
		set_state(vpn, OPENVPN_STARTING, no_address);
		return;
	}
	struct in_addr local;
	if (!fields[3] || inet_pton(AF_INET, fields[3], &local) != 1)
		local = no_address;
	if (fields[2] && strcmp(fields[2], "SUCCESS") != 0)
		log_warning("vpn-connected", "vpn=%s result=\"%s\"", vpn->name, fields[2]);
	set_state(vpn, OPENVPN_UP, local);
}

static void complain(struct openvpn *vpn, const char *text)
{
	snprintf(vpn->complaint, sizeof vpn->complaint, "%.*s", (int)sizeof vpn->complaint - 1, text);
}

/* ">LOG:time,flags,message"; flags: F fatal, N error, W warning, I and D otherwise. */
static void handle_log(struct openvpn *vpn, char *text)
{
	strsep(&text, ",");
	const char *flags = strsep(&text, ",");
	if (!flags || !text)
		return;
	clean(text);
	if (strpbrk(flags, "FN"))
		complain(vpn, text);
	enum log_level level = strpbrk(flags, "FNW") ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;
	log_event(level, "vpn-log", "vpn=%s text=\"%s\"", vpn->name, text);
}

static void handle_line(struct openvpn *vpn, char *line)
{
	if (strncmp(line, ">HOLD:", 6) == 0)
		say(vpn, "state on\nlog on\nhold release\n");
	else if (strncmp(line, ">STATE:", 7) == 0)
		handle_state(vpn, line + 7);
	else if (strncmp(line, ">LOG:", 5) == 0)
		handle_log(vpn, line + 5);
	else if (strncmp(line, ">FATAL:", 7) == 0) {
		clean(line);
		complain(vpn, line + 7);
		log_warning("vpn-fatal", "vpn=%s text=\"%s\"", vpn->name, line + 7);
	}
	/* Answers to our commands, and notices that we did not ask for, need nothing. */
}

static void take_bytes(struct openvpn *vpn, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count && vpn->peer_fd >= 0; i++) {
		if (bytes[i] == '\n') {
			size_t end = vpn->line_length;
			if (end && vpn->line[end - 1] == '\r')
				end--;
			vpn->line[end] = '\0';
			if (!vpn->line_too_long)
				handle_line(vpn, vpn->line);
			vpn->line_length = 0;
			vpn->line_too_long = false;
		} else if (vpn->line_length < LINE_LIMIT - 1) {
			vpn->line[vpn->line_length++] = bytes[i];
		} else {
			vpn->line_too_long = true;
		}
	}
}

static int on_peer(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct openvpn *vpn = context;
	(void)source, (void)revents;
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (got > 0)
		take_bytes(vpn, bytes, (size_t)got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		drop_peer(vpn);
	return 0;
}

static int on_listen(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct openvpn *vpn = context;
	(void)source, (void)revents;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (peer < 0)
		return 0;
	drop_peer(vpn);
	vpn->peer_fd = peer;
	if (sd_event_add_io(vpn->loop, &vpn->peer_source, peer, EPOLLIN, on_peer, vpn) < 0) {
		log_warning("vpn-management", "vpn=%s problem=\"cannot watch the socket\"", vpn->name);
		drop_peer(vpn);
	}
	return 0;
}

/* --- the process
 * ------------------------------------------------------------------------------------------------- */

static int on_backoff(sd_event_source *source, uint64_t when, void *context)
{
	struct openvpn *vpn = context;
	(void)source, (void)when;
	vpn->backoff_source = sd_event_source_disable_unref(vpn->backoff_source);
	char *error = NULL;
	vpn->restarts++;
	if (run(vpn, &error) < 0) {
		log_warning("vpn-start", "vpn=%s problem=\"%s\"", vpn->name, error ? error : "unknown");
		free(error);
	}
	return 0;
}

static int start_later(struct openvpn *vpn, char **error)
{
	uint64_t delay = vpn->backoff_us;
	vpn->backoff_us = delay * 2 > BACKOFF_LAST_US ? BACKOFF_LAST_US : delay * 2;
	int result = sd_event_add_time_relative(
		vpn->loop, &vpn->backoff_source, CLOCK_MONOTONIC, delay, 1000, on_backoff, vpn);
	return result < 0 ? error_set(error, "openvpn %s: no timer: %s", vpn->name, strerror(-result)) : 0;
}

static int on_process(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct openvpn *vpn = context;
	(void)source, (void)fd, (void)revents;
	if (process_wait(&vpn->process, 0) == 0)
		return 0;
	vpn->process_source = sd_event_source_disable_unref(vpn->process_source);
	drop_peer(vpn);
	/* One that had been up for a while starts afresh; one that crashes at once is slowed down. */
	if (vpn->state == OPENVPN_UP &&
		clock_now_ns() - vpn->up_since_ns > (int64_t)BACKOFF_LAST_US * NS_PER_US)
		vpn->backoff_us = BACKOFF_FIRST_US;
	char how[64], last[256];
	if (!*vpn->complaint)
		/* It ended before it could tell us why (bad options); advice follows the line that matters. */
		log_last_line(vpn->log_path, "Use --help", last, sizeof last);
	log_warning("vpn-ended", "vpn=%s how=\"%s\" restart_ms=%llu reason=\"%s\"", vpn->name,
		process_status_text(vpn->process.status, how), (unsigned long long)vpn->backoff_us / 1000,
		*vpn->complaint ? vpn->complaint : last);
	vpn->process = PROCESS_NONE;
	set_state(vpn, OPENVPN_DOWN, no_address);
	char *error = NULL;
	if (start_later(vpn, &error) < 0) {
		log_error("vpn-start", "vpn=%s problem=\"%s\"", vpn->name, error ? error : "unknown");
		free(error);
	}
	return 0;
}

/* Starts the process; when it cannot be started, tries again later if it has ever been. */
static int run(struct openvpn *vpn, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	const char *const argv[] = {"openvpn", "--config", vpn->options_path, NULL};
	options.argv = argv;
	options.die_with_parent = true;
	vpn->complaint[0] = '\0';
	if (process_start(&vpn->process, &options, error) < 0) {
		vpn->process = PROCESS_NONE;
		if (vpn->restarts)
			start_later(vpn, NULL);
		return -1;
	}
	int result = sd_event_add_io(
		vpn->loop, &vpn->process_source, vpn->process.pidfd, EPOLLIN, on_process, vpn);
	if (result < 0) {
		process_stop(&vpn->process, 0);
		return error_set(error, "openvpn %s: cannot watch it: %s", vpn->name, strerror(-result));
	}
	set_state(vpn, OPENVPN_STARTING, no_address);
	return 0;
}

/* --- start and stop
 * ---------------------------------------------------------------------------------------------- */

static int write_options(struct openvpn *vpn, const char *options, char **error)
{
	/* The log from before belongs to another life; it is appended to through this one's restarts. */
	unlink(vpn->log_path);
	unlink(vpn->options_path);
	int fd = open(vpn->options_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		int cause = errno;
		if (fd >= 0)
			close(fd);
		return error_set(error, "%s: cannot write it: %s", vpn->options_path, strerror(cause));
	}
	/* The log comes first so that it has the complaints about the options, too. */
	fprintf(file,
		"log-append \"%s\"\nverb 4\nmanagement \"%s\" unix\nmanagement-client\nmanagement-hold\n",
		vpn->log_path, vpn->socket_path);
	fprintf(file, "dev %s\ndev-type tun\n%s\n", vpn->device, options);
	bool failed = ferror(file);
	if (fclose(file) != 0 || failed)
		return error_set(error, "%s: cannot write it: %s", vpn->options_path, strerror(errno));
	return 0;
}

static int listen_socket(struct openvpn *vpn, char **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(vpn->socket_path) >= sizeof address.sun_path)
		return error_set(error,
			"%s: too long for a unix socket (%zu characters at most); use a shorter directory",
			vpn->socket_path, sizeof address.sun_path - 1);
	strcpy(address.sun_path, vpn->socket_path);
	vpn->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(vpn->socket_path);
	if (vpn->listen_fd < 0 || bind(vpn->listen_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		chmod(vpn->socket_path, 0600) < 0 || listen(vpn->listen_fd, 1) < 0)
		return error_set(error, "%s: cannot listen: %s", vpn->socket_path, strerror(errno));
	int result = sd_event_add_io(vpn->loop, &vpn->listen_source, vpn->listen_fd, EPOLLIN, on_listen, vpn);
	return result < 0 ? error_set(error, "%s: cannot watch it: %s", vpn->socket_path, strerror(-result))
			  : 0;
}

static int check_names(const char *name, const char *directory, const char *device, char **error)
{
	if (!*device || strlen(device) >= IFNAMSIZ || strpbrk(device, "/ \t\n\"%"))
		return error_set(error, "openvpn %s: '%s' is no name for an interface (1 to %d characters)",
			name, device, IFNAMSIZ - 1);
	if (!*name || strpbrk(name, "/\"\\\n") || strpbrk(directory, "\"\\\n"))
		return error_set(error,
			"openvpn: name '%s' or directory '%s' has a quote, slash or backslash", name,
			directory);
	return 0;
}

static char *path_of(const char *directory, const char *name, const char *suffix)
{
	char *path;
	return asprintf(&path, "%s/%s.%s", directory, name, suffix) < 0 ? NULL : path;
}

struct openvpn *openvpn_start(sd_event *loop, const char *name, const char *directory, const char *options,
	const char *device, const struct openvpn_events *events, char **error)
{
	if (check_names(name, directory, device, error) < 0)
		return NULL;
	struct openvpn *vpn = calloc(1, sizeof *vpn);
	if (!vpn) {
		error_set(error, "openvpn %s: out of memory", name);
		return NULL;
	}
	vpn->loop = sd_event_ref(loop);
	vpn->listen_fd = vpn->peer_fd = -1;
	vpn->process = PROCESS_NONE;
	vpn->backoff_us = BACKOFF_FIRST_US;
	if (events)
		vpn->events = *events;
	strcpy(vpn->device, device);
	vpn->name = strdup(name);
	vpn->options_path = path_of(directory, name, "conf");
	vpn->socket_path = path_of(directory, name, "sock");
	vpn->log_path = path_of(directory, name, "log");
	if (!vpn->name || !vpn->options_path || !vpn->socket_path || !vpn->log_path) {
		error_set(error, "openvpn %s: out of memory", name);
		openvpn_stop(vpn);
		return NULL;
	}
	if (write_options(vpn, options, error) < 0 || listen_socket(vpn, error) < 0 || run(vpn, error) < 0) {
		openvpn_stop(vpn);
		return NULL;
	}
	return vpn;
}

void openvpn_stop(struct openvpn *vpn)
{
	if (!vpn)
		return;
	sd_event_source_disable_unref(vpn->process_source);
	sd_event_source_disable_unref(vpn->backoff_source);
	sd_event_source_disable_unref(vpn->listen_source);
	if (vpn->process.pid)
		process_stop(&vpn->process, STOP_GRACE_MS);
	drop_peer(vpn);
	if (vpn->listen_fd >= 0) {
		close(vpn->listen_fd);
		unlink(vpn->socket_path);
	}
	if (vpn->options_path)
		unlink(vpn->options_path);
	free(vpn->name);
	free(vpn->options_path);
	free(vpn->socket_path);
	free(vpn->log_path);
	sd_event_unref(vpn->loop);
	free(vpn);
}

void openvpn_renew(struct openvpn *vpn)
{
	if (vpn->peer_fd >= 0)
		say(vpn, "signal SIGUSR1\n");
}

enum openvpn_state openvpn_state(const struct openvpn *vpn)
{
	return vpn->state;
}

unsigned openvpn_restarts(const struct openvpn *vpn)
{
	return vpn->restarts;
}

/* --- certificates
 * ------------------------------------------------------------------------------------------------ */

int openvpn_fingerprint(const char *certificate_path, char out[96], char **error)
{
	FILE *file = fopen(certificate_path, "re");
	if (!file)
		return error_set(
			error, "%s: cannot read the certificate: %s", certificate_path, strerror(errno));
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	bool good =
		certificate && X509_digest(certificate, EVP_sha256(), digest, &length) == 1 && length == 32;
	X509_free(certificate);
	if (!good)
		return error_set(error, "%s: no certificate in PEM form in it", certificate_path);
	for (unsigned i = 0; i < length; i++)
		snprintf(out + 3 * i, 4, "%02X%s", digest[i], i + 1 < length ? ":" : "");
	return 0;
}
