# Sourced: idle processors poll (see awake.h) until the shell that sourced this ends. $awake is the descriptor: what is started
# and stays must not keep it.
# shellcheck shell=bash
{ exec {awake}<>/dev/cpu_dma_latency && printf '\0\0\0\0' >&"$awake"; } 2>/dev/null || exec {awake}</dev/null
