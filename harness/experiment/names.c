/* Names: see the header. */
#include "harness/experiment/names.h"

#include "lib/base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int expand_into(FILE *out, const char *text, template_lookup lookup, void *context, char **error)
{
	for (const char *at = text; *at;) {
		if (at[0] == '$' && at[1] == '$') {
			fputc('$', out);
			at += 2;
		} else if (at[0] == '$' && at[1] == '{') {
			const char *end = strchr(at, '}');
			if (!end)
				return error_set(error, "`${` without `}` in `%s`", text);
			char name[128];
			size_t length = (size_t)(end - at - 2);
			if (length == 0 || length >= sizeof name)
				return error_set(error, "the name in `%.*s` is empty or too long",
					(int)(end - at + 1), at);
			memcpy(name, at + 2, length);
			name[length] = 0;
			const char *value = lookup(context, name, error);
			if (!value)
				return -1;
			fputs(value, out);
			at = end + 1;
		} else {
			fputc(*at++, out);
		}
	}
	return 0;
}

char *template_expand(
	struct pool *pool, const char *text, template_lookup lookup, void *context, char **error)
{
	char *buffer = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&buffer, &size);
	if (!out)
		abort();
	int result = expand_into(out, text, lookup, context, error);
	fclose(out);
	char *copy = result == 0 ? pool_strdup(pool, buffer) : NULL;
	free(buffer);
	return copy;
}

static const char *lookup(void *context, const char *name, char **error);

char *names_expand(struct names *names, const char *text, char **error)
{
	return template_expand(names->pool, text, lookup, names, error);
}

enum of_end { ADDRESS, ADDRESS6, INTERFACE };

/* NODE/LINK: what its end of the link is called. NODE/NAME: an address of the node that has a name. */
static const char *of_end(const struct names *names, enum of_end what, const char *place, char **error)
{
	static const char *const keys[] = {"address", "address6", "interface"};
	const struct topology *topology = names->experiment->topology;
	char node[64];
	const char *slash = strchr(place, '/'), *text = "", *other = NULL;
	int n = -1;
	if (slash && (size_t)(slash - place) < sizeof node) {
		snprintf(node, sizeof node, "%.*s", (int)(slash - place), place);
		n = topology_node(topology, node);
	}
	if (n >= 0) {
		int l = topology_link(topology, slash + 1);
		const struct topology_end *end = l >= 0 ? topology_end(topology, n, l) : NULL;
		if (end)
			text = what == ADDRESS    ? end->address
			       : what == ADDRESS6 ? end->address6
						  : end->interface;
		if (end && what != INTERFACE)
			other = what == ADDRESS ? end->address6 : end->address;
		else if (what == ADDRESS)
			text = topology_address(topology, n, slash + 1);
	}
	if (*text)
		return text;
	if (other && !*other)
		error_set(error, "`${%s:%s}`: that end has no address", keys[what], place);
	else if (other)
		error_set(error, "`${%s:%s}`: that end has no address of %s; of %s it has one, ${%s:%s}",
			keys[what], place, what == ADDRESS ? "IPv4" : "IPv6",
			what == ADDRESS ? "IPv6" : "IPv4", keys[what == ADDRESS ? ADDRESS6 : ADDRESS], place);
	else
		error_set(error, "`${%s:%s}` is no place of topology %s; write ${%s:NODE/LINK}", keys[what],
			place, topology->name, keys[what]);
	return NULL;
}

static const char *file(struct names *names, const char *name, char **error)
{
	for (const char **known = names->experiment->files; *known; known++)
		if (strcmp(*known, name) == 0)
			return pool_printf(names->pool, "%s/%s", names->files, name);
	error_set(error, "`${file:%s}`: the experiment has no such file; add it to `files`", name);
	return NULL;
}

char *names_capture(struct pool *pool, const char *folder, const char *point)
{
	char *path = pool_printf(pool, "%s/%s.pcap", folder, point);
	for (char *at = path + strlen(folder) + 1; *at; at++)
		if (*at == '/')
			*at = '-';
	return path;
}

static const char *capture(struct names *names, const char *point, char **error)
{
	for (size_t i = 0; i < names->experiment->captures_count; i++)
		if (strcmp(names->experiment->captures[i].name, point) == 0)
			return names_capture(names->pool, names->folder, point);
	error_set(error, "`${capture:%s}`: there is no such capture; add it to `captures`", point);
	return NULL;
}

static const char *output(struct names *names, const char *program, char **error)
{
	const struct experiment *e = names->experiment;
	const struct workload *w = &e->workloads[names->procedure->workload];
	for (size_t i = 0; i < w->programs_count; i++)
		if (strcmp(w->programs[i].name, program) == 0)
			return pool_printf(names->pool, "%s/%s.out", names->folder, program);
	error_set(error, "`${output:%s}`: workload `%s` has no such program", program, w->name);
	return NULL;
}

static const char *factor(struct names *names, const char *name, char **error)
{
	const struct experiment *e = names->experiment->frame ? names->experiment->frame : names->experiment;
	double value = names->configuration ? experiment_number(names->configuration, name) : NAN;
	for (size_t i = 0; !names->configuration && i < e->configurations_count; i++)
		for (const struct factor_value *v = e->configurations[i].values; v && v->name; v++)
			if (strcmp(v->name, name) == 0)
				return "0";
	if (!isnan(value))
		return pool_printf(names->pool, "%.15g", value);
	error_set(error, "`${factor.%s}`: %s has no factor `%s` with a `value`", name,
		names->configuration ? "the configuration" : "the experiment", name);
	return NULL;
}

static const char *with(struct names *names, const char *key, char **error)
{
	const struct procedure *p = names->procedure;
	for (size_t i = 0; i < p->with_count; i++)
		if (strcmp(p->with[i].key, key) == 0) {
			if (names->depth > 8) {
				error_set(error, "`${with.%s}` is made of itself", key);
				return NULL;
			}
			names->depth++;
			const char *value = names_expand(names, p->with[i].value, error);
			names->depth--;
			return value;
		}
	error_set(error, "procedure `%s` says nothing for ${with.%s}; add it to its `with`", p->name, key);
	return NULL;
}

/* AS.FIELD of an answer. Before the run only AS can be checked. */
static const char *answer(const struct names *names, const char *name, const char *dot, char **error)
{
	const struct procedure *p = names->procedure;
	for (size_t i = 0; i < p->asks_count; i++) {
		size_t length = strlen(p->asks[i].as);
		if (length != (size_t)(dot - name) || memcmp(p->asks[i].as, name, length) != 0)
			continue;
		if (!names->answers)
			return "?";
		json_t *value = json_object_get(json_object_get(names->answers, p->asks[i].as), dot + 1);
		if (json_is_string(value))
			return json_string_value(value);
		if (json_is_integer(value))
			return pool_printf(names->pool, "%lld", (long long)json_integer_value(value));
		error_set(error, "the answer of daemon %s to `%s` has no field `%s`", p->asks[i].daemon,
			p->asks[i].command, dot + 1);
		return NULL;
	}
	error_set(error,
		"`${%s}`: procedure `%s` asks nothing as `%.*s`; add an `ask` with `as: %.*s`, or mend the name",
		name, p->name, (int)(dot - name), name, (int)(dot - name), name);
	return NULL;
}

static const char *lookup(void *context, const char *name, char **error)
{
	struct names *names = context;
	const struct {
		const char *name, *value;
	} fixed[] = {{"scratch", names->scratch}, {"seed", names->seed}, {"config", names->config},
		{"control", names->control}, {"ready", names->ready}};
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (strcmp(name, fixed[i].name) == 0) {
			if (!fixed[i].value)
				error_set(error, "`${%s}` has no meaning here", name);
			return fixed[i].value;
		}
	if (strncmp(name, "address:", 8) == 0)
		return of_end(names, ADDRESS, name + 8, error);
	if (strncmp(name, "address6:", 9) == 0)
		return of_end(names, ADDRESS6, name + 9, error);
	if (strncmp(name, "interface:", 10) == 0)
		return of_end(names, INTERFACE, name + 10, error);
	if (strncmp(name, "file:", 5) == 0)
		return file(names, name + 5, error);
	if (strncmp(name, "capture:", 8) == 0)
		return capture(names, name + 8, error);
	if (strncmp(name, "output:", 7) == 0)
		return output(names, name + 7, error);
	if (strncmp(name, "factor.", 7) == 0)
		return factor(names, name + 7, error);
	if (strncmp(name, "with.", 5) == 0)
		return with(names, name + 5, error);
	const char *dot = strchr(name, '.');
	if (dot)
		return answer(names, name, dot, error);
	error_set(error, "nothing is called `${%s}`; docs/experiments.md lists the names", name);
	return NULL;
}

/* ---- of services */

static const char *service_name(void *context, const char *name, char **error)
{
	if (strcmp(name, "ready") == 0)
		return context;
	error_set(error, "`${%s}` has no meaning here; a service knows ${ready} only", name);
	return NULL;
}

const char **service_words(struct pool *pool, const struct program *service, int ready_fd, char **error)
{
	size_t count = 0;
	while (service->argv[count])
		count++;
	const char **words = pool_alloc(pool, count + 1, sizeof *words);
	char *descriptor = pool_printf(pool, "%d", ready_fd);
	for (size_t i = 0; i < count; i++)
		if (!(words[i] = template_expand(pool, service->argv[i], service_name, descriptor, error)))
			return NULL;
	return words;
}
