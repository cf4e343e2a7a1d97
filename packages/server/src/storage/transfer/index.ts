export { exportStore, type ExportChunk, type TransferCounts } from './export-store.ts';
export { importStore, type Imported, type ImportRequest } from './import-store.ts';
export { TransferError } from './transfer-line.ts';
