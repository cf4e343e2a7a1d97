export { IssueStore } from './issue-store.ts';
export { Issues, type IssueTurn } from './issues.ts';
