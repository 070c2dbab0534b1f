/* Fuzz: the content of a version 2 datagram, and its outside. What is read as a question or an answer is written as the
 * same bytes; everything else is refused by a fault that has a name. The first byte chooses. */
#include "lib/detour/message.h"
#include "lib/detour/seal.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, enum message_fault fault, const uint8_t *again)
{
	if (strcmp(message_fault_name(fault), "unknown") == 0 ||
		(fault == MESSAGE_OK && (size != MESSAGE_SIZE || memcmp(data, again, size) != 0)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[MESSAGE_SIZE], content[MESSAGE_SIZE];
	struct message_question question;
	struct message_answer answer;
	static const uint8_t key[32] = {1};
	enum seal_kind kind;
	uint64_t member;
	if (size == 0)
		return 0;
	uint8_t which = *data++ % 3;
	size--;
	enum message_fault fault;
	if (which == 0) {
		fault = message_read_question(data, size, &question);
		if (fault == MESSAGE_OK)
			message_write_question(&question, again);
		check(data, size, fault, again);
	} else if (which == 1) {
		fault = message_read_answer(data, size, &answer);
		if (fault == MESSAGE_OK)
			message_write_answer(&answer, again);
		check(data, size, fault, again);
	} else if (seal_peek(data, size, &kind, &member)) {
		if (size != SEAL_SIZE || unseal(data, key, content))
			abort(); /* a tag was guessed */
	}
	return 0;
}
