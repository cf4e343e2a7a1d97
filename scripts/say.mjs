/**
 * One line to people. Always on stderr: stdout belongs to the command that runs.
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`bootstrap: ${line}\n`);
}
