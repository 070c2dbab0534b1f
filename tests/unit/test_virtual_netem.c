/* The seed in a netem qdisc's parameters: put to what is there, in place of an earlier one, and nothing else changes. */
#include "lib/net/netem.c" // its statics
#include "tests/unit/check.h"

/* As the kernel says it: kind, then options of the fixed part, a rate, padding and, when `old`, a seed. */
static void netem_message(struct request *message, const char *kind, bool old, size_t fixed)
{
	struct request options = {.head.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg))};
	struct tc_netem_qopt parameters = {.latency = 5000, .limit = 77};
	struct tc_netem_rate rate = {.rate = 125000};
	uint64_t seed = 1;
	char *start = (char *)&options + NLMSG_LENGTH(sizeof(struct tcmsg));
	memcpy(start, &parameters, fixed);
	options.head.nlmsg_len += (unsigned)fixed;
	append(&options, TCA_NETEM_RATE, &rate, sizeof(rate));
	append(&options, TCA_NETEM_PAD, "", 0);
	if (old)
		append(&options, NETEM_PRNG_SEED, &seed, sizeof(seed));
	*message = (struct request){
		.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)), .nlmsg_type = RTM_NEWQDISC},
		.tc = {.tcm_ifindex = 3, .tcm_parent = TC_H_ROOT, .tcm_handle = 0x80010000}};
	append(message, TCA_KIND, kind, strlen(kind) + 1);
	append(message, TCA_OPTIONS, start, options.head.nlmsg_len - NLMSG_LENGTH(sizeof(struct tcmsg)));
}

/* The attributes of the options of a request: how many there are, the seed, the rate. */
static int read_back(const struct request *request, uint64_t *seed, uint32_t *rate, uint32_t *limit)
{
	int count = 0, left = (int)(request->head.nlmsg_len - NLMSG_LENGTH(sizeof(struct tcmsg)));
	for (const struct rtattr *at = (const struct rtattr *)request->attributes; RTA_OK(at, left);
		at = RTA_NEXT(at, left)) {
		if (at->rta_type != TCA_OPTIONS)
			continue;
		*limit = ((const struct tc_netem_qopt *)RTA_DATA(at))->limit;
		int inner = (int)(RTA_PAYLOAD(at) - sizeof(struct tc_netem_qopt));
		for (const struct rtattr *one = (const struct rtattr *)((const char *)RTA_DATA(at) +
									sizeof(struct tc_netem_qopt));
			RTA_OK(one, inner); one = RTA_NEXT(one, inner)) {
			count++;
			if (one->rta_type == NETEM_PRNG_SEED)
				memcpy(seed, RTA_DATA(one), sizeof(*seed));
			if (one->rta_type == TCA_NETEM_RATE)
				memcpy(rate, RTA_DATA(one), sizeof(*rate));
		}
	}
	return count;
}

static void takes_the_seed(void **state)
{
	(void)state;
	struct request message;
	struct request request;
	uint64_t seed = 0;
	uint32_t rate = 0, limit = 0;
	netem_message(&message, "netem", true, sizeof(struct tc_netem_qopt));
	assert_int_equal(consider(&message.head, 3, TC_H_ROOT, 0x123456789abcdefULL, &request), 1);
	assert_int_equal(read_back(&request, &seed, &rate, &limit), 2);
	assert_true(seed == 0x123456789abcdefULL);
	assert_int_equal(rate, 125000);
	assert_int_equal(limit, 77);
	assert_int_equal(request.tc.tcm_handle, 0x80010000);
}

/* Kernels before 6.6 do not say a seed, and ignore one. */
static void knows_a_kernel_without_seeds(void **state)
{
	(void)state;
	struct request message;
	struct request request = {.tc.tcm_handle = 7};
	netem_message(&message, "netem", false, sizeof(struct tc_netem_qopt));
	assert_int_equal(consider(&message.head, 3, TC_H_ROOT, 1, &request), 2);
	assert_int_equal(request.tc.tcm_handle, 7);
}

static void leaves_others_alone(void **state)
{
	(void)state;
	struct request message;
	struct request request;
	netem_message(&message, "netem", false, sizeof(struct tc_netem_qopt));
	assert_int_equal(consider(&message.head, 4, TC_H_ROOT, 1, &request), 0);
	assert_int_equal(consider(&message.head, 3, 0x10001, 1, &request), 0);
	message.head.nlmsg_type = RTM_DELQDISC;
	assert_int_equal(consider(&message.head, 3, TC_H_ROOT, 1, &request), 0);
	netem_message(&message, "fq", false, sizeof(struct tc_netem_qopt));
	assert_int_equal(consider(&message.head, 3, TC_H_ROOT, 1, &request), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(takes_the_seed),
		cmocka_unit_test(knows_a_kernel_without_seeds), cmocka_unit_test(leaves_others_alone)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
