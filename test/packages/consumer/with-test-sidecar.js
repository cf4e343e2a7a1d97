import { runScript, startTestSidecar } from '@orchestration-sidecar/sdk/testing';

const sidecar = await startTestSidecar();
const agent = await sidecar.agent('python-specialist', 'cart');
await runScript(agent, [{ publish: 'cart_done', topic: 'talk' }, { waitFor: 'cart_done' }, { result: {} }]);
const { results } = await sidecar.client.results.list();
process.stdout.write(`${results[0].result.status}\n`);
await sidecar.stop();
