/* Bundle: the files are gathered in a folder beside the archive, summed, and packed by tar with everything
 * fixed that is not content: order, owners, modes, times. */
#include "harness/report/bundle.h"

#include "harness/machine/project.h"
#include "harness/record/inputs.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 8, TAR_MS = 3600 * 1000 };

struct gathering {
	char stage[PATH_MAX]; /* the folder that becomes the archive */
	bool captures;
	FILE *sums;
	size_t left_out; /* captures */
};

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), m = strlen(with);

	return n >= m && !strcmp(name + n - m, with);
}

static int write_all(int fd, const unsigned char *bytes, size_t count)
{
	for (ssize_t n; count; bytes += n, count -= (size_t)n)
		if ((n = write(fd, bytes, count)) <= 0)
			return -1;
	return 0;
}

/* Copies, and sums what was copied. -1 with errno. */
static int copy_and_sum(int in, int out, unsigned char digest[EVP_MAX_MD_SIZE], unsigned *length)
{
	static const size_t room = 1 << 16;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char *buffer = malloc(room);
	ssize_t n = context && buffer && EVP_DigestInit_ex(context, EVP_sha256(), NULL) ? 0 : -1;

	errno = n < 0 ? ENOMEM : 0;
	while (n >= 0 && (n = read(in, buffer, room)) > 0)
		if (write_all(out, buffer, (size_t)n) < 0 || !EVP_DigestUpdate(context, buffer, (size_t)n))
			n = -1;
	if (n == 0 && !EVP_DigestFinal_ex(context, digest, length))
		n = -1;
	EVP_MD_CTX_free(context);
	free(buffer);
	return n < 0 ? -1 : 0;
}

/* One file into the stage under `name`, with its line in SHA256SUMS. */
static int add_file(struct gathering *g, const char *from, const char *name, char **error)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	char to[PATH_MAX];

	if (snprintf(to, sizeof to, "%s/%s", g->stage, name) >= (int)sizeof to)
		return error_set(error, "%s: the path is too long", name);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int result = out < 0 || copy_and_sum(in, out, digest, &length) < 0
			     ? error_set(error, "%s: %s", out < 0 && in >= 0 ? to : from, strerror(errno))
			     : 0;
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) < 0 && result == 0)
		result = error_set(error, "%s: %s", to, strerror(errno));
	if (result < 0)
		return -1;
	/* As sha256sum writes and reads it: a line that begins with a backslash has escapes in its name. */
	if (strpbrk(name, "\n\\"))
		fputc('\\', g->sums);
	for (unsigned i = 0; i < length; i++)
		fprintf(g->sums, "%02x", digest[i]);
	fprintf(g->sums, "  ");
	for (; *name; name++)
		fputs(*name == '\n' ? "\\n" : *name == '\\' ? "\\\\" : (char[]){*name, 0}, g->sums);
	fputc('\n', g->sums);
	return 0;
}

static int add_folder(struct gathering *g, const char *name, char **error)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/%s", g->stage, name) >= (int)sizeof path)
		return error_set(error, "%s: the path is too long", name);
	return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : error_set(error, "%s: %m", path);
}

/* The folders that a file lies in. */
static int add_folders(struct gathering *g, const char *file, char **error)
{
	char folder[PATH_MAX];
	for (const char *slash = strchr(file, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - file), file);
		if (add_folder(g, folder, error) < 0)
			return -1;
	}
	return 0;
}

static int visible(const struct dirent *entry)
{
	return *entry->d_name != '.' && strcmp(entry->d_name, "__pycache__") != 0;
}

/* What a bundle adds itself: an unpacked one can be packed again. */
static bool is_ours(const char *path)
{
	return !strcmp(path, "README.md") || !strcmp(path, "rerun.sh") || !strcmp(path, "SHA256SUMS");
}

static bool is_capture(const char *name)
{
	return ends(name, ".pcap") || ends(name, ".pcapng");
}

/* A folder and what is in it, in order; hidden files (locks), links and what Python leaves are no content. */
static int add_tree(
	struct gathering *g, const char *from, const char *name, const char *only, int depth, char **error)
{
	struct dirent **entries;
	int count = scandir(from, &entries, visible, alphasort), result = 0;

	if (count < 0)
		return error_set(error, "%s: %m", from);
	for (int i = 0; i < count; i++) {
		const char *one = entries[i]->d_name;
		char path[PATH_MAX], inner[PATH_MAX];
		struct stat status;
		bool fits = snprintf(path, sizeof path, "%s/%s", from, one) < (int)sizeof path &&
			    snprintf(inner, sizeof inner, "%s%s%s", name, *name ? "/" : "", one) <
				    (int)sizeof inner;
		if (result == 0 && (!fits || lstat(path, &status) < 0))
			result =
				error_set(error, "%s/%s: %s", from, one, fits ? strerror(errno) : "too long");
		if (result == 0 && S_ISDIR(status.st_mode) && depth < DEPTH && !only) {
			result = add_folder(g, inner, error);
			if (result == 0)
				result = add_tree(g, path, inner, NULL, depth + 1, error);
		} else if (result == 0 && S_ISREG(status.st_mode) && (!only || ends(one, only)) &&
			   !is_ours(inner)) {
			bool leave = is_capture(one) && !g->captures;
			g->left_out += leave;
			result = leave ? 0 : add_file(g, path, inner, error);
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* One file of data/, where the folder has no copy of its own. */
static int add_input(struct gathering *g, const char *file, char **error)
{
	char there[PATH_MAX + 64];
	snprintf(there, sizeof there, "%s/%s", g->stage, file);
	char *from = inputs_path(g->stage, project_root(), file);
	bool wanted = from && inputs_in_data(file) && access(there, F_OK) < 0 && access(from, R_OK) == 0;
	int result =
		wanted && (add_folders(g, file, error) < 0 || add_file(g, from, file, error) < 0) ? -1 : 0;
	free(from);
	return result;
}

/* What the results were compared with, and the network's description. */
static int add_inputs(struct gathering *g, const struct cells *cells, char **error)
{
	char path[PATH_MAX + 64], there[PATH_MAX + 64];

	for (size_t i = 0; i < cells->sources_count; i++) {
		char *notes = inputs_notes(cells->sources[i].file);
		int result = add_input(g, cells->sources[i].file, error);
		if (result == 0)
			result = add_input(g, notes, error);
		free(notes);
		if (result < 0)
			return -1;
	}
	snprintf(there, sizeof there, "%s/topologies", g->stage);
	snprintf(path, sizeof path, "%s/topologies", project_root());
	if (access(there, F_OK) == 0)
		return 0;
	return add_folder(g, "topologies", error) < 0 ? -1 : add_tree(g, path, "topologies", ".py", 0, error);
}

static const char readme[] =
	"# %s\n"
	"\n"
	"A run of the experiment `%s` with Liquidnet %s, started %s, packed for whoever wants to check it.\n"
	"\n"
	"    sha256sum --check --quiet SHA256SUMS   # every file is what was packed\n"
	"    liquidnet report .                     # tables and report.html again, from the records here\n"
	"    liquidnet rerun .                      # the same plan again here; says what differs, and what it starts\n"
	"    liquidnet compare . FOLDER             # beside another run\n"
	"\n"
	"`liquidnet` is built by `make` in the project's sources at version %s, on Debian 12.\n"
	"\n"
	"| file | what |\n"
	"|---|---|\n"
	"| report.html, report.json, scorecard.md, summary.csv, subflows.csv | what was found |\n"
	"| trials.csv | every trial and measure, a line each; with samples quantiles.csv and samples.csv, too |\n"
	"| trials.jsonl | the raw records, one a trial |\n"
	"| trials/ | logs and raw output of each trial%s |\n"
	"| experiment.yaml (and its base) | the experiment as it was run |\n"
	"| data/ | the published values that it was compared with, and what is known about them |\n"
	"| topologies/ | the network |\n"
	"| provenance.json | version, kernel, machine, tools, command line, seed |\n"
	"| rerun.sh | the command that runs it again |\n";

static const char script[] =
	"#!/bin/sh\n"
	"# Runs the same plan again, with the inputs beside this file. Needs liquidnet in PATH, and root.\n"
	"set -eu\n"
	"LIQUIDNET_ROOT=$(cd \"$(dirname \"$0\")\" && pwd) # its topologies and data\n"
	"export LIQUIDNET_ROOT\n"
	"exec liquidnet rerun \"$LIQUIDNET_ROOT\" \"$@\"\n";

static const char *said(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "unknown";
}

/* A file that is not a copy: written beside the stage, then added like the others. */
static int add_text(struct gathering *g, const char *name, const char *text, char **error)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s.text", g->stage);
	FILE *out = fopen(path, "we");
	bool bad = !out || fputs(text, out) < 0;
	if (out)
		bad = fclose(out) != 0 || bad;
	int result = bad ? error_set(error, "%s: %m", path) : add_file(g, path, name, error);
	unlink(path);
	return result;
}

static int add_guide(struct gathering *g, const struct cells *cells, const json_t *provenance, char **error)
{
	const struct experiment *e = cells->experiment;
	const char *version = said(json_object_get(provenance, "environment"), "liquidnet");
	char *text, left_out[64] = "";

	if (g->left_out)
		snprintf(left_out, sizeof left_out, "; %zu packet captures are left out", g->left_out);
	if (asprintf(&text, readme, e->title ? e->title : e->name, e->name, version,
		    said(provenance, "started"), version, left_out) < 0)
		return error_set(error, "out of memory");
	int result = add_text(g, "README.md", text, error);
	free(text);
	return result < 0 ? -1 : add_text(g, "rerun.sh", script, error);
}

/* When the run started, as tar takes it: the time of every file. */
static void time_of(const json_t *provenance, char text[32])
{
	struct tm utc = {0};
	time_t when = 0;

	if (strptime(said(provenance, "started"), "%Y-%m-%dT%H:%M:%SZ", &utc))
		when = timegm(&utc);
	snprintf(text, 32, "--mtime=@%lld", (long long)when);
}

static int pack(const struct gathering *g, const json_t *provenance, const char *output, char **error)
{
	char when[32], parent[PATH_MAX], *partial, *said_by_tar = NULL;
	const char *name = strrchr(g->stage, '/') + 1;

	snprintf(parent, sizeof parent, "%.*s", (int)(name - g->stage), g->stage);
	time_of(provenance, when);
	if (asprintf(&partial, "%s.tar.gz", g->stage) < 0)
		return error_set(error, "out of memory");
	const char *const argv[] = {"tar", "--create", "--sort=name", "--format=gnu", when, "--owner=0",
		"--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "--use-compress-program=gzip -n",
		"--file", partial, "--directory", parent, name, NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	int status = process_run(&options, true, TAR_MS, &said_by_tar, error);
	if (status > 0)
		error_set(error, "tar ended with status %d: %s", status, said_by_tar ? said_by_tar : "");
	/* A link, unlike a rename, never replaces what came there meanwhile. */
	if (status == 0 && link(partial, output) < 0)
		status = error_set(error, "%s: %m", output);
	unlink(partial);
	free(partial);
	free(said_by_tar);
	return status == 0 ? 0 : -1;
}

static int gather(struct gathering *g, const struct cells *cells, const char *folder,
	const json_t *provenance, char **error)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof path, "%s/SHA256SUMS", g->stage);
	if (mkdir(g->stage, 0755) < 0 || !(g->sums = fopen(path, "we")))
		return error_set(error, "%s: %m", g->stage);
	int result = add_tree(g, folder, "", NULL, 0, error);
	if (result == 0)
		result = add_inputs(g, cells, error);
	if (result == 0)
		result = add_guide(g, cells, provenance, error);
	bool bad = ferror(g->sums);
	if ((fclose(g->sums) || bad) && result == 0)
		result = error_set(error, "%s: cannot be written", path);
	return result;
}

static void remove_tree(const char *path)
{
	const char *const argv[] = {"rm", "-rf", "--", path, NULL};
	struct process_options options = PROCESS_OPTIONS;

	options.argv = argv;
	process_run(&options, true, TAR_MS, NULL, NULL);
}

int bundle_make(
	const struct cells *cells, const char *folder, bool captures, const char *output, char **error)
{
	struct gathering g = {.captures = captures};
	char path[PATH_MAX + 32], whole[PATH_MAX], beside[PATH_MAX];
	const char *slash = strrchr(output, '/'), *name = slash ? slash + 1 : output;

	if (access(output, F_OK) == 0)
		return error_set(error, "%s exists; remove it, or name another with --output", output);
	if (!realpath(folder, whole))
		return error_set(error, "%s: %m", folder);
	if (snprintf(beside, sizeof beside, "%.*s.bundle-XXXXXX", (int)(name - output), output) >=
			(int)sizeof beside ||
		!mkdtemp(beside))
		return error_set(error, "%s: no folder can be made beside it: %m", output);
	int length = snprintf(g.stage, sizeof g.stage, "%s%s/%s-%s", *beside == '/' ? "" : "./", beside,
		cells->experiment->name, strrchr(whole, '/') + 1);
	snprintf(path, sizeof path, "%s/provenance.json", folder);
	json_t *provenance = json_load_file(path, 0, NULL);
	int result = length >= (int)sizeof g.stage ? error_set(error, "%s: the path is too long", output)
						   : gather(&g, cells, whole, provenance, error);
	if (result == 0)
		result = pack(&g, provenance, output, error);
	json_decref(provenance);
	remove_tree(beside);
	return result;
}
