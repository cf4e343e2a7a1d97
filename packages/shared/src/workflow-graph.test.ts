import { expect, test } from 'vitest';
import { workflowGraph } from './workflow-graph.ts';
import { Workflow } from './workflow.ts';

test('draws phases, conditions, gates and the way back of findings', () => {
  const workflow = Workflow.parse({
    name: 'w',
    description: 'says "hello"',
    phases: [
      {
        name: 'build',
        run: { by: 'agents', agents: ['a', 'b'] },
        task: 't',
        checks: [{ name: 'tests', command: ['x'] }],
      },
      {
        name: 'review',
        run: { by: 'capability', capability: 'owasp "risks"', otherwise: ['c'] },
        task: 't',
        findings_to: 'build',
        on_failure: 'continue',
      },
      {
        name: 'ship',
        when: { if: 'files_changed', phase: 'build' },
        wait_for: [{ event_type: 'approved' }],
        run: { by: 'chosen', from_phase: 'build', category: 'devops', otherwise: ['d'] },
        task: 't',
      },
    ],
    limits: { max_spawns: 5, max_wall_seconds: 60 },
  });
  expect(workflowGraph(workflow)).toBe(`flowchart TD
  start(["issue: w"])
  done(["resolved"])
  phase1["build<br/>a, b<br/>checks: tests"]
  phase2["review<br/>up to 1 with owasp #quot;risks#quot;<br/>may fail"]
  phase3["ship<br/>devops agents chosen by build"]
  start --> phase1
  phase1 --> phase2
  phase2 -->|"if files_changed in build, after approved"| phase3
  phase2 -.->|"else"| done
  phase3 --> done
  phase2 -.->|"findings, up to 3 rounds"| phase1
`);
});
