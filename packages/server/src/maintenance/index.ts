export { Backups } from './backups.ts';
export { Mirrors } from './mirrors.ts';
