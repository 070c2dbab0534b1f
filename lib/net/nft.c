/* nftables commands through libnftables, with its messages kept in memory. */
#include "lib/net/nft.h"
#include "lib/base/error.h"
#include <nftables/libnftables.h>
#include <string.h>

struct nft_ctx *nft_open(char **error)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft) {
		error_set(error, "nftables: cannot set up libnftables");
		return NULL;
	}
	if (nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft)) {
		error_set(error, "nftables: cannot keep libnftables' messages");
		nft_ctx_free(nft);
		return NULL;
	}
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_ALL);
	return nft;
}

void nft_close(struct nft_ctx *nft)
{
	if (nft)
		nft_ctx_free(nft);
}

int nft_list(struct nft_ctx *nft, const char *command, const char **output, char **error)
{
	int result = nft_run_cmd_from_buffer(nft, command);
	/* Reading a buffer empties it for the next command; both must be read each time. */
	const char *complaint = nft_ctx_get_error_buffer(nft);
	*output = nft_ctx_get_output_buffer(nft);
	if (result == 0)
		return 0;
	return error_set(error, "nftables: %.*s", complaint ? (int)strcspn(complaint, "\n") : 0,
		complaint ? complaint : "");
}

int nft_run(struct nft_ctx *nft, const char *commands, char **error)
{
	const char *ignored;
	return nft_list(nft, commands, &ignored, error);
}
