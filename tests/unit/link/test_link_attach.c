/* Attachment: what the program on the hook hands over, on a veth pair in a network namespace of its own. */
#include "lib/base/clock.h"
#include "nodes/link/attach.c"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <sched.h>

#define TCX_EGRESS 47 /* BPF_TCX_EGRESS, which older headers lack */
#define PATIENCE_MS 20000
#define TYPE 0x88b5 /* for experiments on one's own wires, IEEE 802 */

static struct attachment attached = {.netns_fd = -1};
static int from_a, at_b;

static int packet_socket(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

static int setup(void **state)
{
	char *error = NULL;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return 0; /* each test skips by name */
	assert_int_equal(
		system("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; ip link add dev a type veth peer name b && ip link set dev a up && ip link set dev b up"),
		0);
	if (attachment_open(&attached, NULL, "a", false, &error) != ATTACH_OK ||
		attachment_hook(&attached, false, &error) < 0)
		fail_msg("%s", error);
	from_a = packet_socket("a");
	at_b = packet_socket("b");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	attachment_close(&attached);
	return 0;
}

static void need_attachment(void)
{
	if (attached.netns_fd < 0)
		skip();
}

static void fill(unsigned char *frame, size_t size)
{
	for (size_t i = 0; i < size; i++)
		frame[i] = (unsigned char)(i + 1);
	frame[0] = 2; /* no group address */
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
}

static size_t read_in_time(int fd, unsigned char *buffer, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	ssize_t n = read(fd, buffer, size);
	assert_true(n > 0);
	return (size_t)n;
}

/* Sends a frame out of a; returns how many bytes of frame came from the TAP, at taken + ATTACHMENT_HEAD. */
static size_t pass(const unsigned char *frame, size_t size, unsigned char *taken, size_t room)
{
	int64_t before = clock_now_ns();
	assert_int_equal(write(from_a, frame, size), size);
	size_t n = read_in_time(attached.tap_fd, taken, room);
	int64_t after = clock_now_ns(), when = attachment_arrival(taken);
	assert_true(when >= before - 1 && when <= after);
	assert_true(n > ATTACHMENT_HEAD);
	return n - ATTACHMENT_HEAD;
}

static void test_frames_come_whole_with_their_time(void **state)
{
	static const size_t sizes[] = {60, 61, 1000, 1514};
	unsigned char frame[1514], taken[2048];

	(void)state;
	need_attachment();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		fill(frame, sizes[i]);
		assert_int_equal(pass(frame, sizes[i], taken, sizeof taken), sizes[i]);
		assert_memory_equal(taken + ATTACHMENT_HEAD, frame, sizes[i]);
	}
}

static void test_our_own_go_out(void **state)
{
	unsigned char frame[100], taken[2048];

	(void)state;
	need_attachment();
	fill(frame, sizeof frame);
	assert_int_equal(send(attached.packet_fd, frame, sizeof frame, 0), sizeof frame);
	assert_int_equal(read_in_time(at_b, taken, sizeof taken), sizeof frame);
	assert_memory_equal(taken, frame, sizeof frame);
	assert_int_equal(read(attached.tap_fd, taken, sizeof taken), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A tag beside the packet, as a VLAN interface or a bridge leaves it, put there by a program that runs before
 * ours. */
static void test_tags_come_in_their_place(void **state)
{
	const struct bpf_insn push[] = {
		SET(2, __builtin_bswap16(ETH_P_8021Q)),
		SET(3, 5),
		CALL(BPF_FUNC_skb_vlan_push),
		SET(0, TC_ACT_UNSPEC),
		EXIT,
	};
	static const unsigned char tag[] = {0x81, 0x00, 0x00, 0x05};
	unsigned char frame[200], taken[2048];

	(void)state;
	need_attachment();
	int program = bpf_prog_load(
		BPF_PROG_TYPE_SCHED_CLS, "push", "GPL", push, sizeof push / sizeof push[0], NULL);
	assert_true(program >= 0);
	if (bpf_prog_attach(program, attached.ifindex, (enum bpf_attach_type)TCX_EGRESS, 0) < 0) {
		assert_int_equal(errno, EINVAL);
		close(program);
		print_message("skipped: this kernel has no TCX (Linux 6.6)\n");
		skip();
	}
	fill(frame, sizeof frame);
	assert_int_equal(pass(frame, sizeof frame, taken, sizeof taken), sizeof frame + sizeof tag);
	unsigned char *whole = taken + ATTACHMENT_HEAD;
	assert_memory_equal(whole, frame, 12);
	assert_memory_equal(whole + 12, tag, sizeof tag);
	assert_memory_equal(whole + 16, frame + 12, sizeof frame - 12);
	bpf_prog_detach2(program, attached.ifindex, (enum bpf_attach_type)TCX_EGRESS);
	close(program);
}

/* Offloads that cannot be set do not keep the others from being set. */
static void test_each_offload_is_tried(void **state)
{
	struct rtnl_interface now;

	(void)state;
	need_attachment();
	assert_int_equal(set_offloads("nowhere", attached.ifindex, 0, 0, 0, 7), -1);
	assert_int_equal(rtnl_get(attached.ifindex, &now), 0);
	assert_int_equal(now.gso_max_segs, 7);
}

/* What cannot be put back is not forgotten: the next start finds it in the alias. The last test. */
static void test_a_failed_restore_is_remembered(void **state)
{
	struct rtnl_interface before, now;
	struct rtnl_offloads offloads;
	char *error = NULL;

	(void)state;
	need_attachment();
	int ifindex = attached.ifindex;
	uint32_t tso = attached.tso, segments = attached.gso_max_segs;
	assert_int_equal(rtnl_get(ifindex, &before), 0);
	assert_non_null(strstr(before.alias, ALIAS));
	attached.gso_max_segs = UINT32_MAX;
	attachment_close(&attached);
	assert_int_equal(rtnl_get(ifindex, &now), 0);
	assert_string_equal(now.alias, before.alias);
	assert_int_equal(rtnl_get_offloads("a", &offloads), 0);
	assert_int_equal(offloads.tso, tso);
	if (attachment_open(&attached, NULL, "a", false, &error) != ATTACH_OK)
		fail_msg("%s", error);
	attachment_close(&attached);
	assert_int_equal(rtnl_get(ifindex, &now), 0);
	assert_int_equal(now.gso_max_segs, segments);
	assert_string_equal(now.alias, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_come_whole_with_their_time),
		cmocka_unit_test(test_our_own_go_out),
		cmocka_unit_test(test_tags_come_in_their_place),
		cmocka_unit_test(test_each_offload_is_tried),
		cmocka_unit_test(test_a_failed_restore_is_remembered),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
