/* Values of scenarios' words: see the header. */
#include "lib/sim/words.h"
#include "lib/base/error.h"
#include "lib/base/units.h"

#include <stdio.h>
#include <string.h>

#define PS_OF_NS 1000

/* ---- numbers as units.h reads them */

#define TEXT 32

struct unit {
	uint64_t size;
	const char *name;
};

static const struct unit of_time[] = {{NS_PER_S, "s"}, {NS_PER_MS, "ms"}, {NS_PER_US, "us"}, {1, "ns"}};
static const struct unit of_rate[] = {
	{1000000000, "Gbit/s"}, {1000000, "Mbit/s"}, {1000, "kbit/s"}, {1, "bit/s"}};
static const struct unit of_size[] = {
	{UINT64_C(1) << 30, "GiB"}, {1000000000, "GB"}, {1000000, "MB"}, {1000, "KB"}, {1, ""}};

/* In the largest unit of which it is a whole number. */
static const char *text_of(uint64_t number, const struct unit *units, char text[TEXT])
{
	if (!number)
		return "0";
	while (number % units->size)
		units++;
	snprintf(text, TEXT, "%llu%s", (unsigned long long)(number / units->size), units->name);
	return text;
}

static int refuse_range(const char *key, const char *value, const char *what, uint64_t least, uint64_t most,
	const struct unit *units, char **error)
{
	char first[TEXT], last[TEXT];

	return error_set(error, "%s=%s: %s, from %s to %s", key, value, what, text_of(least, units, first),
		text_of(most, units, last));
}

/* ---- readers */

const char *word_cut(char *word, char **error)
{
	char *equals = strchr(word, '=');

	if (!equals) {
		error_set(error, "`%s`: write KEY=VALUE", word);
		return NULL;
	}
	*equals = '\0';
	return equals + 1;
}

int word_choice(const char *key, const char *value, const char *const names[], char **error)
{
	char list[WORD_LIST] = "";

	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], value))
			return i;
		word_list_add(list, names[i]);
	}
	return error_set(error, "%s=%s: there are %s", key, value, list);
}

int word_yes(const char *key, const char *value, bool *out, char **error)
{
	static const char *const names[] = {"no", "yes", NULL};
	int chosen = word_choice(key, value, names, error);

	if (chosen < 0)
		return -1;
	*out = chosen == 1;
	return 0;
}

int word_count(const char *key, const char *value, int64_t least, int64_t most, unsigned *out, char **error)
{
	int64_t number;

	if (unit_integer(value, &number) < 0 || number < least || number > most)
		return error_set(error, "%s=%s: a whole number, %lld..%lld", key, value, (long long)least,
			(long long)most);
	*out = (unsigned)number;
	return 0;
}

int word_number(const char *key, const char *value, double least, double most, double *out, char **error)
{
	double number;

	if (unit_number(value, &number) < 0 || !(number >= least && number <= most))
		return error_set(error, "%s=%s: a number, %g..%g", key, value, least, most);
	*out = number;
	return 0;
}

int word_share(const char *key, const char *value, double *out, char **error)
{
	return unit_fraction(value, out) == 0 ? 0 : word_refuse(key, value, "a share, such as 70%", error);
}

int word_size(const char *key, const char *value, uint64_t least, uint64_t most, uint64_t *out, char **error)
{
	uint64_t size;

	if (unit_size(value, &size) < 0 || size < least || size > most)
		return refuse_range(key, value, "a size such as 30KB", least, most, of_size, error);
	*out = size;
	return 0;
}

int word_rate(const char *key, const char *value, uint64_t least, uint64_t most, uint64_t *out, char **error)
{
	uint64_t rate = 0;

	if ((strcmp(value, "0") != 0 && unit_rate(value, &rate) < 0) || rate < least || rate > most)
		return refuse_range(key, value, "a rate such as 15Mbit/s", least, most, of_rate, error);
	*out = rate;
	return 0;
}

int word_time(const char *key, const char *value, int64_t least, int64_t most, int64_t *out, char **error)
{
	int64_t time;

	if (unit_duration(value, &time) < 0 || time < least || time > most)
		return refuse_range(key, value, "a duration such as 4ms", (uint64_t)least, (uint64_t)most,
			of_time, error);
	*out = time;
	return 0;
}

int word_ps(const char *key, const char *value, int64_t least_ns, uint64_t *out, char **error)
{
	int64_t ns = 0;

	if (word_time(key, value, least_ns, WORD_HOUR, &ns, error) < 0)
		return -1;
	*out = (uint64_t)ns * PS_OF_NS;
	return 0;
}

/* ---- messages */

int word_refuse(const char *key, const char *value, const char *what, char **error)
{
	return error_set(error, "%s=%s: %s", key, value, what);
}

void word_list_add(char list[WORD_LIST], const char *name)
{
	static const char more[] = ", ...";
	size_t used = strlen(list), last = sizeof more - 1;

	if (used >= last && !strcmp(list + used - last, more))
		return;
	if (used + strlen(", ") + strlen(name) + sizeof more > WORD_LIST)
		strcpy(list + used, more);
	else
		snprintf(list + used, WORD_LIST - used, "%s%s", used ? ", " : "", name);
}

int word_unknown(const char *key, const char *list, char **error)
{
	return error_set(error, "no setting `%s`; there are %s", key, list);
}
