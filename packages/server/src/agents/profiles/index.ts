export { builtInProfiles } from './built-in-directory.ts';
export { loadProfiles, type ProfileProblem } from './load-profiles.ts';
export { matrixOf, type MatrixRow } from './matrix.ts';
export type { HandedIn } from './next-agents.ts';
export { profileDirectories } from './profile-directories.ts';
export {
  createProfileRegistry,
  type ProfileChange,
  type ProfileRegistry,
  type ProfileRegistryOptions,
} from './profile-registry.ts';
export { referenceProblems } from './references.ts';
