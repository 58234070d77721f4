#!/bin/sh
# The whole initial RAM disk: a disk driver, then the root file system.
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
tries=0
until [ -b /dev/vda2 ] || [ "$tries" -ge 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
mount -t ext4 /dev/vda2 /root || { echo 'lab: no root file system on /dev/vda2' >/dev/console; sleep 5; poweroff; }
mount -n -o move /dev /root/dev
exec run-init /root /sbin/init </root/dev/console >/root/dev/console 2>&1
