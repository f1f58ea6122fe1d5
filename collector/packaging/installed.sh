#!/bin/bash
# What a package does to a machine: TestPackages boots one, which runs this as
# its only task, with /packages/{old,new}.{deb,rpm}.
#
#	installed.sh deb|rpm
set -uo pipefail
kind=$1
config=/etc/weir/weir.yaml
export HOME=/root
failed=0

want() { # WHAT WANTED GOT
	if [ "$2" != "$3" ]; then
		echo "FAULT line ${BASH_LINENO[0]}: $1: $3, want $2"
		failed=1
	fi
}
does() { # WHAT COMMAND...
	local out
	if ! out=$("${@:2}" 2>&1); then
		echo "FAULT line ${BASH_LINENO[0]}: $1: $out"
		failed=1
	fi
}
is() { stat -c '%a %U:%G' "$1" 2>&1; } # its mode and owners
state() { systemctl is-active weir.service; }
pid() { systemctl show -p MainPID --value weir.service; }
status() { sed -n "s/^$1:\t//p" "/proc/$(pid)/status"; }

case $kind in
deb)
	install() { dpkg -i "/packages/$1.deb" </dev/null; }
	upgrade() { install "$1"; }
	remove() { dpkg -r weir; }
	;;
rpm) # its database knows no /bin/sh
	install() { rpm --force-debian --nodeps -i "/packages/$1.rpm"; }
	upgrade() { rpm --force-debian --nodeps -U --oldpackage "/packages/$1.rpm"; }
	remove() { rpm --force-debian --nodeps -e weir; }
	;;
esac

echo "== $kind, installed"
does 'the installation' install old
want user 'weir:x:collector of network flows:/var/lib/weir:/usr/sbin/nologin' "$(getent passwd weir | cut -d: -f1,2,5-)"
want group weir "$(id -gn weir)"
for f in 755:/usr/bin/weir 644:$config 644:/usr/lib/systemd/system/weir.service 644:/usr/lib/sysusers.d/weir.conf 644:/usr/lib/sysctl.d/60-weir.conf; do
	want "${f#*:}" "${f%%:*} root:root" "$(is "${f#*:}")"
done
want sysctl 'net.core.rmem_max = 33554432' "$(/lib/systemd/systemd-sysctl --cat-config | grep rmem_max)"
want 'the unit' '' "$(systemd-analyze verify --man=no weir.service 2>&1)"
want started inactive "$(state)"
want enabled disabled "$(systemctl is-enabled weir.service)"
want state '' "$(ls -d /var/lib/weir 2>/dev/null)"

echo "== $kind, runs"
does start systemctl enable --now weir
want started active "$(state)"
want user 'weir weir' "$(stat -c '%U %G' "/proc/$(pid)")"
want capabilities '0000000000000000 0000000000000000' "$(status CapEff) $(status CapAmb)"
want /var/lib/weir '700 weir:weir' "$(is /var/lib/weir)"
want token '600 weir:weir' "$(is /var/lib/weir/token)"
does gen weir gen --to 127.0.0.1:2055 --protocol ipfix --rate 1000 --duration 1s
does exporters sh -c 'weir exporters | grep -q "ipfix .* up "'
was=$(pid)
echo '# ours' >>$config
does reload systemctl reload weir
want 'after a reload' "active $was" "$(state) $(pid)"
mkdir -p /etc/systemd/system/weir.service.d
printf '[Service]\nAmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW\n' >/etc/systemd/system/weir.service.d/override.conf
systemctl daemon-reload
does restart systemctl restart weir
want capabilities 0000000000003000 "$(status CapEff)"

echo "== $kind, upgraded"
was=$(pid)
old=$(weir version)
does 'the upgrade' upgrade new
want 'another version' 1 "$([ "$old" != "$(weir version)" ] && echo 1)"
want restarted active "$(state)"
want 'another process' 1 "$([ "$was" != "$(pid)" ] && echo 1)"
want enabled enabled "$(systemctl is-enabled weir.service)"
want configuration '# ours' "$(tail -n 1 $config)"
echo 'lissen: []' >>$config
does 'an upgrade with a faulty configuration' upgrade old
want 'after it' "$old" "$(weir version)"
sed -i '/^lissen/d' $config
systemctl reset-failed weir
does restart systemctl restart weir

echo "== $kind, opened by systemd"
cp /usr/share/doc/weir/examples/weir.socket /etc/systemd/system
sed -i "s/^listen: .*/listen: [{socket: netflow}]/" $config
systemctl daemon-reload
does stop systemctl stop weir
does socket systemctl enable --now weir.socket
does start systemctl start weir
does gen weir gen --to 127.0.0.1:2055 --protocol netflow9 --rate 1000 --duration 1s
does exporters sh -c 'weir exporters | grep -q "netflow9 .* up "'
systemctl disable --now weir.socket 2>/dev/null
rm /etc/systemd/system/weir.socket

echo "== $kind, removed"
does 'the removal' remove
want 'the service' inactive "$(state)"
want 'its process' '' "$(pidof weir)"
want 'its link' '' "$(ls /etc/systemd/system/multi-user.target.wants/weir.service 2>/dev/null)"
want files '' "$(ls -d /usr/bin/weir /usr/lib/systemd/system/weir.service /usr/lib/sysctl.d/60-weir.conf 2>/dev/null)"
want 'the state' '700 weir:weir' "$(is /var/lib/weir)"
if [ "$kind" = rpm ]; then mv $config.rpmsave $config; fi
want configuration '# ours' "$(tail -n 1 $config)"
does 'the installation' install new
want configuration '# ours' "$(tail -n 1 $config)"
want enabled disabled "$(systemctl is-enabled weir.service)"
systemctl mask weir.service 2>/dev/null
if [ "$kind" = deb ]; then
	does 'the purge' dpkg -P weir
	want files '' "$(ls -d /etc/weir /var/lib/weir 2>/dev/null)"
else
	does 'the removal' remove
fi
systemctl unmask weir.service 2>/dev/null
want user 0 "$(id weir >/dev/null 2>&1; echo $?)"

echo "== $kind, without systemd"
rm -rf /var/lib/weir /etc/weir /etc/systemd/system/weir.service.d
userdel weir
mv /usr/bin/systemd-sysusers /usr/bin/systemctl /root/
export kind
export -f install upgrade remove
bare() { unshare -m bash -c 'mount -t tmpfs tmpfs /run && "$@"' - "$@"; }
does 'the installation' bare install old
want user 'weir:/var/lib/weir:/usr/sbin/nologin weir' "$(getent passwd weir | cut -d: -f1,6-) $(id -gn weir)"
does 'the upgrade' bare upgrade new
does 'the removal' bare remove
mv /root/systemd-sysusers /root/systemctl /usr/bin/

if [ $failed = 0 ]; then echo 'all is well'; fi
