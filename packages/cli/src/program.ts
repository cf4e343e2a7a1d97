import { Command } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { addAgents } from './commands/agents.ts';
import { addAudit } from './commands/audit.ts';
import { addBackup } from './commands/backup.ts';
import { addCleanUp } from './commands/clean-up.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addConsumers } from './commands/consumers.ts';
import { addContext } from './commands/context.ts';
import { addDeadLetters } from './commands/dead-letters.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEvents } from './commands/events.ts';
import { addHealth } from './commands/health.ts';
import { addIssue } from './commands/issue.ts';
import { addLogs } from './commands/logs.ts';
import { addMirror } from './commands/mirror.ts';
import { addPins } from './commands/pins.ts';
import { addProfiles } from './commands/profiles.ts';
import { addProject } from './commands/project.ts';
import { addRestore } from './commands/restore.ts';
import { addResults } from './commands/results.ts';
import { addRun } from './commands/run.ts';
import { addServe } from './commands/serve.ts';
import { addSpawn } from './commands/spawn.ts';
import { addStatus } from './commands/status.ts';
import { addToken } from './commands/token.ts';
import { addExport, addImport } from './commands/transfer.ts';
import { addWorkflow } from './commands/workflow.ts';
import { EXIT_MEANINGS } from './exit-codes.ts';
import { SEE_HELP } from './failure.ts';
import { formatItem, withExamples, withExamplesOfCommands } from './help-text.ts';
import { fillInProject } from './project-option.ts';
import type { Terminal } from './terminal.ts';

type AddCommand = (program: Command, terminal: Terminal) => void;

/** What adds each command, by its name, under the headings of the help. */
const COMMANDS: Readonly<Record<string, Readonly<Record<string, AddCommand>>>> = {
  'Work:': { run: addRun, issue: addIssue, status: addStatus },
  'Agents:': {
    spawn: addSpawn,
    agents: addAgents,
    context: addContext,
    results: addResults,
    events: addEvents,
    consumers: addConsumers,
    'dead-letters': addDeadLetters,
    profiles: addProfiles,
    workflow: addWorkflow,
  },
  'Sidecar:': {
    serve: addServe,
    project: addProject,
    token: addToken,
    audit: addAudit,
    health: addHealth,
    config: addConfig,
    doctor: addDoctor,
    backup: addBackup,
    restore: addRestore,
    export: addExport,
    import: addImport,
    mirror: addMirror,
    'clean-up': addCleanUp,
    pins: addPins,
    logs: addLogs,
  },
};

/**
 * The command tree. Running a command writes to `terminal` and throws when it fails. What a command needs beyond its own
 * file is loaded when it runs, so that help and completion answer at once.
 * @param only the one command to have, where it is known which one is meant: building all takes a tenth of the time a
 * sidecar has to start. Default, and where there is no command of that name: all.
 */
export function createProgram(terminal: Terminal, only?: string): Command {
  const program = new Command('sidecar')
    .description('Orchestration Sidecar: context, events and results for agents that work on one repository.')
    .version(manifest.version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.writeNote(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${terminal.paintNote('red', '✗')} `)),
      getOutHelpWidth: () => terminal.size().columns,
      getErrHelpWidth: () => terminal.size().columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ formatItem })
    .showHelpAfterError(SEE_HELP)
    .hook('preAction', (_program, action) => fillInProject(action, terminal))
    .addHelpText(
      'after',
      `\nExit codes:\n${Object.entries(EXIT_MEANINGS)
        .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`)
        .join('\n')}`,
    );

  const addOne = Object.values(COMMANDS)
    .flatMap((commands) => Object.entries(commands))
    .find(([name]) => name === only)?.[1];
  if (addOne) {
    addOne(program, terminal);
    return program;
  }
  for (const [heading, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading);
    for (const add of Object.values(commands)) add(program, terminal);
  }
  addCompletion(program, terminal);
  withExamples(program, 'sidecar serve', 'sidecar run "Add a search box to the catalogue"', 'sidecar status --watch');
  for (const group of program.commands.filter(({ commands }) => commands.length > 0)) withExamplesOfCommands(group);
  return program;
}
