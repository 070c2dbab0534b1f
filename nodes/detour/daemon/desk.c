/* The desk, from the outside of a datagram to the mapping. */
#include "nodes/detour/daemon/desk.h"
#include <sodium.h>

/* Of proofs to one member: whoever replays its questions from forged addresses makes us send them. */
#define PROOFS_RATE 100
#define PROOFS_BURST 200
/* Of "you ask too often", to one member. */
#define REFUSALS_RATE 50

bool desk_allows(const struct desk_rules *rules, const struct address *client)
{
	for (size_t i = 0; i < rules->allow_count; i++)
		if (network_has(&rules->allow[i], client))
			return true;
	return false;
}

bool desk_would_keep(const struct desk *desk, const struct mapping *mapping)
{
	if (mapping->owner == MAPPING_NOBODY) {
		if (!desk_allows(desk->rules, &mapping->client))
			return false;
	} else if (!members_find(desk->members, mapping->owner)) {
		return false;
	}
	return reach_judge(desk->rules->reach, &desk->around, &mapping->remote) == REACH_GOOD;
}

/* --- a mapping
 * --------------------------------------------------------------------------------------------------- */

struct wish {
	struct desk *desk;
	const struct desk_letter *letter;
	uint64_t owner;
	struct address client;
	struct place remote;
	uint16_t proposed;
	size_t most;
};

static bool is_taken(void *context, uint16_t port)
{
	const struct wish *wish = context;
	return wish->desk->taken(wish->desk->context, &wish->client, &wish->letter->to, port);
}

/* A mapping that gives way. What version 1 asks for in a client's name may be forged: then the client's own oldest goes, so
 * that forged questions do not shut it out; a member is told that its share is used up. */
static struct mapping *victim(const struct desk *desk, const struct wish *wish, enum mapping_choice why)
{
	if (why == MAPPING_FULL)
		return mapping_victim(desk->table, wish->owner, &wish->client, false);
	if (why == MAPPING_CLIENT_FULL && wish->owner == MAPPING_NOBODY)
		return mapping_victim(desk->table, wish->owner, &wish->client, true);
	return NULL;
}

static enum message_result result_of(enum mapping_choice choice)
{
	static const enum message_result results[] = {[MAPPING_REUSED] = MESSAGE_GRANTED,
		[MAPPING_AS_PROPOSED] = MESSAGE_GRANTED,
		[MAPPING_OTHER_PORT] = MESSAGE_GRANTED,
		[MAPPING_CLIENT_FULL] = MESSAGE_QUOTA,
		[MAPPING_FULL] = MESSAGE_FULL,
		[MAPPING_NO_PORT] = MESSAGE_NO_PORT};
	return results[choice];
}

/* The mapping for a wish, which is within reach: the one that is there, or a new one. *port when granted. */
static enum message_result map(struct desk *desk, int64_t now, bool up, const struct wish *wish,
	uint16_t *port, struct desk_outcome *outcome)
{
	struct desk_counters *count = &desk->counters;
	struct mapping *same = mapping_find_remote(desk->table, wish->owner, &wish->client, &wish->remote);
	if (!up)
		return MESSAGE_UNAVAILABLE;
	if (same) { /* the usual repetition needs no look at the host's sockets */
		mapping_use(desk->table, same, now);
		count->reused++;
		*port = same->detour_port;
		return MESSAGE_GRANTED;
	}
	struct mapping_wish choose = {.owner = wish->owner,
		.client = wish->client,
		.remote = wish->remote,
		.proposed = wish->proposed,
		.most = wish->most,
		.taken = is_taken,
		.context = (void *)wish};
	enum mapping_choice choice = mapping_choose(desk->table, &choose, port);
	struct mapping *gone = victim(desk, wish, choice);
	if (gone) {
		choose.going = 1;
		choice = mapping_choose(desk->table, &choose, port);
	}
	if (result_of(choice) != MESSAGE_GRANTED)
		return result_of(choice);
	outcome->evicted = gone;
	count->evicted += gone != NULL;
	outcome->added = mapping_add(desk->table, wish->owner, &wish->client, *port, &wish->remote, now);
	if (!outcome->added)
		return MESSAGE_FULL; /* no memory */
	++*(choice == MAPPING_AS_PROPOSED ? &count->as_proposed : &count->other_port);
	return MESSAGE_GRANTED;
}

/* --- version 1
 * --------------------------------------------------------------------------------------------------- */

/* Few, so that forged addresses cost no memory: what is asked in one address's name holds up few others. */
static struct bucket *version1_bucket(struct desk *desk, const struct address *client)
{
	uint64_t hash;
	crypto_shorthash((uint8_t *)&hash, client->bytes, sizeof client->bytes, desk->secret.bytes);
	return &desk->version1[hash % DESK_BUCKETS];
}

static void take_version1(struct desk *desk, int64_t now, bool up, const struct desk_letter *letter,
	struct desk_outcome *outcome)
{
	struct desk_counters *count = &desk->counters;
	struct detour_message m;
	enum detour_wire_fault fault = detour_wire_decode(letter->bytes, letter->size, &m);
	if (fault == DETOUR_WIRE_OK && m.operation != DETOUR_WIRE_REQUEST)
		fault = DETOUR_WIRE_BAD_OPERATION;
	if (fault != DETOUR_WIRE_OK) {
		count->faults[fault]++;
		return;
	}
	if (!desk_allows(desk->rules, &letter->from.address)) {
		count->denied++;
		return;
	}
	struct wish wish = {desk, letter, MAPPING_NOBODY, letter->from.address,
		{address_of_v4(m.remote), m.remote_port}, m.detour_port, desk->rules->client_most};
	enum message_result result = MESSAGE_GRANTED;
	uint16_t port = 0;
	if (reach_judge(desk->rules->reach, &desk->around, &wish.remote) != REACH_GOOD)
		result = MESSAGE_DESTINATION;
	else if (!mapping_find_remote(desk->table, wish.owner, &wish.client, &wish.remote) &&
		 !bucket_take(version1_bucket(desk, &wish.client), now, desk->rules->client_rate,
			 desk->rules->client_rate))
		result = MESSAGE_RATE;
	else
		result = map(desk, now, up, &wish, &port, outcome);
	if (result != MESSAGE_GRANTED) {
		count->refused[result]++;
		return;
	}
	outcome->answered = true;
	outcome->version1 = m;
	outcome->version1.operation = DETOUR_WIRE_RESPONSE;
	outcome->version1.reserved = 0;
	outcome->version1.detour_port = port;
	outcome->proposed = m.detour_port;
}

/* --- version 2
 * --------------------------------------------------------------------------------------------------- */

static void announce(const struct desk *desk, const struct wish *wish, struct message_answer *answer)
{
	unsigned next = 0;
	for (size_t i = 0; i < desk->rules->announced_count && next < MESSAGE_ADDRESSES; i++) {
		const struct address *a = &desk->rules->announced[i];
		if (address_family(a) == address_family(&wish->client) &&
			!address_equal(a, &wish->letter->to))
			answer->addresses[next++] = *a;
	}
}

static enum message_result do_map(struct desk *desk, int64_t now, bool up, const struct wish *wish,
	struct desk_outcome *outcome, bool option)
{
	static const uint8_t none[MESSAGE_KEY_SIZE];
	struct message_answer *answer = &outcome->answer;
	enum message_result result = map(desk, now, up, wish, &answer->port, outcome);
	if (result != MESSAGE_GRANTED)
		return result;
	answer->lease_s = desk->rules->lease_s;
	announce(desk, wish, answer);
	if (!option)
		return result;
	if (!desk->rules->option || !address_is_v4(&wish->client) ||
		memcmp(outcome->member->option_key, none, sizeof none) == 0)
		return MESSAGE_NO_OPTION;
	memcpy(answer->key, outcome->member->option_key, sizeof answer->key);
	outcome->option = true;
	return result;
}

static enum message_result do_renew(
	struct desk *desk, int64_t now, bool up, const struct wish *wish, struct desk_outcome *outcome)
{
	struct mapping *m = mapping_find_remote(desk->table, wish->owner, &wish->client, &wish->remote);
	if (!m)
		return MESSAGE_NO_MAPPING;
	if (!up)
		return MESSAGE_UNAVAILABLE;
	mapping_use(desk->table, m, now);
	outcome->answer.port = m->detour_port;
	outcome->answer.lease_s = desk->rules->lease_s;
	desk->counters.renewed++;
	return MESSAGE_GRANTED;
}

static enum message_result do_release(
	struct desk *desk, const struct wish *wish, struct desk_outcome *outcome)
{
	outcome->released = mapping_find_remote(desk->table, wish->owner, &wish->client, &wish->remote);
	if (!outcome->released)
		return MESSAGE_NO_MAPPING;
	desk->counters.released++;
	return MESSAGE_GRANTED;
}

/* One datagram of a train. A train that begins ends the one before, also where that one's last datagram was lost. */
static enum message_result do_probe(struct desk *desk, const struct desk_letter *letter,
	const struct message_question *q, struct desk_outcome *outcome)
{
	struct member_train *train = &outcome->member->train;
	uint64_t first = q->sequence - q->train.place;
	if (train->session != q->session || train->first != first || train->arrived == 0)
		*train = (struct member_train){q->session, first, 0, letter->arrived_ns, letter->arrived_ns};
	train->arrived++;
	train->last_ns = letter->arrived_ns;
	desk->counters.probed++;
	if (q->train.place + 1 < q->train.of)
		return MESSAGE_GRANTED;
	int64_t span = train->last_ns - train->first_ns;
	outcome->answer.arrived = (uint16_t)train->arrived;
	outcome->answer.span_ns = span > 0 ? (uint64_t)span : 0;
	train->arrived = 0;
	return MESSAGE_GRANTED;
}

/* What a member that is who it says, where it says, wants. */
static enum message_result decide(struct desk *desk, int64_t now, bool up, const struct desk_letter *letter,
	const struct message_question *q, struct desk_outcome *outcome)
{
	struct member *member = outcome->member;
	struct wish wish = {desk, letter, member->id, letter->from.address, q->remote, q->proposed,
		member->rights.mappings};
	if (q->operation == MESSAGE_HELLO) {
		desk->counters.greeted++;
		return MESSAGE_GRANTED;
	}
	if (q->operation == MESSAGE_PROBE)
		return do_probe(desk, letter, q, outcome);
	if (q->flags & MESSAGE_ON_BEHALF) {
		if (!member_may_ask_for(member, &q->client))
			return MESSAGE_PERMISSION;
		wish.client = q->client;
	}
	if (q->operation == MESSAGE_RELEASE)
		return do_release(desk, &wish, outcome);
	if (address_family(&wish.client) != address_family(&q->remote.address))
		return MESSAGE_FAMILY;
	if (reach_judge(desk->rules->reach, &desk->around, &q->remote) != REACH_GOOD)
		return MESSAGE_DESTINATION;
	return q->operation == MESSAGE_RENEW
		       ? do_renew(desk, now, up, &wish, outcome)
		       : do_map(desk, now, up, &wish, outcome, q->flags & MESSAGE_OPTION);
}

static void refuse(struct desk *desk, struct desk_outcome *outcome, enum message_result result)
{
	outcome->answered = true;
	outcome->answer.result = result;
	outcome->member->counters.results[result]++;
	if (result != MESSAGE_GRANTED && result != MESSAGE_NO_OPTION)
		desk->counters.refused[result]++;
}

/* A proof is asked for seldom enough that nobody is flooded in a member's name. */
static void ask_for_proof(struct desk *desk, int64_t now, struct desk_outcome *outcome)
{
	if (!bucket_take(&outcome->member->proofs, now, PROOFS_RATE, PROOFS_BURST)) {
		desk->counters.silenced++;
		return;
	}
	desk->counters.unproven++;
	outcome->answered = true;
	outcome->answer.result = MESSAGE_PROVE;
	outcome->member->counters.results[MESSAGE_PROVE]++;
}

static void take_content(struct desk *desk, int64_t now, bool up, const struct desk_letter *letter,
	const uint8_t content[MESSAGE_SIZE], struct desk_outcome *outcome)
{
	struct member *member = outcome->member;
	struct message_question q;
	int64_t issued;
	if (message_read_question(content, MESSAGE_SIZE, &q) != MESSAGE_OK ||
		letter->size != (q.operation == MESSAGE_PROBE ? q.train.size : SEAL_SIZE)) {
		desk->counters.malformed++;
		member->counters.malformed++;
		return;
	}
	outcome->answer = (struct message_answer){
		.operation = q.operation, .newest = desk->newest, .sequence = q.sequence};
	outcome->proposed = q.proposed;
	cookie_make(&desk->secret, now, member->id, &letter->from, outcome->answer.cookie);
	if (!cookie_check(&desk->secret, now, member->id, &letter->from, q.cookie, &issued)) {
		ask_for_proof(desk, now, outcome);
		return;
	}
	enum replay_verdict verdict = replay_check(&member->replay, now, issued, q.session, q.sequence);
	if (verdict == REPLAY_PROVE) {
		ask_for_proof(desk, now, outcome);
		return;
	}
	if (verdict == REPLAY_OLD) {
		desk->counters.replayed++;
		member->counters.replayed++;
		return;
	}
	member->counters.questions++;
	if (q.newest > MESSAGE_VERSION && desk->newest > MESSAGE_VERSION) {
		refuse(desk, outcome, MESSAGE_TOO_OLD);
		return;
	}
	if (bucket_take(&member->questions, now, member->rights.rate, member->rights.rate)) {
		refuse(desk, outcome, decide(desk, now, up, letter, &q, outcome));
		/* Of a train only the last one has an answer. */
		outcome->answered = q.operation != MESSAGE_PROBE || q.train.place + 1 == q.train.of;
	} else if (q.operation != MESSAGE_PROBE &&
		   bucket_take(&member->refusals, now, REFUSALS_RATE, REFUSALS_RATE))
		refuse(desk, outcome, MESSAGE_RATE);
	else /* who does not hear it asks less often than who does; and the others wait behind fewer answers */
		desk->counters.silenced++;
}

static void take_version2(struct desk *desk, int64_t now, bool up, const struct desk_letter *letter,
	uint64_t id, struct desk_outcome *outcome)
{
	uint8_t content[MESSAGE_SIZE];
	struct member *member = members_find(desk->members, id);
	const struct seal_keys *keys = member && desk->own ? member_keys(member, desk->own) : NULL;
	if (!keys || !unseal(letter->bytes, keys->ask, content)) {
		desk->counters.strangers++;
		return;
	}
	outcome->member = member;
	take_content(desk, now, up, letter, content, outcome);
}

/* --- both
 * -------------------------------------------------------------------------------------------------------- */

void desk_take(struct desk *desk, int64_t now, bool up, const struct desk_letter *letter,
	struct desk_outcome *outcome)
{
	enum seal_kind kind;
	uint64_t id;
	*outcome = (struct desk_outcome){0};
	desk->counters.datagrams++;
	/* A train's datagrams are longer: zeros follow. What is too long and no train's is found out when it is open. */
	size_t size =
		letter->size > SEAL_SIZE && letter->size <= MESSAGE_TRAIN_SIZE ? SEAL_SIZE : letter->size;
	if (seal_peek(letter->bytes, size, &kind, &id) && kind == SEAL_QUESTION)
		take_version2(desk, now, up, letter, id, outcome);
	else
		take_version1(desk, now, up, letter, outcome);
}

void desk_fail(struct desk *desk, struct desk_outcome *outcome)
{
	desk->counters.refused[MESSAGE_UNAVAILABLE]++;
	if (!outcome->member) {
		outcome->answered = false;
		return;
	}
	outcome->member->counters.results[outcome->answer.result]--;
	outcome->member->counters.results[MESSAGE_UNAVAILABLE]++;
	outcome->answer.result = MESSAGE_UNAVAILABLE;
	outcome->answer.port = 0;
	outcome->answer.lease_s = 0;
}

size_t desk_write(
	const struct desk_outcome *outcome, const uint8_t nonce[SEAL_NONCE], uint8_t bytes[SEAL_SIZE])
{
	uint8_t content[MESSAGE_SIZE];
	if (!outcome->member) {
		detour_wire_encode(&outcome->version1, bytes);
		return DETOUR_WIRE_SIZE;
	}
	message_write_answer(&outcome->answer, content);
	seal_with(SEAL_ANSWER, outcome->member->id, outcome->member->keys.answer, nonce, content, bytes);
	return SEAL_SIZE;
}
