export { IssueStore } from './issue-store.ts';
export { Issues } from './issues.ts';
