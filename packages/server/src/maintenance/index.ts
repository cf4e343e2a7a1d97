export { Backups } from './backups.ts';
export { openCleanUp, type CleanUp, type DiskQuota, type Pins } from './clean-up/index.ts';
export { Mirrors } from './mirrors.ts';
