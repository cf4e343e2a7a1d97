export {
  ConfigError,
  loadConfig,
  processEnvironment,
  type Config,
  type ConfigFlags,
  type ConfigValues,
  type LoadedConfig,
} from './runtime/config.ts';
export { preventCoreDumps } from './process/core-dumps.ts';
export { VERSION } from './runtime/version.ts';
export { startSidecar, type Sidecar, type SidecarOptions } from './sidecar.ts';
export { StoreError } from './storage/database.ts';
export { DirectoryBusyError } from './storage/directory-lock.ts';
export { SecretFileError } from './storage/secret-file.ts';
