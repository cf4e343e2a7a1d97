export { CleanUp } from './clean-up.ts';
export { DiskQuota } from './disk-quota.ts';
export { openCleanUp } from './open-clean-up.ts';
export { Pins } from './pins.ts';
