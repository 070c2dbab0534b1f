/* nftables: commands in nft's own language, run in this process by libnftables. One call is one transaction
 * of the kernel: all of it, or nothing. */
#ifndef LIQUIDNET_NFT_H
#define LIQUIDNET_NFT_H

struct nft_ctx;

/* NULL with *error when libnftables cannot be set up. */
struct nft_ctx *nft_open(char **error);
void nft_close(struct nft_ctx *nft);
/* Runs commands. -1 with *error (the first line of nft's complaint). */
int nft_run(struct nft_ctx *nft, const char *commands, char **error);
/* The same, for a command that lists: *output is valid until the next call. */
int nft_list(struct nft_ctx *nft, const char *command, const char **output, char **error);
#endif
