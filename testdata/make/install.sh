#!/bin/bash
# Installs what run.sh, live.sh and the tests of real parts need. Quick when it is there; else needs root.
set -euo pipefail
have() {
	for c in softflowd softflowctl pmacctd fprobe nfcapd nfreplay ovs-vswitchd ovs-vsctl tshark openssl protoc rpm systemd-analyze python3 unshare ip sysctl nft \
		mmdebstrap systemd-nspawn qemu-aarch64-static; do
		PATH=$PATH:/usr/sbin command -v $c >/dev/null || return
	done
	python3 -c 'import ensurepip, venv' 2>/dev/null || return
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1
}
have && exit
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends softflowd pmacct fprobe nfdump openvswitch-switch tshark protobuf-compiler libfaketime rpm systemd \
	python3 python3-venv util-linux iproute2 procps nftables openssl \
	mmdebstrap systemd-container qemu-user-static
have
