/* Fuzz: any bytes to the VIP, through the reader that the kernel's programs share and the mux's path outside
 * the kernel. What is forwarded is whole, is to the VIP, and reads the same behind its outer header, which an
 * agent accepts. */
#include "nodes/balancer/mux/ring.c"
#include "nodes/balancer/mux/socket.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VIP 0x0164090aU /* 10.9.100.1 */
#define DIP 0x0215090aU /* 10.9.21.2 */

static void check_forwarded(const struct slot *slot, const uint8_t *data, size_t size, bool unfinished)
{
	const struct iphdr *outer = (const struct iphdr *)(slot->outer + 4), *inner = outer + 1;
	const uint16_t *words = (const uint16_t *)outer;
	struct lb_flow after;
	size_t total = ntohs(inner->tot_len);
	uint32_t sum = 0;
	for (int i = 0; i < 10; i++)
		sum += words[i];
	if (lb_checksum(sum) != 0 || outer->daddr != DIP || outer->saddr != VIP ||
		outer->protocol != IPPROTO_IPIP || ntohs(outer->tot_len) != total + 20 ||
		ntohs(outer->id) != 9 || total > size)
		abort();
	if (!unfinished && memcmp(inner, data, size) != 0)
		abort();
	if (lb_read(inner, slot->packet + size, (uint32_t)size, VIP, &after) != LB_GOOD ||
		after.size != total || lb_token(after.hash, 100) >= 100)
		abort();
	if (inner->daddr != VIP || inner->ihl != 5 || inner->version != 4)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct socket_path *path;
	if (!path) {
		struct lb_map *map = lb_map_new((struct in_addr){VIP}, 100, NULL);
		path = calloc(1, sizeof *path);
		if (!path || lb_map_add(map, "s", (struct in_addr){DIP}, NULL) < 0)
			abort();
		map->generation = 9;
		mux_ring_fill(&path->rings[0], map);
		lb_map_free(map);
	}
	if (size < 2 || size > PACKET_SIZE)
		return 0;
	/* The first byte chooses; a copy of the exact size tells of every byte read beyond it. */
	bool unfinished = data[0] & 1;
	struct mux_traffic *server;
	struct lb_flow flow;
	data++, size--;
	uint8_t *exact = aligned_alloc(8, (size + 7) / 8 * 8);
	memcpy(exact, data, size);
	lb_read((const struct iphdr *)exact, exact + size, (uint32_t)size, VIP, &flow);
	free(exact);
	memcpy(path->slots[0].packet, data, size);
	if (encapsulate(path, &path->slots[0], size, unfinished, &server))
		check_forwarded(&path->slots[0], data, size, unfinished);
	return 0;
}
