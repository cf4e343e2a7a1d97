// The one way in: `node scripts/bootstrap.mjs <command> [arguments]`. Plain JavaScript that any Node from 20 on runs:
// installs what the lock file pins when that has changed, then hands over to the pinned Node.
import { commands } from './commands.mjs';
import { handOver } from './hand-over.mjs';
import { ensureInstalled } from './install.mjs';
import { pinnedNode } from './pinned-node.mjs';
import { callerDirectory, root } from './places.mjs';
import { say } from './say.mjs';

const [name = '', ...args] = process.argv.slice(2);

try {
  const command = commands.get(name);
  if (command === undefined) {
    throw new Error(`there is no command "${name}"; there are ${[...commands.keys()].join(', ')}`);
  }
  const { pinnedNodeRuns } = await ensureInstalled();
  const node = pinnedNode(pinnedNodeRuns);
  if (!command.quiet) say(`${name} on Node ${node.version}`);
  await handOver(
    node.path,
    [...command.argv(node.path), ...args],
    command.keepsCallerDirectory ? callerDirectory(name) : root,
  );
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
