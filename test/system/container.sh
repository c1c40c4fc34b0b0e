#!/bin/sh
# The file system of a container, in a mount namespace and a process namespace that are its own already, and then its process:
# container.sh DIRECTORY LOWER READONLY [SOURCE TARGET READONLY]... -- PROGRAM ARGUMENT...
# LOWER is what the image holds; what is written over it goes to DIRECTORY, whose `root` is the whole.
set -eu
directory=$1 lower=$2 readonly=$3
shift 3
root=$directory/root
mkdir -p "$root" "$directory/upper" "$directory/work"
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" "$root"
mkdir -p "$root/proc" "$root/dev"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")" && : >>"$root$2"; fi
  mount --bind "$1" "$root$2"
  if [ "$3" = true ]; then mount -o remount,bind,ro "$root$2"; fi
  shift 3
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ "$readonly" = true ]; then mount -o remount,ro "$root"; fi
exec "$@"
