/* liquidnet-collective: keys, and the signed list of a collective's members and detours. One command, one change; a list is
 * written whole or not at all, with the next version. */
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include "nodes/detour/collective.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_EXPIRES_S (30 * 86400LL)
#define FETCH_MS 30000

struct options {
	const char *key;    /* secret, of the keeper */
	const char *public; /* public, of the keeper */
	int64_t expires_s;
	bool json;
	const char *addresses, *region;
	int64_t port, capacity;
};

struct command {
	const char *name, *arguments, *summary;
	int min_words, max_words;
	int (*run)(const struct options *options, char **words, int count, char **error);
};

/* ---- keys */

static int do_key(const struct options *options, char **words, int count, char **error)
{
	struct identity identity;
	char text[SEAL_KEY_TEXT];
	(void)options, (void)count;
	if (identity_create(words[0], &identity, error) < 0)
		return 1;
	puts(public_text(identity.public, text));
	return 0;
}

static int do_public(const struct options *options, char **words, int count, char **error)
{
	struct identity identity;
	char text[SEAL_KEY_TEXT];
	(void)options, (void)count;
	if (identity_load(words[0], &identity, error) < 0)
		return 1;
	puts(public_text(identity.public, text));
	return 0;
}

/* ---- the list, changed */

static int load_keeper(const struct options *options, struct identity *keeper, char **error)
{
	if (!options->key)
		return error_set(error, "--key FILE is missing: the secret key of whoever keeps the list");
	return identity_load(options->key, keeper, error);
}

/* In the place of the old file in one step: who watches it never sees half of one. */
static int write_file(const char *path, const char *bytes, size_t size, char **error)
{
	char *other = NULL;
	if (asprintf(&other, "%s.new", path) < 0)
		return error_set(error, "out of memory");
	int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool done = fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fsync(fd) == 0;
	int reason = errno;
	if (fd >= 0)
		close(fd);
	if (done && rename(other, path) < 0) {
		done = false;
		reason = errno;
	}
	if (!done)
		unlink(other);
	free(other);
	return done ? 0 : error_set(error, "%s: cannot write it: %s", path, strerror(reason));
}

static int write_list(const struct options *options, const char *path, struct collective *list,
	const struct identity *keeper, char **error)
{
	size_t size;
	list->issued = time(NULL);
	list->expires = list->issued + options->expires_s;
	list->version++;
	char *text = collective_write(list, keeper, &size);
	int result = text ? write_file(path, text, size, error) : error_set(error, "out of memory");
	free(text);
	if (result < 0)
		return 1;
	printf("version %llu, %zu members, %zu detours\n", (unsigned long long)list->version,
		list->member_count, list->detour_count);
	return 0;
}

static int do_init(const struct options *options, char **words, int count, char **error)
{
	struct identity keeper;
	(void)count;
	if (!collective_is_name(words[1])) {
		error_set(error, "'%s' is no name: 1 to 32 letters, digits, '-', '_' or '.'", words[1]);
		return 2;
	}
	if (access(words[0], F_OK) == 0) {
		error_set(error, "%s: is there already", words[0]);
		return 1;
	}
	if (load_keeper(options, &keeper, error) < 0)
		return 1;
	struct collective *list = collective_new(words[1]);
	int status = list ? write_list(options, words[0], list, &keeper, error) : 1;
	collective_free(list);
	return status;
}

/* Changes a list: `change` returns a status, 0 to write it. */
static int change_list(const struct options *options, char **words,
	int (*change)(const struct options *options, struct collective *list, char **words, char **error),
	char **error)
{
	struct identity keeper;
	if (load_keeper(options, &keeper, error) < 0)
		return 1;
	struct collective *list = collective_load(words[0], keeper.public, error);
	if (!list)
		return 1;
	int status = change(options, list, words, error);
	if (status == 0)
		status = write_list(options, words[0], list, &keeper, error);
	collective_free(list);
	return status;
}

static int change_nothing(const struct options *options, struct collective *list, char **words, char **error)
{
	(void)options, (void)list, (void)words, (void)error;
	return 0;
}

static int do_sign(const struct options *options, char **words, int count, char **error)
{
	(void)count;
	return change_list(options, words, change_nothing, error);
}

static bool read_detour(const struct options *options, struct collective_detour *detour)
{
	char *copy = strdup(options->addresses), *rest;
	bool good = copy != NULL;
	for (char *item = good ? strtok_r(copy, ",", &rest) : NULL; item && good;
		item = strtok_r(NULL, ",", &rest))
		good = detour->address_count < COLLECTIVE_ADDRESSES &&
		       address_parse(item, &detour->addresses[detour->address_count++]);
	free(copy);
	detour->port = (uint16_t)options->port;
	detour->capacity_bps = (uint64_t)options->capacity;
	if (options->region)
		snprintf(detour->region, sizeof detour->region, "%s", options->region);
	return good && detour->address_count > 0;
}

static int change_add(const struct options *options, struct collective *list, char **words, char **error)
{
	uint8_t key[SEAL_PUBLIC];
	struct collective_detour detour = {0};
	if (!collective_is_name(words[1]) || (options->region && !collective_is_name(options->region)))
		error_set(error, "names and regions are 1 to 32 letters, digits, '-', '_' or '.'");
	else if (!public_find(words[2], key))
		error_set(error,
			"'%s' is no public key; its owner's `liquidnet-collective public FILE` says one",
			words[2]);
	else if (options->addresses && !read_detour(options, &detour))
		error_set(error, "'%s' are no addresses; write --detour 192.0.2.1,2001:db8::1",
			options->addresses);
	else if (!collective_add(list, words[1], key))
		error_set(error, "'%s' or its key is in the list already, or the list is full", words[1]);
	else if (options->addresses && !collective_add_detour(list, detour))
		error_set(error, "the list is full");
	else
		return 0;
	return 2;
}

static int do_add(const struct options *options, char **words, int count, char **error)
{
	(void)count;
	return change_list(options, words, change_add, error);
}

static int change_remove(const struct options *options, struct collective *list, char **words, char **error)
{
	(void)options;
	if (collective_remove(list, words[1]))
		return 0;
	error_set(error, "'%s' is no member", words[1]);
	return 2;
}

static int do_remove(const struct options *options, char **words, int count, char **error)
{
	(void)count;
	return change_list(options, words, change_remove, error);
}

/* ---- the list, shown */

static bool keeper_key(const struct options *options, uint8_t key[SEAL_PUBLIC], char **error)
{
	struct identity keeper;
	if (options->public) {
		if (public_find(options->public, key))
			return true;
		error_set(error, "'%s' is no public key", options->public);
		return false;
	}
	if (!options->key) {
		error_set(error, "--public KEY is missing: the public key of whoever keeps the list");
		return false;
	}
	if (identity_load(options->key, &keeper, error) < 0)
		return false;
	memcpy(key, keeper.public, SEAL_PUBLIC);
	return true;
}

static json_t *detour_json(const struct collective_detour *d)
{
	char text[ADDRESS_TEXT];
	json_t *addresses = json_array();
	for (unsigned i = 0; i < d->address_count; i++)
		json_array_append_new(addresses, json_string(address_text(&d->addresses[i], text)));
	return json_pack("{s:o,s:i,s:I,s:s}", "addresses", addresses, "port", d->port, "capacity",
		(json_int_t)d->capacity_bps, "region", d->region);
}

static json_t *list_json(const struct collective *list)
{
	json_t *members = json_array();
	char key[SEAL_KEY_TEXT];
	for (size_t i = 0, next = 0; i < list->member_count; i++) {
		json_t *detours = json_array();
		for (; next < list->detour_count && list->detours[next].member == i; next++)
			json_array_append_new(detours, detour_json(&list->detours[next]));
		json_array_append_new(
			members, json_pack("{s:s,s:s,s:o}", "name", list->members[i].name, "key",
					 public_text(list->members[i].key, key), "detours", detours));
	}
	return json_pack("{s:s,s:I,s:I,s:I,s:b,s:o}", "name", list->name, "version",
		(json_int_t)list->version, "issued", (json_int_t)list->issued, "expires",
		(json_int_t)list->expires, "current", collective_is_current(list, time(NULL)), "members",
		members);
}

static void show_text(const struct collective *list)
{
	char text[ADDRESS_TEXT], when[32];
	time_t expires = (time_t)list->expires;
	struct tm tm;
	strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", gmtime_r(&expires, &tm));
	printf("%s, version %llu, %s %s\n", list->name, (unsigned long long)list->version,
		collective_is_current(list, time(NULL)) ? "until" : "EXPIRED", when);
	for (size_t i = 0, next = 0; i < list->member_count; i++) {
		char key[SEAL_KEY_TEXT];
		printf("%-32s %s\n", list->members[i].name, public_text(list->members[i].key, key));
		for (; next < list->detour_count && list->detours[next].member == i; next++) {
			const struct collective_detour *d = &list->detours[next];
			fputs("    detour", stdout);
			for (unsigned k = 0; k < d->address_count; k++)
				printf(" %s", address_text(&d->addresses[k], text));
			printf(" port %u capacity %llu region %s\n", d->port,
				(unsigned long long)d->capacity_bps, *d->region ? d->region : "-");
		}
	}
}

static int do_show(const struct options *options, char **words, int count, char **error)
{
	uint8_t key[SEAL_PUBLIC];
	(void)count;
	if (!keeper_key(options, key, error))
		return 2;
	struct collective *list = collective_load(words[0], key, error);
	if (!list)
		return 1;
	if (options->json) {
		json_t *json = list_json(list);
		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(json);
	} else {
		show_text(list);
	}
	collective_free(list);
	return 0;
}

/* ---- fetched */

/* By the system's curl, over HTTPS alone; it takes the old list's place when it is good and no older. Signed as it is, whoever
 * serves it need not be trusted. */
static int take_fetched(const char *fetched, const char *path, const uint8_t key[SEAL_PUBLIC], char **error)
{
	struct collective *fresh = collective_load(fetched, key, error), *old = NULL;
	int status = 1;
	if (!fresh)
		return 1;
	if (access(path, F_OK) == 0)
		old = collective_load(path, key, NULL);
	if (!collective_is_current(fresh, time(NULL)))
		error_set(error, "the list that was fetched has expired, or is of the future");
	else if (old && fresh->version < old->version)
		error_set(error, "the list that was fetched is version %llu, older than %llu, which is here",
			(unsigned long long)fresh->version, (unsigned long long)old->version);
	else if (old && fresh->version == old->version)
		status = 0;
	else if (rename(fetched, path) < 0)
		error_set(error, "%s: %s", path, strerror(errno));
	else
		status = 0;
	if (status == 0)
		printf("version %llu, %s\n", (unsigned long long)fresh->version,
			old && fresh->version == old->version ? "which is here" : "taken");
	collective_free(old);
	collective_free(fresh);
	return status;
}

static int do_fetch(const struct options *options, char **words, int count, char **error)
{
	uint8_t key[SEAL_PUBLIC];
	char *fetched = NULL, *output = NULL;
	(void)count;
	if (!keeper_key(options, key, error))
		return 2;
	if (strncmp(words[0], "https://", 8) != 0) {
		error_set(error, "'%s' does not begin with https://; copy a file where there is no server",
			words[0]);
		return 2;
	}
	if (asprintf(&fetched, "%s.fetched", words[1]) < 0)
		return 1;
	const char *argv[] = {"curl", "--silent", "--show-error", "--fail", "--proto", "=https", "--max-time",
		"25", "--max-filesize", "4194304", "--output", fetched, words[0], NULL};
	struct process_options run = PROCESS_OPTIONS;
	run.argv = argv;
	int got = process_run(&run, true, FETCH_MS, &output, error), status = 1;
	if (got == 0)
		status = take_fetched(fetched, words[1], key, error);
	else if (got > 0)
		error_set(error, "%s", output && *output ? output : "curl failed");
	unlink(fetched);
	free(output);
	free(fetched);
	return status;
}

/* ---- the program */

static const struct command commands[] = {
	{"key", "FILE", "makes a secret key there, and says its public key", 1, 1, do_key},
	{"public", "FILE", "says the public key of a secret one", 1, 1, do_public},
	{"init", "LIST NAME", "begins a list (--key)", 2, 2, do_init},
	{"add", "LIST MEMBER PUBLIC",
		"adds a member (--key; --detour ADDRESS,... --port --capacity --region)", 3, 3, do_add},
	{"remove", "LIST MEMBER", "removes a member and its detours (--key)", 2, 2, do_remove},
	{"sign", "LIST", "signs it anew, for --expires from now (--key)", 1, 1, do_sign},
	{"show", "LIST", "checks and shows it (--public or --key; --json)", 1, 1, do_show},
	{"fetch", "URL LIST", "fetches it by HTTPS, if it is good and newer (--public)", 2, 2, do_fetch},
};

static void help(FILE *out)
{
	fputs("liquidnet-collective: the signed list of a detour collective's members\n\n"
	      "usage: liquidnet-collective COMMAND [OPTION...] WORD...\n\n",
		out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-7s %-20s %s\n", commands[i].name, commands[i].arguments,
			commands[i].summary);
	fputs("\n  --key FILE        secret key of whoever keeps the list\n"
	      "  --public KEY      its public key\n"
	      "  --expires TIME    how long a list is good for from now: 720h (default), 90min, ...\n"
	      "  --detour A,...    the member offers a detour at these addresses\n"
	      "  --port N          where it listens (45672)\n"
	      "  --capacity RATE   what it gives: 100Mbit/s\n"
	      "  --region NAME     where it is\n"
	      "  --json            show: as JSON\n"
	      "  --help, --version\n",
		out);
}

/* "720h", and what unit_duration reads. */
static bool read_time(const char *text, int64_t *seconds)
{
	int64_t ns;
	char *end;
	long hours = strtol(text, &end, 10);
	if (end != text && strcmp(end, "h") == 0 && hours > 0 && hours < 1000000) {
		*seconds = hours * 3600L;
		return true;
	}
	if (unit_duration(text, &ns) < 0 || ns < 1000000000)
		return false;
	*seconds = ns / 1000000000;
	return true;
}

static int read_option(struct options *o, int option, char **error)
{
	uint64_t rate;
	switch (option) {
	case 'k':
		o->key = optarg;
		return 0;
	case 'P':
		o->public = optarg;
		return 0;
	case 'd':
		o->addresses = optarg;
		return 0;
	case 'r':
		o->region = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'e':
		return read_time(optarg, &o->expires_s)
			       ? 0
			       : error_set(error, "--expires: '%s' is no time", optarg);
	case 'p':
		return unit_integer(optarg, &o->port) == 0 && o->port > 0 && o->port <= UINT16_MAX
			       ? 0
			       : error_set(error, "--port: '%s' is no port", optarg);
	case 'c':
		if (unit_rate(optarg, &rate) < 0)
			return error_set(error, "--capacity: '%s' is no rate; write it as 100Mbit/s", optarg);
		o->capacity = (int64_t)rate;
		return 0;
	default:
		return error_set(error, "unknown option; --help lists them");
	}
}

static int run(int argc, char **argv, char **error)
{
	static const struct option longs[] = {{"key", required_argument, NULL, 'k'},
		{"public", required_argument, NULL, 'P'}, {"expires", required_argument, NULL, 'e'},
		{"detour", required_argument, NULL, 'd'}, {"port", required_argument, NULL, 'p'},
		{"capacity", required_argument, NULL, 'c'}, {"region", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'}, {0}};
	struct options options = {.expires_s = DEFAULT_EXPIRES_S, .port = 45672};
	int option;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h') {
			help(stdout);
			return 0;
		}
		if (option == 'v') {
			printf("liquidnet-collective %s\n", liquidnet_version);
			return 0;
		}
		if (read_option(&options, option, error) < 0)
			return 2;
	}
	const char *name = optind < argc ? argv[optind++] : "";
	int count = argc - optind;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (count >= commands[i].min_words && count <= commands[i].max_words)
			return commands[i].run(&options, argv + optind, count, error);
		error_set(error, "usage: liquidnet-collective %s %s", name, commands[i].arguments);
		return 2;
	}
	error_set(error, "'%s' is no command; --help lists them", name);
	return 2;
}

int main(int argc, char **argv)
{
	char *error = NULL;
	int status = seal_init(&error) < 0 ? 1 : run(argc, argv, &error);
	if (error)
		fprintf(stderr, "liquidnet-collective: %s\n", error);
	free(error);
	return status;
}
