import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What a proxy does to the connections that run through it. */
export interface ChaosProxy {
  readonly url: string;
  readonly connections: number;
  /** Resets every connection. */
  readonly cut: () => void;
  /** Stops passing bytes on, both ways, without closing anything; new connections are accepted and say nothing. */
  readonly stall: () => void;
  /** Passes bytes on again. */
  readonly flow: () => void;
  /** Ends the server’s half of every connection, and lets the client’s half stand. */
  readonly halfClose: () => void;
  /** Refuses new connections, or takes them again. */
  readonly refuse: (refusing: boolean) => void;
  /** Cuts the connection that the server answers on next, before the answer has passed. */
  readonly loseNextAnswer: () => void;
  readonly close: () => Promise<void>;
}

/** Starts a TCP proxy before a port of this machine, for tests. */
export async function startChaosProxy(port: number): Promise<ChaosProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let stalled = false;
  let refusing = false;
  let losing = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    const gone = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on('error', gone).on('close', gone);
    far.on('error', gone).on('close', () => {
      // A half-closed client is left to notice by itself.
      if (!near.writableEnded) gone();
    });
    far.on('data', () => {
      if (!losing) return;
      losing = false;
      near.resetAndDestroy();
    });
    pass(near, far);
    pass(far, near);
    if (stalled) pause(pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: nearPort } = server.address() as AddressInfo;
  const each = (act: (pair: readonly [Socket, Socket]) => void): void => [...pairs].forEach(act);
  return {
    url: `http://127.0.0.1:${nearPort}`,
    get connections() {
      return pairs.size;
    },
    cut: () => each(([near]) => near.resetAndDestroy()),
    stall() {
      stalled = true;
      each(pause);
    },
    flow() {
      stalled = false;
      each(([near, far]) => {
        near.resume();
        far.resume();
      });
    },
    halfClose: () => each(([near]) => near.end()),
    refuse: (value) => (refusing = value),
    loseNextAnswer: () => (losing = true),
    async close() {
      each(([near]) => near.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

function pass(from: Socket, to: Socket): void {
  from.on('data', (bytes) => {
    if (to.writable && !to.write(bytes)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
}

function pause([near, far]: readonly [Socket, Socket]): void {
  near.pause();
  far.pause();
}
