import { isRunning, type ProcessIdentity } from './process-identity.ts';

/** Signals exactly this process, if it is still running. */
export async function signalProcess(identity: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (await isRunning(identity)) send(identity.pid, name);
}

/** Signals the process group that this process leads. A group number may be someone else's once its leader is gone. */
export async function signalGroup(leader: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (await isRunning(leader)) send(-leader.pid, name);
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile (ESRCH), or is another user's by now (EPERM): either way not ours to signal.
  }
}
