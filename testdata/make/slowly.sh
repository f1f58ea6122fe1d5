#!/bin/bash
# Writes a capture so that fprobe, which reads from a pipe, keeps up: it has a
# thread for each of reading, sorting and sending, and ends where the capture does.
#
#	slowly.sh CAPTURE.pcap
set -euo pipefail
head -c 24 "$1"
sleep 0.5
tail -c +25 "$1"
sleep 0.5
