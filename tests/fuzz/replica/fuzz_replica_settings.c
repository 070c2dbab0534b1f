/* Any text as a configuration of a store or of a load: taken or refused with one line. */
#include "nodes/replica/daemon/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *error = NULL;

	memcpy(text, data, size);
	text[size] = '\0';
	struct serve_settings *serve = serve_settings_parse("fuzz", text, &error);
	if (!serve == !error)
		abort();
	if (serve && (serve->concurrency < 1 || serve->record.size < 8 || serve->record.size > RECORD_MAX ||
			     !serve->store))
		abort();
	serve_settings_free(serve);
	free(error);
	error = NULL;
	struct load_settings *load = load_settings_parse("fuzz", text, &error);
	if (!load == !error)
		abort();
	if (load && (load->replicas > load->server_count || !load->server_count ||
			    load->server_count > LOAD_SERVERS || load->of < load->clients))
		abort();
	load_settings_free(load);
	free(error);
	free(text);
	return 0;
}
