/* Fuzz: any line as a daemon's answer: an object that says ok, or one line of error. */
#include "lib/base/control.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *error = NULL;
	json_t *answer = NULL;
	memcpy(text, data, size);
	text[size] = 0;
	if (control_answered(text, &answer, &error) == 0)
		expect(json_is_true(json_object_get(answer, "ok")) && !error);
	else
		expect(error && !strchr(error, '\n') && !answer);
	json_decref(answer);
	free(error);
	free(text);
	return 0;
}
