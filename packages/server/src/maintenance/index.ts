export { Mirrors } from './mirrors.ts';
