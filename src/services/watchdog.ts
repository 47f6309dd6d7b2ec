// Ends the servers that this process started when this process is gone, also after kill -9: one small shell reads their
// process ids from a pipe that closes with us, and then kills what is still listed. Temporary data folders go too.
import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'

// Operations, one per line: "+ pid" and "- pid" for processes, "> folder" and "< folder" for folders to remove.
const script = `
trap '' INT TERM HUP
pids= folders=
without() { list=; for item in $1; do [ "$item" = "$2" ] || list="$list $item"; done; echo "$list"; }
while read -r operation value; do
  case $operation in
    +) pids="$pids $value" ;;
    -) pids=$(without "$pids" "$value") ;;
    '>') folders="$folders $value" ;;
    '<') folders=$(without "$folders" "$value") ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
[ -z "$folders" ] || rm -rf -- $folders
`

let shell: ChildProcess | undefined

/** Kills the process with this id once we are gone, until `unwatchProcess`. */
export function watchProcess(pid: number): void {
  tell(`+ ${pid}`)
}

export function unwatchProcess(pid: number): void {
  tell(`- ${pid}`)
}

/** Removes the folder once we are gone, until `unwatchFolder`. Only for paths without spaces or wildcards. */
export function watchFolder(path: string): void {
  if (/^[\w./-]+$/.test(path)) tell(`> ${path}`)
}

export function unwatchFolder(path: string): void {
  if (/^[\w./-]+$/.test(path)) tell(`< ${path}`)
}

function tell(line: string): void {
  shell ??= startShell()
  shell.stdin?.write(`${line}\n`)
}

function startShell(): ChildProcess {
  // Its own process group: a Ctrl-C or a kill of our whole group must not take the watchdog first.
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  // It must not keep this process alive.
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  return child
}
