export { IssueStore, type AgedIssue } from './issue-store.ts';
export { Issues, type IssueTurn } from './issues.ts';
