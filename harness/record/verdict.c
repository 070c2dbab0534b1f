/* Verdict: see the header. */
#include "harness/record/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

json_t *verdict_record(
	const struct experiment *e, const struct planned *planned, unsigned number, unsigned attempt)
{
	char started[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_t *record = json_pack("{s:i, s:s, s:s, s:i, s:i, s:I, s:s, s:[], s:s, s:{}, s:[]}", "trial",
		(int)number, "configuration", e->configurations[planned->configuration].name, "procedure",
		e->procedures[planned->procedure].name, "repeat", (int)planned->repeat, "attempt",
		(int)attempt, "seed", (json_int_t)planned->seed, "status", "valid", "reasons", "started",
		started, "measures", "subflows");
	json_t *factors = json_object();
	const struct factor_value *value = e->configurations[planned->configuration].values;
	for (; value && value->name; value++)
		json_object_set_new(factors, value->name, json_real(value->value));
	if (json_object_size(factors))
		json_object_set(record, "factors", factors);
	json_decref(factors);
	return record;
}

void verdict_judge(json_t *record, const char *status, const char *format, ...)
{
	static const char *const order[] = {"valid", "suspect", "invalid", "failed"};
	const char *now = json_string_value(json_object_get(record, "status"));
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	json_array_append_new(json_object_get(record, "reasons"), json_string(text));
	size_t old = 0, new = 0;
	for (size_t i = 0; i < 4; i++) {
		old = now && strcmp(now, order[i]) == 0 ? i : old;
		new = strcmp(status, order[i]) == 0 ? i : new;
	}
	if (new > old)
		json_object_set_new(record, "status", json_string(order[new]));
}
