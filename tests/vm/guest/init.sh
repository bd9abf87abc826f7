#!/bin/busybox sh
# The guest's first process. Mounts the host's root, read-only, with places to write; then hands over to pytest there.
# SHOUWANG_ROOT (the repository), SHOUWANG_PYTHON and SHOUWANG_JOB (a file of pytest arguments) come from the kernel's
# command line. Words go to the first serial port, pytest's reports to the second.
/bin/busybox mkdir -p /bin /proc /dev /host
/bin/busybox --install -s /bin
PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev

for module in /modules/*; do insmod "$module" || echo "guest: $module cannot be loaded"; done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host || poweroff -f

mount -t proc proc /host/proc
mount -t sysfs sys /host/sys
mount -t devtmpfs dev /host/dev
for place in tmp run var/lib; do mount -t tmpfs -o mode=755 tmpfs "/host/$place"; done
mkdir -p /host/run/dbus /host/var/lib/bluetooth

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH="$SHOUWANG_ROOT/tests"
/bin/chroot /host dbus-daemon --system --fork --nopidfile
/bin/chroot /host sh -c 'cd "$SHOUWANG_ROOT" && exec "$SHOUWANG_PYTHON" -m vm.guest.main "$SHOUWANG_JOB" /dev/ttyS1'
echo "guest: pytest ended with $?"
/bin/poweroff -f
