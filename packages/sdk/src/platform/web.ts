import { SidecarError } from '@orchestration-sidecar/shared';
import { builtInWebSocket, type Platform } from './platform.ts';

/** Browsers, and whatever else has no files. */
export const platform: Platform = {
  webSocket: async () => builtInWebSocket(),
  connectOver: () => undefined,
  readText: async () => undefined,
  openFolder: () => undefined,
  writeSecret: () => Promise.reject(new SidecarError('INPUT_INVALID', 'There are no files here.')),
};
