# Install what is missing, build, start hostler, take a short tour of it, and leave it running
#
#   ./dev run                 serves on port HOSTLER_PORT (8100; a free one if that is taken) until Ctrl-C
#   ./dev run --once          takes the tour on a free port, stops the server; the exit status tells
#
# The tour loads a voice into an engine process, speaks a sentence into build/speech.wav, has another engine write it
# down again, and prints what the engines' memory receipts say. Nothing is downloaded. Data: build/home, log: build/server.log.

verb_run() {
  local once=no
  case ${1:-} in
    '') ;;
    --once) once=yes ;;
    *) misuse "run knows only --once" ;;
  esac
  source tools/dev/build.sh
  deps build
  build_release

  local status=0
  if [ $once = yes ]; then
    rm -rf build/home-once
    start_server 0 build/home-once
    tour || status=$?
    stop_server || status=$?
    [ $status = 0 ] || die "the tour failed; the server's log is build/server.log"
    say "the tour went well"
    return 0
  fi

  start_server "$(free_port "${HOSTLER_PORT:-8100}")" build/home
  tour || { status=$?; echo "The tour failed; the server goes on. Its log is build/server.log." >&2; }
  say "hostler is at $server_url (log: build/server.log). Ctrl-C stops it."
  wait_for_server || status=$?
  return $status
}

# The given port, or 0 (the system chooses) if somebody listens there already.
free_port() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    echo "port $1 is taken: using a free one" >&2
    echo 0
  else
    echo "$1"
  fi
}

# start_server PORT HOME: sets server_pid and server_url. Comes back when hostler says that it listens, or has ended.
start_server() {
  local pipe=build/server-output line=
  say "starting hostler"
  mkdir -p "$2"
  rm -f "$pipe"
  mkfifo "$pipe"
  build/bin/hostler serve --port "$1" --home "$2" >"$pipe" 2>build/server.log </dev/null &
  server_pid=$!
  trap stop_server EXIT
  trap 'interrupted=yes; kill -TERM $server_pid 2>/dev/null || true' INT TERM HUP
  exec {server_output}<"$pipe"
  rm -f "$pipe"
  if ! IFS= read -r line <&"$server_output"; then
    wait_for_server || true
    tail -n 20 build/server.log >&2
    die "the server ended before it listened; its log is build/server.log"
  fi
  server_url=${line##* }
  case $server_url in http*://*) ;; *) die "the server said \"$line\" instead of its address" ;; esac
  cat <&"$server_output" &   # whatever else it says goes to the screen, and never blocks it
  echo "$line"
}

# Waits until the server has ended, however many signals come meanwhile; its exit status.
wait_for_server() {
  local status
  interrupted=yes
  while [ $interrupted = yes ]; do
    interrupted=no status=0
    wait "$server_pid" || status=$?
  done
  server_pid=
  return $status
}

stop_server() {
  [ -n "${server_pid:-}" ] || return 0
  kill -TERM "$server_pid" 2>/dev/null || true
  wait_for_server
}

hostler() { HOSTLER_SERVER=$server_url build/bin/hostler "$@" </dev/null; }

# What the tour says, and the grammar that lets the small recogniser hear it: words of which it need only tell the order.
tour_sentence() { echo "one two three four five"; }
tour_grammar() {
  echo '#JSGF V1.0;'
  echo 'grammar digits;'
  echo 'public <digits> = (zero | one | two | three | four | five | six | seven | eight | nine)+;'
}

tour() {
  local sentence heard
  sentence=$(tour_sentence)
  tour_grammar >build/tour.gram

  say "loading espeak into an engine process"
  hostler load espeak || return 1
  say "speaking \"$sentence\""
  hostler speak "$sentence" --model espeak --voice en-us -o build/speech.wav || return 1
  [ -s build/speech.wav ] || { echo "build/speech.wav is empty" >&2; return 1; }
  echo "build/speech.wav: play it with any player"
  say "loading pocketsphinx, which writes down what it hears"
  hostler load pocketsphinx || return 1
  heard=$(hostler transcribe build/speech.wav --model pocketsphinx --grammar build/tour.gram) || return 1
  echo "heard: $heard"
  say "what is loaded, and the memory it takes"
  hostler ps || return 1
  [ "$heard" = "$sentence" ] || { echo "said \"$sentence\", heard \"$heard\"" >&2; return 1; }
}
