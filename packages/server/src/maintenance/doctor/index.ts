export { examine, type Examination } from './examine.ts';
export type { DoctorFinding } from './finding.ts';
