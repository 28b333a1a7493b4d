import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Clock ticks per second in which /proc counts processor time (100 on nearly every Linux). */
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/**
 * Processor time that a process has used so far, user and system, over all its threads (those that ended
 * included), in microseconds. Resolution is one clock tick, 10 ms. Throws where the process is gone.
 */
export function processCpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in parentheses and may hold spaces, so fields are counted after it; see proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  return ((utime + stime) / ticksPerSecond) * 1e6;
}

/** Resident memory of a process (VmRSS) in bytes. Throws where the process is gone. */
export function processResidentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no VmRSS: it has ended`);
  return Number(kibibytes) * 1024;
}
