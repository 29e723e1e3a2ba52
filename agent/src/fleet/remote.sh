# The other side's part of `hostduty report --host`: POSIX sh, so that dash, bash, busybox and macOS run it alike.
#
# Lines before this one set token, place, size, patience, elevate, config and the arguments. The binary follows on
# standard input. Wherever /proc is, the file has lost its name before the report begins, so that nothing that happens
# then can leave it behind; before that the traps, and a watchdog for connections that nobody ever closes, take care.
# shellcheck disable=SC2154 # those lines assign them
umask 077
folder='' running='' watchdog=''

say() { printf '\n%s %s\n' "$token" "$*"; }

leave() {
    trap '' HUP INT TERM PIPE
    # shellcheck disable=SC2086 # none, one or two process ids
    kill $running $watchdog 2>/dev/null
    [ -z "$folder" ] || rm -rf "$folder"
    exit 0
}
trap leave HUP INT TERM PIPE

sudo=''
if [ "$elevate" = yes ] && [ "$(id -u)" != 0 ]; then
    why=$(sudo -n -- true 2>&1 </dev/null) || {
        say refused no-sudo "$(printf '%s' "$why" | head -n 1)"
        leave
    }
    sudo='sudo -n --'
fi

# Memory first, then disks. A file system mounted noexec does not even run a script; and as the binary is sent only once,
# room for it is taken on trial.
refused='' full=''
for base in "${XDG_RUNTIME_DIR-}" "/run/user/$(id -u)" /dev/shm "${TMPDIR-}" /tmp /var/tmp "${HOME-}"; do
    case $base in
    /?*) ;;
    *) continue ;;
    esac
    mkdir "$base/$place" 2>/dev/null || continue
    folder=$base/$place
    if {
        printf '#!/bin/sh\nexit 7\n' >"$folder/try" && chmod 700 "$folder/try" &&
            dd if=/dev/zero of="$folder/room" bs=65536 count=$((size / 65536 + 1))
    } 2>/dev/null; then
        rm -f "$folder/room"
        "$folder/try" 2>/dev/null
        [ $? != 7 ] || break
        refused="$refused $base"
    else
        full="$full $base"
    fi
    rm -rf "$folder"
    folder=''
done
if [ -z "$folder" ]; then
    if [ -z "$refused" ] || [ -n "$full" ]; then say refused no-room "$full"; else say refused noexec "$refused"; fi
    leave
fi

(
    pause=''
    trap 'kill $pause 2>/dev/null; exit' TERM
    rest() {
        sleep "$1" &
        pause=$!
        wait $pause
    }
    rest "$patience"
    kill -TERM $$
    rest 3
    rm -rf "$folder"
    kill -KILL $$
) </dev/null >/dev/null 2>&1 &
watchdog=$!

# In the background, because a shell that waits for a child in the foreground puts its traps off.
exec 4<&0
cat <&4 >"$folder/hostduty" &
running=$!
wait $running || {
    running=''
    say refused no-room "$folder"
    leave
}
running=''
exec 4<&-
if [ "$(wc -c <"$folder/hostduty")" -ne "$size" ]; then
    say refused cut-short
    leave
fi

chmod 700 "$folder/hostduty"
program=$folder/hostduty
exec 3<"$program"
if $sudo "/proc/$$/fd/3" --version >/dev/null 2>&1 </dev/null; then
    program=/proc/$$/fd/3
    rm -rf "$folder"
    folder=''
elif ! why=$($sudo "$program" --version 2>&1 </dev/null); then
    say refused not-run "$(printf '%s' "$why" | head -n 1)"
    leave
fi

# Whom sudo has made root, a signal of ours cannot end.
limit=''
[ -z "$sudo" ] || ! $sudo timeout "$patience" true 2>/dev/null || limit="timeout $patience"
say begin
# shellcheck disable=SC2086 # words of ours
{ [ -z "$config" ] || printf '%s\n' "$config"; } | $sudo $limit "$program" "$@" &
running=$!
wait $running
code=$?
running=''
say end $code
leave
